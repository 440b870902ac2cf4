//! The texts of a wheel that change with its tags: file name, `WHEEL`, `RECORD`.

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::bad;
use crate::error::Result;

/// A wheel's tags, as compressed sets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tags {
    pub python: Vec<String>,
    pub abi: Vec<String>,
    pub platform: Vec<String>,
}

/// Build tag and tags of a file name whose project and version may be spelt in any way.
pub(super) fn split_filename(filename: &str) -> Result<(Option<String>, Tags)> {
    let invalid = || {
        bad!(
            "{filename:?} is not the file name of a wheel: use \
             {{name}}-{{version}}-{{python}}-{{abi}}-{{platform}}.whl"
        )
    };
    let stem = filename.strip_suffix(".whl").ok_or_else(invalid)?;
    let parts: Vec<&str> = stem.split('-').collect();
    let (build, python, abi, platform) = match parts.as_slice() {
        [_, _, python, abi, platform] => (None, python, abi, platform),
        [_, _, build, python, abi, platform] => (Some((*build).to_owned()), python, abi, platform),
        _ => return Err(invalid()),
    };
    let valid = |tag: &str| !tag.is_empty() && tag.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    let set = |text: &str| {
        let tags: Vec<String> = text.split('.').map(str::to_owned).collect();
        if tags.iter().all(|tag| valid(tag)) { Ok(tags) } else { Err(invalid()) }
    };
    Ok((build, Tags { python: set(python)?, abi: set(abi)?, platform: set(platform)? }))
}

/// The `WHEEL` file with these tags; other lines of it stay as they are.
pub(super) fn wheel(before: &[u8], build: Option<&str>, tags: &Tags) -> String {
    let before = String::from_utf8_lossy(before);
    let pure = tags.platform.iter().all(|platform| platform == "any");
    let mut after = String::from("Wheel-Version: 1.0\n");
    for line in before.lines() {
        let Some((key, value)) = line.split_once(':') else { continue };
        match key.trim().to_ascii_lowercase().as_str() {
            "wheel-version" | "tag" | "build" => {}
            // What has compiled code belongs into the folder for that.
            "root-is-purelib" if !pure => after.push_str("Root-Is-Purelib: false\n"),
            _ => {
                let _ = writeln!(after, "{}: {}", key.trim(), value.trim());
            }
        }
    }
    if let Some(build) = build {
        let _ = writeln!(after, "Build: {build}");
    }
    for python in &tags.python {
        for abi in &tags.abi {
            for platform in &tags.platform {
                let _ = writeln!(after, "Tag: {python}-{abi}-{platform}");
            }
        }
    }
    after
}

/// Adds a line to `RECORD`.
pub(super) fn record(record: &mut String, name: &str, sha256: &[u8], size: u64) {
    let quoted = name.contains([',', '"']);
    let name = if quoted { format!("\"{}\"", name.replace('"', "\"\"")) } else { name.to_owned() };
    let _ = writeln!(record, "{name},sha256={},{size}", URL_SAFE_NO_PAD.encode(sha256));
}
