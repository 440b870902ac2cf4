//! What a build looked for and did not find: headers, `.pc` files, `*-config` programs, libraries, tools.

use super::log::is_trial;
use super::packages;
use crate::words::Class;

/// Something that is missing, and the line that says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Absent {
    pub class: Class,
    /// `ffi.h`, `libxml-2.0`, `mysql_config`, `-lpq`, `cmake`
    pub what: String,
    pub package: Option<&'static str>,
    pub line: String,
}

/// The first thing that was missing; a header before what a program says of itself.
pub fn first(lines: &[&str]) -> Option<Absent> {
    let found = |reader: fn(&str) -> Option<(Class, String)>| {
        lines.iter().filter(|line| !is_trial(line)).find_map(|line| {
            let (class, what) = reader(line)?;
            Some(absent(class, what, line))
        })
    };
    [header, config_program, pc_file, library, program, worded].into_iter().find_map(found)
}

fn absent(class: Class, what: String, line: &str) -> Absent {
    let package = match class {
        Class::MissingTool => packages::for_program(&what).or_else(|| packages::for_development(&what)),
        _ => packages::for_development(what.trim_start_matches("-l")),
    };
    Absent { class, what, package, line: line.to_owned() }
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
        Some("gcc")
    } else if lower.ends_with(": command not found") || lower.ends_with(": not found") {
        let before =
            line.trim_end().trim_end_matches("not found").trim_end().trim_end_matches("command").trim_end();
        before.trim_end_matches(':').rsplit([' ', ':']).next().filter(|name| is_name(name))
    } else if lower.contains("program '") && lower.contains("not found") {
        between(line, "rogram '", quotes)
    } else {
        None
    }?;
    // `configure` says "not found" of headers, functions and versions too.
    let known = packages::for_program(name).is_some() || !name.contains('.');
    (known && name.len() > 1).then(|| (Class::MissingTool, name.to_owned()))
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
