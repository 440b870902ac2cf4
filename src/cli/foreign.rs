//! Subcommands of others: `wheelwright NAME` runs the program `wheelwright-NAME` that is on the PATH, as git and cargo
//! do.

use std::ffi::{OsStr, OsString};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

/// Becomes that program: its exit code is ours. `None`: there is none of this name.
pub fn run(name: &OsStr, arguments: &[OsString], variables: &[(&str, OsString)]) -> Option<ExitCode> {
    let program = find(name.to_str()?, &std::env::var_os("PATH")?)?;
    let error = Command::new(&program).args(arguments).envs(variables.iter().cloned()).exec();
    eprintln!("error: cannot run {}: {error}", program.display());
    Some(ExitCode::FAILURE)
}

/// The first program of this name. Folders that depend on where one stands do not count.
fn find(name: &str, path: &OsStr) -> Option<PathBuf> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    if !name.starts_with(|first: char| first.is_ascii_alphanumeric()) || !name.bytes().all(fits) {
        return None;
    }
    let folders = std::env::split_paths(path).filter(|folder| folder.is_absolute());
    let mut programs = folders.map(|folder| folder.join(format!("wheelwright-{name}")));
    programs.find(|program| {
        program.metadata().is_ok_and(|inode| inode.is_file() && inode.permissions().mode() & 0o111 != 0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_program_in_an_absolute_folder_of_the_path_is_found() {
        let folder = tempfile::tempdir().unwrap();
        for (name, mode) in [("wheelwright-hello", 0o755), ("wheelwright-text", 0o644)] {
            std::fs::write(folder.path().join(name), "").unwrap();
            let mode = std::fs::Permissions::from_mode(mode);
            std::fs::set_permissions(folder.path().join(name), mode).unwrap();
        }
        let path = std::env::join_paths(["bin".into(), folder.path().to_owned()]).unwrap();
        assert_eq!(find("hello", &path), Some(folder.path().join("wheelwright-hello")));
        for name in ["text", "other", "../hello", "", "-hello"] {
            assert_eq!(find(name, &path), None, "{name}");
        }
        assert_eq!(find("hello", OsStr::new(".:")), None);
    }
}
