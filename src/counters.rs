//! What happened since the process began, counted: static atomics, each increased where it happens.

use std::fmt::Write as _;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A number that only grows. On a cache line of its own: neighbours are counted by other threads.
#[repr(align(64))]
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    pub const fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    pub fn one(&self) {
        self.add(1);
    }

    pub fn add(&self, number: u64) {
        self.0.fetch_add(number, Relaxed);
    }

    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// Answers, those of them that failed by our fault, and the microseconds until their heads, all together. Of each route
/// the router counts more.
pub static REQUESTS: Counter = Counter::new();
pub static REQUESTS_FAILED: Counter = Counter::new();
pub static REQUEST_MICROS: Counter = Counter::new();
/// Prepared pages that were in memory and true, and those that had to be made.
pub static PAGE_HITS: Counter = Counter::new();
pub static PAGE_MISSES: Counter = Counter::new();
/// Blobs that were in memory or mapped, and those that had to be looked for.
pub static FILE_HITS: Counter = Counter::new();
pub static FILE_MISSES: Counter = Counter::new();
/// What upstreams answered to requests, redirects not counted.
pub static UPSTREAM_OK: Counter = Counter::new();
pub static UPSTREAM_NOT_MODIFIED: Counter = Counter::new();
pub static UPSTREAM_MISSING: Counter = Counter::new();
/// No answer, or one that says nothing about what was asked.
pub static UPSTREAM_FAILED: Counter = Counter::new();
/// Pages sent with `Warning: 110`.
pub static STALE_ANSWERS: Counter = Counter::new();
/// Files taken over from upstreams, verified, and the bytes that came for these and for failed ones.
pub static DOWNLOADS: Counter = Counter::new();
pub static DOWNLOADS_FAILED: Counter = Counter::new();
pub static DOWNLOAD_BYTES: Counter = Counter::new();
/// Bytes from upstreams that were not what was advertised.
pub static VERIFICATION_FAILURES: Counter = Counter::new();
/// Uploads by outcome; refused is the client's fault, failed is ours.
pub static UPLOADS_ACCEPTED: Counter = Counter::new();
pub static UPLOADS_REFUSED: Counter = Counter::new();
pub static UPLOADS_FAILED: Counter = Counter::new();
/// Tries to tell a webhook of an event, pings not counted.
pub static WEBHOOKS_DELIVERED: Counter = Counter::new();
pub static WEBHOOKS_FAILED: Counter = Counter::new();
/// Mistakes of ours that ended a request or a step.
pub static PANICS: Counter = Counter::new();
/// What was put into the store.
pub static BLOBS_WRITTEN: Counter = Counter::new();
pub static BLOB_BYTES_WRITTEN: Counter = Counter::new();

/// A counter as Prometheus is told of it.
pub struct Told {
    pub name: &'static str,
    /// `{outcome="ok"}`, or empty.
    pub labels: &'static str,
    pub about: &'static str,
    pub counter: &'static Counter,
}

const fn told(
    name: &'static str,
    labels: &'static str,
    about: &'static str,
    counter: &'static Counter,
) -> Told {
    Told { name, labels, about, counter }
}

const PAGES: &str = "wheelwright_page_cache_total";
const FILES: &str = "wheelwright_file_cache_total";
const UPSTREAM: &str = "wheelwright_upstream_requests_total";
const DOWNLOADED: &str = "wheelwright_downloads_total";
const UPLOADS: &str = "wheelwright_uploads_total";
const WEBHOOKS: &str = "wheelwright_webhook_deliveries_total";
const UPSTREAM_ABOUT: &str = "Requests to upstreams by outcome.";
const UPLOADS_ABOUT: &str = "Uploads by outcome.";

/// All of them; those of one name stand together.
pub static ALL: &[Told] = &[
    told(
        PAGES,
        r#"{result="hit"}"#,
        "Requests for project pages, by whether they were in memory.",
        &PAGE_HITS,
    ),
    told(PAGES, r#"{result="miss"}"#, "", &PAGE_MISSES),
    told(
        FILES,
        r#"{result="hit"}"#,
        "Requests for blobs, by whether they were in memory or mapped.",
        &FILE_HITS,
    ),
    told(FILES, r#"{result="miss"}"#, "", &FILE_MISSES),
    told(UPSTREAM, r#"{outcome="ok"}"#, UPSTREAM_ABOUT, &UPSTREAM_OK),
    told(UPSTREAM, r#"{outcome="not_modified"}"#, UPSTREAM_ABOUT, &UPSTREAM_NOT_MODIFIED),
    told(UPSTREAM, r#"{outcome="missing"}"#, UPSTREAM_ABOUT, &UPSTREAM_MISSING),
    told(UPSTREAM, r#"{outcome="failed"}"#, UPSTREAM_ABOUT, &UPSTREAM_FAILED),
    told(
        "wheelwright_stale_answers_total",
        "",
        "Pages served stale because an upstream failed.",
        &STALE_ANSWERS,
    ),
    told(DOWNLOADED, r#"{outcome="verified"}"#, "Files fetched from upstreams.", &DOWNLOADS),
    told(DOWNLOADED, r#"{outcome="failed"}"#, "", &DOWNLOADS_FAILED),
    told("wheelwright_download_bytes_total", "", "Bytes of files fetched from upstreams.", &DOWNLOAD_BYTES),
    told(
        "wheelwright_verification_failures_total",
        "",
        "Files and metadata from upstreams that failed verification.",
        &VERIFICATION_FAILURES,
    ),
    told(UPLOADS, r#"{outcome="accepted"}"#, UPLOADS_ABOUT, &UPLOADS_ACCEPTED),
    told(UPLOADS, r#"{outcome="refused"}"#, UPLOADS_ABOUT, &UPLOADS_REFUSED),
    told(UPLOADS, r#"{outcome="failed"}"#, UPLOADS_ABOUT, &UPLOADS_FAILED),
    told(
        WEBHOOKS,
        r#"{outcome="delivered"}"#,
        "Tries to deliver an event to a webhook.",
        &WEBHOOKS_DELIVERED,
    ),
    told(WEBHOOKS, r#"{outcome="failed"}"#, "", &WEBHOOKS_FAILED),
    told("wheelwright_panics_total", "", "Requests and steps that ended in a panic.", &PANICS),
    told("wheelwright_blobs_written_total", "", "Blobs written to the store.", &BLOBS_WRITTEN),
    told("wheelwright_blob_bytes_written_total", "", "Bytes written to the store.", &BLOB_BYTES_WRITTEN),
];

/// Upper bounds of a histogram's buckets, in microseconds, and as Prometheus is told, in seconds.
const BOUNDS: [(u64, &str); 7] = [
    (1_000, "0.001"),
    (5_000, "0.005"),
    (25_000, "0.025"),
    (100_000, "0.1"),
    (500_000, "0.5"),
    (2_500_000, "2.5"),
    (10_000_000, "10"),
];

/// How long something took, in few buckets.
#[derive(Debug, Default)]
pub struct Histogram {
    /// The last one takes what is longer than every bound.
    buckets: [AtomicU64; BOUNDS.len() + 1],
    micros: AtomicU64,
}

impl Histogram {
    pub fn observe(&self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let at = BOUNDS.iter().position(|(bound, _)| micros <= *bound).unwrap_or(BOUNDS.len());
        if let Some(bucket) = self.buckets.get(at) {
            bucket.fetch_add(1, Relaxed);
        }
        self.micros.fetch_add(micros, Relaxed);
    }

    /// Appends Prometheus' lines; `labels` without braces. Nothing if nothing was observed.
    pub fn write(&self, text: &mut String, name: &str, labels: &str) {
        let counts = self.buckets.each_ref().map(|bucket| bucket.load(Relaxed));
        let all: u64 = counts.iter().sum();
        if all == 0 {
            return;
        }
        let mut so_far = 0;
        // Writing to a String cannot fail.
        for (count, (_, bound)) in counts.iter().zip(BOUNDS) {
            so_far += count;
            let _ = writeln!(text, "{name}_bucket{{{labels},le=\"{bound}\"}} {so_far}");
        }
        let _ = writeln!(text, "{name}_bucket{{{labels},le=\"+Inf\"}} {all}");
        let micros = self.micros.load(Relaxed);
        let (seconds, rest) = (micros / 1_000_000, micros % 1_000_000);
        let _ = writeln!(text, "{name}_sum{{{labels}}} {seconds}.{rest:06}");
        let _ = writeln!(text, "{name}_count{{{labels}}} {all}");
    }
}

/// When this was first asked for: the start of the process; the app asks at once.
static STARTED: LazyLock<SystemTime> = LazyLock::new(SystemTime::now);

/// Seconds since 1970 at which the process began its work.
pub fn started() -> u64 {
    STARTED.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_histogram_counts_what_took_at_most_so_long() {
        let histogram = Histogram::default();
        let mut text = String::new();
        histogram.write(&mut text, "x_seconds", "route=\"/\"");
        assert_eq!(text, "");
        for micros in [0, 1_000, 1_001, 99_000, 11_000_000] {
            histogram.observe(Duration::from_micros(micros));
        }
        histogram.write(&mut text, "x_seconds", "route=\"/\"");
        assert_eq!(
            text.lines().collect::<Vec<_>>(),
            [
                r#"x_seconds_bucket{route="/",le="0.001"} 2"#,
                r#"x_seconds_bucket{route="/",le="0.005"} 3"#,
                r#"x_seconds_bucket{route="/",le="0.025"} 3"#,
                r#"x_seconds_bucket{route="/",le="0.1"} 4"#,
                r#"x_seconds_bucket{route="/",le="0.5"} 4"#,
                r#"x_seconds_bucket{route="/",le="2.5"} 4"#,
                r#"x_seconds_bucket{route="/",le="10"} 4"#,
                r#"x_seconds_bucket{route="/",le="+Inf"} 5"#,
                r#"x_seconds_sum{route="/"} 11.101001"#,
                r#"x_seconds_count{route="/"} 5"#,
            ]
        );
    }

    #[test]
    fn counters_of_one_name_stand_together_and_the_first_says_what_they_are() {
        let mut seen = Vec::new();
        for told in ALL {
            if seen.last() != Some(&told.name) {
                assert!(!seen.contains(&told.name), "{} stands in two places", told.name);
                assert!(!told.about.is_empty(), "{} says nothing", told.name);
                seen.push(told.name);
            }
            assert!(told.name.ends_with("_total"), "{} counts, so its name says _total", told.name);
        }
    }
}
