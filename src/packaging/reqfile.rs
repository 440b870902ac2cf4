//! Requirement files as those see them on whose machine they lie, and as pip reads them: which other files they
//! name, what is an option, which hashes are allowed.

use super::lines;
use super::requirement::Requirement;
use super::version::Version;
use crate::bad;
use crate::error::Result;
use crate::names::ProjectName;

/// Options of pip that stand on a line of their own. Which index is asked, and what may be chosen of it, is
/// told otherwise here.
const OPTIONS: [&str; 18] = [
    "-i",
    "--index-url",
    "--pypi-url",
    "--extra-index-url",
    "--no-index",
    "-f",
    "--find-links",
    "--no-binary",
    "--only-binary",
    "--prefer-binary",
    "--require-hashes",
    "--pre",
    "--all-releases",
    "--only-final",
    "--uploaded-prior-to",
    "--trusted-host",
    "--use-feature",
    "--process-dependency-links",
];
/// Those that we follow.
const FOLLOWED: [&str; 3] = ["--requirement", "--constraint", "--editable"];
/// The hashes that pip compares.
const ALGORITHMS: [&str; 3] = ["sha256", "sha384", "sha512"];

/// One line that says something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequirementLine {
    /// Of its first line in the file, from 1.
    pub number: usize,
    /// Joined, without comment, as it was written otherwise.
    pub text: String,
}

/// What a line says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said<'a> {
    /// A requirement, URL or path; `hashes` like `sha256:00…`.
    Wanted { text: &'a str, hashes: Vec<&'a str> },
    /// `-e`
    Editable(&'a str),
    /// `-r`: another file of requirements.
    Requirements(&'a str),
    /// `-c`: a file that limits versions.
    Constraints(&'a str),
    /// Any other option of pip, by its name.
    Option(&'a str),
}

/// The lines of a requirement file, without comments and blank ones.
pub fn read(text: &str) -> Vec<RequirementLine> {
    lines::logical(text).into_iter().map(|(number, text)| RequirementLine { number, text }).collect()
}

/// The text of a file: in UTF-8, in what its byte order mark says, or in the encoding that one of its first two
/// lines names. `None` if it is none of these.
pub fn decoded(bytes: &[u8]) -> Option<String> {
    let wide = |bytes: &[u8], unit: fn([u8; 2]) -> u16| {
        let units = bytes.chunks(2).map(|pair| Some(unit(pair.try_into().ok()?)));
        String::from_utf16(&units.collect::<Option<Vec<u16>>>()?).ok()
    };
    match bytes {
        // PowerShell's `pip freeze > requirements.txt`.
        [0xFF, 0xFE, rest @ ..] => return wide(rest, u16::from_le_bytes),
        [0xFE, 0xFF, rest @ ..] => return wide(rest, u16::from_be_bytes),
        _ => {}
    }
    match str::from_utf8(bytes) {
        Ok(text) => Some(text.to_owned()),
        Err(_) => is_latin(bytes).then(|| bytes.iter().map(|byte| char::from(*byte)).collect()),
    }
}

/// Whether `# -*- coding: latin-1 -*-` is among the first two lines.
fn is_latin(bytes: &[u8]) -> bool {
    let mut first = bytes.split(|byte| *byte == b'\n').take(2).map(String::from_utf8_lossy);
    first.any(|line| {
        let named = line.trim_start().strip_prefix('#').and_then(|line| line.split_once("coding"));
        let name = named.map(|(_, rest)| rest.trim_start_matches([':', '=', ' ']).to_ascii_lowercase());
        name.is_some_and(|name| {
            ["latin-1", "latin1", "latin_1", "iso-8859-1", "iso8859-1"]
                .iter()
                .any(|known| name.starts_with(known))
        })
    })
}

/// `${NAME}` replaced by the variable's value, as pip does; an unknown or empty one stays.
pub fn expanded(text: &str, value: impl Fn(&str) -> Option<String>) -> String {
    let (mut done, mut rest) = (String::new(), text);
    while let Some((before, after)) = rest.split_once("${") {
        done.push_str(before);
        let named = after.split_once('}').filter(|(name, _)| {
            !name.is_empty()
                && name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
        });
        let found =
            named.and_then(|(name, after)| Some((value(name).filter(|value| !value.is_empty())?, after)));
        match found {
            Some((value, after)) => {
                done.push_str(&value);
                rest = after;
            }
            None => {
                done.push_str("${");
                rest = after;
            }
        }
    }
    done + rest
}

impl RequirementLine {
    /// What it says.
    ///
    /// # Errors
    /// `Bad` for an option that pip does not know here, or that we do not follow where it matters.
    pub fn said(&self) -> Result<Said<'_>> {
        let Some((option, value)) = option(&self.text) else {
            return wanted(&self.text);
        };
        let name = match option {
            "-r" => "--requirement",
            "-c" => "--constraint",
            "-e" => "--editable",
            other => whole(other).ok_or_else(|| bad!("{other} is not an option of a requirement file"))?,
        };
        if !FOLLOWED.contains(&name) {
            return Ok(Said::Option(name));
        }
        let (value, more) = lines::split_options(value);
        if let Some(more) = more.split([' ', '\t', '=']).find(|word| !word.is_empty()) {
            return Err(bad!("{more} after {name} is not supported"));
        }
        let value = unquoted(value);
        match (name, value) {
            (_, "") => Err(bad!("{name} needs a value")),
            ("--requirement", value) => Ok(Said::Requirements(value)),
            ("--constraint", value) => Ok(Said::Constraints(value)),
            (_, value) => Ok(Said::Editable(value)),
        }
    }
}

/// The option that is meant: `--index` is short enough for one.
fn whole(option: &str) -> Option<&'static str> {
    let all = || OPTIONS.into_iter().chain(FOLLOWED);
    if let Some(exact) = all().find(|known| *known == option) {
        return Some(exact);
    }
    let mut begun = all().filter(|known| option.len() > 2 && known.starts_with(option));
    begun.next().filter(|_| begun.next().is_none())
}

/// `-r FILE`, `--requirement=FILE`, `-rFILE`: the option and its value.
fn option(line: &str) -> Option<(&str, &str)> {
    if !line.starts_with('-') {
        return None;
    }
    let cut = match line.starts_with("--") {
        true => line.find(|c: char| c == '=' || c.is_whitespace()).unwrap_or(line.len()),
        false => line.char_indices().nth(2).map_or(line.len(), |(at, _)| at),
    };
    let (option, value) = line.split_at_checked(cut)?;
    Some((option, value.trim_start().trim_start_matches('=').trim()))
}

/// `"a name with blanks"`, as a shell would have it.
fn unquoted(text: &str) -> &str {
    let inner = |quote| text.strip_prefix(quote).and_then(|text| text.strip_suffix(quote));
    inner('"').or_else(|| inner('\'')).unwrap_or(text)
}

/// Options of a requirement stand behind it.
fn wanted(line: &str) -> Result<Said<'_>> {
    let (text, options) = lines::split_options(line);
    let text = unquoted(text);
    let mut hashes = Vec::new();
    let mut words = options.split_whitespace();
    while let Some(word) = words.next() {
        let (name, value) = word.split_once('=').map_or((word, None), |(name, value)| (name, Some(value)));
        if name != "--hash" {
            return Err(bad!(
                "{name} of {text} is not supported: use a recipe to set how a project is built"
            ));
        }
        let hash = unquoted(value.or_else(|| words.next()).unwrap_or_default());
        let is_one = hash.split_once(':').is_some_and(|(algorithm, hex)| {
            ALGORITHMS.contains(&algorithm)
                && !hex.is_empty()
                && hex.bytes().all(|byte| byte.is_ascii_hexdigit())
        });
        if !is_one {
            return Err(bad!("--hash of {text} must be like sha256:00…, not {hash:?}"));
        }
        hashes.push(hash);
    }
    Ok(Said::Wanted { text, hashes })
}

/// The lines of a text that want something.
pub fn pins(text: &str) -> Vec<String> {
    let lines = read(text);
    let wanted = lines.iter().filter_map(|line| match line.said() {
        Ok(Said::Wanted { text, .. }) => Some(text.to_owned()),
        _ => None,
    });
    wanted.collect()
}

/// `docopt==0.6.2 ; python_version < "3"`: project and version of a line that names one version.
pub fn pin(text: &str) -> Option<(ProjectName, Version)> {
    let requirement = Requirement::parse(text.split(" --").next()?).ok()?;
    let mut clauses = requirement.specifiers.iter();
    let clause = clauses.next().filter(|_| requirement.url.is_none())?;
    let exact = matches!(clause.operator(), pep440_rs::Operator::Equal | pep440_rs::Operator::ExactEqual);
    (exact && clauses.next().is_none()).then(|| (requirement.name, clause.version().clone()))
}

#[cfg(test)]
mod tests;
