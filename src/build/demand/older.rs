//! An older version that is chosen only because the build of a newer one failed is no answer: whoever asked
//! wants the newer one, and is told why it is not to be had.

use super::Demand;
use super::failures::{self, PassedOver};
use super::pin::Pin;
use crate::bad;
use crate::error::{Error, Result};
use crate::names::ProjectName;
use crate::packaging::metadata::Metadata;
use crate::packaging::page::{CoreMetadata, File, FilePlace};
use crate::packaging::requirement::Requirement;
use crate::packaging::version::{self, Version, VersionSpecifiers};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// What was asked for, and what came out.
pub struct ResolverOutcome<'a> {
    /// The requirements of whoever asks, but for those that are URLs.
    pub own: &'a [Requirement],
    /// Pins that they wanted to keep, one a line.
    pub kept: &'a str,
    pub pins: &'a BTreeMap<ProjectName, Pin>,
}

impl Demand<'_> {
    /// Refuses an answer that has an older version of what is required, because of a build that failed.
    ///
    /// # Errors
    /// `Bad` with each such build.
    pub(super) async fn refuse_older(
        &self,
        outcome: &ResolverOutcome<'_>,
        passed: &[PassedOver],
    ) -> Result<()> {
        let mut text = String::new();
        for one in passed {
            if self.is_to_blame(outcome, one).await? {
                let target = &self.target().name;
                // A String can be written to.
                let _ = write!(
                    text,
                    "{} exists as source, but its build for {target} failed; {} is older\n{}",
                    one.build.title(),
                    one.pin,
                    failures::failed(self, &one.build).await
                );
            }
        }
        match text.is_empty() {
            true => Ok(()),
            false => Err(bad!(
                "a newer version is required than the server could build:\n\n{text}\nMend the build, or exclude the \
                 version from your requirements (write !=VERSION), or accept older versions (wheelwright compile \
                 --accept-older, +compile/?older=accept)"
            )),
        }
    }

    /// Whether the version would be in the answer if its build had not failed, by the requirements of whoever
    /// asks. Where that cannot be told, it is not said.
    async fn is_to_blame(&self, outcome: &ResolverOutcome<'_>, passed: &PassedOver) -> Result<bool> {
        let (project, markers) = (&passed.project, &self.target().markers);
        let is_own = |own: &&Requirement| own.name == *project && own.applies(markers, &BTreeSet::new());
        let own: Vec<&Requirement> = outcome.own.iter().filter(is_own).collect();
        let keeps = |line: &str| {
            let kept = Requirement::parse(line).ok().filter(|kept| kept.name == *project);
            kept.is_some_and(|kept| version::satisfies(&kept.specifiers, &passed.pin))
        };
        let takes = |own: &&Requirement| version::satisfies(&own.specifiers, &passed.version);
        if own.is_empty() || !own.iter().all(takes) || outcome.kept.lines().any(keeps) {
            return Ok(false);
        }
        // What the page does not leave out is not to blame, and nothing more need be read.
        let (page, chooser) = (self.page(project).await?, &self.target.offered.chooser);
        if !page.left_out.iter().any(|one| one.version == passed.version.to_string()) {
            return Ok(false);
        }
        let mut limits: Vec<_> = own.iter().flat_map(|own| own.specifiers.iter().cloned()).collect();
        let by = outcome.pins.get(project).and_then(|pin| pin.by.as_ref());
        let Some(by) = by else { return Ok(false) };
        for name in by {
            let Some(Pin { version, .. }) = outcome.pins.get(name) else { return Ok(false) };
            let Some(requires) = self.requirements_of(name, version).await? else { return Ok(false) };
            for required in requires.into_iter().filter(|required| required.name == *project) {
                limits.extend(required.specifiers.iter().cloned());
            }
        }
        let limits: VersionSpecifiers = limits.into_iter().collect();
        let newest = chooser.sdist(&page, &limits).map(|found| found.version).ok();
        let wheel = chooser.wheel(&page, &limits).map(|found| found.version);
        Ok(newest.as_ref() == Some(&passed.version) && wheel < newest)
    }

    /// What a pinned version requires; `None` if nobody here tells.
    async fn requirements_of(
        &self,
        name: &ProjectName,
        version: &Version,
    ) -> Result<Option<Vec<Requirement>>> {
        let page = match self.page(name).await {
            Ok(page) => page,
            Err(error) if error.is_withheld() => return Ok(None),
            Err(error) => return Err(error),
        };
        let exact = format!("=={version}").parse().map_err(Error::internal)?;
        let Some(found) = self.target.offered.chooser.wheel(&page, &exact) else { return Ok(None) };
        let Some(metadata) = self.metadata(name, version, found.file).await? else { return Ok(None) };
        let requires = metadata.requires_dist.iter().map(|text| Requirement::parse_forgiving(text).ok());
        Ok(requires.collect())
    }

    async fn metadata(&self, name: &ProjectName, version: &Version, file: &File) -> Result<Option<Metadata>> {
        match (&file.place, &file.core_metadata) {
            (FilePlace::Promised(..), CoreMetadata::Sha256(sha256)) => {
                let bytes = self.queue.store().whole(sha256).await?;
                Ok(bytes.and_then(|bytes| Metadata::parse(&bytes).ok()))
            }
            (FilePlace::Promised(..), _) => Ok(None),
            _ => match file.owner().and_then(|owner| self.directory.indexes.get(owner)) {
                Some(index) => {
                    let views = &self.queue.indexes().views;
                    views.metadata_of_file(self.directory, index, name, &version.to_string(), file).await
                }
                None => Ok(None),
            },
        }
    }
}
