//! A release pushed from one index to another of this server: rows are written, no bytes are copied.

mod elsewhere;

pub use elsewhere::{SentElsewhere, SentWhat};

use super::Indexes;
use super::beside::documentation_name;
use super::manage::Yank;
use super::mirror::Located;
use super::upload::{a_stage, may_upload, refuse_status, release_key, same_or_refused};
use crate::access::Who;
use crate::db::Tx;
use crate::db::attachments::Attachment;
use crate::db::events::NewEvent;
use crate::db::files::{Put, StoredFile};
use crate::directory::{Directory, Index, IndexKind};
use crate::error::{Error, Result};
use crate::hooks::programs::Upcoming;
use crate::names::{IndexName, ProjectName};
use crate::packaging::metadata::Metadata;
use crate::packaging::page::File;
use crate::packaging::version;
use crate::tools::time::now;
use crate::words::{AttachmentKind, EventKind, History, Passage, PassageKind, WebhookEvent};
use crate::{bad, conflict, missing};
use std::sync::Arc;

/// What is pushed.
#[derive(Clone, Debug)]
pub struct PushOrder<'a> {
    pub project: &'a ProjectName,
    /// In any spelling.
    pub version: &'a str,
    /// Files with their results of tests.
    pub files: bool,
    pub documentation: bool,
}

/// What a release on an index consists of.
pub struct PushedRelease {
    /// The release's own spelling.
    pub version: String,
    /// JSON of `packaging::metadata::Metadata`.
    pub metadata: String,
    /// What was taken back there is not new on another index.
    pub yank: Yank,
    /// By their names.
    pub files: Vec<StoredFile>,
    pub attachments: Vec<Attachment>,
}

impl PushedRelease {
    /// The results of one file's tests.
    pub fn results_of<'a>(&'a self, filename: &'a str) -> impl Iterator<Item = &'a Attachment> {
        self.attachments.iter().filter(move |known| known.about.as_deref() == Some(filename))
    }

    pub fn documentation(&self) -> Option<&Attachment> {
        self.attachments.iter().find(|known| known.kind == AttachmentKind::Documentation)
    }
}

impl Indexes {
    /// What `order` means on `from` itself; a mirror fetches the files first.
    ///
    /// # Errors
    /// `Missing` or `Bad` if there is nothing to push.
    pub async fn to_push(
        &self,
        directory: &Arc<Directory>,
        who: &Who,
        from: &Index,
        order: &PushOrder<'_>,
    ) -> Result<PushedRelease> {
        let (project, asked) = (order.project, version::parse(order.version));
        let same = |known: &str| known == order.version || asked.is_some() && version::parse(known) == asked;
        directory.quarantines.permit(&from.name, project, asked.as_ref())?;
        let mut yank = match from.is_mirror() {
            true => self.fetch_release((directory, who), from, project, &same).await?,
            false => Yank::No,
        };
        let mut files = self.db.project_files(&from.name, project).await?;
        files.retain(|file| same(&file.version) && order.files);
        let releases = self.db.releases(&from.name, project).await?;
        let release = releases.into_iter().find(|known| same(&known.version));
        let (version, metadata) = match (release, files.first()) {
            (Some(release), _) => {
                if release.yanked_at.is_some() {
                    yank = Yank::Yes(release.yanked_reason);
                }
                (release.version, release.metadata)
            }
            (None, Some(file)) => {
                let page = self.views.page(directory, from, project, who).await?;
                let metadata = self.views.metadata(directory, from, &page, &file.version, who).await?;
                (file.version.clone(), serde_json::to_string(&metadata).map_err(Error::internal)?)
            }
            (None, None) => {
                return Err(missing!(
                    "no release/files found for {project} {} on {}",
                    order.version,
                    from.name
                ));
            }
        };
        let mut attachments = self.db.attachments(&from.name, project).await?;
        attachments.retain(|known| match known.kind {
            AttachmentKind::Documentation => order.documentation && same(&known.version),
            AttachmentKind::TestResult => order.files && same(&known.version),
        });
        if files.is_empty() && attachments.is_empty() {
            return Err(bad!("there are no files for {project} {version} on stage {}", from.name));
        }
        Ok(PushedRelease { version, metadata, yank, files, attachments })
    }

    /// Stores the files of a mirror's release; whether the upstream took all of them back.
    async fn fetch_release(
        &self,
        (directory, who): (&Directory, &Who),
        from: &Index,
        project: &ProjectName,
        same: &impl Fn(&str) -> bool,
    ) -> Result<Yank> {
        let page = self.mirrors.page(from, project, false).await?;
        let files = page.iter().flat_map(|page| &page.page.files);
        let wanted =
            files.filter(|file| file.filename.version().is_some_and(|version| same(&version.to_string())));
        let wanted: Vec<File> = wanted.cloned().collect();
        let why = wanted.iter().map(|file| file.yanked.why()).collect::<Option<Vec<_>>>();
        let why = why.and_then(|reasons| reasons.first().copied().map(str::to_owned));
        for file in wanted {
            if let IndexKind::Mirror(mirror) = &from.kind {
                super::files::permit((directory, &from.name), mirror, project, &file)?;
            }
            let located = Located { project: project.clone(), file };
            self.mirrors.ensure(from, &located, &who.asker().unwrap_or_default()).await?;
        }
        Ok(why.map_or(Yank::No, |why| Yank::Yes(Some(why).filter(|why| !why.is_empty()))))
    }

    /// Gives `to` a release of `from`, all of it or nothing. Bytes that it has already under a name stay.
    ///
    /// # Errors
    /// `Conflict` if it has other bytes under one of the names, `Forbidden` without the permission.
    pub async fn push(
        &self,
        directory: &Directory,
        who: &Who,
        from: &Index,
        to: &Index,
        project: &ProjectName,
        release: &PushedRelease,
    ) -> Result<()> {
        a_stage(to)?;
        may_upload(directory, who, to, project)?;
        let mut attestations = Vec::with_capacity(release.files.len());
        for file in &release.files {
            attestations.push(match file.attested {
                true => self.db.attestations(&from.name, &file.filename).await?,
                false => None,
            });
        }
        let metadata: Metadata = serde_json::from_str(&release.metadata).map_err(Error::internal)?;
        self.refuse_private(to, &metadata)?;
        self.has_room(to, release.files.iter().map(|file| file.size).sum()).await?;
        let mut added = None;
        for file in &release.files {
            let upcoming = Upcoming {
                event: WebhookEvent::Push,
                who: &who.label,
                index: &to.name,
                from: Some(&from.name),
                project,
                version: release.version.clone(),
                filename: &file.filename,
                sha256: &file.sha256,
                size: file.size,
                metadata: &metadata,
            };
            added = self.programs.ask(&upcoming).await?.or(added);
        }
        let mut tx = Tx::begin(&self.db).await?;
        refuse_status(tx.project_status(&to.name, project).await?, project)?;
        let spelling = if metadata.name.is_empty() { project.as_str() } else { metadata.name.as_str() };
        tx.put_project(&to.name, project, spelling).await?;
        let parsed = version::parse(&release.version)
            .ok_or_else(|| bad!("'{}' is not a version by PEP 440", release.version))?;
        let is_new = tx
            .versions(&to.name, project)
            .await?
            .iter()
            .all(|known| version::parse(known).as_ref() != Some(&parsed));
        let key = release_key(&mut tx, &to.name, project, &parsed).await?;
        tx.put_release(&to.name, project, &key, &release.metadata, true).await?;
        if let (Yank::Yes(why), true) = (&release.yank, is_new) {
            tx.set_yanked(&to.name, project, &key, true, why.as_deref()).await?;
        }
        let pushed = Step { who, from: &from.name, to: &to.name };
        for (file, attestations) in release.files.iter().zip(&attestations) {
            let before = (file.url.is_none()).then_some((&file.uploader, file.uploaded_at));
            let new = StoredFile {
                index: to.name.clone(),
                version: key.clone(),
                url: None,
                uploaded_at: now(),
                history: Some(pushed.after(file.history.as_ref(), before)),
                ..file.clone()
            };
            if let Put::Taken(known) = tx.put_file(&new, attestations.as_deref()).await? {
                same_or_refused(&known, &new.filename, &new.sha256)
                    .map_err(|why| conflict!("{} already exists in {}: {why}", new.filename, to.name))?;
            }
        }
        for attachment in &release.attachments {
            self.push_attachment(&mut tx, to, &key, attachment, &pushed).await?;
        }
        let detail = format!("{key} from {}", from.name);
        let event = NewEvent::of(&who.label, EventKind::Push).on(&to.name).about(project).saying(&detail);
        tx.commit(event.adding(added.as_deref())).await?;
        self.changed(&to.name, project);
        Ok(())
    }

    async fn push_attachment(
        &self,
        tx: &mut Tx,
        to: &Index,
        key: &str,
        attachment: &Attachment,
        pushed: &Step<'_>,
    ) -> Result<()> {
        let documentation = attachment.kind == AttachmentKind::Documentation;
        let name = match documentation {
            true => documentation_name(&attachment.project, key),
            false => attachment.name.clone(),
        };
        if let Some(known) = tx.attachment(&to.name, &name).await? {
            if known.sha256 == attachment.sha256 {
                return Ok(());
            }
            if documentation && !to.volatile {
                return Err(conflict!("{name} already exists in non-volatile index {}", to.name));
            }
        }
        let before = Some((&attachment.uploader, attachment.uploaded_at));
        tx.put_attachment(&Attachment {
            index: to.name.clone(),
            version: key.to_owned(),
            name,
            history: Some(pushed.after(attachment.history.as_ref(), before)),
            ..attachment.clone()
        })
        .await
    }
}

/// One push, for the history of what is pushed.
struct Step<'a> {
    who: &'a Who,
    from: &'a IndexName,
    to: &'a IndexName,
}

impl Step<'_> {
    /// The history of something that was pushed: what it had, or its upload, and the push.
    fn after(&self, known: Option<&History>, uploaded: Option<(&Option<String>, i64)>) -> History {
        let passage =
            |what, who: Option<String>, at| Passage { what, who, at, src: None, dst: None, count: None };
        let mut steps = match (known, uploaded) {
            (Some(known), _) => known.0.clone(),
            (None, Some((who, at))) => vec![Passage {
                dst: Some(self.from.clone()),
                ..passage(PassageKind::Upload, who.clone(), at)
            }],
            (None, None) => Vec::new(),
        };
        steps.push(Passage {
            src: Some(self.from.clone()),
            dst: Some(self.to.clone()),
            ..passage(PassageKind::Push, self.who.user.clone(), now())
        });
        History(steps)
    }
}
