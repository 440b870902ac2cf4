//! `wheelwright publisher`: who may publish without a secret.

use super::place::CommandPlace;
use super::table;
use crate::access::publishers::{NewPublisher, PublisherView};
use crate::bad;
use crate::error::Result;
use crate::names::IndexName;
use serde_json::json;
use std::process::ExitCode;

#[derive(clap::Subcommand, Debug)]
pub enum PublisherCommand {
    /// Let programs that an issuer vouches for upload to an index
    Add {
        #[arg(value_name = "USER/INDEX", value_parser = super::index::parse)]
        index: IndexName,
        /// The issuer of their tokens, as the claim `iss` has it
        #[arg(long, value_name = "URL")]
        issuer: String,
        /// What a claim must be, `*` for any text; may be repeated: all must fit
        #[arg(long = "claim", value_name = "NAME=PATTERN", value_parser = claim, required = true)]
        claims: Vec<(String, String)>,
        /// Limit uploads to one project of the index
        #[arg(long)]
        project: Option<String>,
        #[arg(long)]
        json: bool,
    },
    /// List publishers
    List {
        /// Show only those of this index
        #[arg(value_name = "USER/INDEX", value_parser = super::index::parse)]
        index: Option<IndexName>,
        #[arg(long)]
        json: bool,
    },
    /// Remove a publisher; its tokens end
    Remove {
        id: String,
        /// Its index, if you may not run the server
        #[arg(long, value_name = "USER/INDEX", value_parser = super::index::parse)]
        index: Option<IndexName>,
        #[arg(long)]
        json: bool,
    },
}

fn claim(text: &str) -> Result<(String, String)> {
    let pair = text.split_once('=').map(|(name, pattern)| (name.to_owned(), pattern.to_owned()));
    pair.ok_or_else(|| bad!("--claim must be like repository=org/demo, not {text}"))
}

impl PublisherCommand {
    pub async fn run(self, at: &CommandPlace) -> Result<ExitCode> {
        match self {
            Self::Add { index, issuer, claims, project, json } => {
                let mut named = std::collections::BTreeMap::new();
                for (name, pattern) in claims {
                    if let Some(before) = named.insert(name.clone(), pattern) {
                        return Err(bad!(
                            "--claim {name} is there twice, the first time as '{before}': use one"
                        ));
                    }
                }
                let new = NewPublisher { index, project, issuer, claims: named };
                let id = at.add_publisher(new).await?;
                table::done(&format!("publisher {id} added"), &json!({ "id": id }), json)?;
            }
            Self::List { index, json } => list(&at.publishers(index.as_ref()).await?, json)?,
            Self::Remove { id, index, json } => {
                at.remove_publisher(index.as_ref(), &id).await?;
                table::done(&format!("publisher {id} removed"), &json!({"id": id, "removed": true}), json)?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn list(publishers: &[PublisherView], json: bool) -> Result<()> {
    if json {
        return table::json(&publishers);
    }
    let mut rows = vec![["ID", "INDEX", "PROJECT", "ISSUER", "CLAIMS"].map(str::to_owned).to_vec()];
    for publisher in publishers {
        let claims: Vec<String> =
            publisher.claims.iter().map(|(name, pattern)| format!("{name}={pattern}")).collect();
        let project = publisher.project.as_ref().map(ToString::to_string).unwrap_or_default();
        let (id, index) = (publisher.id.clone(), publisher.index.to_string());
        rows.push(vec![id, index, project, publisher.issuer.clone(), claims.join(" ")]);
    }
    table::rows(&rows)
}
