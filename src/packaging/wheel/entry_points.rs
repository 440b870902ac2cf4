//! `entry_points.txt`: an INI file that every reader reads alike, with no script that shadows Python.

use std::collections::HashSet;

use super::super::archive::{ArchiveResult, refuse};
use super::layout::is_interpreter;

/// Sections whose entries become programs.
const SCRIPTS: [&str; 2] = ["console_scripts", "gui_scripts"];

/// Checks the whole file.
pub(super) fn check(bytes: &[u8]) -> ArchiveResult<()> {
    let Ok(text) = std::str::from_utf8(bytes) else { refuse!("entry_points.txt is not UTF-8") };
    let mut section: Option<&str> = None;
    let (mut sections, mut keys) = (HashSet::new(), HashSet::new());
    let mut scripts = HashSet::new();
    for line in text.lines() {
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with(['#', ';']) {
            continue;
        }
        if let Some(name) = trimmed.strip_prefix('[') {
            let Some(name) = name.strip_suffix(']').map(str::trim).filter(|name| !name.is_empty()) else {
                refuse!("entry_points.txt has the malformed line {line:?}")
            };
            if !sections.insert(name) {
                refuse!("entry_points.txt has the section {name:?} twice");
            }
            check_section(name)?;
            keys.clear();
            section = Some(name);
            continue;
        }
        let Some(section) = section else { refuse!("entry_points.txt has an entry before any section") };
        let Some((key, value)) = trimmed.split_once('=') else {
            refuse!("entry_points.txt has the malformed line {line:?}")
        };
        let (key, value) = (key.trim(), value.trim());
        if key.is_empty() || value.is_empty() || !keys.insert(key) {
            refuse!("entry_points.txt has {key:?} twice, or without a name or value");
        }
        if SCRIPTS.contains(&section) {
            check_script(key, value)?;
            if !scripts.insert(key.to_ascii_lowercase()) {
                refuse!("two scripts are named {key:?} and differ only in case");
            }
        }
    }
    Ok(())
}

/// `Console_Scripts` is read as the reserved group by some, as a group of its own by others.
fn check_section(name: &str) -> ArchiveResult<()> {
    let lower = name.to_ascii_lowercase();
    if SCRIPTS.contains(&lower.as_str()) && lower != name {
        refuse!("entry_points.txt has {name:?}, a variant of a reserved group");
    }
    Ok(())
}

fn check_script(name: &str, value: &str) -> ArchiveResult<()> {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '-');
    if !name.chars().all(plain) || name.chars().all(|c| c == '.') {
        refuse!("the script name {name:?} may contain only letters, digits, '.', '_' and '-'");
    }
    if is_interpreter(name) {
        refuse!("the script {name:?} would replace the interpreter");
    }
    let object = value.split('[').next().unwrap_or_default().trim();
    let dotted = |path: &str| {
        path.split('.').all(|part| !part.is_empty() && part.chars().all(|c| c.is_alphanumeric() || c == '_'))
    };
    let valid = object
        .split_once(':')
        .is_some_and(|(module, attribute)| dotted(module.trim()) && dotted(attribute.trim()));
    if !valid {
        refuse!("the script {name:?} must point to module:function, not to {value:?}");
    }
    Ok(())
}
