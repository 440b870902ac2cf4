//! How sources may be fetched, and how many at once.

use crate::access::turns::{TurnBounds, Turns};
use crate::config::Config;
use crate::git::GitCredentials;
use crate::tools::pace::Pace;
use crate::upstream::guard::Guard;
use std::sync::atomic::AtomicBool;
use std::time::Duration;
use tokio::sync::Mutex;

/// How sources may be fetched, and whose turn it is to begin that.
pub(super) struct Fetching {
    pub(super) offline: bool,
    /// Where repositories may be that people name.
    pub(super) guard: Guard,
    /// What the repositories of watches may need.
    pub(super) credentials: GitCredentials,
    /// What is demanded of hosts of repositories.
    pub(super) pace: Pace,
    /// At files of indexes, and at clones, which take longer.
    pub(super) files: Turns,
    pub(super) clones: Turns,
    pub(super) turn: Mutex<()>,
    /// Something came while another had the turn.
    pub(super) again: AtomicBool,
}

impl Fetching {
    pub(super) fn new(config: &Config) -> Self {
        let at_once = usize::try_from(config.quota.fetches).unwrap_or(usize::MAX);
        let bounds = TurnBounds { at_once, each: at_once.div_ceil(2), waiting: 0, patience: Duration::ZERO };
        Self {
            offline: config.offline,
            guard: Guard::granted(config),
            credentials: GitCredentials::of(config),
            pace: config.mirror.pace(),
            files: Turns::new("fetching sources", bounds),
            clones: Turns::new("cloning repositories", bounds),
            turn: Mutex::default(),
            again: AtomicBool::new(false),
        }
    }
}
