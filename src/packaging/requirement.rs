//! Requirements (PEP 508) as metadata has them, with their markers; and patterns for policies.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use url::Url;

use super::version::{self, VersionSpecifiers};
use crate::bad;
use crate::error::{Error, Result, clipped};
use crate::names::ProjectName;

mod evaluate;
mod extras;
mod marker;
mod pattern;
mod reader;
#[cfg(test)]
pub mod words;
pub use marker::{Marker, Operand};
pub use pattern::Pattern;
use reader::{LONGEST, Reader};

/// One requirement: what is needed, in which versions or from where, and when.
///
/// Written in one canonical way, so that two spellings of the same requirement become equal texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requirement {
    pub name: ProjectName,
    /// Normalised like project names.
    pub extras: BTreeSet<ProjectName>,
    /// Empty if any version will do, or if there is a URL.
    pub specifiers: VersionSpecifiers,
    pub url: Option<Url>,
    pub marker: Option<Marker>,
}

impl Requirement {
    /// Reads a requirement. This is our own reader since requirements come from strangers, and the
    /// usual one panics on some (`a- `, `a; 'x' ~= os_name`), the latter for good.
    ///
    /// # Errors
    /// `Bad` with the reason in one line.
    pub fn parse(text: &str) -> Result<Self> {
        if text.len() > LONGEST {
            return Err(bad!("a requirement is longer than {LONGEST} bytes"));
        }
        read(&mut Reader { rest: text.trim(), forgiving: false }).map_err(|why| refusal(text, &why))
    }

    /// The same for metadata that is on package indexes for ever: specifiers may have the mistakes
    /// that installers mend (`>=3.6.*`, a missing comma).
    ///
    /// # Errors
    /// As [`Requirement::parse`].
    pub fn parse_forgiving(text: &str) -> Result<Self> {
        Self::parse(text).or_else(|error| {
            let mut reader = Reader { rest: text.trim(), forgiving: true };
            match text.len() > LONGEST {
                true => Err(error),
                false => read(&mut reader).map_err(|_| error),
            }
        })
    }
}

/// Requirements of one release that are looked at.
pub const MOST_OF_ONE: usize = 1000;

/// The projects that the requirements of a release name; what cannot be read names none.
pub fn names(texts: &[String]) -> BTreeSet<ProjectName> {
    let read = |text: &String| Requirement::parse_forgiving(text).ok().map(|requirement| requirement.name);
    texts.iter().take(MOST_OF_ONE).filter_map(read).collect()
}

/// Characters of the text that a refusal shows, so that the reason behind it is seen.
const SHOWN: usize = 60;

fn refusal(text: &str, why: &str) -> Error {
    bad!("{:?} is not a valid requirement (PEP 508): {why}", clipped(text, SHOWN))
}

fn read(reader: &mut Reader) -> Result<Requirement, String> {
    let name = reader.name("project name")?;
    reader.blanks();
    let extras = read_extras(reader)?;
    reader.blanks();
    let mut specifiers = VersionSpecifiers::empty();
    let mut url = None;
    if reader.eat("@") {
        reader.blanks();
        let text = reader.take_while(|c| !c.is_whitespace());
        url = Some(Url::parse(text).map_err(|e| format!("{text:?} is not a valid URL: {e}"))?);
    } else {
        specifiers = read_specifiers(reader)?;
    }
    reader.blanks();
    let marker = match reader.eat(";") {
        true => Some(marker::read(reader)?),
        false => None,
    };
    match reader.rest {
        "" => Ok(Requirement { name, extras, specifiers, url, marker }),
        _ => Err(format!("expected the end or ';', {}", reader.found())),
    }
}

fn read_extras(reader: &mut Reader) -> Result<BTreeSet<ProjectName>, String> {
    let mut extras = BTreeSet::new();
    if !reader.eat("[") {
        return Ok(extras);
    }
    reader.blanks();
    if reader.eat("]") {
        return Ok(extras);
    }
    loop {
        reader.blanks();
        extras.insert(reader.name("name of an extra")?);
        reader.blanks();
        if reader.eat("]") {
            return Ok(extras);
        }
        if !reader.eat(",") {
            return Err(format!("expected ',' or ']' after an extra, {}", reader.found()));
        }
    }
}

fn read_specifiers(reader: &mut Reader) -> Result<VersionSpecifiers, String> {
    let in_parentheses = reader.eat("(");
    let text = reader.take_while(|c| !matches!(c, ';' | '(' | ')')).trim();
    if in_parentheses && !reader.eat(")") {
        return Err(format!("expected ')', {}", reader.found()));
    }
    if text.is_empty() {
        return Ok(VersionSpecifiers::empty());
    }
    if reader.forgiving {
        return version::forgiving_specifiers(text)
            .ok_or_else(|| format!("{text:?} is not a valid version specifier"));
    }
    // Further lines of the message point at the place in the text.
    VersionSpecifiers::from_str(text).map_err(|e| e.to_string().lines().next().unwrap_or_default().to_owned())
}

impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.name.fmt(f)?;
        if !self.extras.is_empty() {
            let extras: Vec<&str> = self.extras.iter().map(ProjectName::as_str).collect();
            write!(f, "[{}]", extras.join(","))?;
        }
        let clauses: BTreeSet<String> = self.specifiers.iter().map(ToString::to_string).collect();
        f.write_str(&clauses.into_iter().collect::<Vec<_>>().join(","))?;
        if let Some(url) = &self.url {
            write!(f, " @ {url}")?;
        }
        // A blank must end a URL.
        let divider = if self.url.is_some() { " ; " } else { "; " };
        self.marker.as_ref().map_or(Ok(()), |marker| write!(f, "{divider}{marker}"))
    }
}

impl FromStr for Requirement {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::parse(text)
    }
}

#[cfg(test)]
mod tests;
