//! Single flight: however many ask for the same thing, it is done once, and to its end.

use crate::error::{Error, Result};
use futures::FutureExt as _;
use futures::future::{BoxFuture, Shared};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;

/// What everybody who waits gets.
pub type SharedResult<T> = Result<T, Arc<Error>>;

type Running<T> = Mutex<HashMap<String, Shared<BoxFuture<'static, SharedResult<T>>>>>;

/// The flights under way, by what they are for.
pub struct Flights<T: Clone>(Arc<Running<T>>);

impl<T: Clone> Default for Flights<T> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

/// Takes a flight off the list when it ends, also by a panic.
struct Landing<T: Clone>(Arc<Running<T>>, String);

impl<T: Clone> Drop for Landing<T> {
    fn drop(&mut self) {
        self.0.lock().remove(&self.1);
    }
}

impl<T: Clone + Send + Sync + 'static> Flights<T> {
    /// Joins the flight for `key`, or starts `work` as a task of its own: it goes on when all who
    /// waited have left.
    pub fn join<F>(
        &self,
        key: String,
        work: impl FnOnce() -> F,
    ) -> Shared<BoxFuture<'static, SharedResult<T>>>
    where
        F: Future<Output = Result<T>> + Send + 'static,
    {
        let mut running = self.0.lock();
        if let Some(flight) = running.get(&key) {
            return flight.clone();
        }
        let landing = Landing(self.0.clone(), key.clone());
        let work = work();
        let task = tokio::spawn(async move {
            // The outcome is fixed before the flight leaves the list, so that whoever comes later
            // finds it where flights put it.
            let outcome = work.await.map_err(Arc::new);
            drop(landing);
            outcome
        });
        let flight = task.map(|ended| ended.unwrap_or_else(|e| Err(Arc::new(Error::from(e)))));
        let flight = flight.boxed().shared();
        running.insert(key, flight.clone());
        flight
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[tokio::test]
    async fn many_who_ask_at_once_share_one_flight_and_the_next_starts_another() {
        let flights = Flights::<usize>::default();
        let count = Arc::new(AtomicUsize::new(0));
        let (go, gate) = tokio::sync::watch::channel(false);
        let ask = || {
            let (count, mut gate) = (count.clone(), gate.clone());
            flights.join("six".into(), || async move {
                let _ = gate.wait_for(|open| *open).await;
                Ok(count.fetch_add(1, Ordering::SeqCst))
            })
        };
        let all: Vec<_> = (0..50).map(|_| ask()).collect();
        go.send(true).unwrap();
        for flight in all {
            assert_eq!(flight.await.unwrap(), 0);
        }
        assert_eq!(ask().await.unwrap(), 1);
    }

    #[tokio::test]
    async fn a_flight_goes_on_when_all_who_waited_have_left() {
        let flights = Flights::<()>::default();
        let (done, landed) = tokio::sync::oneshot::channel();
        drop(flights.join("six".into(), || async move {
            done.send(()).unwrap();
            Ok(())
        }));
        landed.await.unwrap();
    }

    #[tokio::test]
    async fn a_panic_ends_the_flight_with_an_error_and_frees_its_name() {
        let flights = Flights::<()>::default();
        #[expect(clippy::panic, reason = "that is what is tested")]
        let flight = flights.join("six".into(), || async { panic!("on purpose") });
        assert!(matches!(*flight.await.unwrap_err(), Error::Internal(_)));
        assert!(flights.join("six".into(), || async { Ok(()) }).await.is_ok());
    }
}
