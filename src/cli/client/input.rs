//! What is read: requirement files with all that they name, and `pyproject.toml`.

use super::super::build::asked::{self, Asked, Place};
use super::super::requirements::Origin;
use crate::bad;
use crate::error::Result;
use crate::names::ProjectName;
use crate::packaging::pyproject::Project;
use crate::packaging::reqfile::{Line, Said};
use crate::packaging::requirement::Requirement;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use url::Url;

/// All that a file asks for, those it names included.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Input {
    /// In order: requirements and URLs.
    pub wanted: Vec<Wanted>,
    /// They limit versions, and want nothing.
    pub constraints: Vec<Requirement>,
    /// What only this machine has.
    pub locals: Vec<Local>,
    /// What is said and not followed.
    pub warnings: Vec<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Wanted {
    /// As it was written, without options.
    pub text: String,
    /// `sha256:00…`; the file must have one of them, if there are any.
    pub hashes: Vec<String>,
}

impl Wanted {
    /// As a line of a requirement file.
    pub fn line(&self) -> String {
        let hashes = self.hashes.iter().map(|hash| format!(" --hash={hash}"));
        self.text.clone() + &hashes.collect::<String>()
    }
}

/// A folder, a source archive or a wheel on this machine.
#[derive(Clone, Debug, PartialEq)]
pub struct Local {
    pub source: Source,
    pub extras: BTreeSet<ProjectName>,
    /// `-e file:///app/addons/one`; `None` for the project whose own requirements are compiled.
    pub line: Option<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Source {
    Folder(PathBuf),
    Archive(PathBuf),
}

impl Source {
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
            return Err(bad!("{} has neither extras nor groups: a pyproject.toml may have", file.display()));
        }
        let origin = Origin::named(file)?;
        input.take_lines(&origin, &origin.lines()?, false, 0)?;
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
            let source = Source::Folder(folder.clone());
            self.locals.push(Local { source, extras: extras.clone(), line: None });
        } else {
            texts = project.with_extras(extras).map_err(|error| bad!("{shown}: {error}"))?;
        }
        for group in groups {
            texts.extend(project.group(group).map_err(|error| bad!("{shown}: {error}"))?);
        }
        for text in texts {
            self.take_wanted(&text, &[], &folder).map_err(|error| bad!("{shown}: {error}"))?;
        }
        Ok(())
    }

    fn take_lines(&mut self, file: &Origin, lines: &[Line], as_constraints: bool, depth: u32) -> Result<()> {
        for line in lines {
            let place = format!("{file}:{}", line.number);
            let told = |error| bad!("{place}: {error}");
            let done = match line.said().map_err(told)? {
                Said::Requirements(value) => {
                    let (named, lines) = file.open(value, depth).map_err(told)?;
                    self.take_lines(&named, &lines, as_constraints, depth + 1)?;
                    continue;
                }
                Said::Constraints(value) => {
                    let (named, lines) = file.open(value, depth).map_err(told)?;
                    self.take_lines(&named, &lines, true, depth + 1)?;
                    continue;
                }
                Said::Option(other) => {
                    self.warnings.push(format!("{place}: {other} is not followed"));
                    continue;
                }
                Said::Editable(value) => self.take_local(value, true, file.folder()),
                Said::Wanted { text, .. } if as_constraints => self.take_constraint(text, &place),
                Said::Wanted { text, hashes } => self.take_wanted(text, &hashes, file.folder()),
            };
            done.map_err(told)?;
        }
        Ok(())
    }

    fn take_constraint(&mut self, text: &str, place: &str) -> Result<()> {
        match Requirement::parse(text) {
            Ok(requirement) if requirement.url.is_none() => self.constraints.push(requirement),
            Ok(_) => self.warnings.push(format!("{place}: {text} can not be a constraint")),
            Err(error) => return Err(error),
        }
        Ok(())
    }

    fn take_wanted(&mut self, text: &str, hashes: &[&str], folder: &Path) -> Result<()> {
        match asked::parse(text, folder)? {
            Asked::Source(source) if matches!(source.place, Place::Folder(_) | Place::Archive(_)) => {
                self.take_local(text, false, folder)
            }
            _ => {
                let hashes = hashes.iter().map(|hash| (*hash).to_owned()).collect();
                self.wanted.push(Wanted { text: text.to_owned(), hashes });
                Ok(())
            }
        }
    }

    fn take_local(&mut self, text: &str, editable: bool, folder: &Path) -> Result<()> {
        // `file:///app/one#egg=one` and `./one[extra]` alike.
        let Asked::Source(source) = asked::parse(text, folder)? else {
            return Err(bad!("{text} is no path: write ./{text}"));
        };
        let found = match source.place {
            Place::Folder(path) => Source::Folder(std::path::absolute(path)?),
            Place::Archive(path) => Source::Archive(std::path::absolute(path)?),
            Place::Git(_) | Place::Url(_) => {
                return Err(bad!("{}: only a folder of this machine can be installed with -e", source.shown));
            }
        };
        let line = local_line(text, found.path(), editable)?;
        self.locals.push(Local { source: found, extras: source.extras, line: Some(line) });
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
        let lines = self.wanted.iter().map(Wanted::line);
        lines.filter(|line| seen.insert(line.clone())).collect()
    }
}

/// A path as an absolute URL, so that the line means the same everywhere; a URL stays as it is.
fn local_line(text: &str, path: &Path, editable: bool) -> Result<String> {
    let url = match text.starts_with("file://") {
        true => text.to_owned(),
        false => {
            let url =
                Url::from_file_path(normal(path)).map_err(|()| bad!("{} is no path", path.display()))?;
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
    std::fs::read_to_string(file).map_err(|error| bad!("{} can not be read: {error}", file.display()))
}
