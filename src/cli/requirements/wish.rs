//! What one line or word wants: a requirement, a folder, an archive or a repository.

use crate::bad;
use crate::config::secret_url::{SecretUrl, masked};
use crate::error::Result;
use crate::git::Address;
use crate::names::ProjectName;
use crate::packaging::requirement::Requirement;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use url::Url;

/// One thing that wheels are wanted of.
#[expect(clippy::large_enum_variant, reason = "there is a handful of them in a run")]
#[derive(Clone, Debug, PartialEq)]
pub enum WantedThing {
    /// To be found on the index.
    Listed(Requirement),
    /// To be built as it is.
    Source(Box<NamedSource>),
}

/// A source that no index lists.
#[derive(Clone, Debug, PartialEq)]
pub struct NamedSource {
    pub place: SourcePlace,
    /// The extras whose requirements are wanted too.
    pub extras: BTreeSet<ProjectName>,
    /// Where known.
    pub project: Option<ProjectName>,
    /// As it was written, without secrets; for messages.
    pub shown: String,
    /// The condition under which it is wanted.
    pub condition: Option<Requirement>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum SourcePlace {
    Git(Address),
    Folder(PathBuf),
    /// A source archive or a wheel on this machine.
    Archive(PathBuf),
    /// The same elsewhere.
    Url(SecretUrl),
}

const ARCHIVES: [&str; 8] = [".whl", ".tar.gz", ".zip", ".tgz", ".tar.bz2", ".tar.xz", ".tar.Z", ".tar"];

/// One word of the command line or line of a file; paths are relative to `folder`.
pub fn parse(text: &str, folder: &Path) -> Result<WantedThing> {
    let text = text.trim();
    if Address::is_one(text) {
        return of_url(text, None, text);
    }
    if text.starts_with("https://") || text.starts_with("http://") || text.starts_with("file://") {
        return of_url(text, None, text);
    }
    let is_archive = ARCHIVES.iter().any(|extension| text.ends_with(extension));
    let is_path = text.starts_with('.') || text.starts_with('~') || before_at(text).contains(['/', '\\']);
    if is_path || is_archive && !text.contains(['=', '<', '>', ';']) {
        return of_path(text, folder);
    }
    let requirement = Requirement::parse(text).map_err(|error| match folder.join(text).is_dir() {
        true => bad!("{error}. To build the folder of that name, write ./{text}"),
        false => error,
    })?;
    match requirement.url.clone() {
        Some(url) => of_url(url.as_str(), Some(requirement), text),
        None => Ok(WantedThing::Listed(requirement)),
    }
}

/// What of `name @ https://…; python_version < '3'` could be a path.
fn before_at(text: &str) -> &str {
    let end = text.find([';', '@']).unwrap_or(text.len());
    text.get(..end).unwrap_or(text)
}

fn of_url(text: &str, requirement: Option<Requirement>, written: &str) -> Result<WantedThing> {
    let place = if Address::is_one(text) {
        SourcePlace::Git(Address::parse(text)?)
    } else {
        let url = Url::parse(text).map_err(|error| bad!("{:?} is not a valid URL: {error}", masked(text)))?;
        match url.scheme() {
            "file" => {
                let path = url.to_file_path().map_err(|()| bad!("{text:?} is not a path on this machine"))?;
                of_place(path)?
            }
            _ => SourcePlace::Url(url.into()),
        }
    };
    let named = match &place {
        SourcePlace::Git(address) => address.project.clone(),
        _ => None,
    };
    let shown = match &place {
        SourcePlace::Git(address) => address.to_string(),
        SourcePlace::Url(url) => url.to_string(),
        _ => written.to_owned(),
    };
    let project = requirement.as_ref().map(|requirement| requirement.name.clone()).or(named);
    let extras = requirement.as_ref().map(|requirement| requirement.extras.clone()).unwrap_or_default();
    Ok(WantedThing::Source(Box::new(NamedSource { place, extras, project, shown, condition: requirement })))
}

/// `./project`, `./project[extra]`, `../demo-1.0.tar.gz`
fn of_path(text: &str, folder: &Path) -> Result<WantedThing> {
    let (path, extras) = match text.strip_suffix(']').and_then(|text| text.rsplit_once('[')) {
        Some((path, extras)) => {
            (path, extras.split(',').filter_map(|name| ProjectName::new(name.trim())).collect())
        }
        None => (text, BTreeSet::new()),
    };
    let home = path.strip_prefix("~/").zip(std::env::home_dir()).map(|(rest, home)| home.join(rest));
    let place = of_place(home.unwrap_or_else(|| folder.join(path)))?;
    Ok(WantedThing::Source(Box::new(NamedSource {
        place,
        extras,
        project: None,
        shown: text.to_owned(),
        condition: None,
    })))
}

fn of_place(path: PathBuf) -> Result<SourcePlace> {
    if path.is_dir() {
        return Ok(SourcePlace::Folder(path));
    }
    if !path.is_file() {
        return Err(bad!("{} does not exist", path.display()));
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    match ARCHIVES.iter().any(|extension| name.ends_with(extension)) {
        true => Ok(SourcePlace::Archive(path)),
        false => Err(bad!(
            "{} is neither a wheel nor a source archive. Use -r for a requirement file",
            path.display()
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str, folder: &Path) -> NamedSource {
        match parse(text, folder).unwrap() {
            WantedThing::Source(source) => *source,
            WantedThing::Listed(requirement) => panic!("{requirement}"),
        }
    }

    #[test]
    fn every_form_is_told_from_the_others() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("proj")).unwrap();
        std::fs::write(folder.path().join("demo-1.0.tar.gz"), "").unwrap();
        let at = folder.path();
        assert!(matches!(parse("psycopg2==2.8.6", at).unwrap(), WantedThing::Listed(_)));
        assert!(matches!(parse("a[b]>=1; python_version<'3'", at).unwrap(), WantedThing::Listed(_)));
        assert!(matches!(source("./proj", at).place, SourcePlace::Folder(_)));
        let with_extra = source("./proj[test]", at);
        assert_eq!(with_extra.extras.iter().map(ProjectName::as_str).collect::<Vec<_>>(), ["test"]);
        assert!(matches!(source("demo-1.0.tar.gz", at).place, SourcePlace::Archive(_)));
        assert!(matches!(source("git+https://h.example/r@v1#egg=x", at).place, SourcePlace::Git(_)));
        let named = source("Demo[x] @ git+https://al:pw@h.example/r@v1 ; python_version < '3'", at);
        assert_eq!(named.project.as_ref().map(ProjectName::as_str), Some("demo"));
        assert_eq!(named.shown, "git+https://h.example/r@v1");
        assert!(matches!(source("https://h.example/demo-1.0.zip", at).place, SourcePlace::Url(_)));
        let hint = parse("proj dir", at).unwrap_err().to_string();
        assert!(hint.contains("valid requirement"), "{hint}");
        assert!(parse("./nowhere", at).unwrap_err().to_string().contains("does not exist"));
    }
}
