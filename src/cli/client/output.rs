//! What is written: files that are whole or not there, standard output.

use crate::bad;
use crate::error::Result;
use std::io::Write;
use std::path::Path;

/// Writes a text to a file (`-`: standard output), which is never seen half written where the folder
/// allows that.
///
/// # Errors
/// `Bad` with the path if it cannot be written.
pub fn write(file: &Path, text: &str) -> Result<()> {
    if file == Path::new("-") {
        let mut out = std::io::stdout();
        out.write_all(text.as_bytes())?;
        return Ok(out.flush()?);
    }
    // What a link leads to is written, not the link.
    let place = std::fs::canonicalize(file).unwrap_or_else(|_| file.to_owned());
    let mut partial = place.clone().into_os_string();
    partial.push(format!(".{}.part", std::process::id()));
    let replaced = std::fs::write(&partial, text)
        .and_then(|()| keep_mode(&place, Path::new(&partial)))
        .and_then(|()| std::fs::rename(&partial, &place));
    if replaced.is_ok() {
        return Ok(());
    }
    let _ = std::fs::remove_file(&partial);
    // A file that is mounted by itself can be written, not replaced.
    std::fs::write(&place, text).map_err(|error| bad!("cannot write {}: {error}", file.display()))
}

fn keep_mode(from: &Path, to: &Path) -> std::io::Result<()> {
    match std::fs::metadata(from) {
        Ok(known) => std::fs::set_permissions(to, known.permissions()),
        Err(_) => Ok(()),
    }
}

/// Keeps a command from writing over what it reads, or over what people write by hand.
///
/// # Errors
/// `Bad` with what was meant.
pub fn refuse_overwriting(input: &Path, output: &Path) -> Result<()> {
    let same = match (std::fs::canonicalize(input), std::fs::canonicalize(output)) {
        (Ok(input), Ok(output)) => input == output,
        _ => input == output && input != Path::new("-"),
    };
    // Before anything is asked of a server.
    let folder = output.parent().filter(|folder| !folder.as_os_str().is_empty());
    if let Some(folder) = folder.filter(|folder| output != Path::new("-") && !folder.is_dir()) {
        return Err(bad!(
            "cannot write {}: the folder {} does not exist",
            output.display(),
            folder.display()
        ));
    }
    let by_hand = output.file_name().is_some_and(|name| name == "pyproject.toml");
    match same || by_hand {
        true => Err(bad!("{} would be overwritten: choose another output file", output.display())),
        false => Ok(()),
    }
}
