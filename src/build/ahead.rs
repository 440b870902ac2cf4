//! Building before anybody asks: what is uploaded, what was ever requested, or all that an index lists.
//!
//! One source is taken up at a time per item, and only so many builds are open at once, so that the
//! queue stays short for people. The first build of a source is for the oldest Python 3: if a pure or
//! stable-ABI wheel comes out, it serves the others too, and only what the page still lacks a wheel
//! for is asked next. What failed is not asked again: the queue remembers it.

mod memory;
mod sweep;
mod wished;

pub use memory::Ahead;

use super::queue::{Ask, Priority, Queue, Wanted};
use super::target::Target;
use crate::directory::{BuildAhead, Directory, Index};
use crate::error::{Error, Result};
use crate::names::{BuildContext, ProjectName};
use crate::packaging::filename::ListedFilename;
use crate::packaging::page::{File, Page};
use crate::tools::panics;
use crate::tools::time::Micros;
use crate::words::{EventKind, FileKind};
use memory::{MOST_OPEN, SourceAhead, who};
use wished::wished;

/// Events read at once.
const EVENTS: u32 = 500;

/// Attempts at a source whose index or upstream fails.
const MOST_TRIES: u32 = 20;

impl Ahead {
    /// Does what is to be done as of `now`; to be called twice a second or so.
    pub async fn step(&mut self, queue: &Queue, now: Micros) -> Result<()> {
        if self.position.is_none() {
            self.begin(queue).await?;
        }
        let offered = queue.targets().offered().await?;
        if !offered.is_empty() {
            self.take_uploads(queue).await?;
            self.sweep(queue, &offered, now).await?;
            self.go_on(queue, &offered).await?;
        }
        self.keep(queue).await
    }

    /// New uploads of sources become items.
    async fn take_uploads(&mut self, queue: &Queue) -> Result<()> {
        let Some(position) = &self.position else { return Ok(()) };
        if self.room() == 0 || queue.db().newest_serial() <= position.serial {
            return Ok(());
        }
        let events = queue.db().events_after(position.serial, EVENTS).await?;
        let directory = queue.indexes().directory();
        for event in events {
            if self.room() == 0 {
                break;
            }
            if let Some(position) = &mut self.position {
                position.serial = event.serial;
            }
            let index = event.context.as_ref().and_then(BuildContext::only);
            let index = index.and_then(|name| directory.indexes.get(name));
            let (Some(index), Some(project), Some(filename)) = (index, event.project, event.detail) else {
                continue;
            };
            if event.what == EventKind::Upload
                && index.building.ahead != BuildAhead::Never
                && is_source(&project, &filename)
            {
                self.add(&index.name, project, filename, Some(event.serial));
            }
        }
        Ok(())
    }

    /// Every item gets a step further; those that are through go.
    async fn go_on(&mut self, queue: &Queue, offered: &[Target]) -> Result<()> {
        let directory = queue.indexes().directory();
        let mut open: usize = self.items.iter().map(|item| item.open.len()).sum();
        let mut rest = Vec::with_capacity(self.items.len());
        for mut item in std::mem::take(&mut self.items) {
            let before = item.open.len();
            let through = match open.saturating_sub(before) >= MOST_OPEN {
                true => Ok(false),
                // A panic counts as a failure of this source alone.
                false => panics::caught(item.go_on(queue, &directory, offered)).await,
            };
            open = open.saturating_sub(before) + item.open.len();
            match through {
                Ok(true) => {}
                Ok(false) => rest.push(item),
                Err(error) if error.is_withheld() || matches!(error, Error::Bad(_) | Error::Gone(_)) => {}
                Err(error) => {
                    item.tries += 1;
                    match item.tries < MOST_TRIES {
                        true => rest.push(item),
                        false => {
                            let (index, file) = (item.index.as_str(), &item.filename);
                            tracing::warn!(index, file, %error, "cannot build a source ahead");
                        }
                    }
                }
            }
        }
        self.items = rest;
        Ok(())
    }
}

impl SourceAhead {
    /// Asks for what is still lacking, if nothing is open; true if nothing is lacking.
    async fn go_on(&mut self, queue: &Queue, directory: &Directory, offered: &[Target]) -> Result<bool> {
        let mut open = Vec::with_capacity(self.open.len());
        for id in &self.open {
            match queue.get(*id).await {
                Ok(build) if !build.state.has_ended() => open.push(*id),
                Ok(_) | Err(Error::Missing(_)) => {}
                Err(error) => return Err(error),
            }
        }
        self.open = open;
        if !self.open.is_empty() {
            return Ok(false);
        }
        let Some(index) = directory.indexes.get(&self.index) else { return Ok(true) };
        let page = self.page(queue, index).await?;
        let Some(file) = page.offered().iter().find(|file| file.filename == self.filename) else {
            return Ok(true);
        };
        let lacking = lacking(&page, file, &wished(index, offered));
        let lacking: Vec<&Target> =
            lacking.into_iter().filter(|target| !self.asked.contains(&target.name)).collect();
        // What comes out of the first build decides whether the others are needed.
        let next = if self.asked.is_empty() { 1 } else { lacking.len() };
        let next: Vec<String> = lacking.iter().take(next).map(|target| target.name.clone()).collect();
        if next.is_empty() {
            return Ok(true);
        }
        self.ask(queue, next).await?;
        Ok(false)
    }

    async fn page(&self, queue: &Queue, index: &Index) -> Result<Page> {
        let directory = queue.indexes().directory();
        queue.indexes().views.page(&directory, index, &self.project, &who()).await
    }

    async fn ask(&mut self, queue: &Queue, targets: Vec<String>) -> Result<()> {
        for target in targets {
            let wanted = Wanted::File { project: self.project.clone(), filename: self.filename.clone() };
            let ask = Ask {
                targets: vec![target.clone()],
                ..Ask::wheels(wanted, self.index.clone(), Priority::Ahead)
            };
            match queue.ask(&who(), &ask).await {
                Ok(ids) => self.open.extend(ids),
                // This target is none for it; others may be.
                Err(error) if error.is_withheld() || matches!(error, Error::Bad(_)) => {}
                Err(error) => return Err(error),
            }
            self.asked.insert(target);
        }
        Ok(())
    }
}

fn is_source(project: &ProjectName, filename: &str) -> bool {
    ListedFilename::parse(project, filename).is_some_and(|listed| listed.kind() == FileKind::Sdist)
}

/// The targets that suit the source and for which the page has no wheel of its version yet.
fn lacking<'a>(page: &Page, source: &File, targets: &[&'a Target]) -> Vec<&'a Target> {
    let Some(version) = source.filename.version() else { return Vec::new() };
    let is_lacking = |target: &&Target| {
        let chooser = target.chooser();
        chooser.fits_python(source.requires_python.as_deref())
            && !chooser.wheel_of_each(page).contains_key(version)
    };
    targets.iter().copied().filter(is_lacking).collect()
}

#[cfg(test)]
mod tests;
