//! Panics: a mistake of ours ends one request or one step, never the process, a loop or a lock.
//!
//! Every panic is logged with its place and counted. Whoever runs code for others runs it in
//! [`caught`], and locks are `parking_lot`'s, which stay usable after a panic (`clippy.toml`).

use crate::counters;
use crate::error::{Error, Result};
use futures::FutureExt as _;
use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Once;

/// Counts and logs every panic of this process from now on, whichever thread or task it ends.
pub fn watch() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            counters::PANICS.one();
            let place = panic.location().map(ToString::to_string).unwrap_or_default();
            tracing::error!(place, reason = text(panic.payload()), "panic: please report this");
            before(panic);
        }));
    });
}

/// What `work` gives; a panic in it becomes an internal error.
///
/// What `work` holds is dropped as after any error; what it shares with others must be true between
/// any two statements, as it must for a future that is dropped.
pub async fn caught<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    match AssertUnwindSafe(work).catch_unwind().await {
        Ok(result) => result,
        Err(panic) => Err(Error::internal(anyhow::anyhow!("panic: {}", text(&*panic)))),
    }
}

/// The words of a panic.
fn text(panic: &(dyn Any + Send)) -> &str {
    let owned = panic.downcast_ref::<String>().map(String::as_str);
    owned.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message")
}

#[cfg(test)]
#[expect(clippy::panic, reason = "that is what is tested")]
mod tests {
    use super::*;
    use parking_lot::Mutex;

    #[tokio::test]
    async fn a_panic_becomes_an_error_is_counted_and_leaves_locks_usable() {
        static SHARED: Mutex<u32> = Mutex::new(1);
        watch();
        let before = counters::PANICS.get();
        let ended: Result<()> = caught(async {
            tokio::task::yield_now().await;
            let _held = SHARED.lock();
            panic!("on {}", "purpose")
        })
        .await;
        let Err(Error::Internal(why)) = ended else { panic!("an error") };
        assert_eq!(why.to_string(), "panic: on purpose");
        assert!(counters::PANICS.get() > before);
        assert_eq!(*SHARED.lock(), 1);
        assert_eq!(caught(async { Ok(7) }).await.unwrap_or_default(), 7);
    }
}
