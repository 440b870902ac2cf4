//! Releases of an index: yanked, and pushed to another one.

use super::CommandPlace;
use crate::access::Who;
use crate::error::{Error, Result};
use crate::index::manage::Yank;
use crate::index::push::PushOrder;
use crate::names::{IndexName, ProjectName};
use crate::packaging::filename::encode_segment;
use http::Method;
use serde_json::{Value, json};

impl CommandPlace {
    /// Yanks a release, or takes that back.
    pub async fn yank(
        &self,
        index: &IndexName,
        project: &ProjectName,
        version: &str,
        yank: &Yank,
    ) -> Result<()> {
        match self {
            Self::Here(app) => {
                let directory = app.indexes.directory();
                let (who, index) = (Who::command_line(), directory.index(index)?);
                app.indexes.yank(&who, index, project, version, yank).await.map(drop)
            }
            Self::There(server) => {
                let yanked = match yank {
                    Yank::Yes(Some(reason)) => Value::from(reason.as_str()),
                    Yank::Yes(None) => Value::Bool(true),
                    Yank::No => Value::Bool(false),
                };
                let path = format!("{index}/{project}/{}", encode_segment(version));
                server.tell(Method::PATCH, &path, &json!({ "yanked": yanked })).await.map(drop)
            }
        }
    }

    /// Gives a release of an index to another one; the names of its files.
    pub async fn push(
        &self,
        from: &IndexName,
        to: &IndexName,
        project: &ProjectName,
        version: &str,
    ) -> Result<Vec<String>> {
        match self {
            Self::Here(app) => {
                let directory = app.indexes.directory();
                let (who, indexes) = (Who::command_line(), &app.indexes);
                let (from, to) = (directory.index(from)?, directory.index(to)?);
                let order = PushOrder { project, version, files: true, documentation: true };
                let release = indexes.to_push(&directory, &who, from, &order).await?;
                indexes.push(&directory, &who, from, to, project, &release).await?;
                Ok(release.files.iter().map(|file| file.filename.clone()).collect())
            }
            Self::There(server) => {
                // devpi's own: it needs the right to read here, and to upload there.
                let method = Method::from_bytes(b"PUSH").map_err(Error::internal)?;
                let body = json!({"name": project, "version": version, "targetindex": to});
                let steps: Vec<Vec<Value>> = server.call(method, from.as_str(), &body).await?.result;
                let stored =
                    steps.iter().filter(|step| step.get(1).is_some_and(|what| what == "store_releasefile"));
                let names =
                    stored.filter_map(|step| step.get(2)?.as_str()?.rsplit('/').next().map(str::to_owned));
                Ok(names.collect())
            }
        }
    }
}
