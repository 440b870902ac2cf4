//! A first look at the upstream of a mirror that was just made: whether its URL leads to an index.

use super::asked::Asked;
use super::state::{MirrorState, Mirrors};
use crate::directory::Index;
use crate::upstream::client::shown;
use crate::upstream::pages::{self, Look};
use std::time::Duration;
use url::Url;

/// For so long somebody waits for the look.
const PATIENCE: Duration = Duration::from_secs(8);

/// Where servers of packages have their index, below or beside what people take for its address.
const PLACES: [&str; 4] = ["simple/", "+simple/", "../simple/", "/simple/"];

impl Mirrors {
    /// What to tell whoever gave `index` its `mirror_url`, if that is not the URL of an index. An
    /// upstream that cannot be reached now may be well later.
    pub async fn doubt(&self, index: &Index) -> Option<String> {
        let asked = Asked::new(&self.0.config, index).ok()?;
        if self.0.client.is_offline() {
            return None;
        }
        let at = shown(&asked.source.url);
        match tokio::time::timeout(PATIENCE, self.doubted(&asked)).await {
            Ok(doubt) => doubt,
            Err(_) => Some(format!(
                "mirror_url: {at} did not answer within {} seconds, so wheelwright could not check that it \
                 is an index. Check it with: curl -L {at}",
                PATIENCE.as_secs()
            )),
        }
    }

    async fn doubted(&self, asked: &Asked) -> Option<String> {
        let at = shown(&asked.source.url);
        let found = match self.0.look(asked, &asked.source.url).await {
            Ok(Look::Like(_)) => return None,
            // Whoever says that there is no list says that nothing need be there.
            Ok(Look::Nothing) if asked.no_list => return None,
            Ok(Look::Nothing) => format!("mirror_url: {at} has no page that can be read"),
            Ok(Look::Neither) => {
                format!("mirror_url: the page at {at} is neither a simple index nor a page of files")
            }
            Err(error) => return Some(format!("mirror_url: {error}. The mirror works when that is fixed")),
        };
        for place in PLACES {
            let Some(url) = below(&asked.source.url, place) else { continue };
            if matches!(self.0.look(asked, &url).await, Ok(Look::Like(_))) {
                return Some(format!(
                    "{found}, but {0} is an index: set mirror_url={0} (with the user and password, if it \
                     needs them)",
                    shown(&url)
                ));
            }
        }
        Some(format!("{found}. Most indexes' URLs end in /simple/"))
    }
}

impl MirrorState {
    async fn look(&self, asked: &Asked, url: &Url) -> crate::error::Result<Look> {
        pages::probe(&self.client, &asked.source, url).await
    }
}

/// Another place of the same server.
fn below(url: &Url, place: &str) -> Option<Url> {
    let mut base = url.clone();
    base.path_segments_mut().ok()?.pop_if_empty().push("");
    let place = base.join(place).ok()?;
    (place != *url && place != base && place.origin() == url.origin()).then_some(place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_places_that_are_tried_are_of_the_same_server() {
        let of = |url: &str| -> Vec<String> {
            let url = Url::parse(url).unwrap();
            PLACES.iter().filter_map(|place| below(&url, place)).map(|url| url.path().to_owned()).collect()
        };
        assert_eq!(of("http://h"), ["/simple/", "/+simple/", "/simple/", "/simple/"]);
        assert_eq!(of("http://h/pypi"), ["/pypi/simple/", "/pypi/+simple/", "/simple/", "/simple/"]);
        assert_eq!(of("http://h/simple"), ["/simple/simple/", "/simple/+simple/"]);
    }
}
