//! A server on loopback for one program that wheelwright started.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

/// Accepts connections until it is dropped; its connections end with it.
pub struct Loopback {
    pub address: SocketAddr,
    task: JoinHandle<()>,
}

impl Loopback {
    /// Opens a free port. `serve` answers one connection; at most `most` are open at once.
    pub async fn open<F>(most: usize, serve: impl Fn(TcpStream) -> F + Send + 'static) -> io::Result<Self>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let task = tokio::spawn(async move {
            // Connections end with this task.
            let mut connections = JoinSet::new();
            loop {
                let Ok((stream, _)) = listener.accept().await else {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                };
                while connections.try_join_next().is_some() {}
                if connections.len() >= most {
                    connections.join_next().await;
                }
                connections.spawn(serve(stream));
            }
        });
        Ok(Self { address, task })
    }
}

impl Drop for Loopback {
    fn drop(&mut self) {
        self.task.abort();
    }
}
