//! The time before the server can serve: its address answers "not yet", so that a balancer and people can tell a server
//! that migrates its database from one that is gone.

use super::server::{Answering, ServerLimits, acceptor, converse, drain};
use crate::config::Config;
use crate::error::{Error, Result};
use hyper_util::server::graceful::GracefulShutdown;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, oneshot};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

/// Connections that are answered at once; more wait in the listener's queue.
const AT_ONCE: usize = 64;
/// An answer that takes longer is cut off when the server is ready.
const LONGEST: Duration = Duration::from_secs(1);

/// A listener that says "not yet". Ready, it is given back; who waits in its queue is served then.
pub struct Starting {
    ready: oneshot::Sender<()>,
    answering: JoinHandle<TcpListener>,
}

impl Starting {
    /// # Errors
    /// `Bad` if the certificate cannot be used.
    pub fn begin(listener: TcpListener, config: &Config) -> Result<Self> {
        let (tls, pace) = (acceptor(&config.tls)?, config.limits.pace());
        let (ready, until) = oneshot::channel();
        Ok(Self { ready, answering: tokio::spawn(answer(listener, tls, pace, until)) })
    }

    /// Ends the answers; the listener stays open.
    pub async fn end(self) -> Result<TcpListener> {
        drop(self.ready);
        self.answering.await.map_err(Error::internal)
    }
}

async fn answer(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    pace: crate::tools::pace::Pace,
    mut until: oneshot::Receiver<()>,
) -> TcpListener {
    let graceful = Arc::new(GracefulShutdown::new());
    let (slots, patience) = (Arc::new(Semaphore::new(AT_ONCE)), ServerLimits::default().header);
    let accept = async || {
        let slot = slots.clone().acquire_owned().await;
        (listener.accept().await, slot)
    };
    loop {
        let (accepted, slot) = tokio::select! {
            accepted = accept() => accepted,
            _ = &mut until => break,
        };
        let Ok((stream, peer)) = accepted else {
            // Out of descriptors, or the peer is gone already.
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let (tls, graceful) = (tls.clone(), Arc::downgrade(&graceful));
        tokio::spawn(async move {
            converse((stream, tls), (peer, patience, pace), Answering::NotYet, graceful).await;
            drop(slot);
        });
    }
    drain(graceful, LONGEST).await;
    listener
}
