//! `wheelwright config`: what is configured, and where each value came from.

use super::table;
use crate::config::load::ResolvedConfig;
use crate::config::settings::{self, SETTINGS};
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
        match self {
            Self::Example => table::line(settings::example().trim_end())?,
            Self::Show { json: true } => {
                let one = |setting: &settings::Setting| {
                    let value = setting.shown(&resolved.config);
                    (setting.key.to_owned(), json!({"value": value, "from": resolved.origin(setting.key)}))
                };
                let all: Map<String, Value> = SETTINGS.iter().map(one).collect();
                table::json(&all)?;
            }
            Self::Show { json: false } => {
                let head = ["SETTING", "VALUE", "FROM"].map(str::to_owned).to_vec();
                let row = |setting: &settings::Setting| {
                    let value = setting.shown(&resolved.config).unwrap_or_else(|| "-".into());
                    vec![setting.key.to_owned(), value, resolved.origin(setting.key).to_owned()]
                };
                let rows: Vec<Vec<String>> = [head].into_iter().chain(SETTINGS.iter().map(row)).collect();
                table::rows(&rows)?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}
