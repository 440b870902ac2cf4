//! Stories of whoever keeps the server running.

use crate::kit::Server;

#[tokio::test]
async fn a_fresh_server_is_healthy() {
    let server = Server::start().await;
    let answer = server.get("/+health").await;
    assert_eq!(answer.status(), 200);
}
