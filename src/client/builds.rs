//! What people ask of a server: targets, sources to build from, builds, logs, wheels.

use super::{ServerClient, Wrapped, answer};
use crate::build::order::{BuildOrder, RebuildOrder};
use crate::build::rebuild::RebuildView;
use crate::build::target::Target;
use crate::build::view::BuildView;
use crate::error::Result;
use crate::names::IndexName;
use crate::packaging::filename::encode_segment;
use http::{Method, header};
use reqwest::Response;
use serde_json::json;
use std::collections::BTreeSet;
use std::path::Path;
use url::Url;

#[derive(serde::Deserialize)]
struct Uploaded {
    sha256: String,
}

impl ServerClient {
    /// For people: the page of a build.
    pub fn build_url(&self, id: i64) -> String {
        format!("{}+builds/{id}", self.base())
    }

    /// The targets that can be built for at present.
    pub async fn targets(&self) -> Result<Vec<Target>> {
        self.result(self.request(Method::GET, "+targets")?).await
    }

    /// Brings a source to the server; gives its sha256.
    pub async fn upload(&self, file: &Path, filename: &str) -> Result<String> {
        let path = format!("+builds/sources?filename={}", encode_segment(filename));
        let response = self.send_file(Method::POST, &path, file).await?;
        Ok(answer::json::<Wrapped<Uploaded>>(response).await?.result.sha256)
    }

    /// Asks for builds, one for each target.
    pub async fn order(&self, order: &BuildOrder) -> Result<Vec<BuildView>> {
        self.result(self.request_with_json(Method::POST, "+builds", order)?).await
    }

    /// Ends a build.
    pub async fn cancel(&self, id: i64) -> Result<BuildView> {
        self.result(self.request(Method::POST, &format!("+builds/{id}/cancel"))?).await
    }

    /// Has an ended build run again.
    pub async fn rebuild(&self, id: i64) -> Result<BuildView> {
        self.result(self.request(Method::POST, &format!("+builds/{id}/rebuild"))?).await
    }

    /// Has wheels of an index built again because of a requirement.
    pub async fn order_rebuild(&self, index: &IndexName, order: &RebuildOrder) -> Result<RebuildView> {
        self.result(self.request_with_json(Method::POST, &format!("{index}/+rebuild"), order)?).await
    }

    /// For people, too: the page of a rebuild.
    pub fn rebuild_url(&self, index: &IndexName, id: i64) -> String {
        format!("{}{index}/+rebuild/{id}", self.base())
    }

    /// How far that is.
    pub async fn rebuild_of(&self, index: &IndexName, id: i64) -> Result<RebuildView> {
        self.result(self.request(Method::GET, &format!("{index}/+rebuild/{id}"))?).await
    }

    /// Has the source of a build built by a recipe that is not in force.
    pub async fn try_recipe(&self, id: i64, name: &str, text: &str) -> Result<BuildView> {
        let path = format!("+builds/{id}/try?name={}", encode_segment(name));
        self.result(self.request_with_json(Method::POST, &path, &json!({ "text": text }))?).await
    }

    /// Puts a recipe in force.
    pub async fn store_recipe(&self, name: &str, text: &str) -> Result<()> {
        let path = format!("+recipes/{}", encode_segment(name));
        self.send(self.request_with_json(Method::PUT, &path, &json!({ "text": text }))?).await.map(drop)
    }

    /// A build as it is now.
    pub async fn build(&self, id: i64) -> Result<BuildView> {
        self.result(self.request(Method::GET, &format!("+builds/{id}"))?).await
    }

    /// The newest build of a version for a target, if one was asked for.
    pub async fn build_of(&self, project: &str, version: &str, target: &str) -> Result<Option<BuildView>> {
        let mut url = self.url("+builds")?;
        let query = [("project", project), ("version", version), ("target", target)];
        url.query_pairs_mut().extend_pairs(query);
        let all: Vec<BuildView> = self.result(self.request(Method::GET, url.as_str())?).await?;
        Ok(all.into_iter().max_by_key(|build| build.id))
    }

    /// The log of a build, which grows while the build runs.
    pub async fn log(&self, id: i64) -> Result<Response> {
        let request = self.request(Method::GET, &format!("+builds/{id}/log"))?;
        self.send(request.header(header::ACCEPT, "text/plain")).await
    }

    /// Where the wheel of a build is.
    pub fn wheel_url(&self, id: i64, filename: &str) -> Result<Url> {
        self.url(&format!("+builds/{id}/wheel/{}", encode_segment(filename)))
    }
}

/// The numbers of the builds that a text points to: `…/+builds/12/log`.
pub fn builds_in(text: &str) -> BTreeSet<i64> {
    let after = text.split("/+builds/").skip(1);
    after.filter_map(|rest| rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()).collect()
}
