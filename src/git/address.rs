//! `git+https://host/repo@v1.2#subdirectory=lib&egg=name`, read.

use crate::bad;
use crate::config::secret_url::{SecretUrl, masked};
use crate::error::Result;
use crate::names::ProjectName;
use crate::packaging::remote_tag::is_reference;
use url::Url;

/// Which commit of which repository, and which folder of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// For git, with credentials if it had some.
    pub(super) url: SecretUrl,
    /// A tag, a branch or a commit; `None`: what the repository has checked out.
    pub reference: Option<String>,
    /// Relative, without `..`; empty for the whole repository.
    pub subdirectory: String,
    /// What `#egg=` says.
    pub project: Option<ProjectName>,
}

/// What a reference in a URL cannot hold as it is.
const ENDS_REFERENCE: &percent_encoding::AsciiSet =
    &percent_encoding::CONTROLS.add(b'@').add(b'#').add(b'?').add(b'%');

/// What a folder in a URL cannot hold as it is.
const ENDS_FOLDER: &percent_encoding::AsciiSet =
    &percent_encoding::CONTROLS.add(b'&').add(b'+').add(b'%').add(b'#').add(b' ');

const SCHEMES: [&str; 4] = ["git+https", "git+ssh", "git+http", "git+file"];

impl Address {
    /// Whether `text` means a git repository.
    pub fn is_one(text: &str) -> bool {
        text.starts_with("git+")
    }

    /// Reads an address, as pip writes them.
    ///
    /// # Errors
    /// `Bad` with what it should look like.
    pub fn parse(text: &str) -> Result<Self> {
        let shown = masked(text);
        let malformed = |why: &str| {
            bad!(
                "{shown:?} is not a valid repository URL (git+https://HOST/REPO@TAG#subdirectory=DIR): {why}"
            )
        };
        let scheme = text.split_once("://").map(|(scheme, _)| scheme).unwrap_or_default();
        if !SCHEMES.contains(&scheme) {
            return Err(malformed(&format!("it must begin with one of {}", SCHEMES.join("://, "))));
        }
        let plain = text.strip_prefix("git+").unwrap_or(text);
        let mut url = Url::parse(plain).map_err(|error| malformed(&error.to_string()))?;
        let fragment = url.fragment().unwrap_or_default().to_owned();
        url.set_fragment(None);
        let reference = take_reference(&mut url).map_err(|why| malformed(&why))?;
        let mut address = Self { url: url.into(), reference, subdirectory: String::new(), project: None };
        address.take_fragment(&fragment).map_err(|why| malformed(&why))?;
        if address.url.scheme() != "file" && address.url.host().is_none() {
            return Err(malformed("the host is missing"));
        }
        Ok(address)
    }

    fn take_fragment(&mut self, fragment: &str) -> Result<(), String> {
        for (key, value) in url::form_urlencoded::parse(fragment.as_bytes()) {
            match &*key {
                "subdirectory" => {
                    let folder = value.trim_matches('/');
                    if folder.split('/').any(|part| matches!(part, ".." | "")) && !folder.is_empty() {
                        return Err(format!("the subdirectory {value:?} is not inside the repository"));
                    }
                    folder.clone_into(&mut self.subdirectory);
                }
                "egg" => {
                    // `name[extra]` is read too.
                    let name = value.split('[').next().unwrap_or_default();
                    self.project = ProjectName::new(name);
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Host and port that are asked; `None` for a path of this machine.
    pub fn host(&self) -> Option<(String, u16)> {
        let host = self.url.host().filter(|_| self.url.scheme() != "file")?;
        Some((
            host.trim_matches(['[', ']']).to_owned(),
            self.url.expose().port_or_known_default().unwrap_or(22),
        ))
    }

    /// Whether ssh, with the keys of this machine, is what asks there.
    pub fn is_ssh(&self) -> bool {
        self.url.scheme() == "ssh"
    }

    /// Whether the URL holds a password, or a token in the place of a name. The user of ssh is no secret.
    pub fn has_secret(&self) -> bool {
        let url = self.url.expose();
        url.password().is_some() || (!self.is_ssh() && !url.username().is_empty())
    }

    /// The same repository at this very tag, whatever branch has its name.
    #[must_use]
    pub fn at_tag(&self, tag: &str) -> Self {
        Self { reference: Some(format!("refs/tags/{tag}")), ..self.clone() }
    }

    /// Whether the URL has a query, which may hold a token.
    pub fn has_query(&self) -> bool {
        self.url.expose().query().is_some()
    }

    /// `repo` for `…/repo.git`; what the archive and its folder are called.
    pub(super) fn stem(&self) -> String {
        let last = self.url.expose().path().trim_end_matches('/').rsplit('/').next().unwrap_or_default();
        plain_stem(last.trim_end_matches(".git"))
    }
}

/// `text` as a file name of letters, digits, `-`, `_` and `.`.
pub(super) fn plain_stem(text: &str) -> String {
    let text = percent_encoding::percent_decode_str(text).decode_utf8_lossy();
    let keep = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.') { c } else { '-' };
    let stem: String = text.chars().map(keep).take(100).collect();
    let stem = stem.trim_start_matches(['.', '-']);
    if stem.is_empty() { "source".to_owned() } else { stem.to_owned() }
}

/// The last `@` of the path begins the reference, as in pip.
fn take_reference(url: &mut Url) -> Result<Option<String>, String> {
    let path = url.path().to_owned();
    let Some((path, reference)) = path.rsplit_once('@') else { return Ok(None) };
    let reference = percent_encoding::percent_decode_str(reference).decode_utf8_lossy().into_owned();
    if !is_reference(&reference) {
        return Err(format!("{reference:?} is not a valid name of a tag, branch or commit"));
    }
    url.set_path(path);
    Ok(Some(reference))
}

impl std::fmt::Display for Address {
    /// Without credentials: for people, and for evidence.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // A query is no part of a repository's name, but may hold a token.
        write!(f, "git+{}", self.url.plain())?;
        if let Some(reference) = &self.reference {
            // What would end it is escaped.
            write!(f, "@{}", percent_encoding::utf8_percent_encode(reference, ENDS_REFERENCE))?;
        }
        match self.subdirectory.as_str() {
            "" => Ok(()),
            folder => {
                write!(f, "#subdirectory={}", percent_encoding::utf8_percent_encode(folder, ENDS_FOLDER))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_as_pip_writes_it() {
        let address =
            Address::parse("git+https://al:pw@git.example/team/repo.git@v1.2#subdirectory=lib/&egg=De_Mo")
                .unwrap();
        assert_eq!(address.url.expose().as_str(), "https://al:pw@git.example/team/repo.git");
        assert_eq!(address.reference.as_deref(), Some("v1.2"));
        assert_eq!(address.subdirectory, "lib");
        assert_eq!(address.project.as_ref().map(ProjectName::as_str), Some("de-mo"));
        assert_eq!(address.stem(), "repo");
        assert_eq!(address.to_string(), "git+https://git.example/team/repo.git@v1.2#subdirectory=lib");
    }

    #[test]
    fn the_user_of_ssh_stays_and_a_branch_may_hold_a_slash() {
        let address = Address::parse("git+ssh://git@git.example/team/repo@feature/x").unwrap();
        assert_eq!(address.to_string(), "git+ssh://git@git.example/team/repo@feature/x");
        let file = Address::parse("git+file:///srv/repo").unwrap();
        assert_eq!((file.reference.as_deref(), file.url.expose().as_str()), (None, "file:///srv/repo"));
    }

    #[test]
    fn a_tag_is_named_so_that_it_is_read_back() {
        let address = Address::parse("git+https://git.example/repo#subdirectory=lib").unwrap();
        for tag in ["v1.0", "pkg@1.0", "pkg/v1", "a%40b"] {
            let text = address.at_tag(tag).to_string();
            let read = Address::parse(&text).unwrap();
            assert_eq!(read.reference, Some(format!("refs/tags/{tag}")), "{text}");
            assert_eq!(read.subdirectory, "lib");
        }
        let odd = Address::parse("git+https://git.example/repo#subdirectory=c%2B%2B/a%26b").unwrap();
        assert_eq!(Address::parse(&odd.to_string()).unwrap().subdirectory, "c++/a&b");
    }

    #[test]
    fn what_git_could_take_for_something_else_is_refused() {
        for text in [
            "git+ext://sh -c id",
            "git+https://h/repo@--upload-pack=id",
            "git+https://h/repo@a..b",
            "git+https://h/repo@a:b",
            "git+https://h/repo@",
            "git+https://h/repo#subdirectory=../up",
            "git+https://h/repo#subdirectory=a//b",
            "git+git@host:repo",
            "https://h/repo",
        ] {
            assert!(Address::parse(text).is_err(), "{text}");
        }
    }
}
