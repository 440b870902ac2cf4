//! How long somebody waits for an upstream that is slow.

use crate::tools::flight::SharedResult;
use crate::unavailable;
use std::sync::Arc;
use std::time::Duration;

/// For so long somebody waits for a page of which nothing is known: less than the most impatient
/// client (hatch: 10 seconds), which would learn nothing from a connection that it closes itself.
pub const COLD_PATIENCE: Duration = Duration::from_secs(8);

/// What a flight brings if it lands in time, else that one may ask again: it goes on.
pub async fn within<T>(patience: Duration, flight: impl Future<Output = SharedResult<T>>) -> SharedResult<T> {
    let slow = || unavailable!("the upstream is slow to answer: try again in a moment");
    tokio::time::timeout(patience, flight).await.unwrap_or_else(|_| Err(Arc::new(slow())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;
    use crate::tools::flight::Flights;

    #[tokio::test]
    async fn who_waits_too_long_is_told_to_ask_again_while_the_flight_goes_on() {
        let flights = Flights::<u8>::default();
        let (go, gate) = tokio::sync::oneshot::channel();
        let flight = flights.join("six".into(), || async move { Ok(gate.await.unwrap()) });
        let told = within(Duration::ZERO, flight.clone()).await.unwrap_err();
        assert!(matches!(*told, Error::Unavailable(_)), "503, after which every client asks again");
        go.send(7).unwrap();
        assert_eq!(within(COLD_PATIENCE, flight).await.unwrap(), 7);
        assert!(COLD_PATIENCE < Duration::from_secs(10), "hatch leaves after ten seconds");
    }
}
