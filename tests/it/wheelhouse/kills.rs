//! An export is killed again and again: every link of what it leaves works, and the next one ends it.

use super::{broken_links, order, target, tree};
use crate::kit::Server;
use crate::kit::packages::Package;
use crate::kit::s3::Bucket;
use crate::kit::stages::stage;
use rand::random_range;
use std::path::Path;
use std::process::{Command, Stdio};
use wheelwright::tools::time::{now, seconds};

const OF: &str = "alice/dev";
const PROJECTS: usize = 60;
const KILLS: usize = 12;

async fn change(server: &Server, round: usize) {
    for number in (round % 3..PROJECTS).step_by(3) {
        let name = format!("demo-{number:02}");
        let bytes = format!("{name} of round {round}").into_bytes();
        server.host(OF, &name, &format!("1.{round}"), &bytes).await;
    }
    // Something goes, too.
    let name = format!("demo-{:02}", round);
    let (status, said) = server.as_alice("DELETE", &format!("/alice/dev/{name}"), "").await;
    assert!(matches!(status, 200 | 404), "{said}");
}

fn command(data: &Path, to: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wheelwright"));
    command.args(["wheelhouse", "export", OF, "--data"]).arg(data).arg("-o").arg(to).current_dir(data);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// Kills a command after so many files and pages of its place are not what they were; whether it was still at work.
async fn kill_on_its_way(mut command: Command, place: &Path) -> bool {
    let before = tree(place);
    let mut child = command.spawn().expect("it starts");
    let until = random_range(1..80);
    loop {
        let now = tree(place);
        let changed = now.iter().filter(|(path, bytes)| before.get(*path) != Some(*bytes)).count();
        if changed >= until || child.try_wait().expect("a child").is_some() {
            break;
        }
        tokio::task::yield_now().await;
    }
    let at_work = child.try_wait().expect("a child").is_none();
    let _ = child.kill();
    child.wait().expect("it is gone");
    at_work
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_publication_leaves_a_bucket_whose_every_link_works() {
    let (server, bucket) = (stage().await, Bucket::start().await);
    server.publish(OF, &Package::new("real", "1.0").wheel()).await;
    let (house, place) = (target(&bucket, OF, None), bucket.file("house"));
    let s3 = bucket.settings();
    let mut killed = 0;
    for round in 0..KILLS / 2 {
        change(&server, round).await;
        let mut command = Command::new(env!("CARGO_BIN_EXE_wheelwright"));
        command.args(["wheelhouse", "publish", OF, "--to", &house.to, "--data"]).arg(server.data.path());
        command.env("WHEELWRIGHT_S3__ENDPOINT", &bucket.endpoint).env("WHEELWRIGHT_S3__REGION", "us-east-1");
        command.env("WHEELWRIGHT_S3__ACCESS_KEY_ID", s3.access_key_id.as_deref().unwrap_or_default());
        command.env("WHEELWRIGHT_S3__SECRET_ACCESS_KEY", s3.secret_access_key.as_deref().unwrap_or_default());
        command.current_dir(server.data.path()).stdout(Stdio::null()).stderr(Stdio::null());
        killed += usize::from(kill_on_its_way(command, &place).await);
        assert_eq!(broken_links(&place), Vec::<String>::new(), "round {round}");
        // The dead process has the lease for a minute.
        server.app.wheelhouses.publish(&house, now() + seconds(120)).await.expect("published");
        assert_eq!(broken_links(&place), Vec::<String>::new(), "round {round}");
    }
    assert!(killed >= KILLS / 6, "only {killed} were at work");
    let fresh = tempfile::tempdir().expect("a folder");
    server.export(&order(OF), fresh.path()).await.expect("exported");
    assert!(tree(&place) == tree(fresh.path()), "the same as a folder that was made at once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_export_leaves_a_tree_whose_every_link_works() {
    let server = stage().await;
    server.publish(OF, &Package::new("real", "1.0").wheel()).await;
    let folder = tempfile::tempdir().expect("a folder");
    let mut killed = 0;
    for round in 0..KILLS {
        change(&server, round).await;
        let at_work = kill_on_its_way(command(server.data.path(), folder.path()), folder.path()).await;
        killed += usize::from(at_work);
        assert_eq!(broken_links(folder.path()), Vec::<String>::new(), "round {round}");
    }
    assert!(killed >= KILLS / 3, "only {killed} were at work");

    server.export(&order(OF), folder.path()).await.expect("exported");
    assert_eq!(broken_links(folder.path()), Vec::<String>::new());
    let fresh = tempfile::tempdir().expect("a folder");
    server.export(&order(OF), fresh.path()).await.expect("exported");
    let names = |folder: &Path| tree(folder).into_keys().collect::<Vec<_>>();
    assert_eq!(names(folder.path()), names(fresh.path()));
    assert!(tree(folder.path()) == tree(fresh.path()), "the same as one that was made at once");
    let own = |folder: &Path| std::fs::read_dir(folder).expect("it").flatten().count();
    assert_eq!(own(folder.path()), own(fresh.path()), "nothing half is left");
}
