//! Slots for connections: how many there are, and how many of them one address may take.
//!
//! A connection holds a descriptor, and so do its file, its upstream and the database behind it. So
//! connections get half of the descriptors at most, and the rest of the server can always open its files.

use crate::config::networks::household;
use parking_lot::Mutex;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// More are of no use to 8192 connections, and make programs slow that close all they might have.
const ENOUGH: u64 = 65_536;

/// Connections that are told that they are too many, at once; others are just closed.
const TOLD: usize = 64;

/// Raises the number of descriptors that this process may open to what the system allows, and tells it.
pub fn raise_descriptors() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let most = limit.maximum.unwrap_or(ENOUGH).min(ENOUGH);
    if limit.current.is_some_and(|current| current < most) {
        let raised = Rlimit { current: Some(most), maximum: limit.maximum };
        if let Err(error) = setrlimit(Resource::Nofile, raised) {
            tracing::warn!(%error, "cannot raise the limit of file descriptors");
        }
    }
    descriptors()
}

/// How many descriptors this process may open.
pub fn descriptors() -> u64 {
    getrlimit(Resource::Nofile).current.unwrap_or(ENOUGH)
}

/// The slots of one listener.
pub struct ConnectionSlots {
    all: Arc<Semaphore>,
    each: usize,
    taken: Mutex<HashMap<IpAddr, usize>>,
    told: Arc<Semaphore>,
}

/// A slot of one address; it is free again when this is dropped.
pub struct AddressSlot(Arc<ConnectionSlots>, IpAddr);

impl Drop for AddressSlot {
    fn drop(&mut self) {
        let mut taken = self.0.taken.lock();
        if let Some(count) = taken.get_mut(&self.1) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.1);
            }
        }
    }
}

impl ConnectionSlots {
    /// At most `wanted` of them, and not more than `descriptors` bear.
    pub fn new(wanted: usize, descriptors: u64) -> Arc<Self> {
        let all = wanted.min(usize::try_from(descriptors / 2).unwrap_or(usize::MAX)).max(2);
        let (taken, told) = (Mutex::default(), Arc::new(Semaphore::new(TOLD.min(all))));
        Arc::new(Self { all: Arc::new(Semaphore::new(all)), each: all / 2, taken, told })
    }

    /// Waits for a free slot. `None` never happens: the semaphore is not closed.
    pub async fn free(&self) -> Option<OwnedSemaphorePermit> {
        self.all.clone().acquire_owned().await.ok()
    }

    /// A slot for this address; `None`: it has as many as it may have.
    pub fn slot(self: &Arc<Self>, peer: IpAddr) -> Option<AddressSlot> {
        let address = household(peer);
        let mut taken = self.taken.lock();
        let count = taken.entry(address).or_insert(0);
        if *count >= self.each {
            return None;
        }
        *count += 1;
        Some(AddressSlot(self.clone(), address))
    }

    /// Tells a connection that it is one too many, and closes it.
    pub fn turn_away(&self, mut stream: TcpStream, plain: bool) {
        let Ok(turn) = self.told.clone().try_acquire_owned() else { return };
        if !plain {
            return;
        }
        tokio::spawn(tokio::time::timeout(std::time::Duration::from_secs(1), async move {
            let text =
                "503 your address has too many open connections: close some, or try again in a moment\n";
            let answer = format!(
                "HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain; charset=utf-8\r\n\
                 Content-Length: {}\r\nRetry-After: 5\r\nCache-Control: no-store\r\n\
                 X-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n{text}",
                text.len()
            );
            let _ = stream.write_all(answer.as_bytes()).await;
            let _ = stream.shutdown().await;
            // What was sent is read, or the answer would be lost with a reset.
            let mut rest = [0; 1024];
            while stream.read(&mut rest).await.is_ok_and(|read| read > 0) {}
            drop(turn);
        }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_half_of_the_descriptors_to_files_and_the_database() {
        for (wanted, descriptors, all) in
            [(8192, 1024, 512), (8192, 65_536, 8192), (100, 1024, 100), (9, 0, 2)]
        {
            let slots = ConnectionSlots::new(wanted, descriptors);
            assert_eq!((slots.all.available_permits(), slots.each), (all, all / 2));
        }
    }

    #[test]
    fn one_address_gets_half_of_the_slots_and_a_network_of_ipv6_is_one() {
        let slots = ConnectionSlots::new(4, 1024);
        let slot = |address: &str| slots.slot(address.parse().unwrap());
        let one = (slot("2001:db8::1"), slot("2001:db8::ffff:1"));
        assert!(one.0.is_some() && one.1.is_some());
        assert!(slot("2001:db8::2").is_none(), "the same /64");
        assert!(slot("2001:db8:0:1::1").is_some() && slot("192.0.2.1").is_some());
        drop(one);
        assert!(slot("2001:db8::2").is_some());
    }
}
