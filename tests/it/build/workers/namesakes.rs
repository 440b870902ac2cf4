//! Stories of workers of one name: one of them works, and the other is told what to do.

use crate::kit::Server;
use crate::kit::hired::Hired;
use crate::kit::stages::stage;
use std::time::Duration;
use wheelwright::access::{Action, Scope, accounts};
use wheelwright::build::queue::LEASE;
use wheelwright::error::Error;
use wheelwright::words::Role;

/// What tells the one worker that the server knows from others of its name.
async fn instance(server: &Server) -> String {
    let workers = server.app.targets.workers().await.expect("workers");
    assert_eq!(workers.len(), 1, "{workers:?}");
    workers[0].description.instance.clone()
}

/// As if nobody had heard of it for longer than its lease.
async fn a_minute_passes(server: &Server, name: &str) {
    let known = server.app.db.worker(name).await.expect("a database").expect("a worker");
    let mut silent = known.clone();
    silent.seen_at -= LEASE + 1;
    assert!(server.app.db.put_worker(&silent, Some(&known)).await.expect("a database"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_worker_of_a_name_is_refused_and_gets_in_when_the_first_has_stopped() {
    let server = stage().await;
    let token = server.worker_token().await;
    let first = Hired::start(&server, &token, "same").await;
    let known = instance(&server).await;
    let said = Hired::refused(&server, &token, "same").await;
    assert!(said.contains("another worker named same is running") && said.contains("--name"), "{said}");
    // Nor does another account take the name.
    server.make_user("bob", "bob-secret").await;
    accounts::role(&server.app.db, "root", Role::Builder, "bob", true).await.expect("a role");
    let scope = Scope { actions: vec![Action::Build], ..Scope::default() };
    let said = Hired::refused(&server, &server.make_token("bob", scope).await, "same").await;
    assert!(
        said.contains("the name same belongs to a worker of another account") && said.contains("--name"),
        "{said}"
    );
    assert_eq!(instance(&server).await, known, "the first is there as it was");
    // Under its own name it is welcome.
    Hired::start(&server, &token, "other").await.kill().await;
    first.stop().await;
    let _second = Hired::start(&server, &token, "same").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_was_killed_comes_back_at_once_and_another_gets_its_name_after_its_lease() {
    let server = stage().await;
    let token = server.worker_token().await;
    let first = Hired::start(&server, &token, "same").await;
    let before = instance(&server).await;
    let folder = first.kill().await;
    let first = Hired::again(&server, &token, "same", folder).await;
    assert_eq!(instance(&server).await, before, "it is the same");
    let _folder = first.kill().await;
    let said = Hired::refused(&server, &token, "same").await;
    assert!(said.contains("the name is free in"), "{said}");
    a_minute_passes(&server, "same").await;
    let _second = Hired::start(&server, &token, "same").await;
    assert_ne!(instance(&server).await, before);
    // Should the first wake up, it claims nothing under the name.
    let woken = server.app.queue.claim("root", "same", &before, None, Duration::ZERO).await;
    assert!(matches!(woken, Err(Error::Missing(_))), "{woken:?}");
}
