//! A lock on a file says that one process alone uses what lies beside it.

use std::fs::{File, TryLockError};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// A program that a process was just starting when it ended has the locks of that process until it runs: for so long,
/// a lock is waited for.
const LET_GO: Duration = Duration::from_secs(3);
const PAUSE: Duration = Duration::from_millis(20);

/// [`File::try_lock`], which is not refused by somebody who is about to let go.
///
/// # Errors
/// `WouldBlock` if another process keeps the lock.
pub fn claim(file: &File) -> Result<(), TryLockError> {
    let began = Instant::now();
    loop {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) if began.elapsed() < LET_GO => sleep(PAUSE),
            done => return done,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_about_to_let_go_refuses_nobody_and_who_keeps_it_does() {
        let folder = tempfile::tempdir().unwrap();
        let open = || File::options().create(true).append(true).open(folder.path().join("lock")).unwrap();
        let other = open();
        other.lock().unwrap();
        let waiting = std::thread::spawn({
            let mine = open();
            move || claim(&mine).is_ok()
        });
        sleep(PAUSE * 4);
        drop(other);
        assert!(waiting.join().unwrap());
        let kept = open();
        kept.lock().unwrap();
        assert!(matches!(claim(&open()), Err(TryLockError::WouldBlock)));
    }
}
