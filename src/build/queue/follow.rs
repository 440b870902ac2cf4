//! Following a build: what happens to it and what its log says, as it comes, from where somebody stopped.

use super::Queue;
use crate::bad;
use crate::db::builds::{Build, BuildId};
use crate::error::{Error, Result};
use async_stream::try_stream;
use bytes::Bytes;
use futures::Stream;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;
use tokio::time::Instant;

/// Bytes of a log that are told at once.
const AT_ONCE: u64 = 64 << 10;
/// A line of which so much is here is told before it has ended.
const LONG_LINE: usize = 16 << 10;
/// Who follows hears something at least so often: proxies close connections that are silent.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// Nothing is looked for more often.
const PAUSE: Duration = Duration::from_millis(250);
/// For so long one stream goes on; who follows begins another one then, and is asked again who they are.
const LONGEST: Duration = Duration::from_secs(600);

/// A place in the log of a build: in which run, and at which byte.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogMark {
    /// When the run began; a build that runs again has another log.
    pub run: i64,
    pub at: u64,
}

impl fmt::Display for LogMark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.run, self.at)
    }
}

impl FromStr for LogMark {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let parts = text.split_once('-').and_then(|(run, at)| Some((run.parse().ok()?, at.parse().ok()?)));
        let (run, at) = parts.ok_or_else(|| {
            bad!("{text:?} is not a place in a log: send the id of the last event, such as 1777800000000000-512")
        })?;
        Ok(Self { run, at })
    }
}

/// What somebody who follows a build is told.
#[derive(Debug)]
pub enum BuildNews {
    /// The build runs once more: its log begins anew.
    Again,
    /// Whole lines of its log, and the place behind them.
    Log { text: Bytes, mark: LogMark },
    /// It is in another state or at another step, or nothing was told of it yet.
    State(Box<Build>),
    /// Nothing happened for a while.
    Quiet,
}

impl Queue {
    /// What happens to a build from `from` on, until it has ended or the stream was long enough. The last state is told
    /// behind the whole log.
    pub fn follow(
        &self,
        id: BuildId,
        from: Option<LogMark>,
    ) -> impl Stream<Item = Result<BuildNews>> + Send + use<> {
        let queue = self.clone();
        try_stream! {
            let mut changed = queue.0.changed.subscribe();
            let (began, mut told_at) = (Instant::now(), Instant::now());
            let (mut mark, mut known) = (from, None::<Build>);
            loop {
                changed.mark_unchanged();
                let build = queue.get(id).await?;
                let ended = build.state.has_ended();
                let mut whole = true;
                // One that waits has no log, or the one of a run that is lost.
                if let Some(run) = build.started_at {
                    let mut here = mark.filter(|mark| mark.run == run).unwrap_or(LogMark { run, at: 0 });
                    if mark.is_some_and(|mark| mark.run != run) {
                        yield BuildNews::Again;
                    }
                    let bytes = queue.log_from(&build, here.at, AT_ONCE).await?;
                    let length = whole_lines(&bytes, ended);
                    if length > 0 {
                        here.at += length as u64;
                        told_at = Instant::now();
                        yield BuildNews::Log { text: bytes.slice(..length), mark: here };
                    }
                    whole = length == 0;
                    mark = Some(here);
                }
                if (whole || !ended) && known.as_ref().is_none_or(|known| !looks_alike(known, &build)) {
                    told_at = Instant::now();
                    yield BuildNews::State(Box::new(build.clone()));
                    known = Some(build);
                }
                if ended && whole || queue.is_closing() || began.elapsed() > LONGEST {
                    break;
                }
                if !whole {
                    continue;
                }
                if told_at.elapsed() > HEARTBEAT {
                    told_at = Instant::now();
                    yield BuildNews::Quiet;
                }
                let until = Instant::now() + HEARTBEAT;
                tokio::time::sleep(PAUSE).await;
                queue.something_changed(&mut changed, until).await;
            }
        }
    }
}

/// How many of these bytes are told now: up to the end of the last line; at the end of a build, all.
fn whole_lines(bytes: &[u8], ended: bool) -> usize {
    let line = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    // Of what was cut within a character the rest comes with the next bytes.
    let within = bytes.iter().rposition(|byte| *byte & 0xc0 != 0x80).unwrap_or(0);
    match (line, ended) {
        (0, true) => bytes.len(),
        (0, false) if bytes.len() >= LONG_LINE => within,
        (line, true) if (bytes.len() as u64) < AT_ONCE => line.max(bytes.len()),
        (line, _) => line,
    }
}

/// Whether two looks at a build show the same.
fn looks_alike(one: &Build, other: &Build) -> bool {
    let of = |build: &Build| (build.state, build.step, build.started_at, build.ended_at);
    of(one) == of(other) && one.worker == other.worker
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_in_a_log_is_read_as_it_is_written() {
        let mark = LogMark { run: 1_777_800_000_000_000, at: 512 };
        assert_eq!(mark.to_string().parse::<LogMark>().unwrap(), mark);
        for bad in ["", "7", "x-1", "1-x", "1-2-3", "1--2"] {
            assert!(matches!(bad.parse::<LogMark>(), Err(Error::Bad(_))), "{bad}");
        }
    }

    #[test]
    fn lines_are_told_whole_and_the_rest_at_the_end() {
        assert_eq!(whole_lines(b"one\ntwo", false), 4);
        assert_eq!(whole_lines(b"one\ntwo", true), 7);
        assert_eq!(whole_lines(b"half", false), 0);
        assert_eq!(whole_lines(b"half", true), 4);
        let mut long = vec![b'x'; LONG_LINE];
        long.extend_from_slice(&"é".as_bytes()[..1]);
        assert_eq!(whole_lines(&long, false), LONG_LINE, "a character is not cut");
    }
}
