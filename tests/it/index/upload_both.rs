//! Stories of publishers and keepers, told on both ways to keep things; two nodes at once.

use crate::kit::Server;
use crate::kit::backend::{Backend, on_both};
use crate::kit::forms::Form;
use crate::kit::names::{index_name, project_name};
use crate::kit::packages::{Dist, Package};
use crate::kit::stages::PASSWORD;
use wheelwright::words::ProjectStatus;

const DEV: &str = "alice/dev";

async fn put(server: &Server, dist: &Dist) -> u16 {
    server.post("/alice/dev/", Form::of(dist), "alice", PASSWORD).await.status
}

on_both! {
    async fn a_project_lives_from_its_first_file_to_its_deletion(server: Server) {
        server.make_stage().await;
        let (wheel, sdist) = (Package::new("Demo", "1.0").wheel(), Package::new("Demo", "2.0").sdist());
        assert_eq!((put(&server, &wheel).await, put(&server, &sdist).await), (200, 200));
        assert_eq!(put(&server, &wheel).await, 200);
        assert_eq!(put(&server, &Package::new("Demo", "1.0").description("other").wheel()).await, 400);
        let files = server.app.db.project_files(&index_name(DEV), &project_name("demo")).await.unwrap();
        let names: Vec<&str> = files.iter().map(|file| file.filename.as_str()).collect();
        assert_eq!(names, [&wheel.filename, &sdist.filename]);
        assert_eq!((files[0].size, files[0].deleted_at), (wheel.bytes.len() as u64, None));
        assert_eq!((files[0].attested, files[1].metadata_sha256.as_deref()), (false, None));
        assert_eq!(server.app.db.projects(&index_name(DEV)).await.unwrap(), [project_name("demo")]);

        server.as_alice("PATCH", "/alice/dev/demo/1.0", "{\"yanked\": \"broken\"}").await;
        server.as_alice("PATCH", "/alice/dev/demo", "{\"status\": \"archived\"}").await;
        let releases = server.app.db.releases(&index_name(DEV), &project_name("demo")).await.unwrap();
        let yanked: Vec<_> = releases.iter().filter(|release| release.yanked_at.is_some()).collect();
        assert_eq!(yanked.len(), 1);
        assert_eq!(yanked[0].yanked_reason.as_deref(), Some("broken"));
        assert_eq!(server.app.db.project(&index_name(DEV), &project_name("demo")).await.unwrap().unwrap().status, ProjectStatus::Archived);

        assert_eq!(server.as_alice("DELETE", &format!("/alice/dev/{}", wheel.path()), "").await.0, 200);
        assert_eq!(server.as_alice("DELETE", "/alice/dev/demo/2.0", "").await.0, 200);
        assert_eq!(server.as_alice("DELETE", "/alice/dev/demo", "").await.0, 200);
        assert!(!server.app.db.stage_has(&index_name(DEV), &project_name("demo")).await.unwrap());
        assert_eq!(put(&server, &wheel).await, 400, "the name stays taken");
        assert!(server.app.db.file(&index_name(DEV), &wheel.filename).await.unwrap().unwrap().deleted_at.is_some());
    }

    async fn a_file_that_a_mirror_kept_never_changes(server: Server) {
        let file = wheelwright::db::files::StoredFile {
            version: "1.0".into(),
            kind: wheelwright::words::FileKind::Sdist,
            url: Some("https://example.org/demo-1.0.tar.gz".into()),
            sha256: "ab".repeat(32),
            size: 7,
            ..wheelwright::db::files::StoredFile::new(index_name("root/pypi"), project_name("demo"), "demo-1.0.tar.gz")
        };
        assert!(server.app.db.keep_mirrored(&file).await.unwrap());
        let known = wheelwright::db::files::StoredFile { metadata_sha256: Some("cd".repeat(32)), ..file.clone() };
        assert!(server.app.db.keep_mirrored(&known).await.unwrap());
        assert!(server.app.db.keep_mirrored(&file).await.unwrap());
        let other = wheelwright::db::files::StoredFile { sha256: "ef".repeat(32), ..file.clone() };
        assert!(!server.app.db.keep_mirrored(&other).await.unwrap());
        let kept = server.app.db.file(&index_name("root/pypi"), "demo-1.0.tar.gz").await.unwrap();
        assert_eq!(kept, Some(known));
        let nowhere = wheelwright::db::files::StoredFile { index: index_name("root/none"), ..file };
        assert!(!server.app.db.keep_mirrored(&nowhere).await.unwrap());
    }
}

#[tokio::test]
async fn of_two_nodes_that_take_one_name_at_once_exactly_one_wins() {
    let first = Server::start_on(Backend::Company).await;
    first.make_stage().await;
    let shared = first.app.config.clone();
    let second = Server::start_with(|config| {
        config.database = shared.database.clone();
        config.storage = shared.storage.clone();
        config.s3 = shared.s3.clone();
    })
    .await;
    for round in 0..10 {
        let wheel =
            |n: usize| Package::new("demo", &format!("1.{round}")).description(&format!("{n}")).wheel();
        let wheels: Vec<Dist> = (0..6).map(wheel).collect();
        let nodes = [&first, &second];
        let uploads = wheels.iter().enumerate().map(|(n, wheel)| put(nodes[n % 2], wheel));
        let answers = futures::future::join_all(uploads).await;
        let mut statuses = answers.clone();
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 400, 400, 400, 400, 400]);
        let winner = answers.iter().position(|status| *status == 200).expect("one");
        let kept =
            first.app.db.file(&index_name(DEV), &wheels[winner].filename).await.unwrap().expect("a row");
        assert_eq!(kept.sha256, wheels[winner].sha256());
        assert_eq!((put(&first, &wheels[winner]).await, put(&second, &wheels[winner]).await), (200, 200));
    }
}
