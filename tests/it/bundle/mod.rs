//! Stories of bundles: what is made on one side of a gap, carried in a folder, and imported on the other.

mod company;
mod crossing;
mod kills;
mod minisign;
mod no_network;
mod refusals;
mod volumes;
mod wishes;

use crate::cli::resolve;
use crate::kit::Server;
use crate::kit::desk::{Desk, Ran};
use crate::kit::folder::files_below;
use crate::kit::packages::Package;
use crate::kit::stages::stage;
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The Python of the desk's environment, seen from where its programs are: by a link it would be another one.
pub const PYTHON: &str = "../env/bin/python";

/// A server on the open side, one on the closed side, and the desk on which a folder lies that people carry.
pub struct Gap {
    pub open: Server,
    pub closed: Server,
    pub desk: Desk,
}

impl Gap {
    /// Both have alice's index; the desk has a key.
    pub async fn new() -> Self {
        Self::to(stage().await).await
    }

    /// Before this server on the closed side.
    pub async fn to(closed: Server) -> Self {
        let gap = Self { open: resolve::start().await, closed, desk: Desk::new() };
        gap.desk.run("wheelwright", &["key", "create", "me.key", "--no-password"]).await.succeeded();
        gap
    }

    /// The same with app 1.0, which needs lib 1.0, on the open side.
    pub async fn with_app() -> Self {
        let gap = Self::new().await;
        gap.publish(&Package::new("app", "1.0").requires("lib")).await;
        gap.publish(&Package::new("lib", "1.0")).await;
        gap
    }

    pub async fn publish(&self, package: &Package) {
        self.open.publish("alice/dev", &package.clone().tag("py3-none-any").wheel()).await;
    }

    /// `bundle create` on the open side, for its one target.
    pub async fn create(&self, more: &[&str]) -> Ran {
        let server = self.open.url("");
        let about = ["--server", &server, "--index", "alice/dev", "--target", "cp312", "--json"];
        let key: &[&str] = if more.contains(&"--key") { &[] } else { &["--key", "me.key"] };
        self.desk.run("wheelwright", &[&["bundle", "create"], more, &about, key].concat()).await
    }

    /// `bundle import` on the closed side, with the desk's key.
    pub async fn import(&self, more: &[&str]) -> Ran {
        let key: &[&str] = if more.contains(&"--public-key") { &[] } else { &["--public-key", "me.key.pub"] };
        let ran =
            self.beside(&[&["bundle", "import", "--into", "alice/dev", "--json"], key, more].concat()).await;
        self.closed.app.indexes.refresh().await.expect("the directory is read");
        ran
    }

    /// Our program on the data of the closed side.
    pub async fn beside(&self, arguments: &[&str]) -> Ran {
        let mut variables = vec![("WHEELWRIGHT_DATA", self.closed.data.path().display().to_string())];
        if let Some(company) = &self.closed.company {
            variables.push(("WHEELWRIGHT_DATABASE", company.postgres.url.clone()));
            variables.extend(company.s3.variables());
        }
        let variables: Vec<_> = variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
        self.desk.run_with("wheelwright", arguments, &variables).await
    }

    /// All that the closed side has: rows, and names of blobs.
    pub fn state(&self) -> (String, BTreeSet<PathBuf>) {
        state(self.closed.data.path())
    }

    /// The names on a project's page of the closed side.
    pub async fn listed(&self, project: &str) -> Vec<String> {
        let page = self.closed.http.get(self.closed.url(&format!("/alice/dev/+simple/{project}/")));
        let page =
            page.header("accept", "application/vnd.pypi.simple.v1+json").send().await.expect("an answer");
        let page: Value = serde_json::from_str(&page.text().await.expect("text")).unwrap_or_default();
        let files = page["files"].as_array().cloned().unwrap_or_default();
        files.iter().map(|file| file["filename"].as_str().expect("a name").to_owned()).collect()
    }
}

/// All rows of a database, and the names of all blobs.
pub fn state(data: &Path) -> (String, BTreeSet<PathBuf>) {
    let code = "import sqlite3,sys\nfor line in sqlite3.connect(sys.argv[1]).iterdump(): print(line)";
    let dumped = Command::new("python3").args(["-c", code]).arg(data.join("wheelwright.db")).output();
    let dumped = dumped.expect("python3 starts");
    assert!(dumped.status.success(), "{}", String::from_utf8_lossy(&dumped.stderr));
    (String::from_utf8_lossy(&dumped.stdout).into_owned(), files_below(&data.join("blobs")))
}
