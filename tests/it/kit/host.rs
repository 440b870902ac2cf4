//! Indexes and files put in place without the doors, for stories about reading.

use super::Server;
use crate::kit::names::{index_name, project_name};
use bytes::Bytes;
use serde_json::{Value, json};
use wheelwright::access::Who;
use wheelwright::access::accounts::{self, AccountChange};
use wheelwright::db::Tx;
use wheelwright::db::events::NewEvent;
use wheelwright::db::files::StoredFile;
use wheelwright::index::admin;
use wheelwright::names::IndexName;
use wheelwright::packaging::page::FilePlace;
use wheelwright::words::{EventKind, FileKind};

/// A file that was put in place.
pub struct Hosted {
    pub sha256: String,
    /// Of its page's link: `/alice/dev/+f/…`.
    pub path: String,
}

impl Server {
    /// An index with these options; its user comes into being with the password `secret`.
    pub async fn have_index(&self, name: &str, options: Value) {
        let root = Who { user: Some("root".into()), ..Who::default() };
        let name = IndexName::parse(name).expect("user/index");
        let directory = self.app.indexes.directory();
        if !directory.users.contains_key(name.user()) {
            let given = json!({"password": "secret"}).as_object().cloned().unwrap_or_default();
            let given = AccountChange::from_json(given).expect("a profile");
            accounts::create(&self.app.db, "root", name.user(), &given).await.expect("a user");
        }
        let options = options.as_object().cloned().expect("an object");
        admin::create(&self.app.db, &directory, &root, &name, &options).await.expect("an index");
        self.app.indexes.refresh().await.expect("the directory is read");
    }

    /// A wheel of `project` whose METADATA is `metadata`.
    pub async fn host(&self, index: &str, project: &str, version: &str, bytes: &[u8]) -> Hosted {
        let escaped = project.replace('-', "_");
        self.host_file(index, project, version, &format!("{escaped}-{version}-py3-none-any.whl"), bytes).await
    }

    /// A file of any name.
    pub async fn host_file(
        &self,
        index: &str,
        project: &str,
        version: &str,
        filename: &str,
        bytes: &[u8],
    ) -> Hosted {
        let sha256 = self.app.store.put(Bytes::copy_from_slice(bytes)).await.expect("stored");
        let metadata = format!("Metadata-Version: 2.1\nName: {project}\nVersion: {version}\n");
        let metadata_sha256 = self.app.store.put(metadata.into()).await.expect("stored");
        let (at, of) = (index_name(index), project_name(project));
        let mut file = StoredFile::new(at.clone(), of.clone(), filename);
        file.version = version.into();
        file.kind = if filename.ends_with(".whl") { FileKind::Wheel } else { FileKind::Sdist };
        (file.sha256, file.size) = (sha256.clone(), bytes.len() as u64);
        (file.requires_python, file.metadata_sha256) = (Some(">=3.8".into()), Some(metadata_sha256));
        let mut tx = Tx::begin(&self.app.db).await.expect("a transaction");
        tx.put_project(&at, &of, project).await.expect("a project");
        let json = json!({"metadata_version": "2.1", "name": project, "version": version}).to_string();
        tx.put_release(&at, &of, version, &json, true).await.expect("a release");
        tx.put_file(&file, None).await.expect("a file");
        self.commit(tx, index, project).await;
        let place = FilePlace::Hosted(IndexName::parse(index).expect("an index's name"));
        let path = place.href(filename, Some(&sha256), "/").to_string();
        Hosted { sha256, path }
    }

    /// Commits what was written about a project, as the doors do.
    pub async fn commit(&self, tx: Tx, index: &str, project: &str) {
        let (index, project) = (index_name(index), project_name(project));
        let event = NewEvent::of("root", EventKind::Upload).on(&index).about(&project);
        tx.commit(event).await.expect("committed");
        self.app.indexes.changed(&index, &project);
    }

    /// GET with headers.
    pub async fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> reqwest::Response {
        let mut request = self.http.get(self.url(path));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.send().await.expect("an answer")
    }
}

/// The body of an answer as JSON.
pub async fn json_of(answer: reqwest::Response) -> Value {
    let bytes = answer.bytes().await.expect("a whole body");
    serde_json::from_slice(&bytes).expect("JSON")
}
