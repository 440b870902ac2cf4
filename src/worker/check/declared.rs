//! Whether a wheel is the one that was asked for: name, version, tags, kind, and what the source declares.

use super::findings::Findings;
use super::source_facts::SourceFacts;
use crate::build::job::Job;
use crate::build::recipe::{Expect, Recipe};
use crate::build::target::Target;
use crate::names::ProjectName;
use crate::packaging::choose::fits_python;
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

/// Whether an installer takes the wheel for the target's Python at all.
pub(super) fn python(wheel: &Metadata, target: &Target) -> Result<(), Failure> {
    match wheel.requires_python.as_deref().filter(|text| !fits_python(text, &target.version)) {
        None => Ok(()),
        Some(specifiers) => {
            let python = &target.version;
            let hint = format!(
                "the wheel is for Python {specifiers}, but the target is Python {python}: choose another version"
            );
            Err(Failure::new(Class::RequiresPython, Step::Check, hint))
        }
    }
}

/// An optional extension module that did not compile leaves a wheel without it behind, and no error: a pure
/// one, or one for a platform that holds nothing `compiled`. That is doubtful, unless a recipe knows better.
pub(super) fn kind(
    name: &WheelFilename,
    compiled: bool,
    job: &Job,
    source: &SourceFacts,
    recipe: &Recipe,
    findings: &mut Findings,
) -> Result<(), Failure> {
    let pure = name.platform.iter().all(|platform| platform == "any");
    let (kind, bare) = match pure {
        true => ("a pure wheel", true),
        false => ("a platform wheel without compiled code", !compiled),
    };
    match recipe.build.expect {
        Some(Expect::Pure) if !bare => {
            let hint = "the recipe expects a pure wheel (build.expect), but the build made a platform wheel";
            return Err(Failure::new(Class::WrongWheel, Step::Check, hint));
        }
        Some(Expect::Platform) if bare => {
            let hint = format!(
                "the recipe expects extension modules (build.expect), but the build made {kind}: see the log \
                 for the reason"
            );
            return Err(Failure::new(Class::ExtensionMissing, Step::Check, hint));
        }
        None if bare && job.platform_expected => findings.doubt(format!(
            "this release has extension modules, but the build made {kind}: they are optional and did not \
             compile, see the log. If you do not need them, set build.expect = \"pure\" in a recipe"
        )),
        None if bare && source.extensions => findings.doubt(format!(
            "the source has code for extension modules, but the build made {kind}: see the log. If you do not \
             need them, set build.expect = \"pure\" in a recipe"
        )),
        None if bare && !pure => {
            findings.done.push("the wheel is for a platform, but has no compiled code".to_owned());
        }
        _ => {}
    }
    Ok(())
}

/// What a source distribution declares to be fixed and the wheel has otherwise (PEP 643). Installers go by the
/// wheel; resolvers may have gone by the source.
pub(super) fn difference(wheel: &Metadata, source: &SourceFacts) -> Option<String> {
    let fixed = Metadata::parse(source.pkg_info.as_deref()?).ok()?;
    let (major, minor) = fixed.metadata_version.split_once('.')?;
    let number: (u32, u32) = (major.parse().ok()?, minor.parse().ok()?);
    if number < (2, 2) {
        return None;
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
    let python = |metadata: &Metadata| {
        let text = metadata.requires_python.as_deref()?;
        let specifiers = version::forgiving_specifiers(text).map(|specifiers| specifiers.to_string());
        Some(specifiers.unwrap_or_else(|| text.split_whitespace().collect()))
    };
    let differs = [
        ("requires-python", python(&fixed) != python(wheel)),
        ("requires-dist", requires(&fixed) != requires(wheel)),
        ("provides-extra", extras(&fixed) != extras(wheel)),
    ];
    let dynamic = |field: &str| fixed.dynamic.iter().any(|name| name == field);
    let (field, _) = differs.into_iter().find(|(field, differs)| *differs && !dynamic(field))?;
    Some(format!(
        "the source distribution declares {field} as static (PEP 643), but the wheel has another value: correct \
         the metadata of the project"
    ))
}

fn canonical(requirement: &str) -> String {
    use crate::packaging::requirement::Requirement;
    Requirement::parse_forgiving(requirement)
        .map_or_else(|_| requirement.to_owned(), |parsed| parsed.to_string())
}

/// The parsed name of the wheel.
pub(super) fn name_of(wheel: &Repaired) -> Result<WheelFilename, Failure> {
    WheelFilename::parse(&wheel.filename)
        .map_err(|error| Failure::new(Class::BadWheel, Step::Check, error.to_string()))
}
