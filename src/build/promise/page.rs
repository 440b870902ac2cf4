//! Promises on a target's page, computed from what is stored.

use super::{Offered, filename, url};
use crate::build::choose;
use crate::build::queue::{Builds, owner_of};
use crate::db::Micros;
use crate::error::Result;
use crate::index::directory::Directory;
use crate::index::view::Amend;
use crate::packaging::filename::WheelFilename;
use crate::packaging::page::{CoreMetadata, File, Page};
use crate::packaging::version::Version;
use futures::future::BoxFuture;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Adds to a page what is promised to a target.
pub struct ForTarget {
    pub builds: Builds,
    pub offered: Arc<Offered>,
}

impl Amend for ForTarget {
    fn key(&self) -> &str {
        &self.offered.key
    }

    fn amend<'a>(&'a self, page: &'a mut Page, directory: &'a Directory) -> BoxFuture<'a, Result<Micros>> {
        Box::pin(async move {
            let _ = directory;
            let promised = promises(page, &self.offered);
            page.files.extend(promised);
            page.sort();
            Ok(Micros::MAX)
        })
    }
}

/// One for each release that has a source and no wheel that the target can use.
fn promises(page: &Page, offered: &Offered) -> Vec<File> {
    let target = &offered.target;
    let wheels = page.offered().iter().filter_map(|file| WheelFilename::parse(&file.filename).ok());
    let served: BTreeSet<Version> =
        wheels.filter(|wheel| offered.ranks.rank(wheel).is_some()).map(|wheel| wheel.version).collect();
    let fits = |file: &File| {
        file.requires_python.as_deref().is_none_or(|text| choose::fits_python(text, &target.version))
    };
    let open = choose::sdists(page).into_iter().filter(|(version, _)| !served.contains(version));
    let promised = open.filter(|(_, source)| fits(source)).filter_map(|(version, source)| {
        let name = filename(&page.name, &version, target);
        Some(File {
            url: url(&owner_of(source)?, &target.name, &name),
            filename: name,
            requires_python: source.requires_python.clone(),
            upload_time: source.upload_time.clone(),
            yanked: source.yanked.clone(),
            core_metadata: CoreMetadata::Yes,
            ..File::default()
        })
    });
    promised.collect()
}
