//! What a wheel says of itself, corrected where its contents contradict: tags and metadata.

use std::io::{Read, Seek};

use super::inspect::{Inspected, is_extension_module};
use crate::build::target::Target;
use crate::error::Result;
use crate::packaging::archive::MAX_TEXT;
use crate::packaging::choose::fits_python;
use crate::packaging::metadata::{MendedMetadata, Metadata};
use crate::packaging::retag::{PlainWheel, RetagPlan, Tags};
use crate::packaging::stable_abi::StableAbi;
use crate::packaging::version::{self, Version, VersionSpecifiers};

/// The newest minor version of Python 3 that a tag is compared with; 2 ended with 2.7.
const NEWEST: u64 = 40;

/// Corrections, and what is to be said of them.
#[derive(Debug, Default)]
pub(super) struct Corrected {
    pub notes: Vec<String>,
    pub doubts: Vec<String>,
}

/// Adds to `plan` what is to be corrected beside the platform.
pub(super) fn correct<R: Read + Seek>(
    wheel: &mut PlainWheel<R>,
    inspected: &Inspected,
    target: &Target,
    plan: &mut RetagPlan,
) -> Result<Corrected> {
    let mut corrected = Corrected::default();
    metadata(wheel, plan, &mut corrected)?;
    if !inspected.compiled.is_empty() {
        let made = inspected.compiled.join(", ");
        let whose = match inspected.has_extension_modules() {
            true => "for the target's interpreter",
            false => "for the target's system",
        };
        corrected.notes.push(format!(
            "the wheel says that it is pure, but the build compiled {made}: wheelwright tags it {whose}"
        ));
        if inspected.has_extension_modules() {
            plan.python_abi = python_abi(target);
            return Ok(corrected);
        }
    }
    if let Some((tags, why)) = stable_abi(&wheel.tags, inspected, target) {
        corrected.notes.push(why);
        plan.python_abi = Some(tags);
    } else if wheel.tags.abi.iter().all(|abi| abi == "none") {
        pythons(&wheel.tags, &wheel.metadata, target, plan, &mut corrected);
    }
    Ok(corrected)
}

/// `METADATA` with mistakes that installers forgive.
fn metadata<R: Read + Seek>(
    wheel: &mut PlainWheel<R>,
    plan: &mut RetagPlan,
    corrected: &mut Corrected,
) -> Result<()> {
    let name = format!("{}/METADATA", wheel.dist_info);
    let Some(member) = wheel.find(&name).cloned() else { return Ok(()) };
    let bytes = wheel.bytes(&member, MAX_TEXT)?;
    // Before metadata 2.4 licence files lay where the backend wanted.
    let binds = crate::packaging::wheel::has_license_files(&wheel.metadata.metadata_version);
    let licenses = format!("{}/licenses", wheel.dist_info);
    let has_license = |file: &str| !binds || wheel.find(&format!("{licenses}/{file}")).is_some();
    let mended = MendedMetadata::of(&bytes, has_license);
    if !mended.changes.is_empty() {
        corrected.notes.push(format!("corrected its metadata: {}", mended.changes.join("; ")));
        plan.replaced.insert(name, mended.bytes);
    }
    Ok(())
}

/// The interpreter's half of the target's best tag.
pub(super) fn python_abi(target: &Target) -> Option<(String, String)> {
    let mut parts = target.tags.first()?.split('-');
    Some((parts.next()?.to_owned(), parts.next()?.to_owned()))
}

/// Other tags for a wheel whose `abi3` its extensions do not honour, and why; as abi3audit judges.
fn stable_abi(tags: &Tags, inspected: &Inspected, target: &Target) -> Option<((String, String), String)> {
    if !tags.abi.iter().any(|abi| abi == "abi3") {
        return None;
    }
    let minor = |tag: &String| tag.strip_prefix("cp3")?.parse::<u32>().ok();
    let claimed = tags.python.iter().filter_map(minor).min().unwrap_or(2);
    let mut since = claimed;
    let broken = |why: String| {
        let why =
            format!("the wheel is tagged abi3, but {why}: wheelwright tags it for the target's interpreter");
        Some((python_abi(target)?, why))
    };
    for (member, symbols) in &inspected.python {
        if is_extension_module(member) && !member.ends_with(".abi3.so") {
            return broken(format!("{member} is for one interpreter alone"));
        }
        match StableAbi::of(symbols) {
            StableAbi::Broken(symbol) => {
                return broken(format!("{member} needs {symbol}, which is not in the stable ABI"));
            }
            StableAbi::Since(minor) if minor > target.python().1 => {
                return broken(format!("{member} needs what is in the stable ABI from Python 3.{minor} on"));
            }
            StableAbi::Since(minor) => since = since.max(minor),
        }
    }
    (since > claimed).then(|| {
        let why = format!(
            "the wheel is tagged cp3{claimed}-abi3, but needs the stable ABI of Python 3.{since}: wheelwright \
             tags it cp3{since}-abi3"
        );
        ((format!("cp3{since}"), "abi3".to_owned()), why)
    })
}

/// Takes away Python tags that Requires-Python contradicts. A wheel that its own target would not take is
/// what a build for that target gave all the same.
fn pythons(
    tags: &Tags,
    metadata: &Metadata,
    target: &Target,
    plan: &mut RetagPlan,
    corrected: &mut Corrected,
) {
    let requires = metadata.requires_python.as_deref();
    let specifiers = requires.and_then(version::forgiving_specifiers);
    let admitted = |tag: &&String| specifiers.as_ref().is_none_or(|specifiers| is_admitted(tag, specifiers));
    let left: Vec<String> = tags.python.iter().filter(admitted).cloned().collect();
    let accepted = |tag: &String| target.tags.iter().any(|known| known.split('-').next() == Some(tag));
    let (before, abi) = (tags.python.join("."), tags.abi.join("."));
    if left.iter().any(accepted) {
        if left.len() < tags.python.len() {
            let after = left.join(".");
            let requires = requires.unwrap_or_default();
            corrected.notes.push(format!(
                "the wheel is tagged {before}, but requires Python {requires}: wheelwright tags it {after}"
            ));
            plan.python_abi = Some((after, abi));
        }
    } else if requires.is_none_or(|text| fits_python(text, &target.version)) {
        let after = format!("py{}", target.python().0);
        corrected.doubts.push(format!(
            "the wheel is tagged {before}, but was built for Python {}: wheelwright tags it {after}",
            target.version
        ));
        plan.python_abi = Some((after, abi));
    }
}

/// Whether any Python that a tag is for satisfies the specifiers.
fn is_admitted(tag: &str, specifiers: &VersionSpecifiers) -> bool {
    let Some(at) = tag.find(|c: char| c.is_ascii_digit()) else { return true };
    let Some((name, digits)) = tag.split_at_checked(at) else { return true };
    let Some((major, minor)) = digits.split_at_checked(1) else { return true };
    let (Ok(major), Ok(from)) = (major.parse::<u64>(), if minor.is_empty() { Ok(0) } else { minor.parse() })
    else {
        return true;
    };
    let newest = if major == 2 { 7 } else { NEWEST };
    // A tag of an implementation is for this one version; `py36` is for all from there on.
    let to = if name == "py" || minor.is_empty() { newest } else { from };
    let mut pythons = (from..=to).flat_map(|minor| [[major, minor, 0], [major, minor, 99]]);
    pythons.any(|python| version::satisfies(specifiers, &Version::new(python)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target() -> Target {
        Target {
            name: "cp312-linux_x86_64".into(),
            version: "3.12.4".into(),
            tags: ["cp312-cp312-linux_x86_64", "cp311-abi3-linux_x86_64", "py312-none-any", "py3-none-any"]
                .map(str::to_owned)
                .to_vec(),
            ..Target::default()
        }
    }

    fn tags(python: &str, abi: &str) -> Tags {
        let texts = |text: &str| text.split('.').map(str::to_owned).collect();
        Tags { python: texts(python), abi: texts(abi), platform: texts("any") }
    }

    fn python_after(python: &str, requires: Option<&str>) -> (Option<String>, usize) {
        let metadata = Metadata { requires_python: requires.map(str::to_owned), ..Metadata::default() };
        let (mut plan, mut corrected) = (RetagPlan::default(), Corrected::default());
        pythons(&tags(python, "none"), &metadata, &target(), &mut plan, &mut corrected);
        (plan.python_abi.map(|(python, _)| python), corrected.doubts.len())
    }

    #[test]
    fn python_tags_that_requires_python_contradicts_are_taken_away() {
        for (before, requires, after) in [
            ("py2.py3", Some(">=3.6"), Some("py3")),
            ("py2.py3", Some(">=3.6.*"), Some("py3")),
            ("py2.py3", Some(">=2.7.9"), None),
            ("py2.py3", Some(">=2.7, !=3.0.*, !=3.1.*"), None),
            ("py2.py3", None, None),
            ("py3", Some(">=3.6"), None),
            ("py27.py3", Some(">=3"), Some("py3")),
        ] {
            assert_eq!(
                python_after(before, requires),
                (after.map(str::to_owned), 0),
                "{before} {requires:?}"
            );
        }
    }

    #[test]
    fn a_wheel_that_is_tagged_for_another_python_than_it_was_built_for_is_doubtful() {
        assert_eq!(python_after("py2", None), (Some("py3".to_owned()), 1));
        assert_eq!(python_after("py2", Some(">=3.8")), (Some("py3".to_owned()), 1));
        assert_eq!(python_after("py2", Some("<3")), (None, 0), "no installer takes it");
    }

    fn abi_after(python: &str, members: &[(&str, &[&str])]) -> Option<(String, String)> {
        let symbols = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let python_symbols = members.iter().map(|(name, names)| ((*name).to_owned(), symbols(names)));
        let inspected = Inspected { python: python_symbols.collect(), ..Inspected::default() };
        stable_abi(&tags(python, "abi3"), &inspected, &target()).map(|(tags, _)| tags)
    }

    #[test]
    fn abi3_must_be_honoured() {
        let pair = |python: &str, abi: &str| Some((python.to_owned(), abi.to_owned()));
        let own = pair("cp312", "cp312");
        assert_eq!(abi_after("cp38", &[("d/_c.abi3.so", &["PyLong_FromLong", "PyModuleDef_Init"])]), None);
        assert_eq!(abi_after("cp38", &[("d/_c.cpython-312-x86_64-linux-gnu.so", &["PyLong_FromLong"])]), own);
        assert_eq!(abi_after("cp38", &[("d/_c.abi3.so", &["_PyLong_AsInt"])]), own);
        let newer: &[&str] = &["PyUnicode_AsUTF8AndSize"];
        assert_eq!(abi_after("cp38", &[("d/_c.abi3.so", newer)]), pair("cp310", "abi3"));
        assert_eq!(abi_after("cp310", &[("d/_c.abi3.so", newer)]), None);
    }
}
