//! `wheelwright test`: a project's own tests run for every target, and their results stay beside its sdist.

use super::client::Through;
use super::follow::{BuildFollower, lasted};
use super::progress::Progress;
use super::table;
use crate::build::order::BuildOrder;
use crate::build::view::BuildView;
use crate::client::ServerClient;
use crate::error::Result;
use crate::names::IndexName;
use crate::words::{BuildState, Purpose};
use futures::future::join_all;
use serde_json::json;
use std::process::ExitCode;

/// Run a project's tests on the server's workers, and keep the results.
///
/// A worker builds the sdist of the index for each target, installs the wheel in a sandbox, and runs the tests there:
/// those of a recipe, or the source's folder tests or test with pytest. The index gets a result beside the sdist,
/// whether or not the tests passed, and no wheel.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  wheelwright test alice/dev my-private-package --server http://host:3141
  wheelwright test alice/dev my-private-package==1.0 --target cp313 --server http://host:3141")]
pub struct TestCommand {
    /// The index that has the sdist, and gets the results
    #[arg(value_name = "USER/INDEX", value_parser = super::index::parse)]
    index: IndexName,
    /// PROJECT, or PROJECT==VERSION [default: the newest version]
    #[arg(value_name = "PROJECT")]
    requirement: String,
    /// cp313, cp313-linux, or a full name; may be repeated [default: all targets that are offered]
    #[arg(long = "target", value_name = "NAME")]
    targets: Vec<String>,
    /// The server [default: that of WHEELSPROXY_URL, else WHEELWRIGHT_SERVER, else that of wheelwright login, else
    /// http://127.0.0.1:3141]
    #[arg(long, value_name = "URL")]
    server: Option<String>,
    /// An API token of that server [default: that of wheelwright login, else ~/.netrc]
    #[arg(long, env = "WHEELWRIGHT_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// One JSON document with every run
    #[arg(long)]
    json: bool,
}

impl TestCommand {
    pub async fn run(self) -> Result<ExitCode> {
        let through = Through { server: self.server.clone(), ..Through::default() };
        let address = through.address(std::env::var("WHEELSPROXY_URL").ok())?;
        let server = ServerClient::new(address.root.as_str(), self.token.as_deref())?;
        let order = BuildOrder {
            requirement: Some(self.requirement),
            purpose: Purpose::Test,
            targets: self.targets,
            index: Some(self.index.to_string()),
            rebuild: true,
            ..BuildOrder::default()
        };
        let progress = Progress::new();
        let runs = server.order(&order).await?.into_iter().map(|run| watch(&server, &progress, run));
        let runs = join_all(runs).await.into_iter().collect::<Result<Vec<_>>>()?;
        let failed = runs.iter().filter(|run| run.state != BuildState::Built).count();
        match self.json {
            true => table::json(&json!({ "ok": failed == 0, "runs": runs }))?,
            false => table::line(&match failed {
                0 => format!("the tests passed for all {} targets", runs.len()),
                _ => format!("the tests failed for {failed} of {} targets", runs.len()),
            })?,
        }
        Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

async fn watch(server: &ServerClient, progress: &Progress, run: BuildView) -> Result<BuildView> {
    let line = progress.begin(&format!("{} {}", run.title, run.target), "test");
    let run = BuildFollower { server, progress }.watch(run, &line).await?;
    let lasted = lasted(&run, line.seconds());
    match &run.failure {
        Some(failure) => line.end(&format!("failed {lasted}: {}", failure.in_short())),
        None => line.end(&format!("passed {lasted}")),
    }
    Ok(run)
}
