//! `wheelwright whoami`: who one is at a server.

use super::place::PlaceFlags;
use super::table;
use crate::error::Result;
use serde_json::json;
use std::process::ExitCode;

#[derive(clap::Args, Debug)]
pub struct WhoamiCommand {
    #[arg(long)]
    json: bool,
}

impl WhoamiCommand {
    pub async fn run(self, place: &PlaceFlags) -> Result<ExitCode> {
        let server = place.server()?;
        let account = server.account().await?;
        let address = server.base().as_str();
        let mut said = format!("{} at {address}", account.user);
        for (word, names) in [("groups", &account.groups), ("roles", &account.roles)] {
            if !names.is_empty() {
                said.push_str(&format!("\n{word}: {}", names.join(", ")));
            }
        }
        let value = json!({
            "server": address, "user": account.user, "groups": account.groups, "roles": account.roles,
        });
        table::done(&said, &value, self.json)?;
        Ok(ExitCode::SUCCESS)
    }
}
