//! Of all packages that have a file of a name, the one that is meant.

use crate::build::failure::{Absent, AbsentKind};

/// A package that has what is missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackageOfFile {
    pub package: String,
    /// Without a leading `/`.
    pub path: String,
}

/// Folders whose files builds ask for, and what such files end with, `""`: anything.
const KEPT: [(&str, &str); 9] = [
    ("usr/include/", ""),
    ("usr/bin/", ""),
    ("usr/sbin/", ""),
    ("bin/", ""),
    ("usr/lib/", ".pc"),
    ("usr/share/", ".pc"),
    ("usr/lib/", ".so"),
    ("usr/lib/", ".a"),
    ("usr/lib/", "onfig.cmake"),
];

/// What a line of an index must match to be looked at, for grep: most are of no such file.
pub(super) const PATTERN: &str =
    "^(usr/include/|usr/s?bin/|bin/|usr/(lib|share)/.*(\\.pc|\\.so|\\.a|onfig\\.cmake)[[:space:]])";

/// A line of a distribution's index, `usr/include/ffi.h   libdevel/libffi-dev,…`, if builds can ask for
/// that file; with one blank in it.
pub(super) fn kept(line: &str) -> Option<String> {
    let (path, packages) = line.rsplit_once([' ', '\t'])?;
    let path = path.trim_end();
    let fits = |(folder, ending): &(&str, &str)| path.starts_with(folder) && path.ends_with(ending);
    let plain = !path.contains(' ') && !is_foreign(path);
    (plain && KEPT.iter().any(fits)).then(|| format!("{path} {packages}"))
}

/// `x86_64-linux-gnu`
fn triplet() -> String {
    format!("{}-linux-gnu", std::env::consts::ARCH)
}

/// Of another processor or another C library.
fn is_foreign(path: &str) -> bool {
    let own = triplet();
    path.split('/').any(|part| (part.contains("-linux-") || part.contains("-mingw")) && part != own)
}

/// The packages that have what is missing, the best first; `index` has lines as [`kept`] makes them.
pub(super) fn best(absent: &Absent, index: &str) -> Vec<PackageOfFile> {
    let wanted = Wanted::of(absent);
    let mut found: Vec<((u32, usize, String), PackageOfFile)> = Vec::new();
    for (path, packages) in index.lines().filter_map(|line| line.split_once(' ')) {
        let Some(distance) = wanted.distance(path) else { continue };
        for package in packages.split(',').filter_map(|each| each.rsplit('/').next()) {
            let known = absent.package == Some(package);
            let development = package.ends_with("-dev") || wanted.is_program();
            let distance = distance * 4 + u32::from(!development) * 2 + u32::from(!known);
            let order = (distance, package.len(), package.to_owned());
            found.push((order, PackageOfFile { package: package.to_owned(), path: path.to_owned() }));
        }
    }
    found.sort_by(|one, other| one.0.cmp(&other.0));
    let mut best: Vec<PackageOfFile> = Vec::new();
    for (_, each) in found {
        if best.iter().all(|known| known.package != each.package) {
            best.push(each);
        }
    }
    best
}

/// What a path must be like.
struct Wanted<'a> {
    kind: AbsentKind,
    what: &'a str,
}

impl<'a> Wanted<'a> {
    fn of(absent: &'a Absent) -> Self {
        Self { kind: absent.kind, what: absent.what.trim_start_matches("-l") }
    }

    fn is_program(&self) -> bool {
        self.kind == AbsentKind::Program
    }

    /// How far a path is from what is meant, 0: it is that; `None`: it is something else.
    fn distance(&self, path: &str) -> Option<u32> {
        match self.kind {
            AbsentKind::Header => self.header(path, true),
            AbsentKind::OwnHeader => self.header(path, self.what.contains('/')),
            AbsentKind::Program => self.program(path),
            AbsentKind::Library => self.library(path),
            AbsentKind::Module => self.module(path),
            AbsentKind::Worded => self.program(path).filter(|far| *far == 0).or_else(|| self.module(path)),
        }
    }

    /// Below `usr/include` itself, or the processor's folder in it; with `deeper`, in folders below too.
    fn header(&self, path: &str, deeper: bool) -> Option<u32> {
        let folder = path.strip_prefix("usr/include/")?.strip_suffix(self.what)?;
        let own = format!("{}/", triplet());
        let folder = folder.strip_prefix(&own).unwrap_or(folder);
        let depth = u32::try_from(folder.matches('/').count()).ok()?;
        match folder {
            "" => Some(0),
            _ if folder.ends_with('/') && deeper && depth <= 2 => Some(depth + 1),
            _ => None,
        }
    }

    /// `usr/bin/aclocal`, and `usr/bin/aclocal-1.16` where a link to it is made when it is installed.
    fn program(&self, path: &str) -> Option<u32> {
        let (folder, file) = path.rsplit_once('/')?;
        if !matches!(folder, "usr/bin" | "usr/sbin" | "bin") {
            return None;
        }
        let rest = file.strip_prefix(self.what)?;
        let version = rest.strip_prefix('-').unwrap_or(rest);
        let is_version = !version.is_empty() && version.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        match rest {
            "" => Some(0),
            _ if is_version => Some(3),
            _ => None,
        }
    }

    /// Where the linker looks; in a folder below that, to which a link leads when it is installed
    /// (`x86_64-linux-gnu/blas/libblas.so`); last of all in a folder that some program keeps for itself.
    fn library(&self, path: &str) -> Option<u32> {
        let below = path.strip_prefix("usr/lib/")?;
        let (folder, file) = below.rsplit_once('/').unwrap_or(("", below));
        let stem = file.strip_prefix("lib")?;
        let stem = stem.strip_suffix(".so").or_else(|| stem.strip_suffix(".a"))?;
        let depth = |folder: &str| u32::try_from(folder.matches('/').count()).ok();
        let distance = match folder.strip_prefix(&triplet()) {
            Some(linked) => depth(linked)?,
            None if folder.is_empty() => 0,
            None => 3 + depth(folder)?,
        };
        (stem == self.what).then_some(distance)
    }

    /// A `.pc` file; a CMake package; else a library of that name.
    fn module(&self, path: &str) -> Option<u32> {
        let (folder, file) = path.rsplit_once('/')?;
        let lower = self.what.to_ascii_lowercase();
        if let Some(stem) = file.strip_suffix(".pc") {
            let right = folder.ends_with("/pkgconfig");
            return match right {
                true if stem == self.what => Some(0),
                true if stem.to_ascii_lowercase() == lower => Some(1),
                _ => None,
            };
        }
        if let Some(stem) = file.strip_suffix("onfig.cmake") {
            let stem = stem.trim_end_matches(['c', 'C']).trim_end_matches('-');
            return (stem == self.what || stem.to_ascii_lowercase() == lower).then_some(1);
        }
        let like = Wanted { kind: AbsentKind::Library, what: lower.strip_prefix("lib").unwrap_or(&lower) };
        like.library(path).filter(|depth| *depth == 0).map(|_| 2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::Class;

    fn names(kind: AbsentKind, what: &str, index: &[&str]) -> Vec<String> {
        let absent =
            Absent { class: Class::Other, kind, what: what.to_owned(), package: None, line: String::new() };
        let kept: Vec<String> = index.iter().filter_map(|line| kept(line)).collect();
        best(&absent, &kept.join("\n")).into_iter().map(|found| found.package).collect()
    }

    #[test]
    fn the_header_of_the_exact_path_comes_before_a_copy_of_somebody_else() {
        let own = format!("usr/include/{}/ffi.h    libdevel/libffi-dev", triplet());
        let index = ["usr/include/botan-2/botan/ffi.h   libdevel/libbotan-2-dev", &own];
        assert_eq!(names(AbsentKind::Header, "ffi.h", &index), ["libffi-dev", "libbotan-2-dev"]);
        assert_eq!(names(AbsentKind::Header, "botan/ffi.h", &index), ["libbotan-2-dev"]);
        assert_eq!(
            names(AbsentKind::OwnHeader, "ffi.h", &index),
            ["libffi-dev"],
            "no deeper for a quoted one"
        );
        assert!(names(AbsentKind::Header, "fi.h", &index).is_empty(), "a whole name");
    }

    #[test]
    fn what_is_for_another_processor_is_no_answer() {
        let index = [
            "usr/aarch64-linux-gnu/include/zlib.h  devel/cross",
            "usr/include/x86_64-linux-musl/zlib.h  libdevel/musl-dev",
            "usr/share/doc/zlib.h  doc/zlib-doc",
        ];
        assert!(names(AbsentKind::Header, "zlib.h", &index).is_empty());
    }

    #[test]
    fn programs_libraries_and_modules_are_found_where_they_belong() {
        let lib = |file: &str, package: &str| format!("usr/lib/{}/{file} libdevel/{package}", triplet());
        let (pc, so, cmake) = (
            lib("pkgconfig/dbus-1.pc", "libdbus-1-dev"),
            lib("libpq.so", "libpq-dev"),
            lib("cmake/arrow/ArrowConfig.cmake", "libarrow-dev"),
        );
        let index = [
            "usr/bin/apxs httpd/apache2-dev",
            "usr/bin/apxs2 httpd/apache2-dev",
            "usr/bin/aclocal-1.16 devel/automake",
            &pc,
            &so,
            &cmake,
        ];
        assert_eq!(names(AbsentKind::Program, "apxs", &index), ["apache2-dev"]);
        assert_eq!(names(AbsentKind::Program, "aclocal", &index), ["automake"]);
        assert_eq!(names(AbsentKind::Module, "dbus-1", &index), ["libdbus-1-dev"]);
        assert_eq!(names(AbsentKind::Module, "Arrow", &index), ["libarrow-dev"]);
        assert_eq!(names(AbsentKind::Library, "-lpq", &index), ["libpq-dev"]);
        assert_eq!(names(AbsentKind::Module, "pq", &index), ["libpq-dev"], "by its library at last");
    }

    #[test]
    fn a_library_that_a_program_keeps_for_itself_comes_last() {
        let lib = |file: &str, package: &str| format!("usr/lib/{}/{file} libdevel/{package}", triplet());
        let (linked, own) = (lib("lapack/liblapack.so", "liblapack-dev"), lib("libz.so", "zlib1g-dev"));
        let index =
            ["usr/lib/iraf/lib/liblapack.a devel/iraf-dev", &linked, "usr/lib/x/libz.so devel/x", &own];
        assert_eq!(names(AbsentKind::Library, "-llapack", &index), ["liblapack-dev", "iraf-dev"]);
        assert_eq!(names(AbsentKind::Library, "-lz", &index), ["zlib1g-dev", "x"]);
        assert_eq!(names(AbsentKind::Library, "-lx", &["usr/lib/libx.so a/x-dev"]), ["x-dev"]);
    }
}
