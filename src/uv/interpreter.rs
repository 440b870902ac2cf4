//! An interpreter as uv sees it: a program that answers uv's one question with a description.
//!
//! uv asks an interpreter for its markers and its paths by running a script of its own in it. Here
//! nothing is run or installed, so a shell that prints the answer is as good as the interpreter,
//! and says exactly what the target says of itself.

use crate::error::{Error, Result};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;

/// Writes the program.
pub(super) fn write(path: &Path, markers: &BTreeMap<String, String>) -> Result<()> {
    let text = describe(path, markers).to_string().replace('\'', "'\\''");
    std::fs::write(path, format!("#!/bin/sh\nprintf '%s\\n' '{text}'\n"))?;
    std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o700))
        .map_err(Error::from)?;
    Ok(())
}

/// The answer. Of the platform's tags nothing depends on what is said here: the page that uv is given
/// lists only what the target accepts, under names that every interpreter of that major version takes.
fn describe(path: &Path, markers: &BTreeMap<String, String>) -> Value {
    let marker = |name: &str| markers.get(name).cloned().unwrap_or_default();
    let names = [
        "implementation_name",
        "implementation_version",
        "os_name",
        "platform_machine",
        "platform_python_implementation",
        "platform_release",
        "platform_system",
        "platform_version",
        "python_full_version",
        "python_version",
        "sys_platform",
    ];
    let markers: BTreeMap<&str, String> = names.into_iter().map(|name| (name, marker(name))).collect();
    let folder = "/nonexistent";
    let scheme = json!({
        "platlib": folder, "purelib": folder, "include": folder, "scripts": folder, "data": folder,
    });
    let os = json!({ "name": "manylinux", "major": 2, "minor": 17 });
    json!({
        "result": "success",
        "markers": markers,
        "sys_base_prefix": folder,
        "sys_base_exec_prefix": folder,
        "sys_prefix": folder,
        "sys_base_executable": null,
        "sys_executable": path,
        "sys_path": [],
        "site_packages": [],
        "stdlib": folder,
        "extension_suffixes": [],
        "standalone": false,
        "scheme": scheme,
        "virtualenv": scheme,
        "os": os,
        "arch": "x86_64",
        // Where uv before 0.9 looks for the same.
        "platform": { "os": os, "arch": "x86_64" },
        "manylinux_compatible": true,
        "gil_disabled": false,
        "debug_enabled": false,
        "pointer_size": "64",
        "cpu_info": { "detected": { "kind": "flags", "flags": "" } },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_prints_what_the_target_says_whatever_characters_that_has() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("python");
        let odd = "#1 SMP 'quoted' $(id) `id` \\ \"x\"";
        let markers = [("platform_version", odd), ("python_version", "2.7")];
        write(&path, &markers.map(|(k, v)| (k.to_owned(), v.to_owned())).into()).unwrap();
        let out = std::process::Command::new("sh").arg(&path).arg("-I").output().unwrap();
        let told: Value = serde_json::from_slice(&out.stdout).unwrap();
        assert_eq!(told["markers"]["platform_version"], odd);
        assert_eq!(told["markers"]["python_version"], "2.7");
        assert_eq!(told["markers"]["sys_platform"], "");
    }
}
