//! `wheelwright backup look`: the indexes as they were, served from a backup without restoring it.

use crate::app::App;
use crate::bad;
use crate::cli::progress::counted;
use crate::cli::signal;
use crate::config::Config;
use crate::config::load::ResolvedConfig;
use crate::db::Db;
use crate::error::Result;
use crate::tools::scratch::ScratchFolder;
use crate::transfer::backup::{BlobPlace, OpenBackup, load};
use crate::web::server;
use std::io::Write;
use std::process::ExitCode;
use tokio::net::TcpListener;

/// Serves until it is told to stop. Nothing can be changed, nothing is built and nothing is sent anywhere.
pub async fn look(backup: &OpenBackup, listen: &str, resolved: &ResolvedConfig) -> Result<ExitCode> {
    let stop = signal::stop_signal()?;
    let place = backup.blob_place()?;
    let listener = TcpListener::bind(listen)
        .await
        .map_err(|error| bad!("cannot listen on {listen}: {error}. Choose another address with --listen"))?;
    let scratch = ScratchFolder::private(&std::env::temp_dir(), "wheelwright-look-")?;
    let mut config = looking(&resolved.config, &scratch);
    match place {
        BlobPlace::Folder(blobs) => std::os::unix::fs::symlink(blobs, scratch.path().join("blobs"))?,
        BlobPlace::Bucket(url) => config.storage = Some(url),
    }
    let empty = Db::open_empty(&config.database_url(), backup.manifest.schema).await?;
    load(&empty, backup, None, &counted()).await?;
    empty.end().await;
    let app = App::open(config).await?;
    let mut out = std::io::stdout();
    writeln!(out, "listening on http://{} with the backup {}", listener.local_addr()?, backup.name)?;
    out.flush()?;
    server::serve_plainly(app, listener, stop).await?;
    Ok(ExitCode::SUCCESS)
}

fn looking(own: &Config, scratch: &ScratchFolder) -> Config {
    let mut config = Config {
        data: scratch.path().to_owned(),
        s3: own.s3.clone(),
        public_url: own.public_url.clone(),
        default_index: own.default_index.clone(),
        aliases: own.aliases.clone(),
        log: own.log.clone(),
        offline: true,
        read_only: true,
        ..Config::default()
    };
    config.build.enabled = false;
    config.gc.every = 0;
    config
}
