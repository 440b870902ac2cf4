//! How far an index is with what lock files name: lists sent, releases looked for.

use super::ServerClient;
use crate::build::readiness::{ReadinessView, ReadyView};
use crate::error::Result;
use crate::names::IndexName;
use crate::packaging::filename::encode_segment;
use http::Method;
use serde_json::json;

impl ServerClient {
    /// For people, too: the page of an index for a target.
    pub fn readiness_url(&self, index: &IndexName, target: &str) -> String {
        format!("{}{}", self.base(), readiness_path(index, target))
    }

    /// How far an index is for a target.
    pub async fn readiness(&self, index: &IndexName, target: &str) -> Result<ReadinessView> {
        self.result(self.request(Method::GET, &readiness_path(index, target))?).await
    }

    /// Writes one of our lists anew.
    pub async fn list_releases(
        &self,
        (index, target): (&IndexName, &str),
        list: &str,
        releases: &[String],
    ) -> Result<ReadinessView> {
        let body = json!({ "list": list, "releases": releases });
        self.result(self.request_with_json(Method::POST, &readiness_path(index, target), &body)?).await
    }

    /// Looks for one release, `demo==1.0`, and has it built if there is no wheel.
    pub async fn look_for_release(
        &self,
        (index, target): (&IndexName, &str),
        release: &str,
        rebuild: bool,
    ) -> Result<ReadyView> {
        let path = format!("{}+look", readiness_path(index, target));
        let body = json!({ "release": release, "rebuild": rebuild });
        self.result(self.request_with_json(Method::POST, &path, &body)?).await
    }
}

fn readiness_path(index: &IndexName, target: &str) -> String {
    format!("{index}/+ready/{}/", encode_segment(target))
}
