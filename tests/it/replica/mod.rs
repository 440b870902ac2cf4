//! Stories of two sites: a primary, and a replica behind a wire that can be cut.

mod follows;
mod hands_on;
mod mirrors;
mod outage;
mod program;
mod refuses;
mod under_load;

use crate::kit::Server;
use crate::kit::stages::stage;
use crate::kit::wire::Wire;
use std::time::{Duration, Instant};
use wheelwright::access::{Action, Scope};
use wheelwright::config::Config;

/// A token by which the primary lets itself be copied.
async fn token(primary: &Server) -> String {
    let scope = Scope { actions: vec![Action::Read, Action::Replicate], ..Scope::default() };
    primary.make_token("root", scope).await
}

fn copies(config: &mut Config, primary: &str, token: &str) {
    config.replica.of = Some(primary.parse().expect("a URL"));
    config.replica.token = Some(token.into());
    config.root_password = None;
}

/// A replica of this server, and the wire between them.
pub async fn replica_of(primary: &Server) -> (Server, Wire) {
    let wire = Wire::to(primary.address).await;
    let secret = token(primary).await;
    let url = wire.url();
    let replica = Server::start_with(|config| copies(config, &url, &secret)).await;
    caught_up(primary, &replica).await;
    (replica, wire)
}

/// A primary with `alice/dev`, its replica, and the wire.
async fn pair() -> (Server, Server, Wire) {
    let primary = stage().await;
    let (replica, wire) = replica_of(&primary).await;
    (primary, replica, wire)
}

/// Waits until the replica has everything that the primary has now.
async fn caught_up(primary: &Server, replica: &Server) {
    let serial = primary.app.db.serial().await.expect("a serial");
    until("the replica catches up", async || replica_serial(replica) >= serial).await;
}

fn replica_serial(replica: &Server) -> i64 {
    replica.app.replica.as_ref().expect("a replica").serial()
}

fn reaches(replica: &Server) -> bool {
    replica.app.replica.as_ref().expect("a replica").primary().is_reachable()
}

/// Cuts the wire and waits until the replica has noticed.
async fn cut(wire: &Wire, replica: &Server) {
    wire.cut();
    until("the replica notices", async || !reaches(replica)).await;
}

async fn mend(wire: &Wire, replica: &Server) {
    wire.mend();
    until("the replica reaches its primary", async || reaches(replica)).await;
}

/// Waits for what becomes true by itself.
async fn until(what: &str, is_so: impl AsyncFn() -> bool) {
    until_within(Duration::from_secs(60), what, is_so).await;
}

async fn until_within(limit: Duration, what: &str, is_so: impl AsyncFn() -> bool) {
    let begun = Instant::now();
    while !is_so().await {
        assert!(begun.elapsed() < limit, "in vain for {limit:?}: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
