//! Wheels under narrower tags, and files that change their places.

use crate::error::Result;
use crate::packaging::filename::WheelFilename;
use crate::packaging::retag;
use std::fs::File;
use std::io::Cursor;
use std::path::Path;

/// Python and ABI tag of a wheel that is for one interpreter: `py27-none` for a pure one and
/// `cp27mu-manylinux_2_36_x86_64`, `cp313-abi3` for one with the stable ABI.
pub(super) fn narrow_tags(filename: &str, target: &str) -> Result<(String, String)> {
    let interpreter = target.split('-').next().unwrap_or(target);
    let digits: String =
        interpreter.chars().skip_while(|c| !c.is_ascii_digit()).take_while(char::is_ascii_digit).collect();
    let abi = WheelFilename::parse(filename)?.abi.join(".");
    Ok((if abi == "none" { format!("py{digits}") } else { format!("cp{digits}") }, abi))
}

/// Writes the wheel once more for one target's interpreter; gives its name.
pub(super) fn narrow(wheel: &Path, filename: &str, target: &str, into: &Path) -> Result<String> {
    let plan =
        retag::RetagPlan { python_abi: Some(narrow_tags(filename, target)?), ..retag::RetagPlan::default() };
    let mut out = Cursor::new(Vec::new());
    let name = retag::rewrite(File::open(wheel)?, filename, &plan, &mut out)?;
    let partial = into.join(format!(".{name}.{}", std::process::id()));
    std::fs::write(&partial, out.into_inner())?;
    rename(&partial, &into.join(&name))?;
    Ok(name)
}

/// Renames a file, also to another disk.
pub(super) fn rename(from: &Path, to: &Path) -> Result<()> {
    match std::fs::rename(from, to) {
        Err(error) if error.kind() == std::io::ErrorKind::CrossesDevices => {
            // Whoever installs meanwhile gets the old file or the new one, whole.
            let name = to.file_name().unwrap_or_default().to_string_lossy();
            let partial = to.with_file_name(format!(".{name}.{}", std::process::id()));
            std::fs::copy(from, &partial)?;
            std::fs::rename(&partial, to)?;
            Ok(std::fs::remove_file(from)?)
        }
        other => Ok(other?),
    }
}
