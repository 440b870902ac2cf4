//! What was served of a promise is frozen, told on SQLite and on Postgres.

use crate::kit::backend::on_both;
use wheelwright::db::promises::{Change, StoredPromise};

fn promise(filename: &str) -> StoredPromise {
    StoredPromise {
        version: "1.0".into(),
        source_filename: "demo-1.0.tar.gz".into(),
        ..StoredPromise::new(
            "root/pypi".parse().expect("an index"),
            "demo".parse().expect("a project"),
            "cp312-manylinux_2_36_x86_64",
            filename,
        )
    }
}

fn file<'a>(sha256: &'a str, metadata_sha256: &'a str) -> Change<'a> {
    Change::File { sha256, size: 7, metadata_sha256, build: Some(3) }
}

on_both! {
    async fn the_first_hash_of_a_promise_stays(server: Server) {
        let db = &server.app.db;
        let one = promise("demo-1.0-1ww-cp312-cp312-linux_x86_64.whl");
        assert_eq!(db.promise(&one.index, &one.target, &one.filename).await.unwrap(), None);
        let start = db.serial().await.unwrap();
        let row = db.change_promise(":server", &one, Change::Metadata { sha256: "m1" }).await.unwrap();
        assert_eq!((row.metadata_sha256.as_deref(), row.sha256), (Some("m1"), None));
        let row = db.change_promise(":server", &one, Change::Metadata { sha256: "m2" }).await.unwrap();
        assert_eq!(row.metadata_sha256.as_deref(), Some("m1"), "it was served");
        let row = db.change_promise(":server", &one, file("f2", "m2")).await.unwrap();
        assert_eq!(row.sha256, None, "a wheel with other metadata than was served");
        let row = db.change_promise(":server", &one, file("f1", "m1")).await.unwrap();
        assert_eq!((row.sha256.as_deref(), row.size, row.build), (Some("f1"), Some(7), Some(3)));
        let row = db.change_promise(":server", &one, file("f2", "m1")).await.unwrap();
        assert_eq!(row.sha256.as_deref(), Some("f1"), "it was served");
        let row = db.change_promise(":server", &one, Change::Broken { why: "no" }).await.unwrap();
        assert_eq!(row.broken, None, "what was served is kept");
        let events = db.events_after(start, 10).await.unwrap();
        let what: Vec<&str> = events.iter().map(|event| event.what.name()).collect();
        assert_eq!(what, ["promised metadata served", "promised wheel served"]);
        assert!(events.iter().all(|event| event.project.as_ref().is_some_and(|name| name.as_str() == "demo")));
        let listed = db.promises(&one.index, &one.target, &one.project).await.unwrap();
        assert_eq!(listed, [row]);
        let by_hash = db.files_by_hash("f1").await.unwrap();
        assert_eq!(by_hash, [(one.project, one.filename)], "who-has asks by it");
    }

    async fn a_broken_promise_says_why_until_it_is_kept(server: Server) {
        let db = &server.app.db;
        let one = promise("demo-1.0-1ww-cp312-cp312-linux_x86_64.whl");
        let row = db.change_promise(":server", &one, Change::Broken { why: "other metadata" }).await.unwrap();
        assert_eq!(row.broken.as_deref(), Some("other metadata"));
        let row = db.change_promise(":server", &one, file("f1", "m1")).await.unwrap();
        assert_eq!((row.broken, row.sha256.as_deref()), (None, Some("f1")));
    }

    async fn every_blob_of_a_promise_is_told(server: Server) {
        let db = &server.app.db;
        for at in 0..3 {
            let one = promise(&format!("demo-1.{at}-1ww-cp312-cp312-linux_x86_64.whl"));
            db.change_promise(":server", &one, file(&format!("f{at}"), &format!("m{at}"))).await.unwrap();
        }
        let (uses, last) = db.blobs_of_promises(Default::default()).await.unwrap();
        let blobs: Vec<&str> = uses.iter().map(|used| used.sha256.as_str()).collect();
        assert_eq!(blobs, ["m0", "f0", "m1", "f1", "m2", "f2"]);
        let (more, end) = db.blobs_of_promises(last.unwrap()).await.unwrap();
        assert!(more.is_empty() && end.is_none());
    }
}
