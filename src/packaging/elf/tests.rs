//! ELF files as the compiler of this machine writes them, and hand-made ones of other machines.

use std::path::Path;
use std::process::Command;
use std::sync::LazyLock;

use proptest::prelude::*;

use super::bytes::PT_LOAD;
use super::*;

/// Compiles and links `source`.
fn compile(folder: &Path, name: &str, source: &str, flags: &[&str]) -> Vec<u8> {
    let (input, output) = (folder.join(format!("{name}.c")), folder.join(name));
    std::fs::write(&input, source).unwrap();
    let mut command = Command::new("cc");
    command.current_dir(folder).args(["-fPIC", "-o"]).arg(&output).arg(&input).args(flags);
    assert!(command.status().unwrap().success(), "cc {flags:?}");
    std::fs::read(output).unwrap()
}

/// One that needs libc, libm and the interpreter's library, with the given linker flags.
fn extension(flags: &[&str]) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    compile(
        folder.path(),
        "libpython2.7.so.1.0",
        "int Py_x;",
        &["-shared", "-Wl,-soname,libpython2.7.so.1.0"],
    );
    let source = "#include <math.h>\n#include <string.h>\nextern int Py_x __attribute__((weak)); extern char *f(char *);\n\
                  double g(double x) { return pow(x, &Py_x ? Py_x : 1); }\nchar *f(char *x) { return strdup(x); }";
    let all = [
        "-shared",
        "-O0",
        "-Wl,--no-as-needed",
        "-l:libpython2.7.so.1.0",
        "-L.",
        "-lm",
        "-Wl,-soname,demo.so",
    ];
    compile(folder.path(), "demo.so", source, &[&all, flags].concat())
}

static PATHS: LazyLock<Vec<u8>> =
    LazyLock::new(|| extension(&["-Wl,-rpath,/opt/somebody/python/lib", "-Wl,--enable-new-dtags"]));

fn contains(bytes: &[u8], text: &str) -> bool {
    memchr::memmem::find(bytes, text.as_bytes()).is_some()
}

#[test]
fn a_compiled_file_says_what_it_needs() {
    let elf = Elf::read(&PATHS).unwrap();
    assert_eq!(elf.arch(), Some(std::env::consts::ARCH));
    assert_eq!(elf.soname.as_deref(), Some("demo.so"));
    assert_eq!(elf.needed, ["libpython2.7.so.1.0", "libm.so.6", "libc.so.6"]);
    assert_eq!((elf.runpath.len(), elf.rpath.len()), (1, 0));
    assert!(elf.dynamic && !elf.program);
    assert!(elf.versions["libc.so.6"].iter().any(|version| version.starts_with("GLIBC_2.")));
    assert!(elf.versions["libm.so.6"].contains("GLIBC_2.29"), "{:?}", elf.versions);
}

#[test]
fn search_paths_and_the_interpreters_library_go_and_all_else_stays() {
    for dtags in ["-Wl,--enable-new-dtags", "-Wl,--disable-new-dtags"] {
        let mut bytes = extension(&["-Wl,-rpath,/opt/somebody/python/lib", dtags]);
        let before = Elf::read(&bytes).unwrap();
        let edit = clean(&mut bytes).unwrap();
        assert_eq!(edit.paths, ["/opt/somebody/python/lib"]);
        assert_eq!(edit.libraries, ["libpython2.7.so.1.0"]);
        let after = Elf::read(&bytes).unwrap();
        assert_eq!(after.needed, ["libm.so.6", "libc.so.6"]);
        assert!(after.rpath.is_empty() && after.runpath.is_empty());
        assert_eq!(after.versions, before.versions);
        assert!(!contains(&bytes, "/home/somebody"), "the path itself is still in the file");
        assert_eq!(clean(&mut bytes).unwrap(), Edit::default());
    }
}

#[test]
fn other_readers_agree_with_the_change() {
    let folder = tempfile::tempdir().unwrap();
    let mut bytes = PATHS.clone();
    clean(&mut bytes).unwrap();
    let path = folder.path().join("demo.so");
    std::fs::write(&path, &bytes).unwrap();
    let output = Command::new("readelf").args(["-d", "-V", "-W"]).arg(&path).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("[libc.so.6]") && text.contains("GLIBC_2.29"), "{text}");
    for gone in ["RPATH", "RUNPATH", "libpython", "<corrupt"] {
        assert!(!text.contains(gone), "{gone}: {text}");
    }
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    let program = "import ctypes, sys; ctypes.CDLL(sys.argv[1]).f";
    let loaded = Command::new("python3").args(["-c", program]).arg(&path).output();
    if let Ok(output) = loaded {
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn paths_that_begin_at_the_file_itself_stay() {
    let mut bytes =
        extension(&["-Wl,-rpath,/opt/somebody/lib:$ORIGIN/../demo.libs", "-Wl,--enable-new-dtags"]);
    assert_eq!(clean(&mut bytes).unwrap().paths, ["/opt/somebody/lib"]);
    assert_eq!(Elf::read(&bytes).unwrap().runpath, ["$ORIGIN/../demo.libs"]);
    assert!(!contains(&bytes, "/home/somebody"));
    let mut bytes = extension(&["-Wl,-rpath,$ORIGIN:/opt/somebody/lib"]);
    let before = bytes.clone();
    let error = clean(&mut bytes).unwrap_err().to_string();
    assert!(error.contains("foreign directory"), "{error}");
    assert_eq!(bytes, before, "a file that cannot be changed was changed");
}

#[test]
fn a_program_keeps_the_interpreters_library() {
    let folder = tempfile::tempdir().unwrap();
    compile(folder.path(), "libpython3.6m.so.1.0", "int Py_x;", &["-shared"]);
    let source = "extern int Py_x; int main(void) { return Py_x; }";
    let mut bytes = compile(folder.path(), "demo", source, &["-pie", "-L.", "-l:libpython3.6m.so.1.0"]);
    assert!(Elf::read(&bytes).unwrap().program);
    assert!(clean(&mut bytes).unwrap().libraries.is_empty());
    assert!(Elf::read(&bytes).unwrap().needed.contains(&"libpython3.6m.so.1.0".to_owned()));
}

#[test]
fn only_the_interpreters_own_library_is_taken_for_it() {
    for name in ["libpython2.7.so.1.0", "libpython3.6m.so.1.0", "libpython3.13t.so", "libpython3.8.so"] {
        assert!(is_libpython(name), "{name}");
    }
    for name in
        ["libpython3.so.x", "libpythonx.7.so", "libpython3.so", "mylibpython2.7.so", "libpython2.7.sox"]
    {
        assert!(!is_libpython(name), "{name}");
    }
}

/// A shared object of any class and byte order with the given dynamic strings.
fn made(bits64: bool, big_endian: bool, machine: u64, entries: &[(u64, &str)]) -> Vec<u8> {
    let word = if bits64 { 8 } else { 4 };
    let mut image = vec![0; 0x400];
    image[..6].copy_from_slice(&[
        0x7f,
        b'E',
        b'L',
        b'F',
        if bits64 { 2 } else { 1 },
        if big_endian { 2 } else { 1 },
    ]);
    let mut put = |at: usize, value: u64, width: usize| {
        let bytes = value.to_be_bytes()[8 - width..].to_vec();
        let bytes = if big_endian { bytes } else { bytes.into_iter().rev().collect() };
        image[at..at + width].copy_from_slice(&bytes);
    };
    put(18, machine, 2);
    let (table, size, count, header) = if bits64 { (32, 54, 56, 56) } else { (28, 42, 44, 32) };
    put(table, 0x40, word);
    put(size, header as u64, 2);
    put(count, 2, 2);
    let mut text = vec![0];
    let mut dynamic = vec![(DT_STRTAB, 0x1300), (DT_STRSZ, 0x100)];
    for (tag, value) in entries {
        dynamic.push((*tag, text.len() as u64));
        text.extend(value.bytes().chain([0]));
    }
    dynamic.push((DT_NULL, 0));
    let length = (dynamic.len() * 2 * word) as u64;
    // Everything is loaded at 0x1000 beyond its offset.
    for (index, segment) in
        [[PT_LOAD, 0, 0x1000, 0x400], [PT_DYNAMIC, 0x200, 0x1200, length]].iter().enumerate()
    {
        let places = if bits64 { [0, 8, 16, 32] } else { [0, 4, 8, 16] };
        for (field, place) in places.into_iter().enumerate() {
            put(0x40 + index * header + place, segment[field], if field == 0 { 4 } else { word });
        }
    }
    for (index, (tag, value)) in dynamic.iter().enumerate() {
        put(0x200 + index * 2 * word, *tag, word);
        put(0x200 + (index * 2 + 1) * word, *value, word);
    }
    image[0x300..0x300 + text.len()].copy_from_slice(&text);
    image
}

#[test]
fn every_class_and_byte_order_is_read_and_changed() {
    let machines = [
        (false, false, 3, "i686"),
        (true, false, 183, "aarch64"),
        (true, true, 22, "s390x"),
        (false, true, 20, ""),
    ];
    for (bits64, big_endian, machine, arch) in machines {
        let entries = [(DT_NEEDED, "libc.so.6"), (DT_RPATH, "/a/b:/c/d"), (DT_NEEDED, "libpython3.8.so.1.0")];
        let mut bytes = made(bits64, big_endian, machine, &entries);
        let elf = Elf::read(&bytes).unwrap();
        assert_eq!(elf.arch().unwrap_or_default(), arch);
        assert_eq!(elf.needed, ["libc.so.6", "libpython3.8.so.1.0"]);
        assert_eq!(elf.rpath, ["/a/b", "/c/d"]);
        clean(&mut bytes).unwrap();
        let elf = Elf::read(&bytes).unwrap();
        assert_eq!((elf.needed.join(" ").as_str(), elf.rpath.len()), ("libc.so.6", 0));
    }
}

#[test]
fn a_string_that_begins_inside_a_removed_path_survives() {
    let mut bytes = made(true, false, 62, &[(DT_RPATH, "/usr/x/libc.so.6"), (DT_NEEDED, "")]);
    // The second entry points into the first one's string, behind its last slash and before it.
    for (skip, expected) in [(7, "libc.so.6"), (5, "x/libc.so.6")] {
        let mut bytes = bytes.clone();
        let at = 0x200 + 3 * 16 + 8;
        bytes[at] = 1 + skip;
        clean(&mut bytes).unwrap();
        assert_eq!(Elf::read(&bytes).unwrap().needed, [expected]);
    }
    clean(&mut bytes).unwrap();
    assert!(!contains(&bytes, "/usr/x") && contains(&bytes, "libc.so.6"));
}

#[test]
fn what_points_outside_of_the_file_is_refused() {
    let good = made(true, false, 62, &[(DT_NEEDED, "libc.so.6")]);
    assert!(Elf::read(&good).is_ok());
    let cut = |length: usize| Elf::read(&good[..length]).unwrap_err().to_string();
    assert!(cut(3).contains("too short"));
    assert!(cut(0x50).contains("program header"));
    assert!(cut(0x210).contains("dynamic section"));
    assert!(cut(0x380).contains("string table"));
    let mut far = good.clone();
    far[0x200 + 2 * 16 + 8 + 1] = 0xff;
    assert!(Elf::read(&far).unwrap_err().to_string().contains("outside the string table"));
    assert!(Elf::read(b"#!/bin/sh\n").is_err());
}

proptest! {
    #[test]
    fn reading_never_panics_and_cleaning_leaves_what_reads(
        changes in prop::collection::vec((0usize..0x1000, any::<u8>()), 0..12), length in 0usize..0x8000,
    ) {
        let mut bytes = PATHS.clone();
        for (at, byte) in changes {
            if let Some(place) = bytes.get_mut(at) {
                *place = byte;
            }
        }
        bytes.truncate(length.max(64));
        if Elf::read(&bytes).is_ok() && clean(&mut bytes).is_ok() {
            let elf = Elf::read(&bytes).unwrap();
            prop_assert!(elf.rpath.iter().chain(&elf.runpath).all(|path| path.starts_with('$')));
        }
    }

    #[test]
    fn hand_made_files_with_any_numbers_are_read_or_refused(
        changes in prop::collection::vec((0usize..0x400, any::<u8>()), 0..24), bits64 in any::<bool>(), big in any::<bool>(),
    ) {
        let mut bytes = made(bits64, big, 62, &[(DT_NEEDED, "libc.so.6"), (DT_RUNPATH, "/x/y")]);
        changes.into_iter().filter(|(at, _)| *at > 5).for_each(|(at, byte)| bytes[at] = byte);
        let _ = clean(&mut bytes);
    }
}
