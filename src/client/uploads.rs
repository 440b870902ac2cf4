//! What a publisher asks of a server before an upload: an index and its options, what stands there, who one is.

use super::ServerClient;
use crate::error::{Error, Result};
use crate::names::{IndexName, ProjectName};
use http::{Method, header};
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// An index as its readers see it.
#[derive(Debug, serde::Deserialize)]
pub struct RemoteOptions {
    #[serde(rename = "type")]
    pub kind: String,
    #[serde(default)]
    pub bases: Vec<String>,
    #[serde(default)]
    pub acl_upload: Vec<String>,
    /// Patterns of names that are never asked of a mirror.
    #[serde(default)]
    pub reserved: Vec<String>,
    /// All the others.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

/// Who the credential belongs to, as the server says.
#[derive(Debug, Default)]
pub struct RemoteLogin {
    /// `None`: it has no credential, or a wrong one.
    pub user: Option<String>,
    pub groups: BTreeSet<String>,
}

#[derive(serde::Deserialize)]
struct Api {
    authstatus: (String, String, Vec<String>),
}

#[derive(serde::Deserialize)]
struct SimplePage {
    files: Vec<SimpleFile>,
}

#[derive(serde::Deserialize)]
struct SimpleFile {
    filename: String,
    url: String,
    hashes: Map<String, Value>,
}

impl ServerClient {
    /// The options of an index.
    ///
    /// # Errors
    /// `Missing` if there is none, or none that you may read.
    pub async fn index_options(&self, index: &IndexName) -> Result<RemoteOptions> {
        self.result(self.request(Method::GET, &format!("{index}?no_projects="))?).await
    }

    /// Who the credential belongs to.
    pub async fn login(&self) -> Result<RemoteLogin> {
        let Api { authstatus: (status, user, groups) } =
            self.result(self.request(Method::GET, "+api")?).await?;
        let user = Some(user).filter(|user| status == "ok" && !user.is_empty());
        Ok(RemoteLogin { user, groups: groups.into_iter().collect() })
    }

    /// The sha256 of the file of this name that the index itself has.
    pub async fn hash_of(
        &self,
        index: &IndexName,
        project: &ProjectName,
        filename: &str,
    ) -> Result<Option<String>> {
        let request = self.request(Method::GET, &format!("{index}/+simple/{project}/"))?;
        let request = request.header(header::ACCEPT, "application/vnd.pypi.simple.v1+json");
        let page: SimplePage = match self.send(request).await {
            Ok(response) => super::answer::json(response).await?,
            Err(Error::Missing(_)) => return Ok(None),
            Err(error) => return Err(error),
        };
        let own = format!("/{index}/+f/");
        let known = page.files.into_iter().find(|file| file.filename == filename);
        // A page leads to the root of its server by dots.
        let known = known.filter(|file| format!("/{}", file.url.trim_start_matches("../")).contains(&own));
        Ok(known.and_then(|file| file.hashes.get("sha256")?.as_str().map(str::to_owned)))
    }

    /// Whether one of these indexes or their bases has the project for itself, or reserves its name: which one.
    pub async fn private_at(&self, index: &IndexName, project: &ProjectName) -> Result<Option<IndexName>> {
        let (mut queue, mut seen) = (vec![index.clone()], BTreeSet::from([index.clone()]));
        while let Some(at) = queue.pop() {
            let options = match self.index_options(&at).await {
                Ok(options) => options,
                // A base that may not be read is none.
                Err(Error::Missing(_) | Error::Unauthenticated(_) | Error::Forbidden(_)) if at != *index => {
                    continue;
                }
                Err(error) => return Err(error),
            };
            if options.kind != "stage" {
                continue;
            }
            let reserves = options
                .reserved
                .iter()
                .any(|pattern| crate::tools::glob::matches(&pattern.to_ascii_lowercase(), project.as_str()));
            if reserves || self.has_project(&at, project).await? {
                return Ok(Some(at));
            }
            let bases = options.bases.iter().filter_map(|base| IndexName::parse(base));
            queue.extend(bases.filter(|base| seen.insert(base.clone())));
        }
        Ok(None)
    }

    /// Whether the stage itself has the project.
    pub async fn has_project(&self, index: &IndexName, project: &ProjectName) -> Result<bool> {
        let request = self.request(Method::GET, &format!("{index}/+explain/{project}"))?;
        let request = request.header(header::ACCEPT, "application/json");
        let explained: Value = match self.send(request).await {
            Ok(response) => super::answer::json(response).await?,
            Err(Error::Missing(_)) => return Ok(false),
            Err(error) => return Err(error),
        };
        let sources = explained.pointer("/result/sources").or_else(|| explained.get("sources"));
        let own = sources.and_then(Value::as_array).into_iter().flatten();
        let own = own.filter(|source| source.get("index").and_then(Value::as_str) == Some(index.as_str()));
        Ok(own.filter_map(|source| source.get("files")?.as_array()).any(|files| !files.is_empty()))
    }
}
