//! `wheelwright target explain`: which target an installer is, and why no other.

use crate::build::target::Target;
use crate::build::targets::{self, Offered, fit};
use crate::cli::{installation, table};
use crate::config::load::ResolvedConfig;
use crate::db::Db;
use crate::error::Result;
use crate::packaging::tags::Libc;
use crate::packaging::user_agent::UserAgent;
use crate::worker::interpreters;
use serde_json::{Value, json};
use std::process::ExitCode;
use std::sync::Arc;

/// Prints it; 1 if nothing is promised to the installer.
pub async fn run(resolved: ResolvedConfig, header: &str, as_json: bool) -> Result<ExitCode> {
    let (all, place) = targets(&resolved).await?;
    let agent = UserAgent::parse(header).filter(|_| fit::tells(header));
    let chosen = agent.as_ref().and_then(|agent| fit::best(agent, &all));
    let name = chosen.as_ref().map(|one| one.target.name.as_str());
    let verdict = |one: &Offered| match &agent {
        None => "the client does not report its interpreter".to_owned(),
        Some(agent) => fit::why_not(agent, &one.target).unwrap_or_else(|| match name {
            Some(name) if name == one.target.name && one.open => "chosen".to_owned(),
            _ if !one.open => "it fits, but no worker offers it now".to_owned(),
            _ => "it fits, but another target fits better".to_owned(),
        }),
    };
    let code = match chosen.as_ref().is_some_and(|one| one.open) {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    };
    if as_json {
        let each = all
            .iter()
            .map(|one| json!({"name": one.target.name, "offered": one.open, "verdict": verdict(one)}));
        let targets: Vec<Value> = each.collect();
        table::json(&json!({"client": agent.as_ref().map(told), "target": name, "targets": targets}))?;
        return Ok(code);
    }
    let Some(agent) = &agent else {
        table::line(
            "this User-Agent does not report an interpreter: the client gets a page without promised \
             wheels\n(pip 20.3 and later and uv send one like \"pip/26.3 {\"python\": …}\"; pass the whole \
             header in quotes)",
        )?;
        return Ok(code);
    };
    table::line(&format!("{} {}: {}", agent.installer, agent.version, in_words(agent)))?;
    match name {
        Some(name) => table::line(&format!("it gets wheels for {name}, one of {place}:"))?,
        None => table::line(&format!("it gets no promised wheels. Compared with {place}:"))?,
    }
    let rows: Vec<Vec<String>> = all.iter().map(|one| vec![one.target.name.clone(), verdict(one)]).collect();
    let head = ["TARGET", "WHY"].map(str::to_owned).to_vec();
    table::rows(&[vec![head], rows].concat())?;
    Ok(code)
}

/// The targets of the installation, or of this machine if there is none.
async fn targets(resolved: &ResolvedConfig) -> Result<(Vec<Arc<Offered>>, &'static str)> {
    if installation::has_database(&resolved.config)? {
        let db = Db::open(&resolved.config.database_url()).await?;
        let (known, open) = targets::known_to(&db).await?;
        let offer = |target: Target| {
            let is_open = open.contains(&target.name);
            Arc::new(Offered::new(target, is_open))
        };
        let mut all: Vec<Arc<Offered>> = known.into_iter().map(offer).collect();
        all.sort_by_key(|one| !one.open);
        return Ok((all, "the targets of this installation's workers"));
    }
    let found = interpreters::discover(&resolved.config.build).await?;
    let own = found.iter().map(|one| &one.target).chain(found.iter().flat_map(|one| &one.cross));
    let offer = |target: &Target| Arc::new(Offered::new(target.clone(), true));
    Ok((own.map(offer).collect(), "the interpreters on this machine"))
}

fn libc(agent: &UserAgent) -> Option<String> {
    match agent.libc {
        Libc::Glibc(major, minor) => Some(format!("glibc {major}.{minor}")),
        Libc::Musl(major, minor) => Some(format!("musl {major}.{minor}")),
        Libc::Unknown => None,
    }
}

fn in_words(agent: &UserAgent) -> String {
    let implementation = match agent.implementation.as_str() {
        "cp" => "CPython",
        "pp" => "PyPy",
        other => other,
    };
    let mut words = format!("{implementation} {} on {} {}", agent.python, agent.system, agent.cpu);
    for more in [libc(agent), agent.distribution.clone()].into_iter().flatten() {
        words.push_str(&format!(", {more}"));
    }
    words
}

fn told(agent: &UserAgent) -> Value {
    json!({
        "installer": agent.installer, "version": agent.version, "implementation": agent.implementation,
        "python": agent.python, "system": agent.system, "cpu": agent.cpu, "libc": libc(agent),
        "distribution": agent.distribution, "platform": agent.platform().name(),
    })
}
