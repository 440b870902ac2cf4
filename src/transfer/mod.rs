//! Moving in and out: what other servers, folders and indexes have becomes what this server has.
//!
//! Every step can be repeated: what is here already is found and left as it is, so that an import that was
//! stopped goes on where it was, and one that is run again only adds.

pub mod backup;
mod bring;
pub mod bundle;
mod bytes;
pub mod devpi;
pub mod folder;
pub mod remote;
pub mod repair;
mod report;
pub mod wheelhouse;

pub use report::{ImportFault, Tally, TransferReport};

use crate::config::Config;
use crate::db::Db;
use crate::index::Indexes;
use crate::store::Store;

/// Where things go.
#[derive(Clone, Copy)]
pub struct Destination<'a> {
    pub config: &'a Config,
    pub db: &'a Db,
    pub store: &'a Store,
    pub indexes: &'a Indexes,
    /// Nothing is written; everything is looked at.
    pub dry_run: bool,
}

/// Told how far an import is: what it is at, how many of how many are done.
pub type ProgressWatch<'a> = &'a (dyn Fn(&str, u64, u64) + Sync);
