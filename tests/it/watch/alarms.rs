//! What moves, and what is told to others.

use super::{alice, new_watch, wheel_for};
use crate::hooks::webhooks::on_loopback;
use crate::kit::git_host::Repository;
use crate::kit::receiver::Receiver;
use crate::kit::stages::stage_with;
use crate::kit::worker::{built, hire, job};

#[tokio::test]
async fn a_tag_that_moves_raises_an_alarm_and_is_never_built_again() {
    let server = stage_with(on_loopback).await;
    hire(&server).await;
    let receiver = Receiver::start(&[]).await;
    server.hook(&receiver.url(), &["watch"]).await;
    let repository = Repository::new();
    let id = server.watch_repository(&repository).await;
    let first = repository.tag("v1.0");
    server.look(id).await;
    for _ in 0..2 {
        let job = job(&server).await;
        built(&server, &job, &wheel_for("demo", "1.0", &job.target)).await;
    }
    server.tag_is(id, "v1.0", "published").await;
    let told = receiver.next().await.json();
    assert_eq!((&told["event"], &told["kind"]), (&"watch".into(), &"release published".into()), "{told:#}");
    assert_eq!((&told["project"], &told["index"]), (&"demo".into(), &"alice/dev".into()));
    let files = server.files("demo").await;

    let second = repository.tag("v1.0");
    server.look(id).await;
    let moved = server.tag_is(id, "v1.0", "moved").await;
    let why = moved["reason"].as_str().expect("a reason");
    assert!(why.contains(&first) && why.contains(&second) && why.contains("make a new tag"), "{why}");
    let told = receiver.next().await.json();
    assert_eq!(told["kind"], "tag moved", "{told:#}");
    // Looking again tells nothing new, and nothing is built.
    server.look(id).await;
    assert_eq!(server.tag_is(id, "v1.0", "moved").await["reason"], moved["reason"]);
    assert_eq!(server.files("demo").await, files);
    let (_, builds) = server.ask("GET", "/+builds?purpose=any", &alice(), None).await;
    assert_eq!(builds["result"].as_array().map(Vec::len), Some(2), "{builds:#}");
    assert_eq!(receiver.left().await, 0);
}

#[tokio::test]
async fn a_tag_that_moves_before_it_is_fetched_is_not_built() {
    let server = stage_with(on_loopback).await;
    let repository = Repository::new();
    let mut new = new_watch(&repository.url());
    new.targets = Vec::new();
    let id = server.watch(new).await;
    repository.tag("v1.0");
    server.look(id).await;
    // Nobody offers a target yet: the tag waits, and its row says why.
    let waiting = loop {
        let tag = server.tag_is(id, "v1.0", "waiting").await;
        if !tag["reason"].is_null() {
            break tag;
        }
    };
    assert!(waiting["reason"].as_str().is_some_and(|why| why.contains("target")), "{waiting:#}");
    let second = repository.tag("v1.0");
    hire(&server).await;
    let why = loop {
        let tag = server.watched(id).await["found"][0].clone();
        if tag["state"] == "failed" {
            break tag["reason"].to_string();
        }
    };
    assert!(why.contains(&format!("names {second} now")), "{why}");
}
