//! A backup is looked at without restoring it.

use super::{backed_up, tree};
use crate::kit::packages::Package;
use crate::kit::script::Auth;
use crate::kit::stages::{PASSWORD, stage};
use serde_json::json;
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;
use wheelwright::transfer::backup::BackupPlace;

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_can_be_read_and_not_changed_from_a_folder_and_from_a_bucket() {
    let server = stage().await;
    server.make_index("alice/secret", json!({"acl_read": ["alice"]})).await;
    let (demo, hidden) = (Package::new("demo", "1.0").wheel(), Package::new("hidden", "1.0").wheel());
    server.publish("alice/dev", &demo).await;
    server.publish("alice/secret", &hidden).await;
    let folder = tempfile::tempdir().expect("a folder");
    let bucket = crate::kit::s3::Bucket::start().await;
    let (path, s3) = (folder.path().join("backups").display().to_string(), bucket.settings());
    let url = "s3://wheels/backups".to_owned();
    for place in [&path, &url] {
        backed_up(&server, BackupPlace::parse(place, &s3).expect("a place")).await;
    }
    assert_eq!(server.as_alice("DELETE", "/alice/dev/demo/1.0", "").await.0, 200);
    for place in [path, url] {
        let before = tree(folder.path());
        let mut command = Command::new(env!("CARGO_BIN_EXE_wheelwright"));
        command.args(["backup", "look", &place, "--listen", "127.0.0.1:0"]).current_dir(folder.path());
        command.env("WHEELWRIGHT_S3__ENDPOINT", &bucket.endpoint).env("WHEELWRIGHT_S3__REGION", "us-east-1");
        command.env("WHEELWRIGHT_S3__ACCESS_KEY_ID", s3.access_key_id.as_deref().unwrap_or_default());
        command.env("WHEELWRIGHT_S3__SECRET_ACCESS_KEY", s3.secret_access_key.as_deref().unwrap_or_default());
        let mut child = command.stdout(Stdio::piped()).kill_on_drop(true).spawn().expect("it starts");
        let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines();
        let said = lines.next_line().await.expect("text").expect("a line");
        let root = said.split_whitespace().nth(2).expect("a URL").to_owned();
        let alice = Auth::basic("alice", PASSWORD);
        for (index, dist) in [("alice/dev", &demo), ("alice/secret", &hidden)] {
            let request = alice.on(server.http.get(format!("{root}/{index}/{}", dist.path())));
            let answer = request.send().await.expect("an answer");
            assert_eq!(answer.status(), 200, "{index}");
            assert_eq!(answer.bytes().await.expect("bytes").as_ref(), dist.bytes.as_slice());
        }
        let stranger = server.http.get(format!("{root}/alice/secret/+simple/")).send().await;
        assert_eq!(stranger.expect("an answer").status(), 401, "as it was");
        let delete = alice.on(server.http.delete(format!("{root}/alice/dev/demo/1.0"))).send().await;
        let delete = delete.expect("an answer");
        assert_eq!(delete.status(), 403);
        assert!(delete.text().await.expect("text").contains("shows a backup"));
        let pid = rustix::process::Pid::from_raw(child.id().expect("a process").cast_signed());
        rustix::process::kill_process(pid.expect("a process"), rustix::process::Signal::TERM).expect("told");
        assert!(child.wait().await.expect("it ends").success());
        assert_eq!(tree(folder.path()), before, "nothing is written to the backup");
    }
}
