//! Puts what a wheel's modules are into a folder for an interpreter; the wheel was checked before.

use super::place::Unpacking;
use std::ffi::OsString;
use std::fs::File;
use std::path::Path;
use std::process::ExitCode;

/// `install WHEEL SITE-PACKAGES`
pub(super) fn main(arguments: impl Iterator<Item = OsString>) -> Result<ExitCode, String> {
    let arguments: Vec<_> = arguments.collect();
    let [wheel, folder] = arguments.as_slice() else {
        return Err("usage: install WHEEL FOLDER".to_owned());
    };
    install(Path::new(wheel), Path::new(folder))?;
    Ok(ExitCode::SUCCESS)
}

pub(super) fn install(wheel: &Path, folder: &Path) -> Result<(), String> {
    let file = File::open(wheel).map_err(|error| format!("{}: {error}", wheel.display()))?;
    let broken = |error: zip::result::ZipError| format!("the wheel is broken: {error}");
    let mut archive = zip::ZipArchive::new(file).map_err(broken)?;
    let mut place = Unpacking::new(folder)?;
    for index in 0..archive.len() {
        let mut member = archive.by_index(index).map_err(broken)?;
        let name = member.name().map_err(broken)?.into_owned();
        let Some(inner) = installed_as(&name).filter(|_| !member.is_dir()) else { continue };
        let executable = member.unix_mode().is_some_and(|mode| mode & 0o111 != 0);
        place.file(inner, &mut member, executable, None)?;
    }
    place.finish()
}

/// Where a member goes below site-packages; scripts, headers and data go elsewhere, so not at all.
fn installed_as(name: &str) -> Option<&str> {
    let (first, rest) = name.split_once('/').unwrap_or((name, ""));
    if !first.ends_with(".data") {
        return Some(name);
    }
    rest.strip_prefix("purelib/").or_else(|| rest.strip_prefix("platlib/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_libraries_of_a_wheel_become_modules_and_its_scripts_do_not() {
        assert_eq!(installed_as("demo/__init__.py"), Some("demo/__init__.py"));
        assert_eq!(installed_as("demo-1.data/platlib/demo/fast.so"), Some("demo/fast.so"));
        assert_eq!(installed_as("demo-1.data/scripts/demo"), None);
        assert_eq!(installed_as("demo-1.dist-info/METADATA"), Some("demo-1.dist-info/METADATA"));
    }
}
