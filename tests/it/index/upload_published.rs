//! Stories of files as package indexes have them: an index of one's own is no stricter than those,
//! and what it refuses it refuses with the reason in sight.

use crate::kit::Server;
use crate::kit::forms::{Answer, BOUNDARY, Form};
use crate::kit::host::json_of;
use crate::kit::names::{index_name, project_name};
use crate::kit::packages::{Dist, Package};
use crate::kit::stages::{PASSWORD, stage, stage_with};
use crate::kit::upstream::Upstream;
use base64::Engine as _;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use std::io::{Cursor, Read as _, Write as _};
use zip::write::SimpleFileOptions;

async fn put(server: &Server, dist: &Dist) -> Answer {
    server.post("/alice/dev/", Form::of(dist), "alice", PASSWORD).await
}

/// Name, version and the file: what a script sends.
fn bare(dist: &Dist) -> Form {
    let form = Form::default().field(":action", "file_upload").field("name", &dist.package.name);
    let form = form.field("version", &dist.package.version).field("filetype", "bdist_wheel");
    form.file("content", &dist.filename, &dist.bytes)
}

/// The same wheel with members changed by `change`, and a RECORD that fits, `more` lines in it.
fn rewritten(dist: &Dist, change: impl Fn(&str, Vec<u8>) -> Vec<u8>, more: &str) -> Dist {
    let mut old = zip::ZipArchive::new(Cursor::new(&dist.bytes)).expect("a wheel");
    let mut new = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let mut record = more.to_owned();
    for at in 0..old.len() {
        let mut member = old.by_index(at).expect("a member");
        let name = member.name().expect("a name").into_owned();
        let mut bytes = Vec::new();
        member.read_to_end(&mut bytes).expect("bytes");
        if name.ends_with("/RECORD") {
            record += &format!("{name},,\n");
            bytes = record.clone().into_bytes();
        } else {
            bytes = change(&name, bytes);
            let hash = base64::prelude::BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(&bytes));
            record += &format!("{name},sha256={hash},{}\n", bytes.len());
        }
        new.start_file(name, SimpleFileOptions::default()).expect("room");
        new.write_all(&bytes).expect("room");
    }
    Dist { bytes: new.finish().expect("room").into_inner(), ..dist.clone() }
}

/// With a text in METADATA replaced.
fn said(dist: &Dist, from: &str, to: &str) -> Dist {
    let change = |name: &str, bytes: Vec<u8>| match name.ends_with("/METADATA") {
        true => String::from_utf8(bytes).expect("text").replacen(from, to, 1).into_bytes(),
        false => bytes,
    };
    rewritten(dist, change, "")
}

#[tokio::test]
async fn wheels_of_the_past_are_taken_as_they_are() {
    let server = stage().await;
    let old = |version: &str| Package::new("demo", version).requires("six>=1.5").wheel();
    let tags = |name: &str, bytes: Vec<u8>| match name.ends_with("/WHEEL") {
        true => String::from_utf8(bytes).expect("text").replace("py2-none", "cp27-none").into_bytes(),
        false => bytes,
    };
    let empty = "sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU,0";
    let wheels = [
        said(&old("1.0"), "Metadata-Version: 2.1", "Metadata-Version: 2.0"),
        said(&old("2.0"), "six>=1.5", "six (>=1.5.*)"),
        said(&old("3.0"), "six>=1.5", "six (>=1.5,)"),
        said(&old("4.0"), "Requires-Dist", "Requires-Python: >=3.6.*\nRequires-Dist"),
        said(&old("5.0"), "Requires-Dist", "Requires-Python: >=2.7, !=3.0.*, !=3.1.*,\nRequires-Dist"),
        rewritten(&old("6.0"), tags, ""),
        rewritten(&old("7.0"), |_, bytes| bytes, &format!("demo/,{empty}\n")),
        rewritten(&old("8.0"), |_, bytes| bytes, "demo-8.0.dist-info/,,\ndemo,,0\n"),
    ];
    for wheel in &wheels {
        let answer = server.post("/alice/dev/", bare(wheel), "alice", PASSWORD).await;
        assert_eq!(answer.status, 200, "{}: {}", wheel.filename, answer.text);
    }
    let ghost = rewritten(&old("9.0"), |_, bytes| bytes, &format!("nowhere/,{empty}\n"));
    let answer = put(&server, &ghost).await;
    assert!(
        answer.status == 400 && answer.text.contains("\"nowhere/\", which is not in the wheel"),
        "{}",
        answer.text
    );
}

#[tokio::test]
async fn a_form_that_says_little_is_no_contradiction_and_one_that_says_else_is() {
    let server = stage().await;
    let wheel = |version: &str| {
        Package::new("demo", version).requires("six>=1.5").extra("fast").requires_python(">=3.8").wheel()
    };
    for (number, form) in [
        bare(&wheel("1.0")),
        bare(&wheel("1.1")).field("metadata_version", "2.1"),
        bare(&wheel("1.2")).field("metadata_version", "2.4").field("requires_dist", ""),
        bare(&wheel("1.3")).field("summary", "a text").field("author", "me"),
    ]
    .into_iter()
    .enumerate()
    {
        let answer = server.post("/alice/dev/", form, "alice", PASSWORD).await;
        assert_eq!(answer.status, 200, "{number}: {}", answer.text);
    }
    for form in [
        bare(&wheel("2.0")).field("requires_dist", "evil"),
        bare(&wheel("2.0")).field("requires_python", ">=2"),
        bare(&wheel("2.0")).field("provides_extra", "slow"),
    ] {
        let answer = server.post("/alice/dev/", form, "alice", PASSWORD).await;
        assert!(answer.status == 400 && answer.text.contains("disagree on"), "{}", answer.text);
    }
}

#[tokio::test]
async fn bytes_that_a_base_lists_are_welcome_however_odd_and_no_others() {
    let upstream = Upstream::start().await;
    let server = stage_with(|config| config.upstream = Some(upstream.simple())).await;
    server.as_alice("PATCH", "/alice/dev", "[\"bases=root/pypi\"]").await;
    let odd = |version: &str| {
        said(&Package::new("demo", version).wheel(), "Name:", "Requires-Dist: six ~> 1\nName:")
    };
    let zip = Dist {
        filename: "Demo-3.0.zip".into(),
        bytes: b"PK no zip".to_vec(),
        package: Package::new("Demo", "3.0"),
    };
    let listed = [odd("1.0"), odd("2.0")];
    for dist in listed.iter().chain([&zip]) {
        upstream.add(&dist.filename, dist.bytes.clone());
    }
    for dist in &listed {
        let answer = server.post("/alice/dev/", bare(dist), "alice", PASSWORD).await;
        assert_eq!(answer.status, 200, "{}: {}", dist.filename, answer.text);
    }
    let form = Form::with(&zip, "filetype", Some("sdist"));
    let answer = server.post("/alice/dev/", form, "alice", PASSWORD).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(
        server.app.db.project_files(&index_name("alice/dev"), &project_name("demo")).await.unwrap().len(),
        3
    );
    // Not listed: refused for what it is, other bytes under a listed name too.
    for dist in [
        odd("4.0"),
        said(&Package::new("demo", "1.0").build("2").wheel(), "Name:", "Requires-Dist: ~\nName:"),
    ] {
        let answer = server.post("/alice/dev/", bare(&dist), "alice", PASSWORD).await;
        assert!(answer.status == 400 && answer.text.contains("Requires-Dist"), "{}", answer.text);
    }
}

#[tokio::test]
async fn metadata_that_installers_read_differently_is_refused_in_wheel_and_sdist() {
    let server = stage().await;
    let wheel = Package::new("demo", "1.0").requires("a").wheel();
    for (from, to, says) in [
        ("Summary: A", "Summary: x\rRequires-Dist: evil\nX: A", "carriage return without a line feed"),
        ("Metadata-Version", "From me\nMetadata-Version", "is not a field"),
        ("Version: 1.0", ": x\nVersion: 1.0", "is not a field"),
        ("Name:", "\u{feff}Name:", "is not a field"),
        ("Requires-Dist: a", "Requires-Dist: a\n ;os_name=='nt'", "must be on one line"),
        ("Name: demo", "Name: demo\nName: demo", "a second time"),
    ] {
        let answer = put(&server, &said(&wheel, from, to)).await;
        assert!(
            answer.status == 400 && answer.text.contains(says),
            "{says}: {} {}",
            answer.status,
            answer.text
        );
    }
    let sdist = Package::new("demo", "1.0").header(":", "x").sdist();
    let answer = put(&server, &sdist).await;
    assert!(answer.status == 400 && answer.text.contains("is not a field"), "{}", answer.text);
}

#[tokio::test]
async fn a_wheel_written_to_a_pipe_is_taken() {
    let server = stage().await;
    let wheel = Package::new("demo", "1.0").wheel();
    let folder = tempfile::tempdir().expect("a folder");
    let path = wheel.save(folder.path());
    // Python cannot go back in a pipe: sizes and CRC are written behind the bytes.
    let script = "import io, sys, zipfile\n\
        class Pipe(io.RawIOBase):\n    def writable(self): return True\n    def write(self, b): return sys.stdout.buffer.write(b)\n\
        old = zipfile.ZipFile(sys.argv[1])\n\
        with zipfile.ZipFile(Pipe(), 'w', zipfile.ZIP_DEFLATED) as new:\n    \
        for name in old.namelist():\n        \
        with new.open(name, 'w', force_zip64=name.endswith('.py')) as f: f.write(old.read(name))\n";
    let output =
        std::process::Command::new("python3").args(["-c", script]).arg(&path).output().expect("python3");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let piped = Dist { bytes: output.stdout, ..wheel };
    assert_eq!(piped.bytes[6] & 8, 8, "a data descriptor");
    assert_eq!(put(&server, &piped).await, Answer { status: 200, text: String::new() });
}

/// The first line of the answer to a form.
async fn status_line(server: &Server, form: Form) -> String {
    let body = form.finish();
    let login = base64::prelude::BASE64_STANDARD.encode(format!("alice:{PASSWORD}"));
    let mut request = format!(
        "POST /alice/dev/ HTTP/1.1\r\nHost: x\r\nAuthorization: Basic {login}\r\nConnection: close\r\n\
         Content-Type: multipart/form-data; boundary={BOUNDARY}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    request.extend(body);
    server.first_line(&request).await
}

#[tokio::test]
async fn the_reason_of_a_refusal_stands_in_the_status_line_however_long_the_value() {
    let server = stage().await;
    let long = "x y ".repeat(300);
    let package = || Package::new("demo", "1.0");
    let wheel = package().wheel();
    let markers = format!("a; {} oops", "os_name == 'nt' or ".repeat(40));
    let cases = [
        (
            Form::of(&said(&wheel, "Summary: ", &format!("Summary: {long}"))),
            vec!["Summary", "512 characters"],
        ),
        (Form::of(&package().requires(&markers).wheel()), vec!["Requires-Dist", "PEP 508", "oops"]),
        (Form::of(&package().requires_python(&"3.".repeat(200)).wheel()), vec!["Requires-Python", "Error: "]),
        (Form::with(&wheel, "name", Some(&long)), vec!["Name", "Start and end with a letter"]),
        (Form::with(&wheel, "version", Some(&long)), vec!["Version", "PEP 440"]),
        (Form::with(&wheel, "filetype", Some(&long)), vec!["filetype must be sdist or bdist_wheel"]),
        (Form::with(&wheel, ":action", Some(&long)), vec!["use file_upload"]),
        (Form::with(&wheel, "requires_dist", Some(&long)), vec!["disagree on Requires-Dist"]),
        (
            Form::of(&package().header("License-File", &format!("../{long}")).wheel()),
            vec!["License-File", "relative path"],
        ),
    ];
    for (form, says) in cases {
        let line = status_line(&server, form).await;
        for word in says {
            assert!(line.starts_with("HTTP/1.1 400 ") && line.contains(word), "{word:?} is not in {line}");
        }
    }
}

#[tokio::test]
async fn a_form_of_setup_py_register_is_refused_for_its_line_ends() {
    let server = stage().await;
    for lead in ["\n", ""] {
        let part = |name: &str, value: &str| {
            format!("--{BOUNDARY}\nContent-Disposition: form-data; name=\"{name}\"\n\n{value}\n")
        };
        let body = [part(":action", "submit"), part("name", "demo"), part("version", "1.0")].concat();
        let request = server.http.post(server.url("/alice/dev/")).basic_auth("alice", Some(PASSWORD));
        let request = request.header("content-type", format!("multipart/form-data; boundary={BOUNDARY}"));
        let answer = request.body(format!("{lead}{body}--{BOUNDARY}--\n")).send().await.expect("an answer");
        assert_eq!(answer.status(), 400);
        let text = answer.text().await.expect("text");
        assert!(text.contains("line feeds only") && text.contains("twine"), "{text}");
    }
}

#[tokio::test]
async fn a_release_is_found_under_every_spelling_of_its_version() {
    let server = stage().await;
    for wheel in
        [Package::new("demo", "1.0").wheel(), Package::new("demo", "1.0.0").tag("py3-none-any").wheel()]
    {
        assert_eq!(put(&server, &wheel).await.status, 200);
    }
    let accept = [("accept", "application/json")];
    for version in ["1", "1.0", "1.0.0", "v1.0", "01.0.0.0"] {
        for path in [format!("/alice/dev/pypi/demo/{version}/json"), format!("/alice/dev/demo/{version}")] {
            let answer = server.get_with(&path, &accept).await;
            assert_eq!(answer.status(), 200, "{path}");
            let body = json_of(answer).await;
            let files = body["urls"].as_array().or(body["result"]["+links"].as_array()).expect("files");
            assert_eq!(files.len(), 2, "{path}: {body}");
            let summary = body["info"]["summary"].as_str().or(body["result"]["summary"].as_str());
            assert_eq!(summary, Some("A package made for a test"), "{path}");
        }
        let (path, accept) = (format!("/alice/dev/demo/{version}"), "text/html,application/xhtml+xml");
        assert_eq!(server.get_with(&path, &[("accept", accept)]).await.status(), 200, "{version}");
    }
    let body = json_of(server.get_with("/alice/dev/pypi/demo/json", &accept).await).await;
    assert_eq!(body["releases"].as_object().expect("releases").len(), 1, "{body}");
    for version in ["1.1", "1.0.1", "one", ""] {
        let answer = server.get_with(&format!("/alice/dev/pypi/demo/{version}/json"), &accept).await;
        assert_ne!(answer.status(), 200, "{version}");
    }
    assert_eq!(
        server.as_alice("PATCH", "/alice/dev/demo/1.0.0.0", &json!({"yanked": true}).to_string()).await.0,
        200
    );
}

#[tokio::test]
async fn links_within_an_sdist_are_taken_and_those_that_leave_it_or_hide_a_file_are_not() {
    let server = stage().await;
    let sdist = |version: &str, links: &[(&str, &str)], files: &[&str]| {
        let package = Package::new("demo", version);
        let mut tar =
            tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()));
        let top = format!("demo-{version}");
        let mut add = |name: &str, kind: tar::EntryType, target: Option<&str>, bytes: &[u8]| {
            let mut header = tar::Header::new_ustar();
            header.set_entry_type(kind);
            header.set_size(bytes.len() as u64);
            header.set_mode(0o644);
            let path = format!("{top}/{name}");
            match target {
                Some(target) => tar.append_link(&mut header, path, target),
                None => tar.append_data(&mut header, path, bytes),
            }
            .expect("room");
        };
        add("PKG-INFO", tar::EntryType::Regular, None, package.metadata().as_bytes());
        for (name, target) in links {
            add(name, tar::EntryType::Symlink, Some(target), b"");
        }
        for name in files {
            add(name, tar::EntryType::Regular, None, b"x");
        }
        let bytes = tar.into_inner().and_then(|gz| gz.finish()).expect("room");
        Dist { filename: format!("demo-{version}.tar.gz"), bytes, package }
    };
    let good: [Tree; 2] = [
        (&[("README", "PKG-INFO"), ("docs/readme", "../README.md")], &["README.md"]),
        (&[], &["Makefile", "makefile", "src/A.py", "src/a.py"]),
    ];
    for (number, (links, files)) in good.into_iter().enumerate() {
        let answer = put(&server, &sdist(&format!("1.{number}"), links, files)).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
    }
    let bad: [(Tree, &str); 6] = [
        ((&[("out", "../../etc/passwd")], &[]), "points out of the archive"),
        ((&[("out", "/etc/passwd")], &[]), "points out of the archive"),
        ((&[("d", "src")], &["d/x"]), "both a file or link and a directory"),
        ((&[("d", "src")], &["D/x"]), "if case is ignored"),
        ((&[("readme", "PKG-INFO")], &["README"]), "if case is ignored"),
        ((&[("a", "PKG-INFO"), ("A", "setup.py")], &[]), "if case is ignored"),
    ];
    for ((links, files), says) in bad {
        let answer = put(&server, &sdist("2.0", links, files)).await;
        assert!(
            answer.status == 400 && answer.text.contains(says),
            "{says}: {} {}",
            answer.status,
            answer.text
        );
    }
}

/// Links with their targets, and files.
type Tree = (&'static [(&'static str, &'static str)], &'static [&'static str]);
