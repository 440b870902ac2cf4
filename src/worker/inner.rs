//! The worker inside a server: it begins once the server answers, and never holds it up.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::begin::begin;
use super::claim::{Post, work};
use crate::app::App;
use crate::client::WorkerClient;
use crate::error::Result;

/// A worker that runs beside the server in this process.
pub struct Inner {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Inner {
    /// Starts one, unless `build.enabled` says no. `address` is where this process answers without
    /// TLS.
    pub fn start(app: &App, address: SocketAddr) -> Option<Self> {
        if !app.config.build.enabled {
            return None;
        }
        app.targets.expect_worker();
        let (stop, stopped) = watch::channel(false);
        let app = app.clone();
        let task = tokio::spawn(async move {
            if let Err(error) = run(app, address, stopped).await {
                tracing::warn!(
                    error = format!("{error:#}"),
                    "the built-in worker stopped, so this server does not build"
                );
            }
        });
        Some(Self { stop, task })
    }

    /// Gives running builds back to the queue, and ends.
    pub async fn stop(self) {
        let _ = self.stop.send(true);
        // It ends by itself, or is cut off with the process.
        let _ = tokio::time::timeout(std::time::Duration::from_secs(8), self.task).await;
    }
}

async fn run(app: App, address: SocketAddr, mut stop: watch::Receiver<bool>) -> Result<()> {
    let link = WorkerClient::new(&format!("http://{address}"), app.people.worker_secret())?;
    let folder = app.config.data.join("worker");
    let folder = std::path::absolute(folder)?;
    let ready = tokio::select! {
        ready = begin(&app.config.build, app.config.offline, &folder) => ready?,
        _ = stop.wait_for(|stop| *stop) => return Ok(()),
    };
    let name = format!("server-{}", &uuid::Uuid::now_v7().simple().to_string()[20..]);
    let post = Post { link, name, description: ready.description.clone() };
    if let Some(why) = &post.description.off {
        tracing::warn!(why, "the worker does not build");
    }
    drop(app);
    let mut ready = ready;
    let worker = ready.worker.take().map(Arc::new);
    work(post, worker, stop).await
}
