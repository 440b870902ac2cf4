//! What was asked for: requirements, folders, archives and repositories, typed or in requirement files.

use super::super::requirements::Origin;
use super::closure::Want;
use crate::bad;
use crate::config::secret_url::SecretUrl;
use crate::config::secret_url::masked;
use crate::error::Result;
use crate::git::Address;
use crate::names::ProjectName;
use crate::packaging::reqfile::{Line, Said};
use crate::packaging::requirement::Requirement;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use url::Url;

/// One thing that wheels are wanted of.
#[expect(clippy::large_enum_variant, reason = "there is a handful of them in a run")]
#[derive(Clone, Debug, PartialEq)]
pub enum Asked {
    /// To be found on the index.
    Listed(Requirement),
    /// To be built as it is.
    Source(Box<Source>),
}

/// A source that no index lists.
#[derive(Clone, Debug, PartialEq)]
pub struct Source {
    pub place: Place,
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
pub enum Place {
    Git(Address),
    Folder(PathBuf),
    /// A source archive or a wheel on this machine.
    Archive(PathBuf),
    /// The same elsewhere.
    Url(SecretUrl),
}

/// All that a command line asks for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Everything {
    /// With who wants it: `you`, or a file and its line.
    pub items: Vec<(Asked, String)>,
    pub constraints: Vec<Want>,
    /// What requirement files say and we do not follow.
    pub warnings: Vec<String>,
}

const ARCHIVES: [&str; 8] = [".whl", ".tar.gz", ".zip", ".tgz", ".tar.bz2", ".tar.xz", ".tar.Z", ".tar"];

impl Everything {
    /// What was typed, and what the files of `-r` and `-c` hold.
    ///
    /// # Errors
    /// `Bad`, with file and line, for the first thing that cannot be read.
    pub fn read(typed: &[String], files: &[PathBuf], constraints: &[PathBuf]) -> Result<Self> {
        let mut all = Self::default();
        for text in typed {
            all.items.push((parse(text, Path::new(""))?, "you".to_owned()));
        }
        for file in files {
            let origin = Origin::named(file)?;
            all.take_lines(&origin, &origin.lines()?, false, 0)?;
        }
        for file in constraints {
            let origin = Origin::named(file)?;
            all.take_lines(&origin, &origin.lines()?, true, 0)?;
        }
        Ok(all)
    }

    fn take_lines(&mut self, file: &Origin, lines: &[Line], as_constraints: bool, depth: u32) -> Result<()> {
        for line in lines {
            let place = format!("{file}:{}", line.number);
            let told = |error| bad!("{place}: {error}");
            match line.said().map_err(told)? {
                Said::Requirements(value) => {
                    let (named, lines) = file.open(value, depth).map_err(told)?;
                    self.take_lines(&named, &lines, as_constraints, depth + 1)?;
                }
                Said::Constraints(value) => {
                    let (named, lines) = file.open(value, depth).map_err(told)?;
                    self.take_lines(&named, &lines, true, depth + 1)?;
                }
                Said::Editable(value) => {
                    self.items.push((parse(value, file.folder()).map_err(told)?, place));
                }
                Said::Option(other) => self.warnings.push(format!("{place}: {other} is not followed")),
                Said::Wanted { text, hashes } => {
                    if !hashes.is_empty() {
                        self.warnings.push(format!("{place}: hashes are not compared"));
                    }
                    let asked = parse(text, file.folder()).map_err(told)?;
                    self.take_wanted(asked, as_constraints, place);
                }
            }
        }
        Ok(())
    }

    fn take_wanted(&mut self, asked: Asked, as_constraints: bool, place: String) {
        match (as_constraints, asked) {
            (false, asked) => self.items.push((asked, place)),
            (true, Asked::Listed(requirement)) => self.constraints.push(Want { requirement, by: place }),
            (true, Asked::Source(source)) => {
                self.warnings.push(format!("{place}: {} can not be a constraint", source.shown));
            }
        }
    }
}

/// One word of the command line or line of a file; paths are relative to `folder`.
pub fn parse(text: &str, folder: &Path) -> Result<Asked> {
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
        true => bad!("{error}; the folder of that name is ./{text}"),
        false => error,
    })?;
    match requirement.url.clone() {
        Some(url) => of_url(url.as_str(), Some(requirement), text),
        None => Ok(Asked::Listed(requirement)),
    }
}

/// What of `name @ https://…; python_version < '3'` could be a path.
fn before_at(text: &str) -> &str {
    let end = text.find([';', '@']).unwrap_or(text.len());
    text.get(..end).unwrap_or(text)
}

fn of_url(text: &str, requirement: Option<Requirement>, written: &str) -> Result<Asked> {
    let place = if Address::is_one(text) {
        Place::Git(Address::parse(text)?)
    } else {
        let url = Url::parse(text).map_err(|error| bad!("{:?} is no URL: {error}", masked(text)))?;
        match url.scheme() {
            "file" => {
                let path = url.to_file_path().map_err(|()| bad!("{text:?} is no path on this machine"))?;
                of_place(path)?
            }
            _ => Place::Url(url.into()),
        }
    };
    let named = match &place {
        Place::Git(address) => address.project.clone(),
        _ => None,
    };
    let shown = match &place {
        Place::Git(address) => address.to_string(),
        Place::Url(url) => url.to_string(),
        _ => written.to_owned(),
    };
    let project = requirement.as_ref().map(|requirement| requirement.name.clone()).or(named);
    let extras = requirement.as_ref().map(|requirement| requirement.extras.clone()).unwrap_or_default();
    Ok(Asked::Source(Box::new(Source { place, extras, project, shown, condition: requirement })))
}

/// `./project`, `./project[extra]`, `../demo-1.0.tar.gz`
fn of_path(text: &str, folder: &Path) -> Result<Asked> {
    let (path, extras) = match text.strip_suffix(']').and_then(|text| text.rsplit_once('[')) {
        Some((path, extras)) => {
            (path, extras.split(',').filter_map(|name| ProjectName::new(name.trim())).collect())
        }
        None => (text, BTreeSet::new()),
    };
    let home = path.strip_prefix("~/").zip(std::env::home_dir()).map(|(rest, home)| home.join(rest));
    let place = of_place(home.unwrap_or_else(|| folder.join(path)))?;
    Ok(Asked::Source(Box::new(Source {
        place,
        extras,
        project: None,
        shown: text.to_owned(),
        condition: None,
    })))
}

fn of_place(path: PathBuf) -> Result<Place> {
    if path.is_dir() {
        return Ok(Place::Folder(path));
    }
    if !path.is_file() {
        return Err(bad!("there is no file or folder {}", path.display()));
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    match ARCHIVES.iter().any(|extension| name.ends_with(extension)) {
        true => Ok(Place::Archive(path)),
        false => Err(bad!(
            "{} is neither a wheel nor a source archive; files of requirements are given with -r",
            path.display()
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str, folder: &Path) -> Source {
        match parse(text, folder).unwrap() {
            Asked::Source(source) => *source,
            Asked::Listed(requirement) => panic!("{requirement}"),
        }
    }

    #[test]
    fn every_form_is_told_from_the_others() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("proj")).unwrap();
        std::fs::write(folder.path().join("demo-1.0.tar.gz"), "").unwrap();
        let at = folder.path();
        assert!(matches!(parse("psycopg2==2.8.6", at).unwrap(), Asked::Listed(_)));
        assert!(matches!(parse("a[b]>=1; python_version<'3'", at).unwrap(), Asked::Listed(_)));
        assert!(matches!(source("./proj", at).place, Place::Folder(_)));
        let with_extra = source("./proj[test]", at);
        assert_eq!(with_extra.extras.iter().map(ProjectName::as_str).collect::<Vec<_>>(), ["test"]);
        assert!(matches!(source("demo-1.0.tar.gz", at).place, Place::Archive(_)));
        assert!(matches!(source("git+https://h.example/r@v1#egg=x", at).place, Place::Git(_)));
        let named = source("Demo[x] @ git+https://al:pw@h.example/r@v1 ; python_version < '3'", at);
        assert_eq!(named.project.as_ref().map(ProjectName::as_str), Some("demo"));
        assert_eq!(named.shown, "git+https://h.example/r@v1");
        assert!(matches!(source("https://h.example/demo-1.0.zip", at).place, Place::Url(_)));
        let hint = parse("proj dir", at).unwrap_err().to_string();
        assert!(hint.contains("valid requirement"), "{hint}");
        assert!(parse("./nowhere", at).unwrap_err().to_string().contains("no file or folder"));
    }

    #[test]
    fn requirement_files_are_read_with_their_places() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("requirements.txt");
        let text = "# first\n-r more.txt\n--index-url https://h.example/simple\n\nflask>=1 \\\n  ,<3  # why\n\
                    docopt==0.6.2 --hash=sha256:00\n-c limits.txt\n";
        std::fs::write(&file, text).unwrap();
        std::fs::write(folder.path().join("more.txt"), "six\n").unwrap();
        std::fs::write(folder.path().join("limits.txt"), "click<8\n").unwrap();
        let all = Everything::read(&[], std::slice::from_ref(&file), &[]).unwrap();
        let told: Vec<String> = all
            .items
            .iter()
            .map(|(asked, by)| match asked {
                Asked::Listed(requirement) => format!("{requirement} by {}", by.rsplit('/').next().unwrap()),
                Asked::Source(source) => source.shown.clone(),
            })
            .collect();
        assert_eq!(
            told,
            ["six by more.txt:1", "flask<3,>=1 by requirements.txt:5", "docopt==0.6.2 by requirements.txt:7"]
        );
        assert_eq!(all.constraints[0].requirement.to_string(), "click<8");
        assert_eq!(all.warnings.len(), 2, "{:?}", all.warnings);
        std::fs::write(&file, "ok\nnot valid at all\n").unwrap();
        let error = Everything::read(&[], &[file], &[]).unwrap_err().to_string();
        assert!(error.contains("requirements.txt:2: "), "{error}");
    }
}
