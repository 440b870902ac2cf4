//! `wheelwright config`: what is configured, and where each value came from.

use super::table;
use crate::config::load::ResolvedConfig;
use crate::config::settings::{self, NAMED, SETTINGS};
use crate::error::Result;
use serde_json::{Map, Value, json};
use std::process::ExitCode;

#[derive(clap::Subcommand, Debug)]
pub enum ConfigCommand {
    /// List every setting with its value and where it comes from; secrets are masked
    Show {
        /// One object: {key: {"value": …, "from": …}}
        #[arg(long)]
        json: bool,
    },
    /// Print a configuration file with every setting commented out at its default
    Example,
}

impl ConfigCommand {
    pub fn run(&self, resolved: &ResolvedConfig) -> Result<ExitCode> {
        let setting = |setting: &settings::Setting| (setting.key.to_owned(), setting.shown(&resolved.config));
        let mut shown: Vec<(String, Option<String>)> = SETTINGS.iter().map(setting).collect();
        shown.extend(NAMED.iter().flat_map(|kind| kind.shown(&resolved.config)));
        match self {
            Self::Example => table::line(settings::example().trim_end())?,
            Self::Show { json: true } => {
                let one = |(key, value): (String, Option<String>)| {
                    let from = resolved.origin(&key).to_owned();
                    (key, json!({"value": value, "from": from}))
                };
                let all: Map<String, Value> = shown.into_iter().map(one).collect();
                table::json(&all)?;
            }
            Self::Show { json: false } => {
                let head = ["SETTING", "VALUE", "FROM"].map(str::to_owned).to_vec();
                let row = |(key, value): (String, Option<String>)| {
                    let from = resolved.origin(&key).to_owned();
                    vec![key, value.unwrap_or_else(|| "-".into()), from]
                };
                let rows: Vec<Vec<String>> = [head].into_iter().chain(shown.into_iter().map(row)).collect();
                table::rows(&rows)?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}
