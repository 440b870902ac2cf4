//! `wheelwright who-has`: who fetched a release or a file, and which watched lock files name it.

use super::place::CommandPlace;
use super::table;
use crate::error::Result;
use crate::index::who_has::WhoHas;
use std::process::ExitCode;

#[derive(clap::Args, Debug)]
pub struct WhoHasCommand {
    /// A project with or without versions (demo==1.0), the name of a file, or its sha256
    #[arg(value_name = "WHAT")]
    what: String,
    #[arg(long)]
    json: bool,
}

impl WhoHasCommand {
    pub async fn run(self, at: &CommandPlace) -> Result<ExitCode> {
        let found = at.who_has(&self.what).await?;
        match self.json {
            true => table::json(&found)?,
            false => show(&found)?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn show(found: &WhoHas) -> Result<()> {
    if found.fetched.is_empty() {
        table::line(&format!("nobody is known to have fetched {}", found.what))?;
    } else {
        let head = ["WHO", "INSTALLER", "FILE", "INDEX", "TIMES", "FIRST", "LAST"].map(str::to_owned);
        let mut rows = vec![head.to_vec()];
        for one in &found.fetched {
            let who = if one.who.is_empty() { "anonymous" } else { &one.who };
            let cells = [who, &one.installer, &one.filename, one.index.as_str()].map(str::to_owned);
            let times = [one.count.to_string(), one.first.day(), one.last.second()];
            rows.push(cells.into_iter().chain(times).collect());
        }
        table::rows(&rows)?;
    }
    if let Some(note) = &found.note {
        table::line(&format!("note: {note}"))?;
    }
    for naming in &found.locks {
        let (lock, release) = (&naming.lock, &naming.release);
        let since = lock.at.day();
        table::line(&format!("lock file {} ({}) of {since} names {release}", lock.name, lock.file))?;
    }
    Ok(())
}
