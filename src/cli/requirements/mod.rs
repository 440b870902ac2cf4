//! What a command line and requirement files want, those that they name included: the one reader of such files.

mod origin;
mod wish;

pub use self::wish::{NamedSource, SourcePlace, WantedThing};

use self::origin::FileOrigin;
use self::wish::parse;
use crate::bad;
use crate::error::Result;
use crate::packaging::reqfile::{RequirementLine, Said};
use crate::packaging::requirement::Requirement;
use std::path::{Path, PathBuf};

/// A requirement and who has it: `you`, `requirements.txt:3`, `flask 3.0.0`.
#[derive(Clone, Debug, PartialEq)]
pub struct WantedBy {
    pub requirement: Requirement,
    pub by: String,
}

impl WantedBy {
    /// `you want demo>=2`, `app 1.0 wants demo<2`
    pub fn describe(&self) -> String {
        let verb = if self.by == "you" { "want" } else { "wants" };
        format!("{} {verb} {}", self.by, self.requirement)
    }
}

/// One line, or one word that was typed.
#[derive(Clone, Debug, PartialEq)]
pub struct Wish {
    pub thing: WantedThing,
    /// As it was written, without options.
    pub text: String,
    /// `sha256:00…`; the file must have one of them, if there are any.
    pub hashes: Vec<String>,
    /// `-e`
    pub editable: bool,
    /// `you`, or a file and its line.
    pub by: String,
}

/// All that is wanted.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RequirementFiles {
    /// In order.
    pub wishes: Vec<Wish>,
    /// They limit versions, and want nothing.
    pub constraints: Vec<WantedBy>,
    /// What is said and not followed.
    pub warnings: Vec<String>,
}

impl RequirementFiles {
    /// What was typed, and what the files of `-r` and `-c` hold: each a path, a URL, or `-` for standard input.
    ///
    /// # Errors
    /// `Bad`, with file and line, for the first thing that cannot be read.
    pub fn read(typed: &[String], files: &[PathBuf], constraints: &[PathBuf]) -> Result<Self> {
        let mut all = Self::default();
        for text in typed {
            all.take(text, &[], false, Path::new(""), "you")?;
        }
        for (files, as_constraints) in [(files, false), (constraints, true)] {
            for file in files {
                let origin = FileOrigin::named(file)?;
                all.take_lines(&origin, &origin.lines()?, as_constraints, 0)?;
            }
        }
        Ok(all)
    }

    fn take_lines(
        &mut self,
        file: &FileOrigin,
        lines: &[RequirementLine],
        as_constraints: bool,
        depth: u32,
    ) -> Result<()> {
        for line in lines {
            let by = format!("{file}:{}", line.number);
            let placed = |error| bad!("{by}: {error}");
            match line.said().map_err(placed)? {
                Said::Requirements(value) => {
                    let (named, lines) = file.open(value, depth).map_err(placed)?;
                    self.take_lines(&named, &lines, as_constraints, depth + 1)?;
                }
                Said::Constraints(value) => {
                    let (named, lines) = file.open(value, depth).map_err(placed)?;
                    self.take_lines(&named, &lines, true, depth + 1)?;
                }
                Said::Option(other) => {
                    self.warnings.push(format!("{by}: wheelwright ignores the option {other}"))
                }
                Said::Wanted { text, .. } if as_constraints => {
                    self.take_constraint(text, file.folder(), &by).map_err(placed)?;
                }
                Said::Editable(text) => self.take(text, &[], true, file.folder(), &by).map_err(placed)?,
                Said::Wanted { text, hashes } => {
                    self.take(text, &hashes, false, file.folder(), &by).map_err(placed)?;
                }
            }
        }
        Ok(())
    }

    /// Takes one thing more; paths are relative to `folder`.
    ///
    /// # Errors
    /// `Bad` if it cannot be read.
    pub fn take(
        &mut self,
        text: &str,
        hashes: &[&str],
        editable: bool,
        folder: &Path,
        by: &str,
    ) -> Result<()> {
        let (thing, text, by) = (parse(text, folder)?, text.to_owned(), by.to_owned());
        let hashes = hashes.iter().map(|hash| (*hash).to_owned()).collect();
        self.wishes.push(Wish { thing, text, hashes, editable, by });
        Ok(())
    }

    fn take_constraint(&mut self, text: &str, folder: &Path, by: &str) -> Result<()> {
        match parse(text, folder)? {
            WantedThing::Listed(requirement) => {
                self.constraints.push(WantedBy { requirement, by: by.to_owned() });
            }
            WantedThing::Source(source) => {
                self.warnings.push(format!("{by}: {} cannot be a constraint", source.shown));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requirement_files_are_read_with_their_places() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("requirements.txt");
        let text = "# first\n-r more.txt\n--index-url https://h.example/simple\n\nflask>=1 \\\n  ,<3  # why\n\
                    docopt==0.6.2 --hash=sha256:00\n-c limits.txt\n";
        std::fs::write(&file, text).unwrap();
        std::fs::write(folder.path().join("more.txt"), "six\n").unwrap();
        std::fs::write(folder.path().join("limits.txt"), "click<8\n").unwrap();
        let all = RequirementFiles::read(&[], std::slice::from_ref(&file), &[]).unwrap();
        let name = |by: &str| by.rsplit('/').next().unwrap().to_owned();
        let told: Vec<String> =
            all.wishes.iter().map(|wish| format!("{} by {}", wish.text, name(&wish.by))).collect();
        assert_eq!(
            told,
            [
                "six by more.txt:1",
                "flask>=1   ,<3 by requirements.txt:5",
                "docopt==0.6.2 by requirements.txt:7"
            ]
        );
        assert_eq!(all.wishes[2].hashes, ["sha256:00"]);
        assert_eq!(all.constraints[0].requirement.to_string(), "click<8");
        assert_eq!(all.warnings.len(), 1, "{:?}", all.warnings);
        std::fs::write(&file, "ok\nnot valid at all\n").unwrap();
        let error = RequirementFiles::read(&[], &[file], &[]).unwrap_err().to_string();
        assert!(error.contains("requirements.txt:2: "), "{error}");
    }
}
