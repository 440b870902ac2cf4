//! A mirror as one request sees it: whom to ask, for how long an answer holds.

use crate::config::Config;
use crate::directory::{Index, IndexKind};
use crate::error::{Error, Result};
use crate::names::{IndexName, ProjectName};
use crate::tools::time::seconds;
use crate::upstream::UpstreamSource;
use crate::upstream::client::{Trust, shown};
use crate::{bad_upstream, unavailable};
use url::Url;

/// What of a mirror's options matters for asking its upstream.
#[derive(Clone)]
pub struct Asked {
    pub index: IndexName,
    pub source: UpstreamSource,
    /// Microseconds that a page counts as fresh.
    pub lifetime: i64,
    /// Microseconds that "no such project" is believed.
    pub negative_lifetime: i64,
    /// The upstream's list of projects is not usable.
    pub no_list: bool,
}

impl Asked {
    /// # Errors
    /// `Bad` if the index is no mirror, `Unavailable` if it has no URL.
    pub fn new(config: &Config, index: &Index) -> Result<Self> {
        let IndexKind::Mirror(mirror) = &index.kind else {
            return Err(crate::bad!("{} is not a mirror", index.name));
        };
        let Some(url) = &mirror.url else {
            return Err(unavailable!("mirror {} has no mirror_url: set it", index.name));
        };
        let lifetime = seconds(mirror.cache_expiry.unwrap_or(config.mirror.cache_expiry));
        Ok(Self {
            index: index.name.clone(),
            source: UpstreamSource::new(
                url.expose(),
                if mirror.by_operator { Trust::Operator } else { Trust::Account },
            )
            .of_mirror(index.name.as_str())
            .says_missing(&mirror.missing),
            lifetime,
            negative_lifetime: lifetime.min(seconds(config.mirror.negative_expiry)),
            no_list: mirror.no_project_list,
        })
    }

    /// As rows remember where a page came from.
    pub fn source_text(&self) -> String {
        self.source.url.to_string()
    }

    /// The mirror's URL names a file (`…/index.html`): project pages, if any, are beside it.
    pub fn is_file(&self) -> bool {
        let last = self.source.url.path_segments().and_then(|mut segments| segments.next_back());
        let last = last.unwrap_or_default().to_ascii_lowercase();
        [".html", ".htm", ".json", ".php"].iter().any(|ending| last.ends_with(ending))
    }

    /// Where a project's page is.
    pub fn project_url(&self, project: &ProjectName) -> Url {
        let mut url = self.source.url.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            if self.is_file() {
                path.pop();
            }
            path.pop_if_empty().push(project.as_str()).push("");
        }
        url
    }

    /// What to say of a URL that leads to a page of something else.
    pub fn is_no_index(&self) -> Error {
        let at = shown(&self.source.url);
        bad_upstream!(
            "{at} is neither a simple index nor a page of files: check mirror_url of {} (most end in /simple/)",
            self.index
        )
    }

    /// The mirror's URL with a slash at its end, if that is another one.
    pub fn slashed(&self) -> Option<Url> {
        let mut url = self.source.url.clone();
        url.path_segments_mut().ok()?.pop_if_empty().push("");
        Some(url).filter(|url| *url != self.source.url && !self.is_file())
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::directory::Mirror;

    /// A mirror of `url` with the default options.
    pub fn mirror(url: &str) -> Index {
        let mirror = Mirror { url: Some(url.parse().unwrap()), by_operator: true, ..Mirror::default() };
        Index {
            name: IndexName::parse("root/pypi").unwrap(),
            kind: IndexKind::Mirror(mirror),
            acl_read: vec![],
            acl_upload: vec![],
            acl_test_results: vec![],
            acl_manage: None,
            acl_admin: vec![],
            volatile: false,
            title: None,
            description: None,
            building: Default::default(),
            promises: false,
            doubtful: true,
            options: serde_json::Map::new(),
        }
    }

    #[test]
    fn project_pages_are_below_the_mirrors_url_or_beside_its_file() {
        let six = ProjectName::new("six").unwrap();
        let of =
            |url: &str| Asked::new(&Config::default(), &mirror(url)).unwrap().project_url(&six).to_string();
        assert_eq!(of("http://h/simple"), "http://h/simple/six/");
        assert_eq!(of("http://h/simple/"), "http://h/simple/six/");
        assert_eq!(of("http://a:b@h/simple/?key=1"), "http://h/simple/six/?key=1");
        assert_eq!(of("http://h/simple/index.html"), "http://h/simple/six/");
        assert_eq!(of("http://h"), "http://h/six/");
    }

    #[test]
    fn what_is_not_there_is_never_believed_longer_than_what_is() {
        let mut config = Config::default();
        config.mirror.cache_expiry = 10;
        let asked = Asked::new(&config, &mirror("http://h/")).unwrap();
        assert_eq!((asked.lifetime, asked.negative_lifetime), (10_000_000, 10_000_000));
    }
}
