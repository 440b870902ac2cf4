//! A large index: after one upload, one project is looked at and its page is written.

use super::{broken_links, order, tree};
use crate::kit::names::{index_name, project_name};
use crate::kit::stages::stage;
use serde_json::json;
use wheelwright::db::Tx;
use wheelwright::db::events::NewEvent;
use wheelwright::db::files::StoredFile;
use wheelwright::words::{EventKind, FileKind};

const OF: &str = "alice/dev";
const PROJECTS: usize = 2000;
const FILES: usize = 5;

#[tokio::test(flavor = "multi_thread")]
async fn after_one_upload_to_two_thousand_projects_one_is_looked_at() {
    let server = stage().await;
    let index = index_name(OF);
    let mut blobs = Vec::new();
    for minor in 0..FILES {
        let bytes = format!("bytes of 1.{minor}");
        blobs.push((server.app.store.put(bytes.clone().into()).await.expect("stored"), bytes.len() as u64));
    }
    let mut tx = Tx::begin(&server.app.db).await.expect("a transaction");
    for number in 0..PROJECTS {
        let project = project_name(&format!("demo-{number:04}"));
        tx.put_project(&index, &project, project.as_str()).await.expect("a project");
        for (minor, (sha256, size)) in blobs.iter().enumerate() {
            let version = format!("1.{minor}");
            let metadata =
                json!({"name": project, "version": version, "metadata_version": "2.1"}).to_string();
            tx.put_release(&index, &project, &version, &metadata, true).await.expect("a release");
            let filename = format!("{}-{version}-py3-none-any.whl", project.escaped());
            let mut file = StoredFile::new(index.clone(), project.clone(), &filename);
            (file.version, file.kind, file.sha256, file.size) =
                (version, FileKind::Wheel, sha256.clone(), *size);
            tx.put_file(&file, None).await.expect("a file");
        }
    }
    tx.commit(NewEvent::of("root", EventKind::Imported).on(&index)).await.expect("committed");

    let folder = tempfile::tempdir().expect("a folder");
    let first = server.export(&order(OF), folder.path()).await.expect("exported");
    assert_eq!((first.projects, first.files, first.pages), (PROJECTS, PROJECTS * FILES, 2 * PROJECTS + 3));
    assert_eq!(broken_links(folder.path()), Vec::<String>::new());
    let before = tree(folder.path());
    server.host(OF, "demo-0815", "2.0", b"new").await;
    let later = server.export(&order(OF), folder.path()).await.expect("exported");
    assert_eq!((later.projects_changed, later.files, later.pages, later.removed), (1, 2, 3, 0));
    let after = tree(folder.path());
    let mut changed: Vec<&str> = after
        .iter()
        .filter(|(path, bytes)| before.get(*path) != Some(*bytes))
        .map(|(path, _)| path.as_str())
        .collect();
    changed.retain(|path| !path.starts_with("files/"));
    assert_eq!(changed, ["index.html", "simple/demo-0815/index.html", "simple/demo-0815/index.json"]);
}
