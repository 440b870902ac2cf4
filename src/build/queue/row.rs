//! A build as everybody sees it, read from its row.

use crate::build::evidence::Evidence;
use crate::build::failure::{Class, Failure};
use crate::build::job::{Purpose, Source, Step};
use crate::db::Micros;
use crate::db::builds::StoredBuild;
use crate::error::{Error, Result};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// A build's number.
pub type BuildId = i64;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Its source is on its way.
    Fetching,
    Queued,
    /// Others must be built first.
    Blocked,
    Running,
    Built,
    Failed,
}

impl State {
    pub const ALL: [Self; 6] =
        [Self::Fetching, Self::Queued, Self::Blocked, Self::Running, Self::Built, Self::Failed];

    pub fn has_ended(self) -> bool {
        matches!(self, Self::Built | Self::Failed)
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Fetching => "fetching",
            Self::Queued => "queued",
            Self::Blocked => "blocked",
            Self::Running => "running",
            Self::Built => "built",
            Self::Failed => "failed",
        }
    }
}

/// Who comes first; a number in the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Priority {
    /// Somebody waits.
    Waiting,
    Asked,
    /// Nobody asked yet.
    Ahead,
}

impl Priority {
    pub fn number(self) -> i64 {
        match self {
            Self::Waiting => 0,
            Self::Asked => 1,
            Self::Ahead => 2,
        }
    }
}

/// A wheel that was handed in, as a blob.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wheel {
    pub filename: String,
    pub sha256: String,
    /// Bytes.
    pub size: u64,
    /// Blob of its METADATA.
    pub metadata_sha256: String,
}

/// One attempt to turn one source into a wheel for one target.
#[derive(Clone, Debug)]
pub struct Build {
    pub id: BuildId,
    pub purpose: Purpose,
    /// `user/index`: what it needs comes from here.
    pub context: String,
    /// Uploaded or from a repository, not listed by its context.
    pub given: bool,
    /// Normalised.
    pub project: Option<String>,
    pub version: Option<String>,
    pub source: Source,
    /// Blob; `None` while it is being fetched.
    pub source_sha256: Option<String>,
    pub target: String,
    /// What the tool set's name is.
    pub tools: String,
    /// JSON of the put-together recipe.
    pub recipe: Option<serde_json::Value>,
    pub recipe_sha256: Option<String>,
    pub platform_expected: bool,
    pub state: State,
    /// 0: somebody waits, 1: asked for, 2: ahead of time.
    pub priority: i64,
    pub fence: i64,
    /// How many workers were lost over it.
    pub losses: i64,
    pub worker: Option<String>,
    /// Where it is while it runs.
    pub step: Option<Step>,
    /// Set if it failed.
    pub failure: Option<Failure>,
    /// Handed in; of a build that has not ended it may yet come to nothing.
    pub wheel: Option<Wheel>,
    /// Blob of METADATA: the wheel's, or what a job for metadata alone brought.
    pub metadata_sha256: Option<String>,
    pub evidence: Option<Evidence>,
    /// Bytes of its log so far.
    pub log_size: u64,
    /// Blob of its log once it has ended.
    pub log_sha256: Option<String>,
    pub asked_by: String,
    pub created_at: Micros,
    pub started_at: Option<Micros>,
    pub ended_at: Option<Micros>,
}

fn unreadable(id: BuildId, what: &str) -> Error {
    Error::internal(anyhow::anyhow!("the row of build {id} has a {what} that cannot be read"))
}

/// A word of an enum that JSON writes as text.
fn word<T: DeserializeOwned>(text: &str) -> Option<T> {
    serde_json::from_value(text.into()).ok()
}

impl Build {
    /// Reads a row.
    pub fn read(row: StoredBuild) -> Result<Self> {
        let id = row.id;
        let source = serde_json::from_str(&row.source).map_err(|_| unreadable(id, "source"))?;
        let state: State = word(&row.state).ok_or_else(|| unreadable(id, "state"))?;
        let recipe = row.recipe.as_deref().map(serde_json::from_str).transpose();
        let evidence = row.evidence.as_deref().map(serde_json::from_str).transpose();
        Ok(Self {
            id,
            purpose: Purpose::named(&row.purpose),
            failure: failure(&row),
            wheel: wheel(&row),
            recipe: recipe.map_err(|_| unreadable(id, "recipe"))?,
            evidence: evidence.map_err(|_| unreadable(id, "evidence"))?,
            metadata_sha256: row.metadata_sha256,
            step: row.step.as_deref().and_then(word).filter(|_| state == State::Running),
            context: row.context,
            given: row.given,
            project: row.project,
            version: row.version,
            source,
            source_sha256: row.source_sha256,
            target: row.target,
            tools: row.tools,
            recipe_sha256: row.recipe_sha256,
            platform_expected: row.platform_expected,
            state,
            priority: row.priority,
            fence: row.fence,
            losses: row.losses,
            worker: row.worker,
            log_size: u64::try_from(row.log_size).unwrap_or(0),
            log_sha256: row.log_sha256,
            asked_by: row.asked_by,
            created_at: row.created_at,
            started_at: row.started_at,
            ended_at: row.ended_at,
        })
    }

    /// What it is about, for people: `docopt 0.6.2`, or a source's file name.
    pub fn title(&self) -> String {
        let of = match (&self.project, &self.version) {
            (Some(project), Some(version)) => format!("{project} {version}"),
            _ => self.source.filename.clone(),
        };
        match self.purpose {
            Purpose::Wheel => of,
            Purpose::Metadata => format!("metadata of {of}"),
        }
    }
}

fn failure(row: &StoredBuild) -> Option<Failure> {
    let brief = brief(row.class.as_deref(), row.step.as_deref())?;
    Some(Failure { hint: row.hint.clone().unwrap_or_default(), line: row.line.clone(), ..brief })
}

/// A failure's class and step, without its words.
pub(super) fn brief(class: Option<&str>, step: Option<&str>) -> Option<Failure> {
    Some(Failure::new(
        word(class?).unwrap_or(Class::Other),
        step.and_then(word).unwrap_or(Step::Fetch),
        String::new(),
    ))
}

fn wheel(row: &StoredBuild) -> Option<Wheel> {
    Some(Wheel {
        filename: row.wheel.clone()?,
        sha256: row.wheel_sha256.clone()?,
        size: u64::try_from(row.wheel_size?).ok()?,
        metadata_sha256: row.metadata_sha256.clone()?,
    })
}

/// A class as its name in JSON.
pub(super) fn class_name(class: Class) -> String {
    serde_json::to_value(class).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}
