//! What is read: requirement files with all that they name, and `pyproject.toml`.

use crate::bad;
use crate::cli::requirements::{RequirementFiles, SourcePlace, WantedThing, Wish};
use crate::error::Result;
use crate::names::ProjectName;
use crate::packaging::pyproject::Project;
use crate::packaging::requirement::Requirement;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use url::Url;

/// All that a file asks for, those it names included.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Input {
    /// In order: requirements and URLs.
    pub wanted: Vec<WantedLine>,
    /// They limit versions, and want nothing.
    pub constraints: Vec<Requirement>,
    /// What only this machine has.
    pub locals: Vec<LocalSource>,
    /// What is said and not followed.
    pub warnings: Vec<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct WantedLine {
    /// As it was written, without options.
    pub text: String,
    /// `sha256:00…`; the file must have one of them, if there are any.
    pub hashes: Vec<String>,
}

impl WantedLine {
    /// As a line of a requirement file.
    pub fn line(&self) -> String {
        let hashes = self.hashes.iter().map(|hash| format!(" --hash={hash}"));
        self.text.clone() + &hashes.collect::<String>()
    }
}

/// A folder, a source archive or a wheel on this machine.
#[derive(Clone, Debug, PartialEq)]
pub struct LocalSource {
    pub source: LocalPath,
    pub extras: BTreeSet<ProjectName>,
    /// `-e file:///app/addons/one`; `None` for the project whose own requirements are compiled.
    pub line: Option<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum LocalPath {
    Folder(PathBuf),
    Archive(PathBuf),
}

impl LocalPath {
    pub fn path(&self) -> &Path {
        match self {
            Self::Folder(path) | Self::Archive(path) => path,
        }
    }
}

impl Input {
    /// Reads a requirement file (`-`: standard input; a path or a URL) or a `pyproject.toml`, of that with these extras
    /// and dependency groups.
    ///
    /// # Errors
    /// `Bad`, with file and line, for what cannot be read.
    pub fn read(file: &Path, extras: &BTreeSet<ProjectName>, groups: &[String]) -> Result<Self> {
        let mut input = Self::default();
        if file.file_name().is_some_and(|name| name == "pyproject.toml") {
            input.take_project(file, extras, groups)?;
            return Ok(input);
        }
        if !extras.is_empty() || !groups.is_empty() {
            return Err(bad!(
                "{} cannot have extras or groups: use --extra and --group with a pyproject.toml",
                file.display()
            ));
        }
        let all = RequirementFiles::read(&[], &[file.to_owned()], &[])?;
        input.warnings = all.warnings;
        input.constraints = all.constraints.into_iter().map(|limit| limit.requirement).collect();
        for wish in all.wishes {
            let by = wish.by.clone();
            input.take(wish).map_err(|error| bad!("{by}: {error}"))?;
        }
        Ok(input)
    }

    fn take_project(&mut self, file: &Path, extras: &BTreeSet<ProjectName>, groups: &[String]) -> Result<()> {
        let shown = file.display();
        let project = Project::parse(&text_of(file)?).map_err(|error| bad!("{shown}: {error}"))?;
        // Groups alone are wanted of a file that describes no project.
        let only_groups = project.name.is_none() && !groups.is_empty() && extras.is_empty();
        let folder = std::path::absolute(file)?;
        let folder = folder.parent().unwrap_or(Path::new("/")).to_owned();
        let mut texts = Vec::new();
        if project.is_dynamic && !only_groups {
            let source = LocalPath::Folder(folder.clone());
            self.locals.push(LocalSource { source, extras: extras.clone(), line: None });
        } else {
            texts = project.with_extras(extras).map_err(|error| bad!("{shown}: {error}"))?;
        }
        for group in groups {
            texts.extend(project.group(group).map_err(|error| bad!("{shown}: {error}"))?);
        }
        let mut all = RequirementFiles::default();
        for text in texts {
            all.take(&text, &[], false, &folder, "").map_err(|error| bad!("{shown}: {error}"))?;
        }
        all.wishes.into_iter().try_for_each(|wish| self.take(wish).map_err(|error| bad!("{shown}: {error}")))
    }

    /// Sorts a wish: what only this machine has, or what a server can be asked for.
    fn take(&mut self, wish: Wish) -> Result<()> {
        let Wish { thing, text, hashes, editable, .. } = wish;
        let local = match thing {
            WantedThing::Listed(_) if editable => return Err(bad!("{text} is not a path: write ./{text}")),
            WantedThing::Listed(_) => None,
            WantedThing::Source(source) => match (source.place.clone(), source.extras.clone()) {
                (SourcePlace::Folder(path), extras) => {
                    Some((LocalPath::Folder(std::path::absolute(path)?), extras))
                }
                (SourcePlace::Archive(path), extras) => {
                    Some((LocalPath::Archive(std::path::absolute(path)?), extras))
                }
                _ if editable => {
                    return Err(bad!("{}: -e needs a folder on this machine", source.shown));
                }
                _ => None,
            },
        };
        match local {
            Some((source, extras)) => {
                let line = Some(local_line(&text, source.path(), editable)?);
                self.locals.push(LocalSource { source, extras, line });
            }
            None => self.wanted.push(WantedLine { text, hashes }),
        }
        Ok(())
    }

    /// What is wanted, each once.
    pub fn texts(&self) -> Vec<String> {
        let mut seen = BTreeSet::new();
        let texts = self.wanted.iter().map(|wanted| wanted.text.clone());
        texts.filter(|text| seen.insert(text.clone())).collect()
    }

    /// The same with the hashes that are allowed.
    pub fn pinned(&self) -> Vec<String> {
        let mut seen = BTreeSet::new();
        let lines = self.wanted.iter().map(WantedLine::line);
        lines.filter(|line| seen.insert(line.clone())).collect()
    }
}

/// A path as an absolute URL, so that the line means the same everywhere; a URL stays as it is.
fn local_line(text: &str, path: &Path, editable: bool) -> Result<String> {
    let url = match text.starts_with("file://") {
        true => text.to_owned(),
        false => {
            let url = Url::from_file_path(normal(path))
                .map_err(|()| bad!("{} is not a valid path", path.display()))?;
            url.to_string().trim_end_matches('/').to_owned()
        }
    };
    Ok(if editable { format!("-e {url}") } else { url })
}

/// Without `.` and `..`, as far as names alone tell.
fn normal(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            std::path::Component::ParentDir => drop(plain.pop()),
            std::path::Component::CurDir => {}
            other => plain.push(other),
        }
    }
    plain
}

fn text_of(file: &Path) -> Result<String> {
    std::fs::read_to_string(file).map_err(|error| bad!("cannot read {}: {error}", file.display()))
}
