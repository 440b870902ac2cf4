//! Whether two answers mean the same.

mod differences;
mod page;
mod value;

pub use differences::Difference;
pub use value::authority;

use differences::Differences;

use super::observed::{KEPT, Observed};
use super::subject::{AskedAbout, Timed};
use crate::tools::hex;
use http::StatusCode;
use std::borrow::Cow;
use std::io::Read as _;
use url::Url;

/// What a comparison came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Compared {
    Equal,
    /// The statuses are equal, and that was all there was to compare, for this reason.
    StatusAlone(&'static str),
    Different(Vec<Difference>),
}

/// A request of which two answers are compared.
pub struct Compare<'a> {
    /// The new server was asked for the head alone, as the client did, or since it sent this file before.
    pub by_head: bool,
    /// As the client sees it.
    pub url: &'a Url,
    pub subject: &'a AskedAbout,
    /// `host:port` of the old server, of the new one, and of what stands before both.
    pub own: &'a [String],
}

impl Compare<'_> {
    /// What is timed together with it.
    pub fn timed(&self, old: &Observed) -> Timed {
        match self.subject {
            AskedAbout::Projects => Timed::Projects,
            AskedAbout::Page(_) => Timed::Page,
            AskedAbout::File => Timed::File,
            AskedAbout::Other if old.head.is_json() => Timed::Json,
            AskedAbout::Other => Timed::Other,
        }
    }

    /// Compares what the old and the new server answered.
    pub fn compare(&self, old: &Observed, new: &Observed) -> Compared {
        let mut found = Differences::default();
        let (was, is) = (old.head.status, new.head.status);
        if class(was) != class(is) {
            found.add("status", was.as_str(), is.as_str());
        } else if was == StatusCode::NOT_MODIFIED || is == StatusCode::NOT_MODIFIED {
            return Compared::StatusAlone("conditional requests");
        } else if was.is_redirection() {
            let (was, is) = (self.target(old), self.target(new));
            if was != is {
                found.add("redirect", was, is);
            }
        } else if was.is_success()
            && let Err(why) = self.bodies(old, new, &mut found)
        {
            return Compared::StatusAlone(why);
        }
        match found.into_named() {
            named if named.is_empty() => Compared::Equal,
            named => Compared::Different(named),
        }
    }

    /// # Errors
    /// Why nothing can be said about them.
    fn bodies(&self, old: &Observed, new: &Observed, found: &mut Differences) -> Result<(), &'static str> {
        if *self.subject == AskedAbout::File {
            self.files(old, new, found);
            return Ok(());
        }
        if *self.subject == AskedAbout::Other {
            if !old.head.is_json() {
                return Err("pages for people");
            }
            if value::is_of_one_server(self.url.path()) {
                return Err("states of one server");
            }
        }
        if self.by_head {
            return Err("HEAD requests");
        }
        let (Some(was), Some(is)) = (plain(old), plain(new)) else { return Err("unreadable bodies") };
        let (was, is) = ((&*was, old.head.is_json()), (&*is, new.head.is_json()));
        match self.subject {
            AskedAbout::Page(project) => page::files(project, self.url, was, is, found),
            AskedAbout::Projects => page::projects(self.url, was, is, found),
            AskedAbout::File | AskedAbout::Other => value::values(self.own, was.0, is.0, found),
        }
        Ok(())
    }

    fn files(&self, old: &Observed, new: &Observed, found: &mut Differences) {
        let name = self.url.path_segments().and_then(|mut path| path.next_back()).unwrap_or_default();
        if !self.by_head && old.sha256 != new.sha256 {
            let [was, is] = [old, new].map(|side| hex::encode(side.sha256));
            found.add(format!("sha256 of {name}"), was, is);
        } else if let (Some(was), Some(is)) = (old.head.length, new.head.length)
            && was != is
        {
            found.add(format!("bytes of {name}"), was.to_string(), is.to_string());
        }
    }

    /// Where a redirect leads. The next one adds a slash that is missing at its end.
    fn target(&self, side: &Observed) -> String {
        let target = side.head.location.as_deref().and_then(|location| self.url.join(location).ok());
        let Some(url) = target else { return "nowhere".to_owned() };
        let link = value::link(self.own, url.as_str());
        link.strip_suffix('/').unwrap_or(&link).to_owned()
    }
}

/// Success and "not modified" are the same to a client.
fn class(status: StatusCode) -> u16 {
    match status {
        StatusCode::NOT_MODIFIED => 2,
        other => other.as_u16() / 100,
    }
}

/// The body, unpacked; `None` if it is too long, or packed in another way.
fn plain(side: &Observed) -> Option<Cow<'_, [u8]>> {
    let kept = side.kept.as_deref()?;
    match side.head.encoding.as_str() {
        "" | "identity" => Some(kept.into()),
        "gzip" | "x-gzip" => {
            let (mut unpacked, most) = (Vec::new(), KEPT as u64);
            flate2::read::MultiGzDecoder::new(kept).take(most + 1).read_to_end(&mut unpacked).ok()?;
            (unpacked.len() as u64 <= most).then_some(unpacked.into())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests;
