//! A lock for each key: of all who want the same thing at once, one makes it and the others look again.

use parking_lot::Mutex;
use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::sync::Arc;
use tokio::sync::OwnedMutexGuard;

/// A lock per key that exists only while someone wants it. Whoever gets the lock looks first
/// whether the one before them has left what they want.
pub struct Locks<K>(Arc<Mutex<HashMap<K, Entry>>>);

struct Entry {
    lock: Arc<tokio::sync::Mutex<()>>,
    users: usize,
}

impl<K> fmt::Debug for Locks<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Locks({} held)", self.0.lock().len())
    }
}

impl<K> Default for Locks<K> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

/// Held while making the thing; dropping it (also by cancellation) lets the next one look.
pub struct Locked<K: Hash + Eq> {
    _guard: OwnedMutexGuard<()>,
    _ticket: Ticket<K>,
}

struct Ticket<K: Hash + Eq> {
    key: K,
    locks: Arc<Mutex<HashMap<K, Entry>>>,
}

impl<K: Hash + Eq> Drop for Ticket<K> {
    fn drop(&mut self) {
        let mut locks = self.locks.lock();
        if let Some(entry) = locks.get_mut(&self.key) {
            entry.users -= 1;
            if entry.users == 0 {
                locks.remove(&self.key);
            }
        }
    }
}

impl<K: Hash + Eq + Clone> Locks<K> {
    /// Waits for the turn.
    pub async fn lock(&self, key: K) -> Locked<K> {
        let lock = {
            let mut locks = self.0.lock();
            let entry = locks.entry(key.clone()).or_insert_with(|| Entry { lock: Arc::default(), users: 0 });
            entry.users += 1;
            entry.lock.clone()
        };
        let ticket = Ticket { key, locks: self.0.clone() };
        Locked { _guard: lock.lock_owned().await, _ticket: ticket }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[tokio::test]
    async fn one_key_is_made_by_one_at_a_time_and_leaves_nothing_behind() {
        let locks = Arc::new(Locks::<u8>::default());
        let inside = Arc::new(AtomicUsize::new(0));
        let tasks = (0..20).map(|_| {
            let (locks, inside) = (locks.clone(), inside.clone());
            tokio::spawn(async move {
                let _locked = locks.lock(1).await;
                assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
                tokio::task::yield_now().await;
                inside.fetch_sub(1, Ordering::SeqCst);
            })
        });
        for task in futures::future::join_all(tasks).await {
            task.unwrap();
        }
        assert!(locks.0.lock().is_empty());
    }

    #[tokio::test]
    async fn a_waiter_that_gives_up_is_forgotten() {
        let locks = Locks::<u8>::default();
        let locked = locks.lock(1).await;
        let mut waiting = Box::pin(locks.lock(1));
        assert!(futures::poll!(&mut waiting).is_pending());
        drop(waiting);
        drop(locked);
        assert!(locks.0.lock().is_empty());
    }
}
