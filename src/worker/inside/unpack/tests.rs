//! Archives, good and bad, and what of them lands where.

use super::*;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;

/// A tar archive made of raw headers, so that it can say anything.
fn tar(members: &[(&str, char, &str)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, kind, content) in members {
        let mut header = tar::Header::new_ustar();
        let is_file = *kind == '0' || *kind == 'x';
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_entry_type(tar::EntryType::new(if *kind == 'x' { b'0' } else { *kind as u8 }));
        header.set_mode(if *kind == 'x' { 0o4775 } else { 0o600 });
        header.set_mtime(1_000_000_000);
        header.set_size(if is_file { content.len() as u64 } else { 0 });
        if !is_file {
            header.as_old_mut().linkname[..content.len()].copy_from_slice(content.as_bytes());
        }
        header.set_cksum();
        bytes.extend_from_slice(header.as_bytes());
        if is_file {
            bytes.extend_from_slice(content.as_bytes());
            bytes.resize(bytes.len().next_multiple_of(512), 0);
        }
    }
    bytes.resize(bytes.len() + 1024, 0);
    bytes
}

struct Unpacked {
    result: Result<(), String>,
    folder: tempfile::TempDir,
}

fn unpacked(bytes: &[u8]) -> Unpacked {
    let folder = tempfile::tempdir().expect("a folder");
    let archive = folder.path().join("archive");
    std::fs::write(&archive, bytes).expect("an archive");
    let result = unpack(&archive, &folder.path().join("in"));
    Unpacked { result, folder }
}

impl Unpacked {
    fn text(&self, name: &str) -> Option<String> {
        std::fs::read_to_string(self.folder.path().join("in").join(name)).ok()
    }
}

fn through(program: &str, bytes: &[u8]) -> Vec<u8> {
    let mut child = Command::new(program).arg("-c").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let child = child.as_mut().expect(program);
    let (mut input, bytes) = (child.stdin.take().expect("its input"), bytes.to_vec());
    let writing = std::thread::spawn(move || input.write_all(&bytes).expect("written"));
    let mut packed = Vec::new();
    child.stdout.take().expect("its output").read_to_end(&mut packed).expect("read");
    writing.join().expect("all written");
    child.wait().expect("it ends");
    packed
}

#[test]
fn every_usual_form_of_a_source_is_unpacked() {
    let plain =
        tar(&[("demo-1/", '5', ""), ("demo-1/setup.py", '0', "setup()"), ("./demo-1/run", 'x', "#!")]);
    let packed = ["gzip", "bzip2", "xz"].map(|program| through(program, &plain));
    for bytes in packed.iter().chain([&plain]) {
        let done = unpacked(bytes);
        assert_eq!(done.result, Ok(()));
        assert_eq!(done.text("demo-1/setup.py").as_deref(), Some("setup()"));
        let facts = std::fs::metadata(done.folder.path().join("in/demo-1/run")).expect("a program");
        assert_eq!(facts.permissions().mode() & 0o7777, 0o755);
        let seconds = facts.modified().expect("a time").duration_since(SystemTime::UNIX_EPOCH);
        assert_eq!(seconds.expect("after 1970").as_secs(), 1_000_000_000);
    }
}

#[test]
fn what_follows_the_end_of_the_tar_is_read_and_does_not_spoil_it() {
    // More than a pipe holds, and not all alike: a program that is not read to its end is killed.
    let noise = |at: u32| (at.wrapping_mul(2_654_435_761) >> 24) as u8;
    let mut padded = tar(&[("demo-1/setup.py", '0', "setup()")]);
    padded.extend((0..600_000).map(noise));
    for program in ["bzip2", "xz", "lzma", "zstd"] {
        let mut packed = through(program, &padded);
        assert_eq!(unpacked(&packed).result, Ok(()), "{program}");
        // Several members make one stream.
        let members = [through(program, &padded[..700]), through(program, &padded[700..])].concat();
        let done = unpacked(&members);
        if program != "lzma" {
            assert_eq!(done.result, Ok(()), "{program}");
            assert_eq!(done.text("demo-1/setup.py").as_deref(), Some("setup()"), "{program}");
        }
        packed.extend(b"left by a tape");
        assert_eq!(unpacked(&packed).result, Ok(()), "{program}");
        // Within the tar nothing may be missing.
        let mut large = tar(&[("demo-1/large", '0', &"x".repeat(200_000))]);
        large.truncate(150_000);
        let error = unpacked(&through(program, &large)).result.expect_err(program);
        assert!(error.contains("broken"), "{error}");
    }
}

#[test]
fn a_source_that_is_cut_is_broken_whatever_packed_it() {
    let noise: String =
        (0..300_000u32).map(|at| char::from(b'a' + (at.wrapping_mul(2_654_435_761) >> 28) as u8)).collect();
    let whole = tar(&[("demo-1/large", '0', &noise)]);
    for program in ["gzip", "bzip2", "xz", "zstd"] {
        let mut cut = through(program, &whole);
        cut.truncate(cut.len() / 2);
        assert!(unpacked(&cut).result.is_err(), "{program}");
    }
}

#[test]
fn a_program_that_is_missing_is_the_machines_fault() {
    let lacking = untar_by("wheelwright-no-such-program", File::open("/dev/null").expect("a file"), &mut {
        Unpacking::new(&tempfile::tempdir().expect("a folder").path().join("in")).expect("a place")
    });
    assert_eq!(lacking, Err("this machine has no program wheelwright-no-such-program".to_owned()));
}

#[test]
fn a_zip_archive_is_unpacked_with_its_backslashes_and_modes() {
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default();
    writer.start_file("demo-1\\setup.py", options).expect("a member");
    writer.write_all(b"setup()").expect("written");
    writer.start_file("demo-1/run", options.unix_permissions(0o755)).expect("a member");
    let done = unpacked(&writer.finish().expect("an archive").into_inner());
    assert_eq!(done.result, Ok(()));
    assert_eq!(done.text("demo-1/setup.py").as_deref(), Some("setup()"));
}

#[test]
fn nothing_is_written_outside() {
    for name in ["../out", "demo/../../out", "/tmp/wheelwright-out"] {
        let done = unpacked(&tar(&[(name, '0', "x")]));
        assert!(done.result.as_ref().is_err_and(|text| text.contains("outside")), "{:?}", done.result);
        assert!(!done.folder.path().join("out").exists() && !Path::new("/tmp/wheelwright-out").exists());
    }
}

#[test]
fn nothing_is_written_through_a_link() {
    let done = unpacked(&tar(&[
        ("demo/way", '2', "/tmp"),
        ("demo/up", '2', "../.."),
        ("demo/in", '2', "real"),
        ("demo/in/file", '0', "x"),
        ("demo/in", '2', "again"),
    ]));
    assert_eq!(done.result, Ok(()));
    // Files came first: the link's place is a folder by then.
    assert_eq!(done.text("demo/in/file").as_deref(), Some("x"));
    let at = |name: &str| done.folder.path().join("in/demo").join(name);
    assert!(at("in").symlink_metadata().is_ok_and(|facts| facts.is_dir()));
    assert!(at("way").symlink_metadata().is_err() && at("up").symlink_metadata().is_err());
}

#[test]
fn links_within_the_archive_work_and_hard_ones_become_files() {
    let done = unpacked(&tar(&[
        ("demo/a", '0', "content"),
        ("demo/b", '1', "demo/a"),
        ("demo/deep/c", '2', "../a"),
        ("demo/pipe", '6', ""),
    ]));
    assert_eq!(done.result, Ok(()));
    for name in ["demo/a", "demo/b", "demo/deep/c"] {
        assert_eq!(done.text(name).as_deref(), Some("content"), "{name}");
    }
    assert!(done.folder.path().join("in/demo/pipe").symlink_metadata().is_err());
    let missing = unpacked(&tar(&[("demo/b", '1', "../archive")]));
    assert!(missing.result.is_err());
}

#[test]
fn what_is_no_archive_is_said_to_be_none() {
    for bytes in [&b""[..], b"MZ\x90", b"<!DOCTYPE html>", &[0; 600]] {
        assert!(unpacked(bytes).result.is_err());
    }
    let mut cut = through("gzip", &tar(&[("demo/a", '0', &"x".repeat(4000))]));
    cut.truncate(40);
    assert!(unpacked(&cut).result.is_err());
}
