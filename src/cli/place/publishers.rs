//! Trusted publishers.

use super::people::segment;
use super::{CommandPlace, below};
use crate::access::Who;
use crate::access::publishers::{NewPublisher, PublisherView};
use crate::error::Result;
use crate::missing;
use crate::names::IndexName;
use http::Method;
use serde::Deserialize;
use serde_json::json;

impl CommandPlace {
    /// The publisher's id.
    pub async fn add_publisher(&self, new: NewPublisher) -> Result<String> {
        match self {
            Self::Here(app) => app.publishers.add(&Who::command_line(), new).await,
            Self::There(server) => {
                #[derive(Deserialize)]
                struct Made {
                    id: String,
                }
                let body = json!({"issuer": new.issuer, "claims": new.claims, "project": new.project});
                let path = publishers(Some(&new.index));
                Ok(server.call::<Made>(Method::POST, &path, &body).await?.result.id)
            }
        }
    }

    /// Publishers of one index, or all.
    pub async fn publishers(&self, index: Option<&IndexName>) -> Result<Vec<PublisherView>> {
        match self {
            Self::Here(app) => app.publishers.list(index).await,
            Self::There(server) => server.get(&publishers(index)).await,
        }
    }

    /// Removes a publisher, of the index if one is named.
    pub async fn remove_publisher(&self, index: Option<&IndexName>, id: &str) -> Result<()> {
        match self {
            Self::Here(app) => app.publishers.remove(&Who::command_line(), index, id).await,
            Self::There(server) => {
                let id = segment(id).ok_or_else(|| missing!("publisher {id} does not exist"))?;
                server
                    .tell(Method::DELETE, &format!("{}/{id}", publishers(index)), &json!({}))
                    .await
                    .map(drop)
            }
        }
    }
}

fn publishers(index: Option<&IndexName>) -> String {
    below(index, "+publishers")
}
