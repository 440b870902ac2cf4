//! The slowest that bytes may come or go: no pause longer than a patience, and a rate on average.
//!
//! Only the time counts in which the other side is waited for. Bytes buy time back, up to the whole
//! patience, so that nobody who was quick may be silent for hours afterwards.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::time::Sleep;

/// What is demanded of the other side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// The longest pause.
    pub patience: Duration,
    /// Bytes a second, on average.
    pub rate: u64,
}

/// The other side was slower than that.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("less than {} bytes a second arrived, or none for {} seconds", .0.rate, .0.patience.as_secs())]
pub struct TooSlow(pub Pace);

/// Measures one stream of bytes.
pub struct Meter {
    pace: Pace,
    left: Duration,
    waiting: Option<Instant>,
    alarm: Option<Pin<Box<Sleep>>>,
}

impl Meter {
    pub fn new(pace: Pace) -> Self {
        Self { pace, left: pace.patience, waiting: None, alarm: None }
    }

    /// Another rate from now on.
    pub fn demand(&mut self, rate: u64) {
        self.pace.rate = rate;
    }

    /// The other side is waited for: ready once that has lasted too long.
    pub fn poll_over(&mut self, context: &mut Context<'_>) -> Poll<TooSlow> {
        if self.waiting.is_none() {
            self.waiting = Some(Instant::now());
            let until = tokio::time::Instant::now() + self.left;
            match &mut self.alarm {
                Some(alarm) => alarm.as_mut().reset(until),
                None => self.alarm = Some(Box::pin(tokio::time::sleep_until(until))),
            }
        }
        match &mut self.alarm {
            Some(alarm) => alarm.as_mut().poll(context).map(|()| TooSlow(self.pace)),
            None => Poll::Pending,
        }
    }

    /// So many bytes came.
    pub fn came(&mut self, bytes: u64) {
        if let Some(since) = self.waiting.take() {
            self.left = self.left.saturating_sub(since.elapsed());
        }
        let earned = Duration::from_micros(bytes.saturating_mul(1_000_000) / self.pace.rate.max(1));
        self.left = self.left.saturating_add(earned).min(self.pace.patience);
    }

    /// What `work` gives, if it comes in time; tell [`Meter::came`] how much it was.
    pub async fn wait<T>(&mut self, work: impl Future<Output = T>) -> Result<T, TooSlow> {
        let mut work = pin!(work);
        poll_fn(|context| match work.as_mut().poll(context) {
            Poll::Ready(value) => Poll::Ready(Ok(value)),
            Poll::Pending => self.poll_over(context).map(Err),
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACE: Pace = Pace { patience: Duration::from_secs(10), rate: 100 };

    #[test]
    fn bytes_buy_time_back_but_never_more_than_the_patience() {
        let mut meter = Meter::new(PACE);
        meter.left = Duration::from_secs(1);
        meter.came(100);
        assert_eq!(meter.left, Duration::from_secs(2));
        meter.came(1 << 40);
        assert_eq!(meter.left, PACE.patience);
    }

    #[tokio::test]
    async fn one_who_sends_a_byte_now_and_then_is_too_slow_in_the_end() {
        let mut meter = Meter::new(Pace { patience: Duration::from_millis(30), rate: 1_000_000 });
        let mut sent = 0;
        while meter.wait(tokio::time::sleep(Duration::from_millis(1))).await.is_ok() {
            meter.came(1);
            sent += 1;
            assert!(sent < 1000, "a byte in a thousandth of a second is enough");
        }
        assert!(meter.wait(std::future::ready(())).await.is_ok(), "who is quick again is heard");
    }
}
