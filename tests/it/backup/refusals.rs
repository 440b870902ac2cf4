//! Bad backups and bad places: named, with the way out, and nothing is changed.

use super::{backed_up, config_at, make, opened, place, restored, tree};
use crate::kit::Server;
use crate::kit::backend::Company;
use crate::kit::desk::Desk;
use crate::kit::packages::Package;
use crate::kit::stages::stage;
use std::path::{Path, PathBuf};
use wheelwright::config::secret_url::masked;
use wheelwright::error::Error;
use wheelwright::store::BlobKey;
use wheelwright::transfer::backup::{BackupKey, BackupOrder, BackupPlace, restore};

/// A server with one release, its backup in a folder, and room for more.
async fn backup() -> (Server, tempfile::TempDir, BackupPlace) {
    let server = stage().await;
    server.publish("alice/dev", &Package::new("demo", "1.0").wheel()).await;
    let folder = tempfile::tempdir().expect("a folder");
    let to = place(&folder.path().join("backups"));
    backed_up(&server, to.clone()).await;
    (server, folder, to)
}

/// The file of the one release.
fn blob(folder: &Path) -> PathBuf {
    let key = BlobKey::parse(&Package::new("demo", "1.0").wheel().sha256()).expect("a key");
    folder.join("backups/blobs").join(key.shard()).join(key.rest())
}

/// The only file below a folder whose path ends like this.
fn part(folder: &Path, end: &str) -> PathBuf {
    let all = tree(folder);
    let found: Vec<&String> = all.keys().filter(|path| path.ends_with(end)).collect();
    assert_eq!(found.len(), 1, "{end}: {found:?}");
    folder.join(found[0])
}

#[tokio::test]
async fn a_missing_or_damaged_part_is_named_and_nothing_is_restored() {
    let (_server, folder, to) = backup().await;
    let data = folder.path().join("data");
    let backups = folder.path().join("backups");
    for end in ["tables/file.jsonl.gz", "blobs.txt.gz", "METADATA", "blob"] {
        let path = match end {
            "blob" => blob(folder.path()),
            "METADATA" => {
                let wheel = blob(folder.path());
                let all = tree(&backups.join("blobs"));
                let other = all.keys().map(|path| backups.join("blobs").join(path));
                other.into_iter().find(|path| *path != wheel).expect("a document")
            }
            end => part(&backups, end),
        };
        let whole = std::fs::read(&path).expect("a file");
        let mut spoiled = whole.clone();
        let middle = spoiled.len() / 2;
        spoiled[middle] ^= 1;
        for bytes in [None, Some(&spoiled), Some(&whole[..whole.len() - 1].to_vec())] {
            match bytes {
                None => std::fs::remove_file(&path).expect("removed"),
                Some(bytes) => std::fs::write(&path, bytes).expect("written"),
            }
            let why = restored(&to, &config_at(&data)).await.expect_err("a refusal");
            let told = why.to_string();
            assert!(matches!(why, Error::Lost(_)), "{told}");
            assert!(told.contains("the backup is not whole") && told.contains("--at"), "{end}: {told}");
            assert!(
                told.contains("missing") || told.contains("hash") || told.contains("bytes"),
                "{end}: {told}"
            );
            assert_eq!(tree(&data), Default::default(), "{end}: nothing is there");
        }
        std::fs::write(&path, whole).expect("mended");
    }
    restored(&to, &config_at(&data)).await.expect("whole again");
}

#[tokio::test]
async fn what_is_whole_can_be_restored_without_what_is_not() {
    let (_server, folder, to) = backup().await;
    std::fs::write(blob(folder.path()), "rotten").expect("spoiled");
    let data = folder.path().join("data");
    let backup = opened(&to, None).await;
    let faults = backup.verify(&|_, _, _| {}).await.expect("read");
    assert_eq!(faults.len(), 1, "{faults:?}");
    let done = restore(&config_at(&data), &backup, true, &|_, _, _| {}).await.expect("a restore");
    assert_eq!(done.faults, faults);
    assert_eq!(done.check.faults.len(), 1);
    assert!(done.check.faults[0].used_by[0].contains("demo-1.0"), "{:?}", done.check);
}

#[tokio::test]
async fn nothing_is_restored_over_what_is_there() {
    let (server, folder, to) = backup().await;
    let data = folder.path().join("data");
    std::fs::create_dir(&data).expect("a folder");
    std::fs::write(data.join("letter"), "dear").expect("a file");
    let why = restored(&to, &config_at(&data)).await.expect_err("a refusal").to_string();
    assert!(why.contains("is not empty (letter)") && why.contains("--data"), "{why}");
    assert_eq!(tree(&data).len(), 1);

    let data = folder.path().join("other");
    let company = Company::start().await;
    let mut config = config_at(&data);
    company.configure(&mut config);
    restored(&to, &config).await.expect("a restore");
    let rows = server.app.db.counts().await.expect("counts");
    let third = folder.path().join("third");
    let mut again = config_at(&third);
    again.database.clone_from(&config.database);
    let why = restored(&to, &again).await.expect_err("a refusal").to_string();
    assert!(why.contains("the database is not empty") && why.contains("--database"), "{why}");
    let mut again = config_at(&third);
    (again.storage, again.s3) = (config.storage.clone(), config.s3.clone());
    let why = restored(&to, &again).await.expect_err("a refusal").to_string();
    assert!(why.contains("is not empty") && why.contains("--storage"), "{why}");
    assert_eq!(tree(&third), Default::default());
    let db = wheelwright::db::Db::open(&config.database_url()).await.expect("the database");
    assert_eq!(db.counts().await.expect("counts"), rows, "as it was");
}

#[tokio::test]
async fn places_of_others_and_keys_of_others_are_refused() {
    let (_server, folder, to) = backup().await;
    let order = |place: &BackupPlace, key: Option<&BackupKey>| BackupOrder {
        place: place.clone(),
        encrypt_to: key.map(BackupKey::recipient).into_iter().collect(),
        keep: None,
    };
    let before = tree(folder.path());
    let other = stage().await;
    let why = make(&other, order(&to, None)).await.expect_err("a refusal").to_string();
    assert!(why.contains("backups of another installation"), "{why}");
    let key = BackupKey::create(&folder.path().join("key")).expect("a key");
    let why = make(&_server, order(&to, Some(&key))).await.expect_err("a refusal").to_string();
    assert!(why.contains("are not encrypted") && why.contains("--encrypt-to"), "{why}");
    let mut after = tree(folder.path());
    after.remove("key");
    assert_eq!(after, before);
    std::fs::create_dir(folder.path().join("letters")).expect("a folder");
    std::fs::write(folder.path().join("letters/one"), "dear").expect("a file");
    let why = make(&other, order(&place(&folder.path().join("letters")), None)).await.expect_err("a refusal");
    assert!(why.to_string().contains("is not empty and has no backups (one)"), "{why}");

    let sealed = place(&folder.path().join("sealed"));
    make(&other, order(&sealed, Some(&key))).await.expect("a backup");
    let wrong = BackupKey::create(&folder.path().join("wrong")).expect("a key");
    let data = folder.path().join("data");
    for (key, told) in [(None, "--key"), (Some(wrong), "does not decrypt")] {
        let backup = opened(&sealed, key).await;
        let why = restore(&config_at(&data), &backup, false, &|_, _, _| {}).await.expect_err("a refusal");
        assert!(matches!(why, Error::Bad(_)) && why.to_string().contains(told), "{why}");
        assert!(!data.exists());
    }
}

#[tokio::test]
async fn the_program_says_what_it_did_and_what_to_do() {
    let server = stage().await;
    server.publish("alice/dev", &Package::new("demo", "1.0").wheel()).await;
    let desk = Desk::new();
    let data = server.data.path().display().to_string();
    let backup = |more: &[&'static str]| {
        let all = ["backup", "--data", &data];
        all.into_iter()
            .map(str::to_owned)
            .chain(more.iter().map(|text| (*text).to_owned()))
            .collect::<Vec<_>>()
    };
    let run = async |arguments: &[String]| {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        desk.run("wheelwright", &arguments).await
    };
    let made = run(&backup(&["backups", "--verify", "--keep", "3"])).await.succeeded();
    assert!(made.out.contains("2 files and documents") && made.out.contains("every byte"), "{}", made.out);
    let listed = desk.run("wheelwright", &["backup", "list", "backups", "--json"]).await.succeeded();
    let name = listed.json()["backups"][0].as_str().expect("a name").to_owned();
    assert!(made.out.contains(&name), "{}", made.out);
    desk.run("wheelwright", &["backup", "verify", "backups", "--at", &name]).await.succeeded();

    let done = desk.run("wheelwright", &["restore", "backups", "--data", "new"]).await.succeeded();
    assert!(done.out.contains("restored the backup"), "{}", done.out);
    let status = desk.run("wheelwright", &["status", "--data", "new", "--json"]).await.succeeded();
    assert_eq!(status.json()["files"], 1);
    for (arguments, told) in [
        (vec!["restore", "backups", "--data", "new"], "is not empty"),
        (vec!["restore", "nowhere", "--data", "other"], "has no backups"),
        (vec!["restore", "backups", "--data", "other", "--at", "2001-01-01"], "no backup of that time"),
        (vec!["restore", "backups", "--data", "other", "--at", "yesterday"], "is not a time"),
        (vec!["restore", "http://host/", "--data", "other"], "folder or to s3://"),
        (vec!["backup", "backups", "--data", "nothing"], "is not a data folder"),
        (vec!["backup", "key", "bin/wheelwright"], "exists already"),
    ] {
        let refused = desk.run("wheelwright", &arguments).await.failed();
        assert!(refused.err.contains(told), "{arguments:?}: {}", refused.err);
    }
    assert!(!desk.path("other").exists());
    let public = desk.run("wheelwright", &["backup", "key", "backup.key"]).await.succeeded();
    assert!(public.out.starts_with("age1"), "{}", public.out);
}

#[tokio::test]
async fn no_backup_lies_in_its_own_data_folder_or_around_it() {
    let server = stage().await;
    let data = server.data.path();
    let before = tree(data);
    let above = data.parent().expect("a folder").to_owned();
    for folder in [data.join("backups"), data.join("not/yet/there"), data.to_owned(), above] {
        let order = BackupOrder { place: place(&folder), encrypt_to: Vec::new(), keep: None };
        let why = make(&server, order).await.expect_err("a refusal");
        assert!(matches!(why, Error::Bad(_)) && why.to_string().contains("lie in one another"), "{why}");
    }
    assert_eq!(tree(data).keys().collect::<Vec<_>>(), before.keys().collect::<Vec<_>>());
}

#[tokio::test]
async fn a_backup_that_a_wrong_clock_made_is_not_taken_for_the_newest_for_ever() {
    let (server, folder, to) = backup().await;
    let all = folder.path().join("backups/backups");
    let made = std::fs::read_dir(&all).expect("a folder").next().expect("a backup").expect("a name").path();
    std::fs::rename(made, all.join("20991231T000000Z")).expect("renamed");
    server.publish("alice/dev", &Package::new("late", "1.0").wheel()).await;
    let order = BackupOrder { place: to.clone(), encrypt_to: Vec::new(), keep: Some(1) };
    let report = make(&server, order).await.expect("a backup");
    assert_eq!(report.removed, ["20991231T000000Z"], "{report:?}");
    let done = restored(&to, &config_at(&folder.path().join("data"))).await.expect("a restore");
    assert_eq!((done.backup, done.blobs), (report.backup, report.blobs));
}

#[tokio::test]
async fn what_the_installation_lost_an_earlier_backup_still_gives() {
    let (server, folder, to) = backup().await;
    let sha256 = Package::new("demo", "1.0").wheel().sha256();
    let key = BlobKey::parse(&sha256).expect("a key");
    server.app.store.remove_older(key, i64::MAX).await.expect("removed");
    let order = BackupOrder { place: to.clone(), encrypt_to: Vec::new(), keep: Some(1) };
    let report = make(&server, order).await.expect("a backup");
    assert_eq!(report.lost, [sha256.as_str()]);
    assert!(blob(folder.path()).exists(), "the last whole copy stays");
    assert_eq!(opened(&to, None).await.verify(&|_, _, _| {}).await.expect("read"), []);
    let data = folder.path().join("data");
    let done = restored(&to, &config_at(&data)).await.expect("a restore");
    assert_eq!(done.check.faults.len(), 0, "{:?}", done.check);

    // Where no backup has it either, each one says so.
    std::fs::remove_file(blob(folder.path())).expect("removed");
    backed_up(&server, to.clone()).await;
    let faults = opened(&to, None).await.verify(&|_, _, _| {}).await.expect("read");
    assert_eq!(faults.len(), 1, "{faults:?}");
    assert!(faults[0].part.contains(&sha256) && faults[0].problem.contains("did not have it"), "{faults:?}");
}

#[tokio::test]
async fn names_in_a_manifest_are_those_of_the_schema_or_nothing_is_restored() {
    let (_server, folder, to) = backup().await;
    let manifest = part(&folder.path().join("backups"), "manifest.json");
    let whole = std::fs::read_to_string(&manifest).expect("a manifest");
    let data = folder.path().join("data");
    for (from, into) in [("\"owner\"", "\"owner) SELECT 1; --\""), ("\"owner\"", "\"another\"")] {
        assert!(whole.contains(from), "{whole}");
        std::fs::write(&manifest, whole.replacen(from, into, 1)).expect("written");
        let why = restored(&to, &config_at(&data)).await.expect_err("a refusal");
        assert!(why.to_string().contains("is not the one of its schema"), "{why}");
        assert_eq!(tree(&data), Default::default(), "nothing is there");
    }
}

#[tokio::test]
async fn a_restore_that_broke_off_behind_the_rows_is_finished_by_the_same_command() {
    let (server, folder, to) = backup().await;
    std::fs::write(server.data.path().join("letter"), "of the operator").expect("a file");
    backed_up(&server, to.clone()).await;
    let data = folder.path().join("data");
    let secret = opened(&to, None).await.manifest.files[0].path.clone();
    let marker = data.join("restoring.json");
    let config = config_at(&data);
    restored(&to, &config).await.expect("a restore");
    let rows = server.app.db.counts().await.expect("counts");
    let backup = opened(&to, None).await;
    let told = serde_json::json!({
        "backup": backup.name.to_string(), "installation": backup.manifest.installation,
        "database": masked(&config.database_url()), "storage": null
    });
    std::fs::write(&marker, told.to_string()).expect("as it was before its last step");
    std::fs::remove_file(data.join(&secret)).expect("not brought back yet");
    let done = restored(&to, &config).await.expect("it goes on");
    assert_eq!(done.check.faults.len(), 0);
    assert!(data.join(&secret).exists() && !marker.exists());
    let db = wheelwright::db::Db::open(&config.database_url()).await.expect("the database");
    assert_eq!(db.counts().await.expect("counts"), rows);
}
