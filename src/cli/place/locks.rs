//! Lock files that are watched.

use super::CommandPlace;
use crate::access::Who;
use crate::error::Result;
use crate::index::locks::{self, LockView, NewLock, WatchedLock};
use crate::packaging::filename::encode_segment;
use http::Method;
use serde_json::json;

impl CommandPlace {
    /// Watches a lock file.
    pub async fn watch_lock(&self, new: &NewLock) -> Result<WatchedLock> {
        match self {
            Self::Here(app) => {
                locks::watch(&app.db, &app.indexes.directory(), &Who::command_line(), new).await
            }
            Self::There(server) => Ok(server.call(Method::POST, "+locks", new).await?.result),
        }
    }

    /// The lock files that are watched, by name.
    pub async fn locks(&self) -> Result<Vec<LockView>> {
        match self {
            Self::Here(app) => locks::all(&app.db).await,
            Self::There(server) => server.get("+locks").await,
        }
    }

    /// Stops watching a lock file.
    pub async fn remove_lock(&self, name: &str) -> Result<()> {
        match self {
            Self::Here(app) => locks::remove(&app.db, &Who::command_line(), name).await,
            Self::There(server) => {
                // In a path another name would be something else.
                locks::check_name(name).map_err(|_| locks::unknown(name))?;
                let path = format!("+locks/{}", encode_segment(name));
                server.tell(Method::DELETE, &path, &json!({})).await.map(drop)
            }
        }
    }
}
