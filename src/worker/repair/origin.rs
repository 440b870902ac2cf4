//! Which package of this system a library belongs to, as its package manager tells.

use std::process::{Command, Stdio};

/// Name and version of the Debian package that owns `path`; `None` if nobody knows. The package
/// manager is a trusted program of the host, and the path goes to it only if it is a plain one: the
/// log that names it may hold anything.
pub(super) fn package_of(path: &str) -> Option<(String, String)> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._+-".contains(c);
    if !path.starts_with('/') || path.contains("..") || !path.chars().all(plain) {
        return None;
    }
    // Where a recipe's packages are around, the host's own lie elsewhere.
    let own = path.strip_prefix(crate::worker::root::HOST).map(|rest| format!("/usr{rest}"));
    let path = own.as_deref().unwrap_or(path);
    // Where /lib is a link into /usr, packages of old still say /lib.
    let other = match path.strip_prefix("/usr") {
        Some(rest) if rest.starts_with("/lib") => Some(rest.to_owned()),
        None if path.starts_with("/lib") => Some(format!("/usr{path}")),
        _ => None,
    };
    let owner = owner(path).or_else(|| owner(&other?))?;
    let version = output("dpkg-query", &["--show", "--showformat=${Version}", &owner])?;
    let name = owner.split(':').next().unwrap_or(&owner).to_owned();
    Some((name, version.trim().to_owned()))
}

/// `libmariadb3:amd64`
fn owner(path: &str) -> Option<String> {
    let said = output("dpkg", &["--search", path])?;
    let line = said.lines().find(|line| line.ends_with(&format!(": {path}")))?;
    let owners = line.strip_suffix(&format!(": {path}"))?;
    owners.split(", ").next().map(str::to_owned)
}

fn output(program: &str, arguments: &[&str]) -> Option<String> {
    let mut command = Command::new(program);
    command.args(arguments).env("LC_ALL", "C").stdin(Stdio::null()).stderr(Stdio::null());
    let output = command.output().ok().filter(|output| output.status.success())?;
    String::from_utf8(output.stdout).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_library_of_the_system_has_a_package_with_a_version() {
        if Command::new("dpkg").arg("--version").output().is_err() {
            return;
        }
        let libc = std::fs::read_to_string("/proc/self/maps").unwrap();
        let libc = libc
            .lines()
            .find_map(|line| line.split_whitespace().nth(5).filter(|path| path.contains("/libc.so")));
        let (package, version) = package_of(libc.unwrap()).unwrap();
        assert_eq!(package, "libc6");
        assert!(version.starts_with("2."), "{version}");
    }

    #[test]
    fn no_other_path_reaches_the_package_manager() {
        for path in
            ["libc.so.6", "/usr/lib/../lib/x", "/usr/lib/*", "/usr/lib/a b", "--search", "/nowhere/lib.so"]
        {
            assert_eq!(package_of(path), None, "{path}");
        }
    }
}
