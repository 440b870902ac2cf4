//! Which index `pip` on this machine would ask: the default upstream.

use crate::bad;
use crate::error::Result;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Pip knows the address of PyPI; where pip is not installed, Python carries a copy of it.
const ASK_PIP: &str = "\
import sys
try:
    from pip._internal.models.index import PyPI
except ImportError:
    import ensurepip, glob, os
    places = [os.path.join(os.path.dirname(ensurepip.__file__), '_bundled'), '/usr/share/python-wheels']
    for place in places:
        sys.path += glob.glob(os.path.join(place, 'pip-*.whl'))
    from pip._internal.models.index import PyPI
print(PyPI.simple_url)
";

/// `PIP_INDEX_URL`, pip's configuration files, else PyPI. `variable` reads the environment.
pub fn default_upstream(variable: impl Fn(&str) -> Option<String>) -> Result<String> {
    if let Some(url) = variable("PIP_INDEX_URL").filter(|url| !url.trim().is_empty()) {
        return usable("PIP_INDEX_URL", &url);
    }
    let files = config_files(&variable);
    // Later files win, as in pip.
    for file in files.iter().rev() {
        let Ok(text) = std::fs::read_to_string(file) else { continue };
        if let Some(url) = index_url(&text) {
            return usable(&file.display().to_string(), &url);
        }
    }
    let pythons = ["python3", "python"];
    let found = pythons.iter().find_map(|python| ask(python));
    found.ok_or_else(|| {
        bad!(
            "cannot find the address of PyPI, because this machine has no pip: start with --upstream URL \
             (the URL of a simple index)"
        )
    })
}

fn usable(place: &str, url: &str) -> Result<String> {
    let url = url.trim();
    let parsed = url::Url::parse(url).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
    match parsed {
        Some(_) => Ok(url.to_owned()),
        None => Err(bad!(
            "the index URL in {place} is not an http or https URL: correct it, or start with --upstream URL"
        )),
    }
}

fn ask(python: &str) -> Option<String> {
    // Isolated: neither the folder we are started in nor PYTHONPATH can answer for pip.
    let output = Command::new(python).args(["-I", "-c", ASK_PIP]).stdin(Stdio::null()).output().ok()?;
    let url = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| usable("pip", &url).ok()).flatten()
}

/// Pip's files, weakest first: of the machine, of the user, of the environment, `PIP_CONFIG_FILE`.
fn config_files(variable: &impl Fn(&str) -> Option<String>) -> Vec<PathBuf> {
    let path = |name: &str| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let named = path("PIP_CONFIG_FILE");
    if named.as_deref() == Some(Path::new("/dev/null")) {
        return Vec::new();
    }
    let mut files = Vec::new();
    let mut add = |folder: Option<PathBuf>, name: &str| files.extend(folder.map(|folder| folder.join(name)));
    if cfg!(target_os = "macos") {
        add(Some("/Library/Application Support".into()), "pip/pip.conf");
    }
    let shared =
        variable("XDG_CONFIG_DIRS").filter(|dirs| !dirs.is_empty()).unwrap_or_else(|| "/etc/xdg".into());
    let shared: Vec<PathBuf> = std::env::split_paths(&shared).collect();
    shared.into_iter().rev().for_each(|folder| add(Some(folder), "pip/pip.conf"));
    add(Some("/etc".into()), "pip.conf");
    // With a named file that exists, pip leaves the user's out.
    if !named.as_deref().is_some_and(Path::exists) {
        add(path("HOME"), ".pip/pip.conf");
        if cfg!(target_os = "macos") {
            add(path("HOME"), "Library/Application Support/pip/pip.conf");
        }
        let own = path("XDG_CONFIG_HOME").or_else(|| path("HOME").map(|home| home.join(".config")));
        add(own, "pip/pip.conf");
    }
    add(path("VIRTUAL_ENV"), "pip.conf");
    files.extend(named);
    files
}

/// `index-url` of `[install]`, else of `[global]`.
fn index_url(text: &str) -> Option<String> {
    let (mut section, mut global, mut install) = (String::new(), None, None);
    for line in text.lines().map(str::trim) {
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            section = name.trim().to_ascii_lowercase();
        } else if let Some((key, value)) = line.split_once(['=', ':']) {
            let key = key.trim().to_ascii_lowercase().replace('_', "-");
            let value = Some(value.trim().to_owned()).filter(|value| !value.is_empty());
            match (key.as_str(), section.as_str()) {
                ("index-url", "global") => global = value,
                ("index-url", "install") => install = value,
                _ => {}
            }
        }
    }
    install.or(global)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_variable_of_pip_wins() {
        let of = |name: &str| (name == "PIP_INDEX_URL").then(|| "https://pip.test/simple".to_owned());
        assert_eq!(default_upstream(of).expect("is found"), "https://pip.test/simple");
        let of = |name: &str| (name == "PIP_INDEX_URL").then(|| "file:///etc".to_owned());
        assert!(default_upstream(of).is_err());
    }

    #[test]
    fn the_configuration_files_of_pip_are_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("pip/pip.conf");
        std::fs::create_dir_all(folder.path().join("pip")).expect("a folder");
        std::fs::write(&file, "# c\n[global]\ntimeout = 3\nindex-url = https://a.test/simple/\n")
            .expect("a file");
        let home = folder.path().display().to_string();
        let of = |name: &str| (name == "XDG_CONFIG_HOME").then(|| home.clone());
        assert_eq!(default_upstream(of).expect("is found"), "https://a.test/simple/");
    }

    #[test]
    fn install_is_more_special_than_global() {
        let text = "[install]\nindex_url: https://i.test/\n[global]\nindex-url=https://g.test/\n[search]\nindex-url=x\n";
        assert_eq!(index_url(text).as_deref(), Some("https://i.test/"));
        assert_eq!(index_url("[search]\nindex = https://s.test/\n"), None);
    }
}
