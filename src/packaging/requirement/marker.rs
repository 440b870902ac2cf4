//! Environment markers: the condition after a requirement's `;`.

use std::fmt;

use super::reader::{LONGEST, Reader};
use crate::bad;
use crate::error::Result as Answer;

/// How deep parentheses may be nested; each level costs stack.
const DEEPEST: usize = 32;

/// Variables of PEP 508 and PEP 751, with what they were called before.
const VARIABLES: [(&str, &str); 20] = [
    ("python_version", "python_version"),
    ("python_full_version", "python_full_version"),
    ("os_name", "os_name"),
    ("os.name", "os_name"),
    ("sys_platform", "sys_platform"),
    ("sys.platform", "sys_platform"),
    ("platform_release", "platform_release"),
    ("platform_system", "platform_system"),
    ("platform_version", "platform_version"),
    ("platform.version", "platform_version"),
    ("platform_machine", "platform_machine"),
    ("platform.machine", "platform_machine"),
    ("platform_python_implementation", "platform_python_implementation"),
    ("platform.python_implementation", "platform_python_implementation"),
    ("python_implementation", "platform_python_implementation"),
    ("implementation_name", "implementation_name"),
    ("implementation_version", "implementation_version"),
    ("extra", "extra"),
    ("extras", "extras"),
    ("dependency_groups", "dependency_groups"),
];

const OPERATORS: [&str; 8] = ["===", "==", "~=", "!=", "<=", ">=", "<", ">"];

/// A condition on the environment. `All` and `Any` have two parts or more, and no part is of the
/// same kind as the whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Marker {
    Any(Vec<Marker>),
    All(Vec<Marker>),
    /// The operator is one of PEP 440's, `in` or `not in`.
    Compare(Operand, &'static str, Operand),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operand {
    /// By its name today.
    Variable(&'static str),
    Text(String),
}

impl Marker {
    /// Reads a marker that stands alone.
    ///
    /// # Errors
    /// `Bad` with the reason in one line.
    pub fn parse(text: &str) -> Answer<Self> {
        let mut reader = Reader { rest: text.trim(), forgiving: false };
        let marker = match text.len() > LONGEST {
            true => Err("it is too long".to_owned()),
            false => read(&mut reader),
        };
        let marker = marker.map_err(|why| bad!("{text:?} is not a valid marker (PEP 508): {why}"))?;
        match reader.rest {
            "" => Ok(marker),
            _ => Err(bad!("{text:?} is not a valid marker (PEP 508): expected the end, {}", reader.found())),
        }
    }
}

/// Reads a whole marker: what comes after it is the caller's concern.
pub(super) fn read(reader: &mut Reader) -> Result<Marker, String> {
    any(reader, 0)
}

fn any(reader: &mut Reader, depth: usize) -> Result<Marker, String> {
    let mut parts = Vec::new();
    loop {
        match all(reader, depth)? {
            Marker::Any(inner) => parts.extend(inner),
            part => parts.push(part),
        }
        if !word(reader, "or") {
            return Ok(one_or(parts, Marker::Any));
        }
    }
}

fn all(reader: &mut Reader, depth: usize) -> Result<Marker, String> {
    let mut parts = Vec::new();
    loop {
        match atom(reader, depth)? {
            Marker::All(inner) => parts.extend(inner),
            part => parts.push(part),
        }
        if !word(reader, "and") {
            return Ok(one_or(parts, Marker::All));
        }
    }
}

/// The only part, or all of them joined.
fn one_or(mut parts: Vec<Marker>, join: fn(Vec<Marker>) -> Marker) -> Marker {
    match (parts.len(), parts.pop()) {
        (1, Some(part)) => part,
        (_, last) => {
            parts.extend(last);
            join(parts)
        }
    }
}

fn atom(reader: &mut Reader, depth: usize) -> Result<Marker, String> {
    reader.blanks();
    if reader.eat("(") {
        if depth == DEEPEST {
            return Err("its parentheses are nested too deep".to_owned());
        }
        let marker = any(reader, depth + 1)?;
        if !reader.eat(")") {
            return Err(format!("expected ')', {}", reader.found()));
        }
        reader.blanks();
        return Ok(marker);
    }
    let left = operand(reader)?;
    let operator = operator(reader)?;
    let right = operand(reader)?;
    Ok(Marker::Compare(left, operator, right))
}

fn operand(reader: &mut Reader) -> Result<Operand, String> {
    reader.blanks();
    let quote = reader.rest.chars().next().filter(|c| matches!(c, '"' | '\''));
    let operand = if let Some(quote) = quote {
        let (text, rest) = (reader.rest.strip_prefix(quote).and_then(|rest| rest.split_once(quote)))
            .ok_or_else(|| format!("missing closing {quote}"))?;
        reader.rest = rest;
        Operand::Text(text.to_owned())
    } else {
        let name = reader.take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.'));
        let known = VARIABLES.iter().find(|(known, _)| *known == name);
        let (_, today) = known.ok_or_else(|| match name {
            "" => format!("expected a marker variable or a quoted text, {}", reader.found()),
            name => format!("{name:?} is not a marker variable"),
        })?;
        Operand::Variable(today)
    };
    reader.blanks();
    Ok(operand)
}

fn operator(reader: &mut Reader) -> Result<&'static str, String> {
    if let Some(operator) = OPERATORS.into_iter().find(|operator| reader.eat(operator)) {
        return Ok(operator);
    }
    match (word(reader, "in"), word(reader, "not") && word(reader, "in")) {
        (true, _) => Ok("in"),
        (_, true) => Ok("not in"),
        _ => Err(format!("expected a comparison operator, {}", reader.found())),
    }
}

/// Takes `word` unless it is but the beginning of a longer one.
fn word(reader: &mut Reader, word: &str) -> bool {
    let rest = reader.rest.strip_prefix(word);
    let ends = |rest: &&str| !rest.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
    let Some(rest) = rest.filter(ends) else { return false };
    reader.rest = rest.trim_start();
    true
}

impl fmt::Display for Marker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (parts, joint) = match self {
            Self::Compare(left, operator, right) => return write!(f, "{left} {operator} {right}"),
            Self::Any(parts) => (parts, " or "),
            Self::All(parts) => (parts, " and "),
        };
        for (at, part) in parts.iter().enumerate() {
            if at > 0 {
                f.write_str(joint)?;
            }
            // `and` binds closer than `or`.
            match part {
                Self::Any(_) => write!(f, "({part})")?,
                _ => part.fmt(f)?,
            }
        }
        Ok(())
    }
}

impl fmt::Display for Operand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Variable(name) => f.write_str(name),
            Self::Text(text) if text.contains('"') => write!(f, "'{text}'"),
            Self::Text(text) => write!(f, "\"{text}\""),
        }
    }
}
