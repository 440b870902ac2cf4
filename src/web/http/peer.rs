//! The other end of a connection.

use crate::access::Who;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// A connected client or proxy.
pub struct Peer {
    pub address: SocketAddr,
    /// The sender of its requests without a credential: made once for all of them.
    stranger: Arc<Who>,
}

impl Peer {
    pub fn new(address: SocketAddr) -> Self {
        Self { address, stranger: Arc::new(Who::stranger(address.ip())) }
    }

    /// Who asks from `client` without a credential; through a proxy that is another address.
    pub fn stranger(&self, client: IpAddr) -> Arc<Who> {
        match client == self.address.ip() {
            true => self.stranger.clone(),
            false => Arc::new(Who::stranger(client)),
        }
    }
}
