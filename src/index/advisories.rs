//! Known vulnerabilities, from files in OSV's format that the administrator provides (`osv.path`): all in memory, read
//! anew when the files change. Files that cannot be read leave what was read before.

mod read;
mod snapshot;

use crate::config::Config;
use crate::error::{Error, Result};
use crate::names::ProjectName;
use crate::packaging::osv::Advisory;
use crate::packaging::version::Version;
use crate::tools::time::{Micros, now};
use crate::words::Moment;
use parking_lot::RwLock;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::sync::Arc;

pub use snapshot::AdvisorySnapshot;

/// The advisories of the files, by project. Cheap to clone.
#[derive(Clone)]
pub struct Advisories(Arc<Shared>);

struct Shared {
    path: Option<PathBuf>,
    state: RwLock<ReadState>,
    /// One reads at a time.
    reading: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct ReadState {
    /// What was read last without a mistake.
    snapshot: Option<Arc<AdvisorySnapshot>>,
    read_at: Micros,
    /// Of the files that were looked at last, be they readable or not.
    stamp: Option<String>,
    problem: Option<String>,
}

/// How it stands with the files.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AdvisoriesView {
    /// How many advisories about projects of PyPI there are.
    pub advisories: usize,
    /// When they were read; `None`: never.
    pub read: Option<Moment>,
    /// Why the present files cannot be read: the advisories are older ones, or none.
    pub problem: Option<String>,
}

impl Advisories {
    /// Reads nothing yet.
    pub fn new(config: &Config) -> Self {
        let (path, state, reading) =
            (config.osv.path.clone(), RwLock::default(), tokio::sync::Mutex::default());
        let path = path.map(|path| config.data.join(path));
        Self(Arc::new(Shared { path, state, reading }))
    }

    /// Reads the files if they changed.
    ///
    /// # Errors
    /// `Bad` while they cannot be read: with the file and what is wrong with it. What was read before stays.
    pub async fn refresh(&self) -> Result<()> {
        let Some(path) = self.0.path.clone() else { return Ok(()) };
        let _turn = self.0.reading.lock().await;
        let known = self.0.state.read().stamp.clone();
        let read = tokio::task::spawn_blocking(move || read::changed(&path, known.as_deref()));
        let read = read.await.map_err(Error::internal)?;
        let mut state = self.0.state.write();
        if let Some((stamp, read)) = read {
            state.stamp = Some(stamp);
            state.problem = read.as_ref().err().map(ToString::to_string);
            if let Ok(snapshot) = read {
                tracing::info!(advisories = snapshot.count, "read the advisories of osv.path");
                (state.snapshot, state.read_at) = (Some(Arc::new(snapshot)), now());
            }
        }
        state.problem.clone().map_or(Ok(()), |problem| Err(Error::Bad(problem)))
    }

    /// What was read last; `None`: nothing, because `osv.path` is not set, or cannot be read, or is still being read.
    /// Whoever decides by "no advisory" must not take it for that.
    pub fn snapshot(&self) -> Option<Arc<AdvisorySnapshot>> {
        self.0.state.read().snapshot.clone()
    }

    /// The advisories that affect a release; none without a snapshot.
    pub fn of(&self, project: &ProjectName, version: &Version) -> Vec<Arc<Advisory>> {
        self.snapshot().map(|snapshot| snapshot.of(project, version)).unwrap_or_default()
    }

    /// How it stands; `None` if `osv.path` is not set.
    pub fn view(&self) -> Option<AdvisoriesView> {
        self.0.path.as_ref()?;
        let state = self.0.state.read();
        Some(AdvisoriesView {
            advisories: state.snapshot.as_ref().map_or(0, |snapshot| snapshot.count),
            read: state.snapshot.is_some().then_some(Moment(state.read_at)),
            problem: state.problem.clone(),
        })
    }
}
