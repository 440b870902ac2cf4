//! What goes on beside requests for as long as there is an app.

use super::{App, Parts};
use crate::access::tokens;
use crate::build::ahead::Ahead;
use crate::build::publish;
use crate::index::gc;
use crate::tools::failing::Failing;
use crate::tools::panics;
use crate::tools::time::now;
use std::sync::{Arc, Weak};
use std::time::Duration;

/// How often events of other processes are looked for.
const FOLLOW_EVERY: Duration = Duration::from_millis(500);
/// How often wheels are looked for that could not be published when they were built, in microseconds.
const PUBLISH_EVERY: i64 = 15_000_000;
/// How often wishes are written, if there are new ones: `bundle request` beside the data folder reads them right after an
/// install that failed.
const WISHES_EVERY: Duration = Duration::from_secs(1);
/// How often tokens are looked for that end soon.
const TOKENS_EVERY: Duration = Duration::from_secs(60);
/// How often downloads are written.
const DOWNLOADS_EVERY: Duration = Duration::from_secs(3);
/// Between two batches, so that others get their turn.
const FILL_PAUSE: Duration = Duration::from_millis(100);
/// How often the files of `osv.path` are looked at.
const ADVISORIES_EVERY: Duration = Duration::from_secs(5);

impl App {
    /// Begins what only a server with rows of its own does, and no copy of one.
    pub(super) fn begin_as_original(&self) {
        tokio::spawn(build_ahead(Arc::downgrade(&self.0)));
        tokio::spawn(tell_of_tokens(Arc::downgrade(&self.0)));
    }

    /// Begins what every app does.
    pub(super) fn begin_everywhere(&self) {
        tokio::spawn(follow(Arc::downgrade(&self.0)));
        tokio::spawn(collect(Arc::downgrade(&self.0)));
        tokio::spawn(write_wishes(Arc::downgrade(&self.0)));
        tokio::spawn(write_downloads(Arc::downgrade(&self.0)));
        if !self.config.read_only {
            tokio::spawn(fill_requirements(Arc::downgrade(&self.0)));
        }
    }

    /// Reads advisories now and whenever they change: what serves needs them, other commands do not wait for them.
    pub fn keep_advisories(&self) {
        tokio::spawn(read_advisories(Arc::downgrade(&self.0)));
    }
}

/// Follows other processes until the app is gone.
async fn follow(app: Weak<Parts>) {
    let mut failing = Failing::default();
    loop {
        tokio::time::sleep(FOLLOW_EVERY).await;
        let Some(app) = app.upgrade() else { return };
        failing.note(&panics::caught(app.indexes.refresh()).await, "cannot read events");
    }
}

/// Publishes what was built and not published, and builds ahead of requests, until the app is gone.
async fn build_ahead(app: Weak<Parts>) {
    let mut ahead = Ahead::default();
    let mut published_at = None;
    let mut failing = Failing::default();
    loop {
        let Some(app) = app.upgrade() else { return };
        let now = now();
        let mut result = Ok(());
        if published_at.is_none_or(|at| now - at > PUBLISH_EVERY || at > now) {
            result = panics::caught(publish::catch_up(&app.db, &app.indexes)).await;
            published_at = Some(now);
        }
        let result = result.and(panics::caught(Box::pin(ahead.step(&app.queue, now))).await);
        drop(app);
        failing.note(&result, "cannot build ahead");
        tokio::time::sleep(FOLLOW_EVERY).await;
    }
}

/// Writes what was asked for in vain, until the app is gone.
async fn write_wishes(app: Weak<Parts>) {
    let mut failing = Failing::default();
    loop {
        tokio::time::sleep(WISHES_EVERY).await;
        let Some(app) = app.upgrade() else { return };
        failing.note(&panics::caught(app.wishes.flush()).await, "cannot write wishes");
        failing.note(&panics::caught(app.requests.flush()).await, "cannot write requests");
    }
}

/// Tells of tokens that end soon, until the app is gone.
async fn tell_of_tokens(app: Weak<Parts>) {
    let mut failing = Failing::default();
    loop {
        tokio::time::sleep(TOKENS_EVERY).await;
        let Some(app) = app.upgrade() else { return };
        let notice = app.config.auth.token_notice;
        if notice > 0 {
            let told = panics::caught(tokens::tell_of_ending(&app.db, notice)).await;
            failing.note(&told, "cannot look for tokens that end");
        }
    }
}

/// Writes which files were downloaded, until the app is gone.
async fn write_downloads(app: Weak<Parts>) {
    let mut failing = Failing::default();
    loop {
        tokio::time::sleep(DOWNLOADS_EVERY).await;
        let Some(app) = app.upgrade() else { return };
        failing
            .note(&panics::caught(app.downloads.flush()).await, "cannot write which files were downloaded");
    }
}

/// Fills in what releases require that were here before that was noted, until all are.
async fn fill_requirements(app: Weak<Parts>) {
    let mut failing = Failing::default();
    loop {
        let Some(app) = app.upgrade() else { return };
        let filled = panics::caught(app.db.fill_requirements()).await;
        drop(app);
        if matches!(filled, Ok(false)) {
            return;
        }
        failing.note(&filled.map(|_| ()), "cannot note what releases require");
        tokio::time::sleep(FILL_PAUSE).await;
    }
}

/// Reads the advisories when they change, until the app is gone.
async fn read_advisories(app: Weak<Parts>) {
    let mut failing = Failing::default();
    loop {
        let Some(strong) = app.upgrade().filter(|app| app.config.osv.path.is_some()) else { return };
        failing.note(&panics::caught(strong.advisories.refresh()).await, "the advisories are not up to date");
        drop(strong);
        tokio::time::sleep(ADVISORIES_EVERY).await;
    }
}

/// Removes what nobody needs any more, from time to time, until the app is gone.
async fn collect(app: Weak<Parts>) {
    loop {
        let Some(every) = app.upgrade().map(|app| app.config.gc.every).filter(|every| *every > 0) else {
            return;
        };
        tokio::time::sleep(Duration::from_secs(every)).await;
        let Some(app) = app.upgrade() else { return };
        match panics::caught(gc::collect(&app.db, &app.store, &app.config, false)).await {
            Ok(done) if done.blobs > 0 => {
                tracing::info!(blobs = done.blobs, bytes = done.bytes, "removed unused blobs");
            }
            Ok(_) => {}
            Err(error) => {
                tracing::warn!(error = format!("{error:#}"), "cannot remove unused data; retrying later");
            }
        }
    }
}
