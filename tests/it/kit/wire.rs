//! A wire between two servers, which can be cut and mended.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Passes connections on while it is whole. Cut, it ends those that it has and takes no others.
pub struct Wire {
    pub address: SocketAddr,
    whole: watch::Sender<bool>,
    ended: Arc<AtomicBool>,
}

impl Wire {
    /// To a server.
    pub async fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let (whole, seen) = watch::channel(true);
        let ended = Arc::new(AtomicBool::new(false));
        let over = ended.clone();
        tokio::spawn(async move {
            while let Ok((mut near, _)) = listener.accept().await {
                if over.load(Ordering::Relaxed) {
                    return;
                }
                let mut seen = seen.clone();
                if !*seen.borrow() {
                    continue;
                }
                tokio::spawn(async move {
                    let Ok(mut far) = TcpStream::connect(server).await else { return };
                    tokio::select! {
                        _ = copy_bidirectional(&mut near, &mut far) => {}
                        _ = seen.wait_for(|whole| !whole) => {}
                    }
                });
            }
        });
        Self { address, whole, ended }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn cut(&self) {
        self.whole.send_replace(false);
    }

    pub fn mend(&self) {
        self.whole.send_replace(true);
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        self.cut();
    }
}
