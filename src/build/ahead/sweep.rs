//! Going through what an index has had for long: releases that were requested, or everything.

use super::super::queue::Queue;
use super::super::target::Target;
use super::memory::{Ahead, Sweep, who};
use super::wished::wished;
use crate::directory::{BuildAhead, Index, IndexKind};
use crate::error::Result;
use crate::names::ProjectName;
use crate::packaging::version;
use crate::tools::time::{Micros, SECOND};
use crate::words::FileKind;

/// The time until a sweep that came to its end looks for more.
const LOOK_AGAIN: i64 = 10 * SECOND;

/// The time after which everything is gone through again: upstreams tell of nothing by themselves.
const FROM_THE_START: i64 = 86_400 * SECOND;

/// Projects, or files, of one step.
const AT_ONCE: i64 = 8;

/// A project that is to be looked at, in one version or in all.
type Found = (ProjectName, Option<String>);

impl Ahead {
    /// The next few sources of every index that wishes for more than new uploads. An index whose last
    /// few are not through waits.
    pub(super) async fn sweep(&mut self, queue: &Queue, offered: &[Target], now: Micros) -> Result<()> {
        let directory = queue.indexes().directory();
        if let Some(position) = &mut self.position {
            position.sweeps.retain(|name, _| directory.indexes.get(name).is_some_and(is_swept));
        }
        for index in directory.indexes.values().filter(|index| is_swept(index)) {
            let name = &index.name;
            let busy = self.items.iter().any(|item| item.serial.is_none() && item.index == *name);
            let resting = self.again.get(name).is_some_and(|again| now < *again && again - now <= LOOK_AGAIN);
            if busy || self.room() == 0 {
                continue;
            }
            let wish = wish(index, offered);
            let Some(position) = &mut self.position else { return Ok(()) };
            let sweep = position.sweeps.entry(name.clone()).or_default();
            if sweep.wish != wish {
                *sweep = Sweep { wish, ..Sweep::default() };
            } else if resting {
                continue;
            }
            if sweep.ended_at.is_some_and(|ended| now - ended > FROM_THE_START || ended > now) {
                *sweep = Sweep { wish: std::mem::take(&mut sweep.wish), ..Sweep::default() };
            }
            let mut sweep = sweep.clone();
            match self.step_of(queue, index, &mut sweep, now).await {
                Ok(()) => {}
                Err(error) => {
                    tracing::warn!(index = %name, %error, "cannot build ahead for an index; retrying");
                    self.again.insert(name.clone(), now + LOOK_AGAIN);
                }
            }
            if let Some(position) = &mut self.position {
                position.sweeps.insert(name.clone(), sweep);
            }
        }
        Ok(())
    }

    async fn step_of(&mut self, queue: &Queue, index: &Index, sweep: &mut Sweep, now: Micros) -> Result<()> {
        if sweep.ended_at.is_some() && by_name(index) {
            self.again.insert(index.name.clone(), now + LOOK_AGAIN);
            return Ok(());
        }
        let (found, after) = match by_name(index) {
            true => names(queue, index, &sweep.after.1).await?,
            false => requested(queue, index, &sweep.after).await?,
        };
        let Some(after) = after else {
            sweep.ended_at.get_or_insert(now);
            self.again.insert(index.name.clone(), now + LOOK_AGAIN);
            return Ok(());
        };
        for (project, version) in found {
            for filename in sources(queue, index, &project, version.as_deref()).await? {
                self.add(&index.name, project.clone(), filename, None);
            }
        }
        sweep.before = std::mem::replace(&mut sweep.after, after);
        Ok(())
    }
}

fn is_swept(index: &Index) -> bool {
    matches!(index.building.ahead, BuildAhead::Requested | BuildAhead::All)
}

/// A stage has what it has; only a mirror tells what was requested of more.
fn by_name(index: &Index) -> bool {
    index.building.ahead == BuildAhead::All || index.is_stage()
}

fn wish(index: &Index, offered: &[Target]) -> String {
    let targets: Vec<&str> = wished(index, offered).iter().map(|target| target.name.as_str()).collect();
    format!("{:?} {}", index.building.ahead, targets.join(" "))
}

/// The next projects by name; no place after the last.
async fn names(queue: &Queue, index: &Index, after: &str) -> Result<(Vec<Found>, Option<(Micros, String)>)> {
    let most = usize::try_from(AT_ONCE).unwrap_or(1);
    let next: Vec<ProjectName> = match &index.kind {
        IndexKind::Stage(_) => {
            let names = queue.db().projects(&index.name).await?;
            names.into_iter().filter(|name| name.as_str() > after).take(most).collect()
        }
        IndexKind::Mirror(_) => {
            let names = queue.indexes().mirrors.names(index).await?;
            let later = names.as_str().lines().filter(|name| *name > after);
            later.take(most).filter_map(ProjectName::new).collect()
        }
    };
    let last = next.last().map(|name| (0, name.to_string()));
    Ok((next.into_iter().map(|name| (name, None)).collect(), last))
}

/// The next releases of which a mirror keeps a file that somebody asked for.
async fn requested(
    queue: &Queue,
    index: &Index,
    after: &(Micros, String),
) -> Result<(Vec<Found>, Option<(Micros, String)>)> {
    let files = queue.db().requested_files(&index.name, after, AT_ONCE).await?;
    let last = files.last().map(|file| (file.uploaded_at, file.filename.clone()));
    let found = files.into_iter().map(|file| (file.project, Some(file.version)));
    Ok((found.collect(), last))
}

/// The source files of a project, or of one version of it, as the index lists them itself.
async fn sources(
    queue: &Queue,
    index: &Index,
    project: &ProjectName,
    wanted: Option<&str>,
) -> Result<Vec<String>> {
    let directory = queue.indexes().directory();
    let page = match queue.indexes().views.page(&directory, index, project, &who()).await {
        Ok(page) => page,
        Err(error) if error.is_withheld() => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let wanted = wanted.map(version::canonical);
    let sources = page.offered().iter().filter(|file| {
        let version = file.filename.canonical_version();
        file.owner() == Some(&index.name)
            && !file.yanked.is_yanked()
            && file.filename.kind() == FileKind::Sdist
            && version.is_some()
            && wanted.as_ref().is_none_or(|wanted| wanted.as_deref() == version)
    });
    Ok(sources.map(|file| file.filename.to_string()).collect())
}
