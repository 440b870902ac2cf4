//! Whether a wheel is the one that was asked for: name, version, tags, kind, and what the source declares.

use super::source_facts::SourceFacts;
use crate::build::job::Job;
use crate::build::recipe::{Expect, Recipe};
use crate::build::target::Target;
use crate::names::ProjectName;
use crate::packaging::filename::WheelFilename;
use crate::packaging::metadata::Metadata;
use crate::packaging::version;
use crate::words::{Class, Failure, Step};
use crate::worker::repair::Repaired;

/// The wheel's name against the job.
pub(super) fn identity(
    name: &WheelFilename,
    job: &Job,
    target: &Target,
    filename: &str,
) -> Result<(), Failure> {
    let asked = job.project.as_deref().and_then(ProjectName::new);
    if let Some(asked) = asked.filter(|asked| *asked != name.name) {
        let hint = format!(
            "the build made a wheel of {}, but the request was for {asked}: check the source, and its \
             subdirectory",
            name.name
        );
        return Err(Failure::new(Class::WrongWheel, Step::Check, hint));
    }
    let asked = job.version.as_deref().and_then(version::parse);
    if let Some(asked) = asked.filter(|asked| *asked != name.version) {
        let hint = format!(
            "the build made version {}, but the request was for {asked}: if the backend reads the version \
             from git, the source needs the tag",
            name.version
        );
        return Err(Failure::new(Class::WrongWheel, Step::Check, hint));
    }
    if target.accepts(filename).is_none() {
        let hint = format!("the build made {filename}, which {} cannot install", target.name);
        return Err(Failure::new(Class::WrongWheel, Step::Check, hint));
    }
    Ok(())
}

/// An optional extension module that did not compile leaves a wheel without it behind, and no error: a pure
/// one, or one for a platform that holds nothing `compiled`.
/// Returns a remark where that is likely, but nobody knows.
pub(super) fn kind(
    name: &WheelFilename,
    compiled: bool,
    job: &Job,
    source: &SourceFacts,
    recipe: &Recipe,
) -> Result<Option<String>, Failure> {
    let pure = name.platform.iter().all(|platform| platform == "any");
    let (kind, bare) = match pure {
        true => ("a pure wheel", true),
        false => ("a platform wheel without compiled code", !compiled),
    };
    match recipe.build.expect {
        Some(Expect::Pure) if !bare => {
            let hint = "the recipe expects a pure wheel (build.expect), but the build made a platform wheel";
            Err(Failure::new(Class::WrongWheel, Step::Check, hint))
        }
        Some(Expect::Platform) if bare => {
            let hint = format!(
                "the recipe expects extension modules (build.expect), but the build made {kind}: see the log \
                 for the reason"
            );
            Err(Failure::new(Class::ExtensionMissing, Step::Check, hint))
        }
        None if bare && job.platform_expected => {
            let hint = format!(
                "this release has extension modules, but the build made {kind}: they are optional and did \
                 not compile, see the log. If you do not need them, set build.expect = \"pure\" in a recipe"
            );
            Err(Failure::new(Class::ExtensionMissing, Step::Check, hint))
        }
        None if bare && source.extensions => {
            Ok(Some("the source has code for extension modules, but the wheel has none".to_owned()))
        }
        None if bare && !pure => Ok(Some("the wheel is for a platform, but has no compiled code".to_owned())),
        _ => Ok(None),
    }
}

/// What a source distribution declares to be fixed must be in the wheel (PEP 643).
pub(super) fn agrees(wheel: &Metadata, source: &SourceFacts) -> Result<(), Failure> {
    let Some(fixed) = source.pkg_info.as_deref().and_then(|bytes| Metadata::parse(bytes).ok()) else {
        return Ok(());
    };
    let number: Option<(u32, u32)> = fixed
        .metadata_version
        .split_once('.')
        .and_then(|(major, minor)| Some((major.parse().ok()?, minor.parse().ok()?)));
    if number.is_none_or(|number| number < (2, 2)) {
        return Ok(());
    }
    let requires = |metadata: &Metadata| {
        let mut all: Vec<String> = metadata.requires_dist.iter().map(|text| canonical(text)).collect();
        all.sort();
        all
    };
    let extras = |metadata: &Metadata| {
        let mut all: Vec<Option<ProjectName>> =
            metadata.provides_extra.iter().map(|extra| ProjectName::new(extra)).collect();
        all.sort();
        all
    };
    let squeezed = |text: &Option<String>| {
        text.as_ref().map(|text| text.chars().filter(|c| !c.is_whitespace()).collect::<String>())
    };
    let differs = [
        ("requires-python", squeezed(&fixed.requires_python) != squeezed(&wheel.requires_python)),
        ("requires-dist", requires(&fixed) != requires(wheel)),
        ("provides-extra", extras(&fixed) != extras(wheel)),
    ];
    for (field, differs) in differs {
        if differs && !fixed.dynamic.iter().any(|name| name == field) {
            let hint = format!(
                "the source distribution declares {field} as static (PEP 643), but the wheel has another \
                 value: correct the metadata of the project"
            );
            return Err(Failure::new(Class::WrongWheel, Step::Check, hint));
        }
    }
    Ok(())
}

fn canonical(requirement: &str) -> String {
    use crate::packaging::requirement::Requirement;
    Requirement::parse(requirement).map_or_else(|_| requirement.to_owned(), |parsed| parsed.to_string())
}

/// The parsed name of the wheel.
pub(super) fn name_of(wheel: &Repaired) -> Result<WheelFilename, Failure> {
    WheelFilename::parse(&wheel.filename)
        .map_err(|error| Failure::new(Class::BadWheel, Step::Check, error.to_string()))
}
