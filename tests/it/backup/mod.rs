//! Stories of backup and restore.

mod kills;
mod look;
mod refusals;
mod repair;
mod session;

use crate::kit::Server;
use crate::kit::folder::files_below;
use std::path::Path;
use wheelwright::config::Config;
use wheelwright::error::Result;
use wheelwright::transfer::backup::{
    BackupKey, BackupOrder, BackupPlace, BackupReport, BackupSource, OpenBackup, RestoreReport, back_up,
    restore,
};

fn place(folder: &Path) -> BackupPlace {
    BackupPlace::Folder(folder.to_owned())
}

/// Backs up to a place that is not encrypted.
async fn backed_up(server: &Server, place: BackupPlace) -> BackupReport {
    let order = BackupOrder { place, encrypt_to: Vec::new(), keep: None };
    make(server, order).await.expect("a backup")
}

async fn make(server: &Server, order: BackupOrder) -> Result<BackupReport> {
    let source = BackupSource { config: &server.app.config, db: &server.app.db, store: &server.app.store };
    back_up(source, order, &|_, _, _| {}).await
}

async fn opened(place: &BackupPlace, key: Option<BackupKey>) -> OpenBackup {
    OpenBackup::open(place.clone(), key, None).await.expect("a backup")
}

/// Restores the newest backup.
async fn restored(place: &BackupPlace, config: &Config) -> Result<RestoreReport> {
    restore(config, &opened(place, None).await, false, &|_, _, _| {}).await
}

fn config_at(data: &Path) -> Config {
    Config { data: data.to_owned(), ..Config::default() }
}

/// A server on what was restored, cut off from everything.
async fn serving(config: Config) -> Server {
    Server::start_with(|own| {
        *own = Config { offline: true, ..config };
        own.build.prepare = false;
    })
    .await
}

/// Every file below a folder with its bytes, but for locks.
fn tree(folder: &Path) -> std::collections::BTreeMap<String, Vec<u8>> {
    let named = files_below(folder).into_iter().map(|path| {
        let name = path.strip_prefix(folder).expect("below").display().to_string();
        (name, std::fs::read(path).unwrap_or_default())
    });
    named.collect()
}
