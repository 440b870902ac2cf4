//! The installation that a command is about: whether there is one, and opening it.

use crate::app::App;
use crate::config::Config;
use crate::config::load::ResolvedConfig;
use crate::config::upstream::default_upstream;
use crate::error::Result;
use crate::missing;
use crate::replica;
use crate::transfer::backup::refuse_unfinished;
use std::path::Path;

/// Whether there is a database; one on a server is asked only when it is opened.
///
/// # Errors
/// `Forbidden` if this user may not look: that is not the same as nothing being there; `Conflict` while a restore is
/// not finished.
pub fn has_database(config: &Config) -> Result<bool> {
    refuse_unfinished(&config.data)?;
    let url = config.database_url();
    let path = url.strip_prefix("sqlite://").or_else(|| url.strip_prefix("sqlite:"));
    let Some(path) = path.map(Path::new) else { return Ok(true) };
    let opened = path.try_exists().and_then(|exists| match exists {
        true => std::fs::File::open(path).map(|_| true),
        false => Ok(false),
    });
    opened.map_err(|error| {
        crate::forbidden!(
            "cannot open {}: {error}. Run this command as the user that runs the server",
            path.display()
        )
    })
}

/// Opens an installation that exists: a mistyped folder must not become a new one.
pub async fn existing(resolved: ResolvedConfig) -> Result<App> {
    if !has_database(&resolved.config)? {
        let data = resolved.config.data.display();
        return Err(missing!(
            "{data} is not a data folder: choose one with --data, create one with wheelwright serve, or work at a server \
             with --server, WHEELWRIGHT_SERVER or wheelwright login"
        ));
    }
    open(resolved).await
}

/// The same of one that may be changed: not a copy of another server.
pub async fn own(resolved: ResolvedConfig) -> Result<App> {
    let app = existing(resolved).await?;
    replica::refuse_on_replica(&app.db).await?;
    Ok(app)
}

/// Opens the installation, and makes it if it is new.
pub async fn open(resolved: ResolvedConfig) -> Result<App> {
    refuse_unfinished(&resolved.config.data)?;
    let offline = resolved.config.offline;
    let upstream = move || match default_upstream(|name| std::env::var(name).ok()) {
        Ok(url) => Ok(Some(url)),
        // Without the network the address can wait.
        Err(error) if offline => {
            tracing::warn!("{error}");
            Ok(None)
        }
        Err(error) => Err(error),
    };
    App::open_with(resolved.config, upstream).await
}
