//! What bundles need to know of a server: which one it is, and what was asked for in vain.

use super::ServerClient;
use crate::bad_upstream;
use crate::error::Result;
use crate::index::wishes::WishesView;
use crate::names::IndexName;
use http::Method;

/// Which server this is, and how far it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Installation {
    pub uuid: String,
    pub serial: i64,
}

impl ServerClient {
    /// Which server this is.
    ///
    /// # Errors
    /// `BadUpstream` if it does not say so.
    pub async fn installation(&self) -> Result<Installation> {
        let response = self.send(self.request(Method::GET, "+api")?).await?;
        let header = |name: &str| response.headers().get(name)?.to_str().ok().map(str::to_owned);
        let told = header("x-devpi-uuid").zip(header("x-devpi-serial").and_then(|text| text.parse().ok()));
        let (uuid, serial) =
            told.ok_or_else(|| bad_upstream!("{} is not a wheelwright server", self.base()))?;
        Ok(Installation { uuid, serial })
    }

    /// What installers asked an index for in vain.
    ///
    /// # Errors
    /// `Missing` if there is no such index, or none that you may read.
    pub async fn wishes(&self, index: &IndexName) -> Result<WishesView> {
        self.result(self.request(Method::GET, &format!("{index}/+wishes"))?).await
    }
}
