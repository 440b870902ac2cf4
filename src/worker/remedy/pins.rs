//! Build requirements that nothing satisfies on this Python: loosened to the nearest version that exists.

use super::trouble::{Remedy, Trouble, add};
use crate::packaging::choose::Chooser;
use crate::packaging::page::Page;
use crate::packaging::requirement::Requirement;
use crate::packaging::version::{Version, VersionSpecifiers};
use crate::words::{Class, Step};
use crate::worker::generator::cythons;

/// The first setuptools that runs on Python 3.12.
const SETUPTOOLS_FOR_3_12: &str = "setuptools>=66.1,<81";
/// What the ones before it die of there.
const BEFORE_3_12: [&str; 2] = ["'pkgutil' has no attribute 'ImpImporter'", "No module named 'distutils'"];
/// Requirements that are looked at.
const MOST: usize = 50;

/// One requirement at a time.
pub(super) async fn remedies(trouble: &Trouble<'_>) -> Vec<Remedy> {
    let running = trouble.running;
    let limited = |each: &&Requirement| !each.specifiers.is_empty() && each.url.is_none();
    let mut all = Vec::new();
    for each in trouble.asked.iter().filter(limited).take(MOST) {
        if let Some(other) = generated_by(trouble, each) {
            all.extend(other);
        }
        if trouble.failure.class != Class::BuildRequirement || trouble.failure.step != Step::Environment {
            continue;
        }
        let at = running.recipe.build.as_of.as_deref();
        let Ok(page) = running.room.link.page(running.room.context, at, &each.name).await else { continue };
        if let Some(version) = nearest(&page, each, &running.interpreter.target.chooser()) {
            all.push(replaced(trouble, each, format!("{}=={version}", each.name)));
        }
    }
    all
}

/// A pinned tool that is itself what fails: a Cython whose C this Python refuses, a setuptools that it
/// cannot run.
fn generated_by(trouble: &Trouble<'_>, each: &Requirement) -> Option<Vec<Remedy>> {
    let python = trouble.running.interpreter.target.python();
    match (each.name.as_str(), trouble.failure.class) {
        ("cython", Class::RemovedApi | Class::Compiler | Class::Cython3) => {
            Some(cythons(python).iter().map(|other| replaced(trouble, each, (*other).to_owned())).collect())
        }
        ("setuptools", _)
            if python >= (3, 12) && BEFORE_3_12.iter().any(|said| trouble.printed.contains(said)) =>
        {
            Some(vec![replaced(trouble, each, SETUPTOOLS_FOR_3_12.to_owned())])
        }
        _ => None,
    }
}

fn replaced(trouble: &Trouble<'_>, each: &Requirement, by: String) -> Remedy {
    trouble.guess(|found| {
        let is_of_it = |text: &String| Requirement::parse(text).is_ok_and(|other| other.name == each.name);
        found.build.requires.retain(|text| !is_of_it(text));
        add(&mut found.build.without, [each.name.as_str().to_owned()]);
        add(&mut found.build.requires, [by]);
    })
}

/// The version with a wheel for the interpreter that is nearest above what is asked for, or else below;
/// `None` if what is asked for can be had.
fn nearest(page: &Page, asked: &Requirement, chooser: &Chooser) -> Option<Version> {
    if chooser.wheel(page, &asked.specifiers).is_some() {
        return None;
    }
    let has_wheel = |version: &&Version| {
        let only: Option<VersionSpecifiers> = format!("=={version}").parse().ok();
        only.is_some_and(|only| chooser.wheel(page, &only).is_some())
    };
    let mut versions: Vec<Version> = page
        .files
        .iter()
        .filter_map(|file| file.filename.version().cloned())
        .filter(|each| !each.any_prerelease())
        .collect();
    versions.sort();
    versions.dedup();
    let named = asked.specifiers.iter().map(|specifier| specifier.version().clone()).min()?;
    let (below, above): (Vec<&Version>, Vec<&Version>) = versions.iter().partition(|each| **each < named);
    above.into_iter().find(has_wheel).or_else(|| below.into_iter().rev().find(has_wheel)).cloned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_one_that_can_be_written_in_a_requirement() {
        let version = crate::packaging::version::parse("1.26.4").unwrap();
        assert!(Requirement::parse(&format!("numpy=={version}")).is_ok());
    }
}
