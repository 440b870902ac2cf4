//! What a build looked for and did not find: headers, `.pc` files, `*-config` programs, libraries, tools.

use super::log::is_trial;
use super::packages;
use crate::words::Class;

/// What kind of thing a build looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AbsentKind {
    /// `#include <ffi.h>`
    Header,
    /// `#include "ffi.h"`: it may have been meant to lie in the source.
    OwnHeader,
    /// For `pkg-config`, or a CMake package: `libxml-2.0`
    Module,
    /// A program that tells how to compile, or that is run: `mysql_config`, `cmake`
    Program,
    /// For the linker: `pq`
    Library,
    /// Told in words of the project's own.
    Worded,
}

/// Something that is missing, and the line that says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Absent {
    pub class: Class,
    pub kind: AbsentKind,
    /// `ffi.h`, `libxml-2.0`, `mysql_config`, `-lpq`, `cmake`
    pub what: String,
    /// The package of Debian that is known to have it.
    pub package: Option<&'static str>,
    pub line: String,
}

/// The first thing that was missing; a header before what a program says of itself.
pub fn first(lines: &[&str]) -> Option<Absent> {
    type Reader = fn(&str) -> Option<(Class, String)>;
    let readers: [(AbsentKind, Reader); 6] = [
        (AbsentKind::Header, header),
        (AbsentKind::Program, config_program),
        (AbsentKind::Module, pc_file),
        (AbsentKind::Library, library),
        (AbsentKind::Program, program),
        (AbsentKind::Worded, worded),
    ];
    readers.into_iter().find_map(|(kind, reader)| {
        let at = |(at, line): (usize, &&str)| Some((at, reader(line).filter(|_| !is_trial(line))?));
        let (at, (class, what)) = lines.iter().enumerate().find_map(at)?;
        let kind =
            if kind == AbsentKind::Header && is_quoted(lines, at) { AbsentKind::OwnHeader } else { kind };
        Some(absent(class, kind, what, lines.get(at)?))
    })
}

/// Whether the compiler shows an `#include "…"` below its message.
fn is_quoted(lines: &[&str], at: usize) -> bool {
    let below = lines.iter().skip(at + 1).take(2).find_map(|line| line.split_once("include"));
    below.is_some_and(|(_, what)| what.trim_start().starts_with('"'))
}

fn absent(class: Class, kind: AbsentKind, what: String, line: &str) -> Absent {
    let package = match class {
        Class::MissingTool => packages::for_program(&what).or_else(|| packages::for_development(&what)),
        _ => packages::for_development(what.trim_start_matches("-l")),
    };
    Absent { class, kind, what, package, line: line.to_owned() }
}

/// The text between two others.
fn between<'a>(line: &'a str, before: &str, after: &[char]) -> Option<&'a str> {
    let (_, rest) = line.split_once(before)?;
    let text = rest.split(|c| after.contains(&c)).next()?.trim();
    Some(text).filter(|text| is_name(text))
}

fn is_name(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || "._-+/".contains(c);
    !text.is_empty() && text.len() < 100 && text.chars().all(fits)
}

/// `x.c:1:10: fatal error: ffi.h: No such file or directory`, and clang's `'ffi.h' file not found`.
fn header(line: &str) -> Option<(Class, String)> {
    let gcc =
        line.split_once("fatal error: ").filter(|(_, rest)| rest.contains(": No such file or directory"));
    let name = match gcc {
        Some((_, rest)) => rest.split(':').next()?.trim(),
        None if line.contains("' file not found") => between(line, "error: '", &['\''])?,
        None => return None,
    };
    // Not from the project's own tree, as far as a name can tell.
    is_name(name).then(|| (Class::MissingHeader, name.to_owned()))
}

fn config_program(line: &str) -> Option<(Class, String)> {
    let lower = line.to_ascii_lowercase();
    let missing = [
        "not found",
        "no such file",
        "could not run",
        "cannot find",
        "can't find",
        "could not find",
        "failed",
    ];
    if !missing.iter().any(|text| lower.contains(text)) {
        return None;
    }
    let words = line.split(|c: char| !(c.is_ascii_alphanumeric() || "._-+".contains(c)));
    let is_config = |word: &&str| {
        let word = word.trim_end_matches('.');
        (word.ends_with("_config") || word.ends_with("-config"))
            && !matches!(word, "pkg-config" | "python-config" | "python3-config")
    };
    words
        .filter(|word| word.len() > 8)
        .find(is_config)
        .map(|word| (Class::MissingHeader, word.trim_end_matches('.').to_owned()))
}

fn pc_file(line: &str) -> Option<(Class, String)> {
    let quotes = &['\'', '"', '`', '’'][..];
    let blanks = &[' ', ',', ';', '(', '>', '=', '\'', '"'][..];
    let name = if line.contains("was not found in the pkg-config search path") {
        between(line, "Package ", blanks)
    } else if line.contains("No package '") {
        between(line, "No package '", quotes)
    } else if line.contains("Package '") && line.contains("not found") {
        between(line, "Package '", quotes)
    } else if line.contains("ependency \"") && line.contains("not found") {
        between(line, "ependency \"", quotes)
    } else if line.contains("ependency '") && line.contains("not found") {
        between(line, "ependency '", quotes)
    } else if line.contains("The system library `") {
        between(line, "The system library `", quotes)
    } else if line.contains("Could NOT find ") {
        between(line, "Could NOT find ", blanks)
    } else if line.contains("package configuration file provided by \"") {
        between(line, "provided by \"", quotes)
    } else if line.contains("Could not find directory of OpenSSL") {
        Some("openssl")
    } else {
        None
    }?;
    Some((Class::MissingHeader, name.to_owned()))
}

fn library(line: &str) -> Option<(Class, String)> {
    if !line.contains("cannot find")
        && !line.contains("library not found")
        && !line.contains("unable to find library")
    {
        return None;
    }
    let name = between(line, "-l", &[' ', ':', '\'', '"'])?;
    Some((Class::MissingLibrary, format!("-l{name}")))
}

fn program(line: &str) -> Option<(Class, String)> {
    let lower = line.to_ascii_lowercase();
    let quotes = &['\'', '"', '’', ':', ' '][..];
    let name = if lower.contains("rust")
        && (lower.contains("can't find rust compiler")
            || lower.contains("rust toolchain")
            || lower.contains("rust is not installed")
            || lower.contains("rust compiler is required"))
    {
        Some("cargo")
    } else if lower.contains("cmake must be installed")
        || lower.contains("problem with the cmake installation")
    {
        Some("cmake")
    } else if lower.contains("did you install pkg-config")
        || lower.contains("pkg-config is required")
        || lower.contains("pkg-config binary") && lower.contains("not found")
    {
        Some("pkg-config")
    } else if lower.contains("command '") && lower.contains("failed: no such file or directory") {
        between(line, "ommand '", quotes)
    } else if lower.contains("unable to execute '") {
        between(line, "nable to execute '", quotes)
    } else if lower.contains("filenotfounderror") && lower.contains("no such file or directory: '") {
        between(line, "directory: '", quotes).filter(|name| packages::for_program(name).is_some())
    } else if lower.contains("unknown compiler(s)") {
        // `[['gfortran'], ['flang'], …]`: the first that was tried.
        between(line, "[['", quotes).or(Some("gcc"))
    } else if lower.ends_with(": command not found") || lower.ends_with(": not found") {
        let before =
            line.trim_end().trim_end_matches("not found").trim_end().trim_end_matches("command").trim_end();
        before.trim_end_matches(':').rsplit([' ', ':']).next().filter(|name| is_name(name))
    } else if lower.contains("program '") && lower.contains("not found") {
        between(line, "rogram '", quotes)
    } else if is_of_a_program(&lower) {
        line.split('\'').nth(1).filter(|name| is_name(name))
    } else {
        None
    }?;
    // `configure` says "not found" of headers, functions and versions too.
    let known = packages::for_program(name).is_some() || !name.contains('.');
    (known && name.len() > 1).then(|| (Class::MissingTool, name.to_owned()))
}

/// `the 'apxs' command appears not to be installed`
fn is_of_a_program(lower: &str) -> bool {
    let word = ["' command", "' program", "' executable", "' tool", "command '", "executable '"];
    let lack =
        ["not installed", "not be installed", "not found", "not be found", "is missing", "not executable"];
    word.iter().any(|word| lower.contains(word)) && lack.iter().any(|lack| lower.contains(lack))
}

/// Lines at the end of a log in which a source may say what it lacks.
const LAST: usize = 40;
/// Names in words of a source's own that are looked at.
const MOST_NAMED: usize = 8;

/// What the last errors may mean by a program, a library or a header that they miss: every name that is
/// quoted, or stands where such a name does. Most are none; only who knows what there is can tell.
pub fn named(lines: &[&str]) -> Vec<Absent> {
    const LACK: [&str; 9] = [
        "not found",
        "not installed",
        "not be found",
        "not find",
        "cannot find",
        "can't find",
        "missing",
        "install",
        "require",
    ];
    // How a line that stops a build begins or goes on.
    const STOPS: [&str; 4] = ["err", "you need", "you must", "please"];
    const AFTER: [&str; 10] =
        ["find", "install", "requires", "require", "required", "need", "needs", "missing", "library", "for"];
    const BEFORE: [&str; 14] = [
        "command",
        "program",
        "executable",
        "tool",
        "utility",
        "binary",
        "library",
        "libraries",
        "header",
        "headers",
        "development",
        "compiler",
        "is",
        "not",
    ];
    let is_error = |line: &&&str| {
        let lower = line.to_ascii_lowercase();
        !is_trial(line)
            && STOPS.iter().any(|text| lower.contains(text))
            && LACK.iter().any(|text| lower.contains(text))
    };
    let mut all: Vec<Absent> = Vec::new();
    for line in lines.iter().rev().take(LAST).filter(is_error) {
        let words: Vec<&str> = line
            .split(|c: char| c.is_whitespace() || ",;()[]".contains(c))
            .map(|word| word.trim_matches(['.', ':', '\'', '"', '`', '‘', '’', '!', '?']))
            .collect();
        let quoted = line.split(['\'', '"', '`', '‘', '’']).skip(1).step_by(2);
        let placed = words.windows(2).flat_map(|pair| match pair {
            [one, other] => [
                Some(*other).filter(|_| AFTER.contains(&one.to_ascii_lowercase().as_str())),
                Some(*one).filter(|_| BEFORE.contains(&other.to_ascii_lowercase().as_str())),
            ],
            _ => [None, None],
        });
        for word in quoted.chain(placed.flatten()).filter(|word| word.len() > 2 && is_name(word)) {
            let known = all.iter().any(|absent| absent.what == word);
            if !known && all.len() < MOST_NAMED {
                all.push(absent(Class::MissingTool, kind_of(word), word.to_owned(), line));
            }
        }
    }
    all
}

fn kind_of(word: &str) -> AbsentKind {
    if word.ends_with(".h") || word.ends_with(".hpp") { AbsentKind::Header } else { AbsentKind::Worded }
}

/// What projects say in words of their own.
fn worded(line: &str) -> Option<(Class, String)> {
    const WORDED: &[(&[&str], &str)] = &[
        (&["can not find valid pkg-config name"], "mysqlclient"),
        (&["libxml2 and libxslt development packages"], "libxslt"),
        (&["headers or library files could not be found for jpeg"], "jpeglib.h"),
        (&["headers or library files could not be found for zlib"], "zlib.h"),
        (&["local hdf5 installation"], "hdf5"),
        (&["unable to load dependency hdf5"], "hdf5"),
        (&["could not find libhdf5"], "hdf5"),
        (&["cannot find", "mpi"], "mpi"),
        (&["unable to find", "libmagic"], "magic.h"),
        (&["geos", "could not be found"], "geos"),
        (&["gdal api version must be specified"], "gdal-config"),
        (&["a gdal api version"], "gdal-config"),
        (&["proj executable not found"], "proj"),
        (&["proj_dir dir not found"], "proj"),
        (&["install libxmlsec1"], "xmlsec1"),
        (&["please set the icu_version environment variable"], "icu-i18n"),
        (&["requires libvirt"], "libvirt"),
        (&["library dfftpack", "no fortran compiler"], "gfortran"),
        (&["no lapack/blas"], "openblas"),
        (&["no blas/lapack libraries found"], "openblas"),
    ];
    let lower = line.to_ascii_lowercase();
    let found = WORDED.iter().find(|(texts, _)| texts.iter().all(|text| lower.contains(text)))?;
    Some((Class::MissingHeader, found.1.to_owned()))
}
