//! A header, a library, a program that is missing: the system package that has it.

use super::trouble::{Remedy, Trouble, add};
use crate::build::failure::{Absent, AbsentKind, absent, absent_by_name};
use crate::build::recipe::Recipe;
use crate::tools::glob;
use crate::words::{Class, Step};
use crate::worker::root::PackageOfFile;
use std::path::Path;

/// Candidates for one missing thing that are tried.
const MOST_CANDIDATES: usize = 3;
/// Packages that one build may come to this way.
const MOST_PACKAGES: usize = 40;
/// Where compilers look by themselves.
const INCLUDES: &str = "/usr/include";
const SEARCH_PATH: &str = "CPATH";

/// The best package that was not tried and that can be had.
pub(super) async fn remedy(trouble: &Trouble<'_>, tried: &[Recipe]) -> Option<Remedy> {
    let sure = match trouble.failure.class {
        // Many download what they did not find.
        Class::MissingHeader | Class::MissingLibrary | Class::MissingTool | Class::Network => {
            absent(trouble.printed)
        }
        _ => None,
    };
    let remedy = match sure.filter(|absent| !is_of_the_interpreter(absent)) {
        Some(absent) => of(trouble, tried, &absent).await.map(|remedy| Remedy {
            // A library of the distribution may be another version than the one that is downloaded.
            certain: trouble.failure.class != Class::Network,
            ..remedy
        }),
        None => None,
    };
    if remedy.is_some() || !matches!(trouble.failure.class, Class::Other | Class::MissingTool) {
        return remedy;
    }
    for absent in absent_by_name(trouble.printed).iter().filter(|absent| !is_here(absent)) {
        if let Some(remedy) = of(trouble, tried, absent).await {
            return Some(Remedy { certain: false, ..remedy });
        }
    }
    None
}

/// Whether the host has a program of this name, so that it is something else that is meant.
fn is_here(absent: &Absent) -> bool {
    ["/usr/bin", "/usr/sbin"].iter().any(|folder| Path::new(folder).join(&absent.what).exists())
}

async fn of(trouble: &Trouble<'_>, tried: &[Recipe], absent: &Absent) -> Option<Remedy> {
    let running = trouble.running;
    let candidates = candidates(trouble, absent).await;
    for candidate in candidates.into_iter().take(MOST_CANDIDATES) {
        let remedy = trouble.certain(|found| apply(found, absent, &candidate));
        if tried.contains(&remedy.found) || remedy.found.packages.len() > MOST_PACKAGES {
            continue;
        }
        let all = running.given.with(&remedy.found);
        match running.roots().with(&all.packages, Step::Build, running.room.log).await {
            Ok(_) => return Some(remedy),
            Err(why) => running.room.log.note(&format!("cannot add {}: {}", candidate.package, why.hint)),
        }
    }
    None
}

/// Python's own headers come with the interpreter.
fn is_of_the_interpreter(absent: &Absent) -> bool {
    matches!(absent.what.as_str(), "Python.h" | "pyconfig.h")
}

async fn candidates(trouble: &Trouble<'_>, absent: &Absent) -> Vec<PackageOfFile> {
    let (running, log) = (trouble.running, trouble.running.room.log);
    let allowed = &running.job.addable;
    if allowed.is_empty() {
        return Vec::new();
    }
    let mut found = match running.roots().find(absent).await {
        Ok(found) => {
            if found.is_empty() && absent.kind != AbsentKind::Worded && absent.package.is_none() {
                log.note(&format!("no system package has {}", absent.what));
            }
            found
        }
        Err(error) => {
            log.note(&format!("no system package is looked for: {error}"));
            Vec::new()
        }
    };
    if found.is_empty() {
        found = known(absent);
    }
    let (allowed, refused): (Vec<PackageOfFile>, Vec<PackageOfFile>) = found
        .into_iter()
        .partition(|each| allowed.iter().any(|pattern| glob::matches(pattern, &each.package)));
    if let (true, Some(refused)) = (allowed.is_empty(), refused.first()) {
        log.note(&format!("{} has {}, but build.system_allow leaves it out", refused.package, absent.what));
    }
    allowed
}

/// What is known without an index.
fn known(absent: &Absent) -> Vec<PackageOfFile> {
    absent
        .package
        .map(|package| PackageOfFile { package: package.to_owned(), path: String::new() })
        .into_iter()
        .collect()
}

fn apply(found: &mut Recipe, absent: &Absent, candidate: &PackageOfFile) {
    add(&mut found.packages, [candidate.package.clone()]);
    if !matches!(absent.kind, AbsentKind::Header | AbsentKind::OwnHeader) {
        return;
    }
    // A header in a folder of its own, which whoever includes it was meant to know.
    let folder = format!("/{}", candidate.path).strip_suffix(&format!("/{}", absent.what)).map(str::to_owned);
    let usual = [INCLUDES.to_owned(), format!("{INCLUDES}/{}-linux-gnu", std::env::consts::ARCH)];
    if let Some(folder) = folder.filter(|folder| !folder.is_empty() && !usual.contains(folder)) {
        let path = found.build.env.entry(SEARCH_PATH.to_owned()).or_default();
        if !path.split(':').any(|known| known == folder) {
            let known = std::mem::take(path);
            *path = [known, folder].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(":");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_in_a_folder_of_its_own_is_looked_for_there() {
        let absent = |what: &str| Absent {
            class: Class::MissingHeader,
            kind: AbsentKind::Header,
            what: what.to_owned(),
            package: None,
            line: String::new(),
        };
        let found = |what: &str, paths: &[&str]| {
            let mut recipe = Recipe::default();
            for path in paths {
                let candidate = PackageOfFile { package: "lib-dev".to_owned(), path: (*path).to_owned() };
                apply(&mut recipe, &absent(what), &candidate);
            }
            recipe.build.env.get(SEARCH_PATH).cloned()
        };
        assert_eq!(found("apr.h", &["usr/include/apr-1.0/apr.h"]).as_deref(), Some("/usr/include/apr-1.0"));
        let both = ["usr/include/b/a/x.h", "usr/include/b/a/x.h", "usr/include/c/a/x.h"];
        assert_eq!(found("a/x.h", &both).as_deref(), Some("/usr/include/b:/usr/include/c"));
        let triplet = format!("usr/include/{}-linux-gnu/ffi.h", std::env::consts::ARCH);
        assert_eq!(found("ffi.h", &["usr/include/ffi.h", &triplet, ""]), None);
    }
}
