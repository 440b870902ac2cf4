//! Stories of one file in several spellings: whatever its name is written like, it is one file.

use crate::kit::Server;
use crate::kit::backend::on_both;
use crate::kit::forms::{Answer, Form};
use crate::kit::host::json_of;
use crate::kit::names::{index_name, project_name};
use crate::kit::packages::{Dist, Package};
use crate::kit::stages::{PASSWORD, stage};
use futures::future::join_all;
use serde_json::json;
use wheelwright::db::Db;

const DEV: &str = "alice/dev";

async fn put(server: &Server, path: &str, dist: &Dist) -> Answer {
    server.post(path, Form::of(dist), "alice", PASSWORD).await
}

/// Wheels that an installer takes for the same file, each with bytes of its own.
fn spellings() -> Vec<Dist> {
    let wheel = |name: &str, version: &str, build: &str, tag: &str| {
        let package = Package::new("Dup_Demo", version).tag(tag).build(build);
        let dist = package.description(&format!("{name} {version} {build} {tag}")).wheel();
        Dist { filename: format!("{name}-{version}-{build}-{tag}.whl"), ..dist }
    };
    vec![
        wheel("dup_demo", "1.0", "1", "py2.py3-none-any"),
        wheel("Dup_Demo", "1.0", "1", "py2.py3-none-any"),
        wheel("dup.demo", "1.0", "1", "py2.py3-none-any"),
        wheel("dup_demo", "1.0.0", "1", "py2.py3-none-any"),
        wheel("dup_demo", "1", "1", "py2.py3-none-any"),
        wheel("dup_demo", "1.0", "01", "py2.py3-none-any"),
        wheel("dup_demo", "1.0", "1", "py3.py2-none-any"),
        wheel("DUP_demo", "1.0.0", "001", "py3.py2.py3-none-any"),
    ]
}

async fn listed(server: &Server, path: &str) -> Vec<String> {
    let page = server.get_with(path, &[("accept", "application/vnd.pypi.simple.v1+json")]).await;
    let page = json_of(page).await;
    let files = page["files"].as_array().expect("files").iter();
    files.map(|file| file["filename"].as_str().expect("a name").to_owned()).collect()
}

on_both! {
    async fn another_spelling_with_other_bytes_is_refused_and_names_the_file_that_is_there(server: Server) {
        server.make_stage().await;
        let all = spellings();
        for first in [0, 6] {
            let there = &all[first];
            let before = put(&server, "/alice/dev/", there).await;
            if first == 0 {
                assert_eq!(before.status, 200, "{}", before.text);
            }
            for other in all.iter().filter(|other| other.filename != all[0].filename) {
                let answer = put(&server, "/alice/dev/", other).await;
                assert_eq!(answer.status, 400, "{}", other.filename);
                let says = format!("File already exists ('{}'", all[0].filename);
                assert!(answer.text.contains(&says) && answer.text.contains(&other.filename), "{}", answer.text);
            }
        }
        assert_eq!(listed(&server, "/alice/dev/+simple/dup-demo/").await, [all[0].filename.as_str()]);
        // Deleted, it is as little to be had in another spelling as in its own.
        assert_eq!(server.as_alice("DELETE", &format!("/alice/dev/{}", all[0].path()), "").await.0, 200);
        for other in &all {
            let answer = put(&server, "/alice/dev/", other).await;
            assert!(answer.status == 400 && answer.text.contains("previously used"), "{}", answer.text);
        }
    }

    async fn of_many_spellings_at_once_exactly_one_is_taken(server: Server) {
        server.make_stage().await;
        let all = spellings();
        let answers = join_all(all.iter().map(|wheel| put(&server, "/alice/dev/", wheel))).await;
        let mut statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 400, 400, 400, 400, 400, 400, 400]);
        assert_eq!(server.app.db.project_files(&index_name(DEV), &project_name("dup-demo")).await.unwrap().len(), 1);
    }

    async fn files_from_before_identities_get_theirs_and_pairs_stay_listed(server: Server) {
        server.make_stage().await;
        let all = spellings();
        assert_eq!(put(&server, "/alice/dev/", &all[0]).await.status, 200);
        let url = server.app.config.database_url();
        let pool = sqlx::AnyPool::connect(&url).await.unwrap();
        // As an older wheelwright left it: two spellings of one file, and no identity anywhere.
        for step in [
            "UPDATE file SET identity = NULL",
            "INSERT INTO file (index_name, filename, project, version, kind, sha256, size, uploaded_at) \
             SELECT index_name, 'Dup_Demo-1.0-1-py3.py2-none-any.whl', project, version, kind, sha256, size, \
             uploaded_at + 1 FROM file",
            "DELETE FROM fact WHERE name = 'file identities'",
        ] {
            sqlx::query(step).execute(&pool).await.unwrap();
        }
        let opened = join_all((0..4).map(|_| Db::open(&url))).await;
        let db = opened.into_iter().next().expect("one").unwrap();
        let none: i64 = sqlx::query_scalar("SELECT count(*) FROM file WHERE identity IS NULL AND url IS NULL")
            .fetch_one(&pool)
            .await
            .unwrap();
        assert_eq!((none, db.project_files(&index_name(DEV), &project_name("dup-demo")).await.unwrap().len()), (0, 2));
        for other in &all[1..] {
            let answer = put(&server, "/alice/dev/", other).await;
            assert!(answer.status == 400 && answer.text.contains("File already exists"), "{}", answer.text);
        }
        let new = Package::new("dup-demo", "2.0").wheel();
        assert_eq!(put(&server, "/alice/dev/", &new).await.status, 200);
    }
}

#[tokio::test]
async fn the_same_bytes_in_another_spelling_change_nothing_and_are_no_error() {
    let server = stage().await;
    let wheel = Package::new("demo", "1.0").wheel();
    let again = Dist { filename: wheel.filename.replace("demo-1.0", "Demo-1.0.0"), ..wheel.clone() };
    for dist in [&wheel, &again, &wheel] {
        let answer = put(&server, "/alice/dev/", dist).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
    }
    assert_eq!(listed(&server, "/alice/dev/+simple/demo/").await, [wheel.filename.as_str()]);
    let sdists = ["3.0", "3.0.0", "3"].map(|version| Package::new("demo", version).sdist());
    let answers =
        [put(&server, "/alice/dev/", &sdists[0]).await, put(&server, "/alice/dev/", &sdists[1]).await];
    assert_eq!((answers[0].status, answers[1].status), (200, 400));
    assert!(answers[1].text.contains("File already exists ('demo-3.0.tar.gz'"), "{}", answers[1].text);
    assert!(answers[1].text.contains("Only one sdist may be uploaded per release"), "{}", answers[1].text);
    assert_eq!(put(&server, "/alice/dev/", &sdists[2]).await.status, 400);
}

#[tokio::test]
async fn a_stage_hides_its_bases_file_in_every_spelling() {
    let server = stage().await;
    server.make_index("alice/base", json!({"bases": []})).await;
    server.make_index("alice/top", json!({"bases": ["alice/dev", "alice/base"]})).await;
    let all = spellings();
    assert_eq!(put(&server, "/alice/base/", &all[7]).await.status, 200);
    assert_eq!(put(&server, "/alice/base/", &Package::new("dup-demo", "2.0").wheel()).await.status, 200);
    assert_eq!(put(&server, "/alice/dev/", &all[0]).await.status, 200, "another index has names of its own");
    let shown = listed(&server, "/alice/top/+simple/dup-demo/").await;
    assert_eq!(shown, [all[0].filename.as_str(), "dup_demo-2.0-py2.py3-none-any.whl"]);
}
