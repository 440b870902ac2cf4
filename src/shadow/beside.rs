//! The comparison of one request, beside it: nobody waits for it.

use super::compare::{Compare, Compared, authority};
use super::headers::for_the_new;
use super::observed::Observed;
use super::proxy::{ShadowInner, below};
use super::replay::{Replay, WHOLE};
use super::subject::AskedAbout;
use http::request::Parts;
use http::{Method, StatusCode, header};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tokio::time::timeout;
use url::Url;

impl ShadowInner {
    /// Begins a comparison, if this request gets one; it waits for what the old server answers.
    pub fn compared(
        self: &Arc<Self>,
        parts: &Parts,
        peer: IpAddr,
        began: Instant,
    ) -> Option<oneshot::Sender<Observed>> {
        if !matches!(parts.method, Method::GET | Method::HEAD) {
            self.ledger.skip("requests that change something");
            return None;
        }
        let Ok(turn) = self.turns.clone().try_acquire_owned() else {
            self.ledger.skip("requests while too many were compared");
            return None;
        };
        let (tell, told) = oneshot::channel();
        let (inner, mut parts) = (self.clone(), parts.clone());
        parts.headers = for_the_new(&parts.headers, peer);
        tokio::spawn(async move { inner.compare(parts, began, told, turn).await });
        Some(tell)
    }

    async fn compare(
        self: Arc<Self>,
        parts: Parts,
        began: Instant,
        told: oneshot::Receiver<Observed>,
        _turn: OwnedSemaphorePermit,
    ) {
        let mut headers = parts.headers.clone();
        if !self.sessions.translate(&mut headers).await {
            return self.ledger.skip("requests with a session that only the old server knows");
        }
        let Ok(url) = self.to_new(&parts) else { return self.ledger.skip("requests with an odd path") };
        let subject = AskedAbout::of(parts.uri.path());
        let is_whole = parts.method == Method::GET && !headers.contains_key(header::RANGE);
        let known = subject == AskedAbout::File && is_whole && self.files.contains_key(url.as_str());
        let method = if known { Method::HEAD } else { parts.method.clone() };
        let replay = Replay { http: self.to_server.clone(), method, url: url.clone(), headers, began };
        let (new, old) = tokio::join!(replay.ask(), timeout(WHOLE, told));
        let Ok(Ok(old)) = old else { return self.ledger.skip("requests that the old server did not answer") };
        let new = match new {
            Ok(new) => new,
            Err(error) => return self.ledger.fail("new", error.to_string()),
        };
        if !old.whole || !new.whole {
            return self.ledger.skip("answers that were cut off or too long");
        }
        if is_busy(new.head.status) && !old.head.status.is_server_error() {
            return self.ledger.fail("new", format!("it answered {}", new.head.status));
        }
        let Some(seen) = self.as_seen(&parts) else { return self.ledger.skip("requests with an odd path") };
        let own: Vec<String> =
            [&seen, &self.primary, &self.server].into_iter().filter_map(authority).collect();
        let by_head = known || parts.method == Method::HEAD;
        let compare = Compare { by_head, url: &seen, subject: &subject, own: &own };
        self.ledger.timed(compare.timed(&old), old.head.after, new.head.after);
        let compared = compare.compare(&old, &new);
        if compared == Compared::Equal && subject == AskedAbout::File && is_whole && old.head.status == 200 {
            self.files.insert(url.into(), ());
        }
        let (method, path) = (parts.method.as_str(), shown(&parts));
        for unseen in self.ledger.note(method, &path, compared) {
            (self.tell)(format!("{method} {path}: {}: old {}, new {}", unseen.what, unseen.old, unseen.new));
        }
    }

    /// The URL that the client asked for.
    fn as_seen(&self, parts: &Parts) -> Option<Url> {
        let host = parts.headers.get(header::HOST).and_then(|host| host.to_str().ok());
        let seen = host.and_then(|host| Url::parse(&format!("{}://{host}/", self.primary.scheme())).ok());
        below(&seen.unwrap_or_else(|| self.primary.clone()), parts).ok()
    }
}

/// It would answer otherwise at another time.
fn is_busy(status: StatusCode) -> bool {
    matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE)
}

/// The path for the report. Of a query only the names: a value may be a secret.
fn shown(parts: &Parts) -> String {
    let path = parts.uri.path();
    let Some(query) = parts.uri.query() else { return path.to_owned() };
    let names: Vec<&str> = query.split('&').filter_map(|pair| pair.split('=').next()).collect();
    format!("{path}?{}", names.join("&"))
}
