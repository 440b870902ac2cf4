//! The log of one build while it runs: written by its steps, read piece by piece by the reporter.

use crate::tools::hex;
use parking_lot::{Mutex, MutexGuard};
use std::collections::VecDeque;
use std::sync::Arc;

use tokio::sync::Notify;

/// A bounded log; clones write to the same one.
///
/// The first half of its bound is kept as it comes and can be read at once. What comes later pushes
/// out of the middle, so the second half is known only when the log is closed.
#[derive(Clone, Debug)]
pub struct Log(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// Bytes for the beginning, and as many for the end.
    half: usize,
    text: Mutex<Text>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct Text {
    head: Vec<u8>,
    tail: VecDeque<u8>,
    /// Bytes that were pushed out of the middle.
    cut: u64,
    closed: bool,
}

impl Log {
    /// A log of at most `limit` bytes, plus a line that tells what was cut.
    #[must_use]
    pub fn new(limit: u64) -> Self {
        let half = usize::try_from(limit / 2).unwrap_or(usize::MAX / 2);
        Self(Arc::new(Inner { half, text: Mutex::default(), changed: Notify::new() }))
    }

    fn text(&self) -> MutexGuard<'_, Text> {
        self.0.text.lock()
    }

    /// Appends bytes as a program printed them; after [`Log::close`] they are dropped.
    pub fn write(&self, bytes: &[u8]) {
        let mut text = self.text();
        if text.closed {
            return;
        }
        let room = self.0.half.saturating_sub(text.head.len()).min(bytes.len());
        let (early, late) = bytes.split_at(room);
        text.head.extend_from_slice(early);
        text.tail.extend(late);
        let over = text.tail.len().saturating_sub(self.0.half);
        text.tail.drain(..over);
        text.cut += over as u64;
        drop(text);
        self.0.changed.notify_one();
    }

    /// A line of ours, told apart from what programs print by its mark.
    pub fn note(&self, line: &str) {
        self.write(format!("[wheelwright] {line}\n").as_bytes());
    }

    /// Nothing more comes: from now on the end can be read too.
    pub fn close(&self) {
        let mut text = self.text();
        if !text.closed {
            text.closed = true;
            if text.cut > 0 {
                let line = format!("\n[wheelwright] {} bytes of the log are left out here\n", text.cut);
                text.head.extend_from_slice(line.as_bytes());
            }
            let tail = std::mem::take(&mut text.tail);
            text.head.extend(tail);
        }
        drop(text);
        self.0.changed.notify_one();
    }

    /// At most `most` bytes from offset `at`, as far as they are settled, and whether the log is closed.
    #[must_use]
    pub fn piece(&self, at: usize, most: usize) -> (Vec<u8>, bool) {
        let text = self.text();
        let bytes = text.head.get(at..).unwrap_or_default();
        (bytes.get(..most.min(bytes.len())).unwrap_or_default().to_vec(), text.closed)
    }

    /// Waits until something was written since the last call; for one reader.
    pub async fn changed(&self) {
        self.0.changed.notified().await;
    }

    /// All that is kept, with lossy UTF-8, for finding out why a build failed.
    #[must_use]
    pub fn to_text(&self) -> String {
        let text = self.text();
        let mut bytes = text.head.clone();
        bytes.extend(&text.tail);
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Bytes written so far, with those that were cut out since.
    #[must_use]
    pub fn written(&self) -> u64 {
        let text = self.text();
        (text.head.len() + text.tail.len()) as u64 + text.cut
    }

    /// What was written since [`Log::written`] was `mark`, as far as it is kept; before [`Log::close`].
    #[must_use]
    pub fn since(&self, mark: u64) -> String {
        let text = self.text();
        let from = usize::try_from(mark).unwrap_or(usize::MAX);
        let in_tail = mark.saturating_sub(text.head.len() as u64 + text.cut);
        let mut bytes = text.head.get(from..).unwrap_or_default().to_vec();
        bytes.extend(text.tail.iter().skip(usize::try_from(in_tail).unwrap_or(usize::MAX)));
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Hexadecimal SHA-256 of what can be read; of the whole log once it is closed.
    #[must_use]
    pub fn sha256(&self) -> String {
        hex::sha256(&self.text().head)
    }
}

/// At most the last `bytes` of a text.
pub fn last(text: &str, bytes: usize) -> &str {
    let mut from = text.len().saturating_sub(bytes);
    while !text.is_char_boundary(from) {
        from += 1;
    }
    text.get(from..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_cut_in_its_middle_and_says_so() {
        let log = Log::new(8);
        for byte in b'a'..=b'z' {
            log.write(&[byte]);
        }
        assert_eq!((log.written(), log.since(24), log.since(2)), (26, "yz".into(), "cdwxyz".into()));
        assert_eq!(log.piece(1, 100), (b"bcd".to_vec(), false), "the end is not settled yet");
        log.close();
        log.write(b"late");
        let text = log.to_text();
        assert!(
            text.starts_with("abcd\n") && text.contains("18 bytes") && text.ends_with("\nwxyz"),
            "{text}"
        );
        assert_eq!(log.piece(2, 2), (b"cd".to_vec(), true));
    }

    #[test]
    fn what_fits_is_kept_whole() {
        let log = Log::new(1000);
        log.write(b"one\n");
        log.note("two");
        log.close();
        assert_eq!(log.to_text(), "one\n[wheelwright] two\n");
    }
}
