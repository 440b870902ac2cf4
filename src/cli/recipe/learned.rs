//! `wheelwright recipe learned`: what builds found beside sources and recipes.

use super::trial::BuildServer;
use crate::bad;
use crate::build::learned::{LearnedPart, LearnedRange};
use crate::cli::progress::{Progress, plain};
use crate::cli::table;
use crate::client::ServerClient;
use crate::config::load::ResolvedConfig;
use crate::error::Result;
use crate::names::{IndexName, ProjectName};
use serde_json::json;
use std::process::ExitCode;

#[derive(clap::Args, Debug)]
pub struct LearnedCommand {
    /// docopt, or docopt==0.6.2 [default: all projects of the index]
    #[arg(value_name = "PROJECT[==VERSION]")]
    release: Option<String>,
    /// Print all that is known of the project as a recipe
    #[arg(long, requires = "release", conflicts_with = "forget")]
    export: bool,
    /// Forget it: the next build begins with the plain way
    #[arg(long, requires = "release")]
    forget: bool,
    /// Only of this target: cp312, or a full name
    #[arg(long, value_name = "NAME", conflicts_with = "export")]
    target: Option<String>,
    /// The index whose builds found it; with those of its bases, except to forget
    #[arg(long, value_name = "USER/INDEX", default_value = "root/pypi", value_parser = crate::cli::index::parse)]
    index: IndexName,
    #[command(flatten)]
    pub at: BuildServer,
    #[arg(long)]
    json: bool,
}

impl LearnedCommand {
    pub async fn run(self, resolved: ResolvedConfig) -> Result<ExitCode> {
        let (project, version) = match self.release.as_deref().map(release).transpose()? {
            Some((project, version)) => (Some(project), version),
            None => (None, None),
        };
        let part = LearnedPart { version, target: self.target.clone() };
        let server = self.at.open(resolved, &Progress::new()).await?;
        let done = self.with(&server.client, project, &part).await;
        server.close().await;
        done.map(|()| ExitCode::SUCCESS)
    }

    async fn with(
        &self,
        server: &ServerClient,
        project: Option<ProjectName>,
        part: &LearnedPart,
    ) -> Result<()> {
        if let Some(project) = project.as_ref().filter(|_| self.forget) {
            let said = server.forget_learned(&self.index, project, part).await?;
            return table::done(&said, &json!({ "ok": true, "message": said }), self.json);
        }
        let mut view = server.learned(&self.index, project.as_ref()).await?;
        if let Some(project) = project.as_ref().filter(|_| self.export) {
            let recipe = view.recipe.ok_or_else(|| {
                bad!("builds of {} found nothing for {project} that a recipe could say", self.index)
            })?;
            let shown = json!({ "project": project, "recipe": recipe });
            return table::done(recipe.trim_end(), &shown, self.json);
        }
        view.learned.retain(|range| range.has(part));
        if self.json {
            return table::json(&view.learned);
        }
        let mut rows = vec![
            ["PROJECT", "VERSIONS", "TARGET", "FOUND", "BUILD", "WHEN", "INDEX"].map(str::to_owned).to_vec(),
        ];
        rows.extend(view.learned.iter().map(row));
        match rows.len() {
            1 => table::line(&format!("builds of {} found nothing that is kept", self.index)),
            _ => table::rows(&rows),
        }
    }
}

fn row(learned: &LearnedRange) -> Vec<String> {
    vec![
        learned.project.to_string(),
        learned.range.clone(),
        learned.target.clone(),
        plain(&learned.strategy),
        learned.build.to_string(),
        learned.at.minute(),
        learned.index.to_string(),
    ]
}

fn release(text: &str) -> Result<(ProjectName, Option<String>)> {
    let (project, version) =
        text.split_once("==").map_or((text, None), |(name, version)| (name, Some(version)));
    let name =
        ProjectName::new(project.trim()).ok_or_else(|| bad!("{project:?} is not a valid project name"))?;
    Ok((name, version.map(|version| version.trim().to_owned())))
}
