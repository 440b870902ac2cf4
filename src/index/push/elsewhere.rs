//! A release pushed to a server elsewhere, file by file, as a publisher would.

use super::PushedRelease;
use crate::db::attachments::Attachment;
use crate::db::files::StoredFile;
use crate::directory::Index;
use crate::error::{Error, Result};
use crate::index::Indexes;
use crate::index::kept::says_private;
use crate::lost;
use crate::names::ProjectName;
use crate::packaging::filename::WheelFilename;
use crate::packaging::metadata::{Metadata, form_fields};
use crate::upstream::client::{FormFile, UpstreamSource};
use crate::words::FileKind;
use serde_json::{Map, Value};

/// One thing that was sent, and what became of it.
pub struct SentElsewhere {
    /// The server's; `None`: it did not answer.
    pub status: Option<u16>,
    pub what: SentWhat,
    /// What the server said, or why it could not be asked.
    pub said: String,
}

/// What was sent.
pub enum SentWhat {
    Registration,
    /// By its name.
    File(String),
    /// By its name.
    Documentation(String),
}

impl Indexes {
    /// Whether a project says that it must not leave: by the release at hand, or by another one there.
    pub async fn is_private(
        &self,
        index: &Index,
        project: &ProjectName,
        release: &PushedRelease,
    ) -> Result<bool> {
        let sources = std::slice::from_ref(&index.name);
        Ok(says_private(&release.metadata) || self.views.is_private(sources, project).await?)
    }

    /// Sends a release to `to` and tells what became of each part; ends at the first that is refused.
    ///
    /// # Errors
    /// `Internal` for what is stored and cannot be read; what the server says is no error.
    pub async fn push_elsewhere(
        &self,
        project: &ProjectName,
        release: &PushedRelease,
        to: &UpstreamSource,
        register: bool,
    ) -> Result<Vec<SentElsewhere>> {
        let metadata: Metadata = serde_json::from_str(&release.metadata).map_err(Error::internal)?;
        let mut about = form_fields(&metadata);
        about.insert("name".into(), spelling(&metadata, project).into());
        about.insert("version".into(), release.version.as_str().into());
        let mut sent = Vec::new();
        if register {
            let form = form("submit", &about, &[]);
            sent.push(self.send(to, SentWhat::Registration, &form, None).await);
        }
        for file in &release.files {
            if failed(&sent) {
                return Ok(sent);
            }
            let (kind, python) = kind_and_python(file);
            let more = [("filetype", kind), ("pyversion", &*python), ("sha256_digest", &*file.sha256)];
            let form = form("file_upload", &about, &more);
            let content = self.form_file(&file.filename, &file.sha256, file.size).await?;
            sent.push(self.send(to, SentWhat::File(file.filename.clone()), &form, Some(content)).await);
        }
        if let Some(docs) = release.documentation().filter(|_| !failed(&sent)) {
            sent.push(self.send_documentation(to, project, &about, docs).await?);
        }
        Ok(sent)
    }

    async fn send_documentation(
        &self,
        to: &UpstreamSource,
        project: &ProjectName,
        about: &Map<String, Value>,
        docs: &Attachment,
    ) -> Result<SentElsewhere> {
        let filename = format!("{project}.zip");
        let content = self.form_file(&filename, &docs.sha256, docs.size).await?;
        let named: Map<String, Value> =
            about.iter().filter(|(key, _)| *key == "name" || *key == "version").map(own).collect();
        let form = form("doc_upload", &named, &[]);
        Ok(self.send(to, SentWhat::Documentation(filename), &form, Some(content)).await)
    }

    async fn form_file(&self, filename: &str, sha256: &str, size: u64) -> Result<FormFile> {
        let blob = self.store.get(sha256, None).await?;
        let blob = blob.ok_or_else(|| lost!("the server lost the bytes of {filename}"))?;
        let content = blob.into_stream();
        Ok(FormFile { field: "content", filename: filename.to_owned(), size, content })
    }

    async fn send(
        &self,
        to: &UpstreamSource,
        what: SentWhat,
        form: &[(String, String)],
        file: Option<FormFile>,
    ) -> SentElsewhere {
        match self.mirrors.client().publish(to, form, file).await {
            Ok((status, said)) => SentElsewhere { status: Some(status), what, said },
            Err(error) => SentElsewhere { status: None, what, said: error.to_string() },
        }
    }
}

fn own((key, value): (&String, &Value)) -> (String, Value) {
    (key.clone(), value.clone())
}

fn failed(sent: &[SentElsewhere]) -> bool {
    sent.last().is_some_and(|last| !matches!(last.status, Some(200 | 201)))
}

fn spelling<'a>(metadata: &'a Metadata, project: &'a ProjectName) -> &'a str {
    if metadata.name.is_empty() { project.as_str() } else { &metadata.name }
}

/// As publishers call it: the kind of the file, and for which Python it is.
fn kind_and_python(file: &StoredFile) -> (&'static str, String) {
    match WheelFilename::parse(&file.filename) {
        Ok(wheel) => (FileKind::Wheel.name(), wheel.python.join(".")),
        Err(_) => (FileKind::Sdist.name(), "source".to_owned()),
    }
}

/// The fields of a form: lists several times, nothing that is empty.
fn form(action: &str, about: &Map<String, Value>, more: &[(&str, &str)]) -> Vec<(String, String)> {
    let mut fields = vec![(":action".to_owned(), action.to_owned())];
    fields.push(("protocol_version".to_owned(), "1".to_owned()));
    for (key, value) in about {
        match value {
            Value::String(text) if !text.is_empty() => fields.push((key.clone(), text.clone())),
            Value::Array(items) => {
                let texts = items.iter().filter_map(Value::as_str);
                fields.extend(texts.map(|text| (key.clone(), text.to_owned())));
            }
            _ => {}
        }
    }
    fields.extend(more.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())));
    fields
}
