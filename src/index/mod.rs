//! What an index shows, and how something gets into it.

pub mod admin;
pub mod advisories;
pub mod behind;
pub mod beside;
pub mod built;
mod changes;
pub mod compare;
pub mod curation;
pub mod details;
pub mod downloads;
mod eviction;
pub mod explain;
pub mod files;
mod first;
pub mod fsck;
pub mod gather;
pub mod gc;
pub mod kept;
pub mod locks;
pub mod manage;
pub mod mirror;
pub mod names;
pub mod policy;
pub mod preview;
pub mod push;
pub mod quarantine;
pub mod requests;
pub mod requires;
mod retention;
pub mod search;
pub mod sight;
mod space;
pub mod stage;
pub mod stripes;
pub mod take_built;
pub mod take_bundle;
pub mod take_imported;
pub mod upload;
pub mod view;
pub mod who_has;
pub mod wishes;

use crate::config::Config;
use crate::db::Db;
use crate::directory::Directory;
use crate::directory::follow::Follower;
use crate::error::Result;
use crate::hooks::HookPrograms;
use crate::names::{IndexName, ProjectName};
use crate::store::Store;
use crate::tools::locks::Locks;
use files::Files;
use mirror::Mirrors;
use std::sync::Arc;
use stripes::Stripes;
use view::Views;

/// The rules of all indexes, and what they keep in memory.
pub struct Indexes {
    db: Db,
    store: Store,
    uuid: String,
    follower: Follower,
    stripes: Arc<Stripes>,
    /// Uploads that are being kept, by index and what the name means.
    keeping: Locks<(IndexName, String)>,
    /// Bytes that all indexes of one account may have together; 0: any number.
    account_quota: u64,
    /// Where uploads go that name no index.
    default_upload: Option<String>,
    pub mirrors: Mirrors,
    pub views: Views,
    pub files: Files,
    /// Asked before a file is taken in.
    pub programs: HookPrograms,
}

impl Indexes {
    pub async fn new(config: &Config, db: Db, store: Store) -> Result<Self> {
        let uuid = db.settle_fact("uuid", &uuid::Uuid::now_v7().simple().to_string()).await?;
        let stripes = Arc::new(Stripes::default());
        let bumped = stripes.clone();
        let changed: mirror::Changed = Arc::new(move |_, project| bumped.bump(project));
        let mirrors = Mirrors::new(config, db.clone(), store.clone(), changed, &uuid)?;
        let follower = Follower::new(config, db.clone()).await?;
        let files = Files::new(db.clone(), stripes.clone());
        let views = Views::new(config, db.clone(), mirrors.clone(), stripes.clone());
        let (keeping, programs) = (Locks::default(), HookPrograms::new(config)?);
        let default_upload = config.default_upload_index.clone();
        let account_quota = config.quota.uploads;
        Ok(Self {
            db,
            store,
            uuid,
            follower,
            stripes,
            keeping,
            account_quota,
            default_upload,
            mirrors,
            views,
            files,
            programs,
        })
    }

    /// The present snapshot.
    pub fn directory(&self) -> Arc<Directory> {
        self.follower.directory()
    }

    /// The newest serial this process knows of.
    pub fn serial(&self) -> i64 {
        self.db.newest_serial()
    }

    /// Of this installation: all processes on one database share it.
    pub fn uuid(&self) -> &str {
        &self.uuid
    }

    /// Something about a project changed in the database: call it after the commit, before the
    /// answer. Pages and remembered files of this name are looked at anew, in every index.
    pub fn changed(&self, index: &IndexName, project: &ProjectName) {
        tracing::debug!(%index, %project, "changed");
        self.mirrors.look_again(index, project);
        self.stripes.bump(project);
    }

    /// Stamps of projects: what is remembered is true while its stamp is.
    pub fn stripes(&self) -> &Stripes {
        &self.stripes
    }

    /// Catches up with events of other processes; cheap when there are none. Called before any
    /// negative answer, and by a task twice a second.
    pub async fn refresh(&self) -> Result<()> {
        self.follower.refresh(|index, project| self.changed(index, project)).await
    }
}
