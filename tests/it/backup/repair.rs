//! What a check found is repaired: from the upstream, from the wheel, from a backup; the rest is named.

use super::{backed_up, opened, place};
use crate::kit::packages::Package;
use crate::kit::stages::stage_with;
use crate::kit::upstream::Upstream;
use std::path::PathBuf;
use wheelwright::app::App;
use wheelwright::index::fsck::{FsckReport, fsck};
use wheelwright::store::BlobKey;
use wheelwright::transfer::repair::{RepairPlace, repair};

#[tokio::test(flavor = "multi_thread")]
async fn damaged_bytes_come_back_from_where_they_can_and_the_others_are_named() {
    let upstream = Upstream::start().await;
    let one = Package::new("one", "1.0").wheel();
    upstream.add(&one.filename, one.bytes.clone());
    let simple = upstream.simple();
    let server = stage_with(|config| config.upstream = Some(simple)).await;
    assert_eq!(server.get(&format!("/root/pypi/{}", one.path())).await.status(), 200);
    let (demo, late) = (Package::new("demo", "1.0"), Package::new("late", "1.0").wheel());
    server.publish("alice/dev", &demo.wheel()).await;
    let folder = tempfile::tempdir().expect("a folder");
    backed_up(&server, place(folder.path())).await;
    server.publish("alice/dev", &late).await;
    let path = |sha256: &str| {
        let key = BlobKey::parse(sha256).expect("a key");
        server.data.path().join("blobs").join(key.shard()).join(key.rest())
    };
    let (mirrored, hosted, later) = (path(&one.sha256()), path(&demo.wheel().sha256()), path(&late.sha256()));
    let spoil = |path: &PathBuf| {
        let mut bytes = std::fs::read(path).expect("a blob");
        bytes[10] ^= 1;
        std::fs::write(path, bytes).expect("spoiled");
    };
    let metadata = path(&BlobKey::of(demo.metadata().as_bytes()).to_string());
    assert!(metadata.exists(), "the METADATA is a blob");
    spoil(&mirrored);
    spoil(&hosted);
    spoil(&later);
    std::fs::remove_file(&metadata).expect("removed");

    // As the command does: another process, which has nothing in memory.
    let app = App::open(server.app.config.clone()).await.expect("it opens");
    let store = &app.store;
    let check = async || -> FsckReport { fsck(&app.db, store, true, |_, _| {}).await.expect("a report") };
    let found = check().await;
    assert_eq!(found.faults.len(), 4, "{found:?}");
    let at = RepairPlace { db: &app.db, store, indexes: &app.indexes, from: None };
    let told = repair(at, &found.faults).await.expect("tried");
    let of = |sha256: &str| told.iter().find(|repair| repair.sha256 == sha256).expect("a repair");
    let from = of(&one.sha256()).repaired_from.as_deref();
    assert_eq!(from, Some("the upstream of root/pypi"), "{told:?}");
    assert_eq!(std::fs::read(&mirrored).expect("a blob"), one.bytes);
    let advice = of(&demo.wheel().sha256()).advice.as_deref().expect("what to do");
    assert!(advice.contains("--from"), "{advice}");
    assert_eq!(check().await.faults.len(), 3, "the wheel of the METADATA is damaged, too");

    let backup = opened(&place(folder.path()), None).await;
    let from_backup = RepairPlace { from: Some(&backup), ..at };
    let told = repair(from_backup, &check().await.faults).await.expect("tried");
    let left: Vec<_> = told.iter().filter(|repair| repair.repaired_from.is_none()).collect();
    assert_eq!(left.len(), 1, "{told:?}");
    assert!(left[0].used_by[0].contains("late-1.0"), "it came behind the backup: {left:?}");
    assert_eq!(std::fs::read(&hosted).expect("a blob"), demo.wheel().bytes);
    assert!(metadata.exists());

    // Of a whole wheel its METADATA is read again.
    std::fs::remove_file(&metadata).expect("removed");
    let told = repair(at, &check().await.faults).await.expect("tried");
    let from: Vec<_> = told.iter().filter_map(|repair| repair.repaired_from.as_deref()).collect();
    assert_eq!(from, [demo.wheel().filename.as_str()]);
}
