//! The server that a bundle is made with: one that is named, else that of the data folder, else the usual one.

use crate::build::target::Target;
use crate::cli::build::local::Local;
use crate::cli::installation;
use crate::cli::remote::RemoteIndex;
use crate::client::ServerClient;
use crate::config::load::ResolvedConfig;
use crate::error::Result;

/// That server; one of the data folder runs until [`NearServer::stop`].
pub struct NearServer {
    pub client: ServerClient,
    local: Option<Local>,
}

impl NearServer {
    /// # Errors
    /// `Bad` if the address is none of a server; what opening the data folder says.
    pub async fn open(at: &RemoteIndex, resolved: ResolvedConfig) -> Result<Self> {
        if at.is_named() || !installation::has_database(&resolved.config)? {
            return Ok(Self { client: at.open()?, local: None });
        }
        let local = Local::beside(resolved).await?;
        Ok(Self { client: local.server.clone(), local: Some(local) })
    }

    /// What it can build for.
    pub async fn targets(&self) -> Result<Vec<Target>> {
        match &self.local {
            Some(local) => local.targets().await,
            None => self.client.targets().await,
        }
    }

    pub async fn stop(self) {
        if let Some(local) = self.local {
            local.stop().await;
        }
    }
}
