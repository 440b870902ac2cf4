//! Single flight: of all who want the same thing at once, one makes it and the others wait.

use parking_lot::Mutex;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;
use tokio::sync::OwnedMutexGuard;

/// A lock per key that exists only while someone wants it. Whoever gets the lock looks first
/// whether the one before them has left what they want.
pub struct Flights<K>(Arc<Mutex<HashMap<K, Entry>>>);

struct Entry {
    lock: Arc<tokio::sync::Mutex<()>>,
    users: usize,
}

impl<K> Default for Flights<K> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

/// Held while making the thing; dropping it (also by cancellation) lets the next one look.
pub struct Flight<K: Hash + Eq> {
    _guard: OwnedMutexGuard<()>,
    _ticket: Ticket<K>,
}

struct Ticket<K: Hash + Eq> {
    key: K,
    flights: Arc<Mutex<HashMap<K, Entry>>>,
}

impl<K: Hash + Eq> Drop for Ticket<K> {
    fn drop(&mut self) {
        let mut flights = self.flights.lock();
        if let Some(entry) = flights.get_mut(&self.key) {
            entry.users -= 1;
            if entry.users == 0 {
                flights.remove(&self.key);
            }
        }
    }
}

impl<K: Hash + Eq + Clone> Flights<K> {
    /// Waits for the turn.
    pub async fn enter(&self, key: K) -> Flight<K> {
        let lock = {
            let mut flights = self.0.lock();
            let entry =
                flights.entry(key.clone()).or_insert_with(|| Entry { lock: Arc::default(), users: 0 });
            entry.users += 1;
            entry.lock.clone()
        };
        let ticket = Ticket { key, flights: self.0.clone() };
        Flight { _guard: lock.lock_owned().await, _ticket: ticket }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[tokio::test]
    async fn one_key_is_made_by_one_at_a_time_and_leaves_nothing_behind() {
        let flights = Arc::new(Flights::<u8>::default());
        let inside = Arc::new(AtomicUsize::new(0));
        let tasks = (0..20).map(|_| {
            let (flights, inside) = (flights.clone(), inside.clone());
            tokio::spawn(async move {
                let _flight = flights.enter(1).await;
                assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
                tokio::task::yield_now().await;
                inside.fetch_sub(1, Ordering::SeqCst);
            })
        });
        for task in futures::future::join_all(tasks).await {
            task.unwrap();
        }
        assert!(flights.0.lock().is_empty());
    }

    #[tokio::test]
    async fn a_waiter_that_gives_up_is_forgotten() {
        let flights = Flights::<u8>::default();
        let flight = flights.enter(1).await;
        let mut waiting = Box::pin(flights.enter(1));
        assert!(futures::poll!(&mut waiting).is_pending());
        drop(waiting);
        drop(flight);
        assert!(flights.0.lock().is_empty());
    }
}
