//! `wheelwright bundle request`: what an index lacks, in a text for the other side.

use super::near::NearServer;
use crate::cli::client::{Input, write};
use crate::cli::remote::RemoteIndex;
use crate::cli::table;
use crate::client::ServerClient;
use crate::config::load::ResolvedConfig;
use crate::error::Result;
use crate::packaging::bundle::request::BundleRequest;
use crate::packaging::requirement::Requirement;
use crate::packaging::version;
use serde_json::json;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::ExitCode;

/// Write down what an index lacks: what installers asked for in vain, and what of your requirements is not there.
///
/// Take the file to the other side, and give it to wheelwright bundle create --request. Without --server, the data folder is
/// asked if there is one.
#[derive(clap::Args, Debug)]
pub struct RequestCommand {
    /// Requirements that the index should have; may be repeated
    #[arg(short = 'r', long = "requirement", value_name = "FILE")]
    requirements: Vec<PathBuf>,
    /// The target that the requirements are for; may be repeated [default: any]
    #[arg(long = "target", value_name = "NAME")]
    targets: Vec<String>,
    /// The request, or -
    #[arg(short = 'o', long, value_name = "FILE")]
    output: PathBuf,
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    at: RemoteIndex,
}

impl RequestCommand {
    pub async fn run(self, resolved: ResolvedConfig) -> Result<ExitCode> {
        let server = NearServer::open(&self.at, resolved).await?;
        let written = self.write(&server.client).await;
        server.stop().await;
        written
    }

    async fn write(&self, server: &ServerClient) -> Result<ExitCode> {
        let mut request = BundleRequest { index: self.at.index.to_string(), ..BundleRequest::default() };
        for wish in server.wishes(&self.at.index).await?.wishes {
            if wish.is_open() {
                request.want(&wish.target, wish.project.as_str());
            }
        }
        let any = [String::new()];
        let targets = if self.targets.is_empty() { &any[..] } else { &self.targets };
        for file in &self.requirements {
            for line in Input::read(file, &BTreeSet::new(), &[])?.texts() {
                let requirement = Requirement::parse(&line)?;
                if self.lacks(server, &requirement).await? {
                    targets.iter().for_each(|target| request.want(target, &requirement.to_string()));
                }
            }
        }
        let count: usize = request.wanted.values().map(BTreeSet::len).sum();
        if count == 0 {
            table::done(
                "the index lacks nothing",
                &json!({"ok": true, "count": 0, "wanted": {}}),
                self.json,
            )?;
            return Ok(ExitCode::SUCCESS);
        }
        write(&self.output, &request.to_text())?;
        let file = self.output.display().to_string();
        let value = json!({"ok": true, "count": count, "wanted": request.wanted, "file": file});
        table::ended(Ok((format!("{count} requested in {file}"), value)), &[], self.json)
    }

    /// Whether the index has no version that satisfies a requirement.
    async fn lacks(&self, server: &ServerClient, requirement: &Requirement) -> Result<bool> {
        let page = server.page(self.at.index.as_str(), &requirement.name).await?;
        let Some(page) = page else { return Ok(true) };
        let mut versions = page.files.iter().filter_map(|file| file.filename.version());
        Ok(!versions.any(|version| version::satisfies(&requirement.specifiers, version)))
    }
}
