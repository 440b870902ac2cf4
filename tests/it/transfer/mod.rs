//! Stories of moving in: devpi's exports, folders of files, other indexes.

mod broken;
mod devpi;
mod export;
mod folder;
mod kills;
mod real;
mod remote;

use crate::kit::Server;
use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output};

/// How `wheelwright import … --json` ended, and its report.
#[derive(Debug)]
pub struct Imported {
    pub code: Option<i32>,
    pub report: Value,
    pub error: String,
}

impl Imported {
    #[track_caller]
    pub fn whole(self) -> Self {
        assert_eq!((self.code, &self.report["refused"]), (Some(0), &serde_json::json!([])), "{self:#?}");
        self
    }

    #[track_caller]
    pub fn partly(self) -> Self {
        assert_eq!(self.code, Some(1), "{self:#?}");
        self
    }

    pub fn added(&self, what: &str) -> u64 {
        self.report["added"][what].as_u64().unwrap_or_else(|| panic!("no {what} in {self:#?}"))
    }

    pub fn present(&self, what: &str) -> u64 {
        self.report["present"][what].as_u64().unwrap_or_else(|| panic!("no {what} in {self:#?}"))
    }

    /// Why something was refused; empty if it was not.
    pub fn why(&self, what: &str) -> String {
        let refused = self.report["refused"].as_array().expect("a list");
        let own = refused.iter().find(|fault| fault["what"] == what);
        own.and_then(|fault| fault["why"].as_str()).unwrap_or_default().to_owned()
    }
}

/// The command, beside the server that has the data folder.
pub fn command(data: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wheelwright"));
    command.current_dir(data).env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.env("HOME", data).env("WHEELWRIGHT_DATA", data).arg("import");
    command
}

/// Runs `wheelwright import` with these arguments beside the server.
pub async fn import(server: &Server, arguments: &[&str]) -> Imported {
    let mut command = command(server.data.path());
    command.args(arguments).arg("--json");
    let output = tokio::task::spawn_blocking(move || command.output().expect("it runs"));
    let Output { status, stdout, stderr } = output.await.expect("it ends");
    server.app.indexes.refresh().await.expect("the directory is read");
    let report = serde_json::from_slice(&stdout).unwrap_or_default();
    Imported { code: status.code(), report, error: String::from_utf8_lossy(&stderr).into_owned() }
}
