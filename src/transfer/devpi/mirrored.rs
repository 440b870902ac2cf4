//! Files that a mirror of an export had cached: kept as the same mirror's here.

use super::Import;
use super::dump::{DumpedFile, DumpedIndex, DumpedKind, Object, by_project};
use super::indexes::IndexPlace;
use super::release::yanked;
use crate::db::files::StoredFile;
use crate::error::Result;
use crate::index::mirror::MirroredProject;
use crate::packaging::filename::ListedFilename;
use crate::packaging::page::{File, FilePlace, Page, Yanked};
use crate::tools::time::now;
use serde_json::Value;
use url::Url;

impl Import<'_> {
    pub(super) async fn mirrored(
        &mut self,
        place: &IndexPlace,
        index: DumpedIndex,
        done: &mut u64,
        total: u64,
    ) -> Result<()> {
        for (project, files) in by_project(index.files) {
            let versions = index.projects.get(&project).map(|project| &project.versions);
            let mut kept = MirroredProject { page: Page::new(project.clone()), files: Vec::new() };
            for file in &files {
                let metadata = versions.and_then(|versions| versions.get(file.version.as_ref()?));
                self.cached_file(place, &mut kept, file, metadata).await?;
                *done += 1;
                (self.watch)(place.name.as_str(), *done, total);
            }
            let directory = self.to.indexes.directory();
            if let (false, Some(mirror)) = (self.to.dry_run, directory.indexes.get(&place.name)) {
                self.to.indexes.mirrors.take_over(mirror, kept).await?;
            }
        }
        Ok(())
    }

    async fn cached_file(
        &mut self,
        place: &IndexPlace,
        kept: &mut MirroredProject,
        file: &DumpedFile,
        metadata: Option<&Object>,
    ) -> Result<()> {
        let (filename, project) = (file.filename(), kept.page.name.clone());
        let listed = ListedFilename::parse(&project, filename);
        let url = file.url.as_deref().and_then(|url| Url::parse(url).ok());
        let (Some(listed), Some(mut url)) = (listed, url.filter(|_| file.kind == DumpedKind::Release)) else {
            let why = format!("it is not a file of {project} with the URL from which a mirror had it");
            self.report.refuse(&file.path, why);
            return Ok(());
        };
        url.set_fragment(None);
        let known = self.to.db.file(&place.name, filename).await?.filter(|known| known.deleted_at.is_none());
        let told = file.hashes.sha256.as_ref();
        if let Some(known) = known.as_ref().filter(|known| told == Some(&known.sha256)) {
            self.report.present.files += 1;
            self.report.present.bytes += known.size;
            return Ok(());
        }
        if known.is_some() {
            self.report
                .note(&file.path, format!("{} has another file of this name, which stays", place.name));
            return Ok(());
        }
        let Some(taken) = self.bytes_of(file).await? else { return Ok(()) };
        self.report.added.files += 1;
        self.report.added.bytes += taken.digests.size;
        if self.to.dry_run {
            return Ok(());
        }
        let digests = self.to.store.keep(taken.spool).await?;
        let text = |key: &str| metadata.and_then(|metadata| metadata.get(key)).and_then(Value::as_str);
        let requires_python = text("requires_python").filter(|text| !text.is_empty()).map(str::to_owned);
        let mut shown =
            File { filename: listed.clone(), place: FilePlace::Link(url.to_string()), ..File::default() };
        shown.hashes.sha256 = Some(digests.sha256.clone());
        shown.size = Some(digests.size);
        shown.requires_python.clone_from(&requires_python);
        shown.yanked = metadata.map_or(Yanked::No, yanked);
        kept.page.files.push(shown);
        kept.files.push(StoredFile {
            version: listed.canonical_version().unwrap_or_default().to_owned(),
            kind: listed.kind(),
            url: Some(url.into()),
            sha256: digests.sha256,
            md5: Some(digests.md5),
            blake2_256: Some(digests.blake2_256),
            size: digests.size,
            requires_python,
            uploaded_at: file.modified.unwrap_or_else(now),
            // devpi computed some of these hashes itself: the upstream's word is worth more.
            hash_told: false,
            ..StoredFile::new(place.name.clone(), project, filename)
        });
        Ok(())
    }
}
