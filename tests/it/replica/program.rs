//! The program itself as a replica: started, told what it may not do, killed, and made a server of its own.

use super::{token, until};
use crate::kit::packages::Package;
use crate::kit::program::{Program, wheelwright};
use crate::kit::stages::stage;
use crate::kit::wire::Wire;
use std::path::Path;

async fn run(arguments: &[&str], data: &Path) -> (bool, String) {
    let done = wheelwright(arguments).arg("--data").arg(data).output().await.expect("the program runs");
    let said = format!("{}{}", String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    (done.status.success(), said)
}

async fn lists(replica: &Program, filename: &str) -> bool {
    let client = replica.client();
    let answer = client.request(reqwest::Method::GET, "/alice/dev/+simple/demo/").send().await;
    let answer = answer.expect("an answer");
    answer.status() == 200 && answer.text().await.expect("a page").contains(filename)
}

#[tokio::test]
async fn a_replica_that_was_killed_goes_on_and_may_become_a_server_of_its_own() {
    let primary = stage().await;
    let (wire, secret) = (Wire::to(primary.address).await, token(&primary).await);
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path();
    let start = async || {
        let command = wheelwright(&["serve", "--replica-of", &wire.url(), "--token", &secret]);
        Program::run(command, data).await
    };
    let (one, two) = (Package::new("demo", "1.0").wheel(), Package::new("demo", "2.0").wheel());
    primary.publish("alice/dev", &one).await;
    let replica = start().await;
    until("the first release is here", async || lists(&replica, &one.filename).await).await;
    replica.kill();
    drop(replica);
    primary.publish("alice/dev", &two).await;
    let replica = start().await;
    until("the second release is here", async || lists(&replica, &two.filename).await).await;

    let (done, said) = run(&["user", "create", "bob"], data).await;
    assert!(!done && said.contains("run this command on its primary"), "{said}");
    drop(replica);
    let (done, said) = run(&["serve", "--listen", "127.0.0.1:0"], data).await;
    assert!(!done && said.contains("--promote"), "{said}");
    assert!(!data.join("root-password").exists(), "its accounts are the primary's");

    wire.cut();
    // With the primary away it starts all the same.
    let replica = start().await;
    assert!(lists(&replica, &two.filename).await);
    drop(replica);
    let (done, said) = run(&["serve", "--promote", "--replica-of", &wire.url()], data).await;
    assert!(!done && said.contains("--replica-of"), "{said}");
    let mut still_set = wheelwright(&["serve", "--promote", "--data"]);
    let still_set =
        still_set.arg(data).env("WHEELWRIGHT_REPLICA__OF", wire.url()).output().await.expect("it ends");
    let said = String::from_utf8_lossy(&still_set.stderr).into_owned();
    assert!(!still_set.status.success() && said.contains("replica.of is still set"), "{said}");
    let serial = primary.app.db.serial().await.expect("a serial");
    let promoted = Program::run(wheelwright(&["serve", "--promote", "--offline"]), data).await;
    let health = promoted.client().get("/+health").await.expect("an answer");
    let health: serde_json::Value = serde_json::from_slice(&health).expect("JSON");
    assert!(health["serial"].as_i64() >= Some(serial), "its serials go on: {health}");
    assert!(lists(&promoted, &one.filename).await);
    let three = Package::new("demo", "3.0").wheel();
    promoted.client().upload("alice/dev", &three).await.expect("an answer");
    assert!(lists(&promoted, &three.filename).await);
}
