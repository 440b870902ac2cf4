//! Remedies for a worker that reads no log itself, the portable one: those that need nothing of its machine.

use super::trouble::add;
use super::{generated, modules, script};
use crate::build::failure::{Exit, absent_module, classify, constraints_for};
use crate::build::recipe::Recipe;
use crate::build::target::Target;
use crate::packaging::requirement::Requirement;
use crate::words::{Failure, Step};
use crate::worker::generator::cythons;
use serde::{Deserialize, Serialize};

/// Attempts that such a worker makes at most.
const MOST_ATTEMPTS: usize = 8;

/// What it tells of its attempts at a wheel, all of which failed.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AttemptsReport {
    pub attempts: Vec<AttemptReport>,
    /// The source has files of Cython beside what they were made of.
    pub of_cython: bool,
    /// setuptools builds the source by a `setup.py`.
    pub of_setup_py: bool,
}

/// One attempt.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AttemptReport {
    /// What it did beside the recipe.
    pub found: Recipe,
    pub step: Step,
    /// The end of what it printed.
    pub printed: String,
    /// Names of the projects that were installed for it.
    pub installed: Vec<String>,
}

/// What the next attempt does beside the recipe.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NextAttempt {
    pub found: Recipe,
    /// It mends what failed, and is no guess.
    pub certain: bool,
    /// In words.
    pub strategy: String,
}

/// What the server says to that.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AttemptsAnswer {
    /// Why the latest attempt failed.
    pub failure: Failure,
    /// `None`: nothing is known that was not tried.
    pub next: Option<NextAttempt>,
}

impl AttemptsReport {
    /// Why the latest attempt failed, and what may help.
    pub fn answer(&self, target: &Target, has_recipe: bool) -> Option<AttemptsAnswer> {
        let failure = self.attempts.last()?.failure();
        Some(AttemptsAnswer { failure, next: self.next(target, has_recipe) })
    }

    /// What is certain to mend the last failure; or else what may mend any, the first ones first. `None`: nothing
    /// is known that was not tried.
    fn next(&self, target: &Target, has_recipe: bool) -> Option<NextAttempt> {
        let is_new = |found: &Recipe| !self.attempts.iter().any(|each| each.found == *found);
        let next =
            |found: Recipe, certain| NextAttempt { strategy: found.strategy(has_recipe), found, certain };
        let latest = self.attempts.last().filter(|_| self.attempts.len() < MOST_ATTEMPTS)?;
        // It began with what an earlier build had found, which does not help any more.
        let plain = Some(Recipe::default()).filter(|_| self.attempts.len() == 1);
        if let Some(found) = plain.into_iter().chain(missing_module(latest)).find(is_new) {
            return Some(next(found, true));
        }
        let all = self.attempts.iter().flat_map(|each| self.guesses(each, target));
        all.into_iter().find(|found| is_new(found)).map(|found| next(found, false))
    }

    fn guesses(&self, attempt: &AttemptReport, target: &Target) -> Vec<Recipe> {
        let failure = attempt.failure();
        let beside = |change: &dyn Fn(&mut Recipe)| {
            let mut found = attempt.found.clone();
            change(&mut found);
            found
        };
        let mut all = Vec::new();
        if let Some(constraints) = constraints_for(failure.class, target) {
            all.push(beside(&|found| add(&mut found.build.constraints, constraints.clone())));
        }
        if self.of_cython && generated::may_help(failure.class) {
            let again =
                |generator: &str| beside(&|found| found.build.regenerate = Some(generator.to_owned()));
            all.extend(cythons(target.python()).map(again));
        }
        if generated::may_be_adjusted(&failure, target.python()) {
            all.push(beside(&|found| found.build.adjust_c_api = true));
        }
        if self.of_setup_py && script::may_help(&failure, &attempt.printed) {
            all.push(beside(&|found| found.build.script = true));
        }
        all
    }
}

impl AttemptReport {
    fn failure(&self) -> Failure {
        classify(&self.printed, self.step, Exit::Code(1))
    }
}

/// A known build tool that the source does not declare, or in a version that has the module.
fn missing_module(attempt: &AttemptReport) -> Option<Recipe> {
    let tool = Requirement::parse(modules::tool(&absent_module(&attempt.printed)?)?).ok()?;
    let is_it = |text: &String| Requirement::parse(text).is_ok_and(|each| each.name == tool.name);
    let build = &attempt.found.build;
    if build.requires.iter().chain(&build.constraints).any(is_it) {
        return None;
    }
    let mut found = attempt.found.clone();
    match attempt.installed.iter().any(|name| name == tool.name.as_str()) {
        false => add(&mut found.build.requires, [tool.to_string()]),
        true if tool.specifiers.is_empty() => return None,
        true => add(&mut found.build.constraints, [tool.to_string()]),
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    type Tried<'a> = (&'a str, &'a str, &'a [&'a str]);

    fn report(attempts: &[Tried<'_>]) -> AttemptsReport {
        let attempt = |(found, printed, installed): &Tried<'_>| AttemptReport {
            found: serde_json::from_str(found).unwrap(),
            step: Step::Build,
            printed: (*printed).to_owned(),
            installed: installed.iter().map(ToString::to_string).collect(),
        };
        AttemptsReport {
            attempts: attempts.iter().map(attempt).collect(),
            of_cython: true,
            of_setup_py: true,
        }
    }

    fn next(version: &str, attempts: &[Tried<'_>]) -> Option<(String, bool)> {
        let target = Target { version: version.to_owned(), ..Target::default() };
        let next = report(attempts).answer(&target, false)?.next?;
        Some((next.strategy, next.certain))
    }

    const ABSENT: &str =
        "Traceback (most recent call last):\nModuleNotFoundError: No module named 'pkg_resources'\n";
    const REMOVED: &str = "code.c:3:9: error: ‘Py_TPFLAGS_OF_THE_PAST’ undeclared here (not in a function)\n\
                           error: command 'cc' failed with exit code 1\n";

    #[test]
    fn an_absent_tool_is_added_or_limited_once() {
        let told = |strategy: &str, certain| Some((strategy.to_owned(), certain));
        assert_eq!(next("3.12.1", &[("{}", ABSENT, &[])]), told("added: setuptools<81", true));
        let there: Tried<'_> = ("{}", ABSENT, &["setuptools"]);
        assert_eq!(next("3.12.1", &[there]), told("constraints: setuptools<81", true));
        let limited: Tried<'_> =
            ("{\"build\": {\"constraints\": [\"setuptools<81\"]}}", ABSENT, &["setuptools"]);
        assert_eq!(next("3.12.1", &[there, limited]), None);
        let nobodys = "ModuleNotFoundError: No module named 'somebody_s_own'\n";
        assert_eq!(next("3.12.1", &[("{}", nobodys, &[])]), None);
    }

    #[test]
    fn cython_is_run_again_in_one_version_after_the_other_and_then_the_c_is_adjusted() {
        let again = |version: &str| format!("{{\"build\": {{\"regenerate\": \"{version}\"}}}}");
        let found = ["Cython<3", "Cython>=3,<3.1", "Cython>=3"].map(again);
        let mut all: Vec<Tried<'_>> = vec![("{}", REMOVED, &[])];
        all.extend(found.iter().map(|found| (found.as_str(), REMOVED, &[][..])));
        let adjusts = "{\"build\": {\"adjust_c_api\": true}}";
        all.push((adjusts, REMOVED, &[]));
        let strategies: Vec<_> = (1..=4).map(|count| next("3.12.1", &all[..count])).collect();
        let adjusted = Some(("C sources adjusted to this Python".to_owned(), false));
        let told = |version: &str| Some((format!("generated files again with {version}"), false));
        assert_eq!(strategies, [told("Cython<3"), told("Cython>=3,<3.1"), told("Cython>=3"), adjusted]);
        assert_eq!(next("3.12.1", &all[1..2]), Some(("plain".to_owned(), true)));
    }

    #[test]
    fn attempts_are_bounded_and_none_says_nothing() {
        let target = Target { version: "3.9.1".to_owned(), ..Target::default() };
        assert_eq!(report(&[]).answer(&target, false), None);
        let many: [Tried<'_>; MOST_ATTEMPTS] = [("{}", ABSENT, &[]); MOST_ATTEMPTS];
        assert_eq!(next("3.9.1", &many), None);
    }
}
