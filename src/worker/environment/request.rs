//! What an environment is asked for, and when two ask for the same.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use crate::bad;
use crate::error::Result;
use crate::packaging::requirement::Requirement;
use crate::packaging::version::VersionSpecifiers;
use crate::tools::hex;
use crate::words::Step;
use crate::worker::interpreters::Interpreter;

/// What an environment is asked for.
#[derive(Clone, Debug)]
pub struct EnvironmentRequest<'a> {
    pub interpreter: &'a Interpreter,
    /// Whose pip installs what it requires: its own cannot run here, or not fast.
    pub installer: Option<&'a Interpreter>,
    /// `user/index`
    pub context: &'a str,
    /// As the index was at this date.
    pub at: Option<&'a str>,
    pub requirements: Vec<Requirement>,
    pub constraints: Vec<Requirement>,
    /// What a failure is reported under.
    pub step: Step,
}

impl<'a> EnvironmentRequest<'a> {
    /// Of nothing yet.
    #[must_use]
    pub fn new(interpreter: &'a Interpreter, context: &'a str, step: Step) -> Self {
        Self {
            interpreter,
            installer: None,
            context,
            at: None,
            requirements: Vec::new(),
            constraints: Vec::new(),
            step,
        }
    }

    /// The same, installed by the pip of another interpreter.
    #[must_use]
    pub fn installed_by(self, installer: &'a Interpreter) -> Self {
        Self { installer: Some(installer), ..self }
    }

    /// The interpreter whose pip installs.
    pub(super) fn pip_of(&self) -> &'a Interpreter {
        self.installer.unwrap_or(self.interpreter)
    }

    /// Adds requirements written as text, those that apply to the interpreter.
    ///
    /// # Errors
    /// `Bad` for what is no requirement.
    pub fn with(mut self, requirements: &[String]) -> Result<Self> {
        let parsed = requirements.iter().map(|text| Requirement::parse(text)).collect::<Result<Vec<_>>>()?;
        self.requirements.extend(crate::worker::backend::applying(parsed, &self.interpreter.target.markers));
        Ok(self)
    }

    /// One way to write the list, one line for each project: old pips refuse a second one. URLs are
    /// refused since they lead past the index.
    pub(super) fn lines(all: &[Requirement]) -> Result<Vec<String>> {
        if let Some(url) = all.iter().find(|each| each.url.is_some()) {
            return Err(bad!(
                "{url} comes from a URL, but build requirements must come from the index: upload a wheel of \
                 {} there, and name it in a recipe",
                url.name
            ));
        }
        let mut merged: BTreeMap<&str, Requirement> = BTreeMap::new();
        for each in all {
            let one = merged
                .entry(each.name.as_str())
                .or_insert_with(|| Requirement { specifiers: VersionSpecifiers::empty(), ..each.clone() });
            one.extras.extend(each.extras.iter().cloned());
            one.specifiers = one.specifiers.iter().chain(each.specifiers.iter()).cloned().collect();
        }
        Ok(merged.values().map(ToString::to_string).collect())
    }

    /// What the same request is recognised by.
    pub(super) fn key(&self) -> Result<String> {
        let mut hash = Sha256::new();
        let (requirements, constraints) = (Self::lines(&self.requirements)?, Self::lines(&self.constraints)?);
        let parts = [
            vec![identity(self.interpreter), self.context.to_owned(), self.at.unwrap_or_default().to_owned()],
            requirements,
            vec![String::new()],
            constraints,
        ];
        for part in parts.concat() {
            hash.update(part.as_bytes());
            hash.update(b"\0");
        }
        Ok(hex::encode(hash.finalize()))
    }
}

/// Another program, or an update of it in place, has environments of its own.
pub(super) fn identity(interpreter: &Interpreter) -> String {
    let Interpreter { executable, target, launcher, .. } = interpreter;
    // The words stand in the environment.
    let words = launcher.iter().flat_map(|launcher| &launcher.words);
    let words: String = words.map(|word| format!(" {word}")).collect();
    format!("{} {} {}{words}", executable.display(), target.version, target.abi)
}
