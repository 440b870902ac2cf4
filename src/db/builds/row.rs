//! A build as its row says: the one shape that the queue, JSON and the pages work with.

use crate::error::Result;
use crate::names::{BuildContext, ProjectName};
use crate::tools::time::Micros;
use crate::words::{BuildSource, BuildState, Evidence, Failure, FetchPlace, Purpose, Step};
use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, Row};

/// A build's number.
pub type BuildId = i64;

/// One attempt to turn one source into a wheel for one target; see the migration for what the columns
/// mean.
#[derive(Clone, Debug, PartialEq)]
pub struct Build {
    pub id: BuildId,
    pub key: String,
    pub purpose: Purpose,
    /// What it needs comes from here.
    pub context: BuildContext,
    /// Uploaded or from a repository, not listed by its context.
    pub given: bool,
    /// By a recipe that is only tried: no index gets its wheel.
    pub trial: bool,
    /// TOML of that recipe, as it was sent; trials of older versions of this program have none.
    pub tried: Option<String>,
    /// The requirement that it is pinned to, if it runs because of that: no index gets its wheel before its set
    /// releases it.
    pub because: Option<String>,
    pub project: Option<ProjectName>,
    pub version: Option<String>,
    /// What it was asked as, before anything ran.
    pub claim: String,
    pub source: BuildSource,
    /// Blob; `None` while it is being fetched.
    pub source_sha256: Option<String>,
    /// `None`: its bytes were here when it was asked for.
    pub place: Option<FetchPlace>,
    pub target: String,
    /// JSON of the put-together recipe.
    pub recipe: Option<String>,
    pub recipe_sha256: Option<String>,
    /// What the tool set's name is.
    pub tools: String,
    pub platform_expected: bool,
    pub state: BuildState,
    /// 0: somebody waits, 1: asked for, 2: ahead of time.
    pub priority: i64,
    pub fence: i64,
    /// How many workers were lost over it.
    pub losses: i64,
    pub rounds: i64,
    pub worker: Option<String>,
    pub lease_until: Option<Micros>,
    /// Where it is while it runs.
    pub step: Option<Step>,
    /// Set if it failed.
    pub failure: Option<Failure>,
    /// Handed in; of a build that has not ended it may yet come to nothing.
    pub wheel: Option<BuiltWheel>,
    /// Blob of METADATA: the wheel's, or what a job for metadata alone brought. Of a job for tests, its result.
    pub metadata_sha256: Option<String>,
    pub evidence: Option<Evidence>,
    /// Bytes of its log so far.
    pub log_size: u64,
    /// Blob of its log once it has ended.
    pub log_sha256: Option<String>,
    pub asked_by: String,
    /// The id of the request that asked for it last, as the log has it; `None`: it was no request.
    pub request: Option<String>,
    pub created_at: Micros,
    /// When it was asked for last: first, or to run again.
    pub asked_at: Micros,
    pub started_at: Option<Micros>,
    pub ended_at: Option<Micros>,
}

/// A wheel that was handed in, as a blob.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuiltWheel {
    pub filename: String,
    pub sha256: String,
    /// Bytes.
    pub size: u64,
    /// Blob of its METADATA.
    pub metadata_sha256: String,
}

impl Build {
    /// One that is to be; whatever else is known of it is yet to be filled in.
    pub fn new(context: BuildContext, source: BuildSource) -> Self {
        Self {
            id: 0,
            key: String::new(),
            purpose: Purpose::Wheel,
            context,
            given: false,
            trial: false,
            tried: None,
            because: None,
            project: None,
            version: None,
            claim: String::new(),
            source,
            source_sha256: None,
            place: None,
            target: String::new(),
            recipe: None,
            recipe_sha256: None,
            tools: String::new(),
            platform_expected: false,
            state: BuildState::Queued,
            priority: 0,
            fence: 0,
            losses: 0,
            rounds: 0,
            worker: None,
            lease_until: None,
            step: None,
            failure: None,
            wheel: None,
            metadata_sha256: None,
            evidence: None,
            log_size: 0,
            log_sha256: None,
            asked_by: String::new(),
            request: None,
            created_at: 0,
            asked_at: 0,
            started_at: None,
            ended_at: None,
        }
    }

    /// The wheel, once it has ended with one.
    pub fn finished_wheel(&self) -> Option<&BuiltWheel> {
        self.wheel.as_ref().filter(|_| self.state == BuildState::Built)
    }

    /// What it is of, for people: `docopt 0.6.2`, or a source's file name.
    pub fn of(&self) -> String {
        match (&self.project, &self.version) {
            (Some(project), Some(version)) => format!("{project} {version}"),
            _ => self.source.filename.clone(),
        }
    }

    /// What it is about, for people.
    pub fn title(&self) -> String {
        match self.purpose {
            Purpose::Wheel => self.of(),
            Purpose::Metadata => format!("metadata of {}", self.of()),
            Purpose::Test => format!("tests of {}", self.of()),
        }
    }
}

pub(in crate::db) const COLUMNS: &str = "id, key, purpose, context, given, trial, tried, because, project, version, claim, source, \
    source_sha256, place, target, recipe, recipe_sha256, tools, platform_expected, state, priority, fence, losses, \
    rounds, worker, lease_until, step, class, hint, line, wheel, wheel_sha256, wheel_size, metadata_sha256, evidence, \
    log_size, log_sha256, asked_by, request, created_at, coalesce(asked_at, created_at) AS asked_at, started_at, ended_at";

pub(in crate::db) fn select(rest: &str) -> AssertSqlSafe<String> {
    AssertSqlSafe(format!("SELECT {COLUMNS} FROM build {rest}"))
}

pub(in crate::db) fn build(row: &AnyRow) -> Result<Build> {
    let state = row.try_get("state")?;
    let step: Option<Step> = row.try_get("step")?;
    Ok(Build {
        id: row.try_get("id")?,
        key: row.try_get("key")?,
        purpose: row.try_get("purpose")?,
        context: row.try_get("context")?,
        given: row.try_get::<i64, _>("given")? != 0,
        trial: row.try_get::<i64, _>("trial")? != 0,
        tried: row.try_get("tried")?,
        because: row.try_get("because")?,
        project: row.try_get("project")?,
        version: row.try_get("version")?,
        claim: row.try_get("claim")?,
        source: row.try_get("source")?,
        source_sha256: row.try_get("source_sha256")?,
        place: row.try_get("place")?,
        target: row.try_get("target")?,
        recipe: row.try_get("recipe")?,
        recipe_sha256: row.try_get("recipe_sha256")?,
        tools: row.try_get("tools")?,
        platform_expected: row.try_get::<i64, _>("platform_expected")? != 0,
        state,
        priority: row.try_get("priority")?,
        fence: row.try_get("fence")?,
        losses: row.try_get("losses")?,
        rounds: row.try_get("rounds")?,
        worker: row.try_get("worker")?,
        lease_until: row.try_get("lease_until")?,
        step: step.filter(|_| state == BuildState::Running),
        failure: failure(row, step)?,
        wheel: wheel(row)?,
        metadata_sha256: row.try_get("metadata_sha256")?,
        evidence: row.try_get("evidence")?,
        log_size: u64::try_from(row.try_get::<i64, _>("log_size")?).unwrap_or(0),
        log_sha256: row.try_get("log_sha256")?,
        asked_by: row.try_get("asked_by")?,
        request: row.try_get("request")?,
        created_at: row.try_get("created_at")?,
        asked_at: row.try_get("asked_at")?,
        started_at: row.try_get("started_at")?,
        ended_at: row.try_get("ended_at")?,
    })
}

fn failure(row: &AnyRow, step: Option<Step>) -> Result<Option<Failure>> {
    let Some(class) = row.try_get("class")? else { return Ok(None) };
    let hint = row.try_get::<Option<String>, _>("hint")?.unwrap_or_default();
    Ok(Some(Failure { class, hint, line: row.try_get("line")?, step: step.unwrap_or(Step::Fetch) }))
}

fn wheel(row: &AnyRow) -> Result<Option<BuiltWheel>> {
    let (filename, sha256) = (row.try_get("wheel")?, row.try_get("wheel_sha256")?);
    let size: Option<i64> = row.try_get("wheel_size")?;
    Ok(match (filename, sha256, size, row.try_get("metadata_sha256")?) {
        (Some(filename), Some(sha256), Some(size), Some(metadata_sha256)) => {
            Some(BuiltWheel { filename, sha256, size: u64::try_from(size).unwrap_or(0), metadata_sha256 })
        }
        _ => None,
    })
}
