//! Stories of space: what goes by itself, and what is refused when there is not enough.

mod cache;
mod quota;
mod reserve;
mod retention;

use crate::kit::Server;
use wheelwright::index::gc::{Collected, collect};

/// What `wheelwright gc` does.
pub async fn gc(server: &Server, dry_run: bool) -> Collected {
    let app = &server.app;
    let collected = collect(&app.db, &app.store, &app.config, dry_run).await.expect("collected");
    app.indexes.refresh().await.expect("refreshes");
    collected
}
