//! Indexes and their options, and why they show what they show.

use super::CommandPlace;
use crate::access::Who;
use crate::build::view::LeftOutView;
use crate::client::ApiAnswer;
use crate::config::base_url::BaseUrl;
use crate::directory::options::{self, Options, OptionsChange};
use crate::error::Result;
use crate::index::admin;
use crate::index::explain::Explanation;
use crate::missing;
use crate::names::{IndexName, ProjectName};
use http::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Why an index shows what it shows of a project, and which versions it leaves out.
#[derive(Serialize, Deserialize)]
pub struct Explained {
    #[serde(flatten)]
    pub why: Explanation,
    pub left_out: Vec<LeftOutView>,
}

/// A user of a server, as far as it has indexes.
#[derive(Deserialize)]
pub(super) struct UserWithIndexes {
    #[serde(default)]
    pub indexes: Map<String, Value>,
}

impl CommandPlace {
    /// Makes an index; its options, with a warning if its upstream looks wrong.
    pub async fn create_index(&self, name: &IndexName, given: &Options) -> Result<Options> {
        match self {
            Self::Here(app) => {
                let directory = app.indexes.directory();
                let made = admin::create(&app.db, &directory, &Who::command_line(), name, given).await?;
                let is_mirror = made.contains_key("mirror_url");
                self.shown(name, &made, is_mirror).await
            }
            Self::There(server) => Ok(warned(server.call(Method::PUT, name.as_str(), given).await?)),
        }
    }

    /// Changes options by operations like `key+=value`; the options as they are then.
    pub async fn modify_index(&self, name: &IndexName, changes: Vec<String>) -> Result<Options> {
        match self {
            Self::Here(app) => {
                let directory = app.indexes.directory();
                let change = OptionsChange::Operations(changes);
                let who = Who::command_line();
                let made = admin::modify(&app.db, &directory, &who, name, &change, false).await?;
                self.shown(name, &made, options::new_url(&change).is_some()).await
            }
            Self::There(server) => Ok(warned(server.call(Method::PATCH, name.as_str(), &changes).await?)),
        }
    }

    /// The options to show; for a mirror whose URL is new, with a look at what is there.
    async fn shown(&self, name: &IndexName, made: &Options, is_new_url: bool) -> Result<Options> {
        let mut shown = options::shown(made);
        if let (true, Self::Here(app)) = (is_new_url, self) {
            app.indexes.refresh().await?;
            let directory = app.indexes.directory();
            if let Some(index) = directory.indexes.get(name)
                && let Some(doubt) = app.indexes.mirrors.doubt(index).await
            {
                eprintln!("warning: {doubt}");
                shown.insert("warning".into(), doubt.into());
            }
        }
        Ok(shown)
    }

    /// All indexes that one may see, with their options.
    pub async fn indexes(&self) -> Result<Map<String, Value>> {
        match self {
            Self::Here(app) => {
                let directory = app.indexes.directory();
                let all = directory.indexes.values();
                Ok(all.map(|index| (index.name.to_string(), Value::Object(index.options.clone()))).collect())
            }
            Self::There(server) => {
                let users: BTreeMap<String, UserWithIndexes> = server.get("").await?;
                let all = users.into_iter().flat_map(|(user, known)| {
                    known
                        .indexes
                        .into_iter()
                        .map(move |(index, options)| (format!("{user}/{index}"), options))
                });
                Ok(all.collect())
            }
        }
    }

    /// The options of an index.
    pub async fn index_options(&self, name: &IndexName) -> Result<Options> {
        match self {
            Self::Here(app) => {
                let directory = app.indexes.directory();
                let index = directory.indexes.get(name).ok_or_else(|| no_index(name))?;
                Ok(index.options.clone())
            }
            Self::There(server) => server.get(&format!("{name}?no_projects=")).await,
        }
    }

    /// Deletes an index; one with files only by force.
    pub async fn delete_index(&self, name: &IndexName, force: bool) -> Result<()> {
        match self {
            Self::Here(app) => {
                if !force {
                    admin::refuse_with_files(&app.db, name).await?;
                }
                admin::delete(&app.db, &Who::command_line(), name).await
            }
            Self::There(server) => {
                let query = if force { "" } else { "?if_empty" };
                server.tell(Method::DELETE, &format!("{name}{query}"), &json!({})).await.map(drop)
            }
        }
    }

    /// Why an index shows what it shows of a project.
    pub async fn explain(&self, name: &IndexName, project: &ProjectName) -> Result<Explained> {
        let app = match self {
            Self::Here(app) => app,
            Self::There(server) => return server.get_plain(&format!("{name}/+explain/{project}")).await,
        };
        let directory = app.indexes.directory();
        let index = directory.indexes.get(name).ok_or_else(|| no_index(name))?;
        let who = Who::command_line();
        let why = app.indexes.views.explain(&directory, index, project, &who).await?;
        let newest = app.queue.newest_of(&directory, &who, project).await?;
        let left_out = LeftOutView::of(newest, &BaseUrl::new(&app.config, None, None).root());
        Ok(Explained { why, left_out })
    }
}

/// The options of an answer, with the warning that it brings.
fn warned(answer: ApiAnswer<Options>) -> Options {
    let ApiAnswer { mut result, message } = answer;
    let warning = message.as_deref().and_then(|message| message.strip_prefix("warning: "));
    if let Some(warning) = warning {
        eprintln!("warning: {warning}");
        result.insert("warning".into(), warning.into());
    }
    result
}

fn no_index(name: &IndexName) -> crate::error::Error {
    missing!("index {name} does not exist: see wheelwright index list")
}
