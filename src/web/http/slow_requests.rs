//! The newest requests that took long, without what in a path may be a secret.

use super::route::Route;
use crate::tools::time::now;
use crate::words::Moment;
use http::StatusCode;
use parking_lot::Mutex;
use serde::Serialize;
use std::collections::VecDeque;
use std::time::Duration;

/// So many are kept.
const KEPT: usize = 20;
/// Bytes of a path that are shown.
const LONGEST: usize = 200;
/// Parameters that name something; hashes, keys and ids may let somebody in who knows them.
const NAMES: [&str; 7] = ["{user}", "{index}", "{indexes}", "{project}", "{version}", "{target}", "{date}"];

/// A request whose answer took long.
#[derive(Clone, Debug, Serialize)]
pub struct SlowRequest {
    pub at: Moment,
    pub method: String,
    pub path: String,
    pub status: u16,
    pub ms: u64,
}

/// The newest ones.
#[derive(Default)]
pub struct SlowRequests(Mutex<VecDeque<SlowRequest>>);

impl SlowRequests {
    pub fn note(&self, route: Route, path: &str, status: StatusCode, took: Duration) {
        let request = SlowRequest {
            at: Moment(now()),
            method: route.methods.join(" "),
            path: shown(route.path, path),
            status: status.as_u16(),
            ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        };
        let mut kept = self.0.lock();
        kept.truncate(KEPT - 1);
        kept.push_front(request);
    }

    /// The newest first.
    pub fn newest(&self) -> Vec<SlowRequest> {
        self.0.lock().iter().cloned().collect()
    }
}

/// The path with the names that its route has, and dots for all else.
fn shown(template: &str, path: &str) -> String {
    let mut given = path.split('/');
    let parts = template.split('/').map(|part| {
        let given = given.next().unwrap_or_default();
        match part {
            name if NAMES.contains(&name) => given,
            secret if secret.starts_with('{') => "…",
            fixed => fixed,
        }
    });
    let shown = parts.collect::<Vec<_>>().join("/");
    match shown.char_indices().nth(LONGEST) {
        Some((at, _)) => format!("{}…", shown.get(..at).unwrap_or_default()),
        None => shown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::Need;

    #[test]
    fn names_are_shown_and_what_may_be_a_secret_is_not() {
        for (template, path, expected) in [
            ("/{user}/{index}/+simple/{project}/", "/alice/dev/+simple/demo/", "/alice/dev/+simple/demo/"),
            ("/+builds/{id}/wheel/{sha256}/{filename}", "/+builds/7/wheel/abc/x.whl", "/+builds/…/wheel/…/…"),
            ("/{user}/{index}/{project}/{version}/+doc/{*path}", "/a/b/c/1/+doc/x/y", "/a/b/c/1/+doc/…"),
        ] {
            assert_eq!(shown(template, path), expected);
        }
    }

    #[test]
    fn the_newest_are_kept() {
        let slow = SlowRequests::default();
        let route = Route { methods: &["GET"], path: "/{user}", need: Need::Nothing };
        for number in 0..30 {
            slow.note(route, &format!("/u{number}"), StatusCode::OK, Duration::from_millis(1500));
        }
        let newest = slow.newest();
        assert_eq!((newest.len(), newest[0].path.as_str(), newest[0].ms), (KEPT, "/u29", 1500));
        assert_eq!(newest[KEPT - 1].path, "/u10");
    }
}
