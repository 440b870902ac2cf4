//! Leases of watches, and what happens during one.

use super::*;
use crate::db::events::NewEvent;
use crate::words::EventKind;

async fn watched() -> (tempfile::TempDir, Db, Watch) {
    let folder = tempfile::tempdir().unwrap();
    let db = Db::open(&format!("sqlite://{}/w.db", folder.path().display())).await.unwrap();
    let index = IndexName::parse("root/dev").unwrap();
    let mut tx = Tx::begin(&db).await.unwrap();
    tx.create_account("root", None, "{}").await.unwrap();
    tx.create_index(&index, "{}").await.unwrap();
    let watch = Watch {
        id: tx.serial,
        index,
        url: "git+https://git.example/repo".into(),
        pattern: "v{version}".into(),
        targets: vec!["cp312".into(), "cp313".into()],
        every: 600,
        since: String::new(),
        owner: "root".into(),
        by_operator: true,
        secret: "secret".into(),
        created_by: "root".into(),
        created_at: 1,
        looked_at: 1,
        next_at: 100,
        failures: 0,
        error: None,
    };
    tx.create_watch(&watch, &[], 1).await.unwrap();
    tx.commit(NewEvent::of("root", EventKind::WatchAdded)).await.unwrap();
    (folder, db, watch)
}

const WELL: WatchLook = WatchLook { looked_at: Some(100), next_at: 700, failures: 0, error: None };

#[tokio::test]
async fn one_process_looks_and_only_when_it_is_time() {
    let (_folder, db, watch) = watched().await;
    assert!(db.due_watches(99).await.unwrap().is_empty());
    assert!(db.lease_watch((watch.id, true), "a", (99, 300)).await.unwrap().is_none(), "not due");
    let leased = db.lease_watch((watch.id, true), "a", (100, 300)).await.unwrap().unwrap();
    assert_eq!(leased.targets, ["cp312", "cp313"]);
    assert!(db.lease_watch((watch.id, false), "b", (200, 400)).await.unwrap().is_none());
    assert!(!db.watch_looked(&leased, "b", &WELL, &[]).await.unwrap(), "it was another's");
    assert!(db.watch_looked(&leased, "a", &WELL, &[]).await.unwrap());
    assert_eq!(db.watch(watch.id).await.unwrap().unwrap().next_at, 700);
    // A process that died is followed by another when its lease ends.
    db.lease_watch((watch.id, true), "a", (700, 900)).await.unwrap().unwrap();
    assert!(db.due_watches(899).await.unwrap().is_empty());
    assert_eq!(db.due_watches(900).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_push_during_a_look_is_not_lost() {
    let (_folder, db, watch) = watched().await;
    let leased = db.lease_watch((watch.id, true), "a", (100, 300)).await.unwrap().unwrap();
    db.hurry_watch(watch.id, 150).await.unwrap();
    assert!(db.watch_looked(&leased, "a", &WELL, &[]).await.unwrap());
    assert_eq!(db.watch(watch.id).await.unwrap().unwrap().next_at, 150);
}

#[tokio::test]
async fn a_tag_changes_only_from_the_state_in_which_it_was_seen() {
    let (_folder, db, watch) = watched().await;
    let leased = db.lease_watch((watch.id, true), "a", (100, 300)).await.unwrap().unwrap();
    let mut tag = WatchedTag {
        watch: watch.id,
        tag: "v1.0".into(),
        commit: "a".repeat(40),
        version: Some("1.0".into()),
        state: TagState::Waiting,
        reason: None,
        builds: Vec::new(),
        at: 5,
    };
    db.watch_looked(&leased, "a", &WELL, std::slice::from_ref(&tag)).await.unwrap();
    assert_eq!(db.open_tags().await.unwrap(), [tag.clone()]);
    (tag.state, tag.builds) = (TagState::Building, vec![3, 4]);
    assert!(db.tag_became(TagState::Waiting, &tag).await.unwrap());
    assert!(!db.tag_became(TagState::Waiting, &tag).await.unwrap());
    assert_eq!(db.watched_tags(watch.id).await.unwrap(), [tag]);
}
