//! Stories of publishers: what an index takes, what it refuses, and that a refusal leaves nothing.

use crate::kit::Server;
use crate::kit::folder::files_below;
use crate::kit::forms::{Answer, BOUNDARY, Form};
use crate::kit::names::{index_name, project_name};
use crate::kit::packages::{Dist, Package};
use crate::kit::stages::{PASSWORD, stage, stage_with};
use futures::StreamExt;
use std::path::Path;
use wheelwright::db::files::StoredFile;

const DEV: &str = "alice/dev";

async fn upload(server: &Server, form: Form) -> Answer {
    server.post("/alice/dev/", form, "alice", PASSWORD).await
}

async fn stored(server: &Server, filename: &str) -> Option<StoredFile> {
    server.app.db.file(&index_name(DEV), filename).await.expect("a database")
}

async fn blob(server: &Server, sha256: &str) -> Option<Vec<u8>> {
    match server.app.store.get(sha256, None).await.expect("a store")? {
        wheelwright::store::Blob::Bytes(bytes) => Some(bytes.to_vec()),
        wheelwright::store::Blob::Stream { .. } => panic!("a folder gives bytes"),
    }
}

/// Files below the data directory that hold bytes of uploads.
fn kept(folder: &Path) -> usize {
    let parts = ["blobs", "staging"].map(|part| files_below(&folder.join(part)));
    let files = parts.iter().flatten().filter(|path| path.metadata().is_ok_and(|file| file.len() > 0));
    files.count()
}

#[tokio::test]
async fn a_wheel_is_kept_byte_for_byte_with_its_metadata() {
    let server = stage().await;
    let wheel =
        Package::new("My.Demo", "1.0").requires("x>=1").extra("fast").requires_python(">=3.8").wheel();
    let answer = upload(&server, Form::of(&wheel)).await;
    assert_eq!((answer.status, answer.text.as_str()), (200, ""));
    let file = stored(&server, &wheel.filename).await.expect("a row");
    assert_eq!(blob(&server, &file.sha256).await.expect("a blob"), wheel.bytes);
    let metadata = blob(&server, &file.metadata_sha256.expect("a wheel's METADATA")).await;
    assert_eq!(metadata.expect("a blob"), wheel.package.metadata().into_bytes());
    assert_eq!((file.project.as_str(), file.version.as_str()), ("my-demo", "1.0"));
    assert_eq!((file.requires_python.as_deref(), file.uploader.as_deref()), (Some(">=3.8"), Some("alice")));
    let project =
        server.app.db.project(&index_name(DEV), &project_name("my-demo")).await.unwrap().expect("a project");
    assert_eq!(project.spelling, "My.Demo");
}

#[tokio::test]
async fn a_wheel_with_a_build_tag_for_several_platforms_is_taken() {
    let server = stage().await;
    let package = Package::new("demo", "1.0").build("2_local").member("demo/data.bin", [0u8; 99]);
    let wheel = package.tag("cp312.cp313-abi3-manylinux_2_17_x86_64.linux_x86_64").wheel();
    let answer = upload(&server, Form::of(&wheel)).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert!(stored(&server, &wheel.filename).await.is_some());
}

#[tokio::test]
async fn an_sdist_is_kept_and_offers_no_metadata_to_installers() {
    let server = stage().await;
    let sdist = Package::new("demo", "1.0").sdist();
    assert_eq!(upload(&server, Form::of(&sdist)).await.status, 200);
    let file = stored(&server, &sdist.filename).await.expect("a row");
    assert_eq!((file.kind, file.metadata_sha256), (wheelwright::words::FileKind::Sdist, None));
    assert_eq!(blob(&server, &file.sha256).await.expect("a blob"), sdist.bytes);
}

#[tokio::test]
async fn every_upload_address_answers_without_redirect() {
    let server = stage_with(|config| config.default_upload_index = Some(DEV.into())).await;
    for (number, path) in ["/alice/dev/", "/alice/dev", "/legacy/", "/legacy"].iter().enumerate() {
        let wheel = Package::new("demo", &format!("1.{number}")).wheel();
        let answer = server.post(path, Form::of(&wheel), "alice", PASSWORD).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text);
        assert!(stored(&server, &wheel.filename).await.is_some(), "{path}");
    }
}

#[tokio::test]
async fn versions_with_epoch_and_local_part_are_kept_under_their_names() {
    let server = stage().await;
    let wheel = Package::new("demo", "1!2.0+local.1").wheel();
    assert_eq!(upload(&server, Form::of(&wheel)).await.status, 200);
    assert_eq!(
        stored(&server, "demo-1!2.0+local.1-py2.py3-none-any.whl").await.unwrap().version,
        "1!2.0+local.1"
    );
}

#[tokio::test]
async fn spellings_of_one_version_are_one_release() {
    let server = stage().await;
    for wheel in
        [Package::new("demo", "1.0").wheel(), Package::new("demo", "1.0.0").tag("py3-none-any").wheel()]
    {
        assert_eq!(upload(&server, Form::of(&wheel)).await.status, 200);
        assert_eq!(stored(&server, &wheel.filename).await.unwrap().version, "1.0");
    }
    assert_eq!(server.app.db.releases(&index_name(DEV), &project_name("demo")).await.unwrap().len(), 1);
    let one = Package::new("demo", "2.0").sdist();
    let other = Package::new("demo", "2.0.0").sdist();
    assert_eq!(upload(&server, Form::of(&one)).await.status, 200);
    let answer = upload(&server, Form::of(&other)).await;
    assert_eq!(answer.status, 400);
    assert!(answer.text.contains("Only one sdist may be uploaded per release."), "{}", answer.text);
}

#[tokio::test]
async fn the_same_bytes_again_change_nothing() {
    let server = stage().await;
    let wheel = Package::new("demo", "1.0").wheel();
    upload(&server, Form::of(&wheel)).await;
    let before = (stored(&server, &wheel.filename).await, server.app.db.serial().await.unwrap());
    assert_eq!(upload(&server, Form::of(&wheel)).await.status, 200);
    let after = (stored(&server, &wheel.filename).await, server.app.db.serial().await.unwrap());
    assert_eq!(before, after);
}

#[tokio::test]
async fn other_bytes_under_a_name_are_refused_in_reason_phrase_body_and_code() {
    let server = stage().await;
    let (first, second) = (Package::new("demo", "1.0"), Package::new("demo", "1.0").description("changed"));
    upload(&server, Form::of(&first.wheel())).await;
    let kept_before = kept(server.data.path());
    let body = Form::of(&second.wheel()).finish();
    let request = format!(
        "POST /alice/dev/ HTTP/1.1\r\nHost: x\r\nAuthorization: Basic {}\r\nAccept: application/json;q=0.9\r\n\
         Content-Type: multipart/form-data; boundary={BOUNDARY}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        base64::Engine::encode(&base64::prelude::BASE64_STANDARD, format!("alice:{PASSWORD}")),
        body.len()
    );
    let answer = server.raw(&[request.as_bytes(), &body].concat()).await;
    assert!(answer.starts_with("HTTP/1.1 400 File already exists ('demo-1.0-"), "{answer}");
    assert!(answer.contains("\"code\":\"400 File already exists ("), "{answer}");
    assert!(answer.contains("\"message\":\"File already exists ("), "{answer}");
    assert_eq!(kept(server.data.path()), kept_before);
    assert_eq!(stored(&server, &first.wheel_filename()).await.unwrap().sha256, first.wheel().sha256());
}

#[tokio::test]
async fn what_is_wrong_is_refused_with_a_reason_and_leaves_nothing() {
    let server = stage().await;
    let before = (kept(server.data.path()), server.app.db.serial().await.unwrap());
    for (form, status, says) in refusals() {
        let answer = upload(&server, form).await;
        assert_eq!(answer.status, status, "{says}: {}", answer.text);
        assert!(answer.text.contains(says), "no {says:?} in {}", answer.text);
        assert!(!answer.text.contains("was ever registered"), "poetry would register: {}", answer.text);
    }
    assert_eq!((kept(server.data.path()), server.app.db.serial().await.unwrap()), before);
    assert_eq!(server.app.db.projects(&index_name(DEV)).await.unwrap(), []);
}

fn refusals() -> Vec<(Form, u16, &'static str)> {
    let wheel = Package::new("demo", "1.0").requires("x").requires_python(">=3.8").wheel();
    let with = |name: &str, value: &str| Form::with(&wheel, name, Some(value));
    let without = |name: &str| Form::with(&wheel, name, None);
    let named = |filename: &str| {
        let dist = Dist { filename: filename.into(), ..wheel.clone() };
        Form::of(&dist)
    };
    let mut broken = wheel.clone();
    broken.bytes.truncate(200);
    let broken = Form::with(&broken, "sha256_digest", None);
    let zeros = "0".repeat(64);
    vec![
        (with("protocol_version", "2"), 400, "Unknown protocol version."),
        (without("name"), 400, "invalid value for Name"),
        (with("name", "-demo"), 400, "invalid value for Name"),
        (without("version"), 400, "invalid value for Version"),
        (with("version", "one"), 400, "invalid value for Version"),
        (with("filetype", "bdist_egg"), 400, "Unknown type of file"),
        (with("filetype", "sdist"), 400, "does not fit the file name"),
        (with("name", "other"), 400, "does not match project name 'other'"),
        (with("version", "9.9"), 400, "does not contain version '9.9'"),
        (with("sha256_digest", &zeros), 400, "The digest supplied does not match"),
        (with("md5_digest", &zeros[..32]), 400, "The digest supplied does not match"),
        (with("blake2_256_digest", &zeros), 400, "The digest supplied does not match"),
        (with("sha256_digest", "../../.."), 400, "sha256_digest must be 64 hexadecimal digits"),
        (with("sha256_digest", "<script>"), 400, "sha256_digest must be 64 hexadecimal digits"),
        (with("requires_dist", "evil"), 400, "The form and the file disagree on Requires-Dist"),
        (without("requires_dist"), 400, "The form and the file disagree on Requires-Dist"),
        (with("requires_python", ">=2"), 400, "The form and the file disagree on Requires-Python"),
        (with("provides_extra", "evil"), 400, "The form and the file disagree on Provides-Extra"),
        (with("summary", "a\0b"), 400, "contains a NUL character"),
        (with(":action", "frobnicate"), 400, "action 'frobnicate' not supported"),
        (without(":action"), 400, "the form has no :action"),
        (Form::of(&wheel).file("summary", "s.txt", b"x"), 400, "the field \"summary\" must be text"),
        (Form::of(&wheel).file("content", "b.whl", b"x"), 400, "two files named content"),
        (named("demo-1.0.whl"), 400, "Invalid wheel filename"),
        (named("demo-1.0.exe"), 400, "not a valid archive name"),
        (named("../demo-1.0-py3-none-any.whl"), 400, "one path segment"),
        (named(&format!("demo-1.0-{}-none-any.whl", "p".repeat(240))), 400, "Filename is too long"),
        (broken, 400, "ZIP"),
        (fields_of(&wheel).field("content", "text"), 400, "content file field not found"),
        (fields_of(&wheel), 400, "Upload payload does not have a file."),
    ]
}

fn fields_of(dist: &Dist) -> Form {
    dist.fields().iter().fold(Form::default(), |form, (name, value)| form.field(name, value))
}

#[tokio::test]
async fn the_order_of_fields_does_not_matter() {
    let server = stage().await;
    let wheel = Package::new("demo", "1.0").wheel();
    let form = Form::default().part(
        "form-data; name=\"content\"; filename=\"ignored\"; filename*=UTF-8''demo-1.0-py2.py3-none-any.whl",
        &wheel.bytes,
    );
    let form = wheel.fields().iter().rev().fold(form, |form, (name, value)| form.field(name, value));
    let answer = upload(&server, form).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert!(stored(&server, &wheel.filename).await.is_some());
}

#[tokio::test]
async fn attestations_of_this_very_file_are_kept_as_sent_and_others_are_refused() {
    let server = stage().await;
    let (good, bad) = (Package::new("demo", "1.0").wheel(), Package::new("demo", "2.0").wheel());
    let sent = good.attestations().replace("[{", "[  {");
    assert_eq!(upload(&server, Form::of(&good).field("attestations", &sent)).await.status, 200);
    for (text, says) in [
        ("{not json".to_owned(), "attestations is not a JSON array"),
        ("[{\"version\": 1, \"envelope\": {}}]".to_owned(), "it has no verification_material"),
        (good.attestations(), "it is about \"demo-1.0"),
        (bad.attestations_of(&bad.filename, &good.sha256()), "it is about a file with sha256"),
        (bad.attestations_of("evil.whl", &bad.sha256()), "it is about \"evil.whl\""),
    ] {
        let answer = upload(&server, Form::of(&bad).field("attestations", &text)).await;
        assert!(
            answer.status == 400 && answer.text.contains(says),
            "{says}: {} {}",
            answer.status,
            answer.text
        );
    }
    assert_eq!(upload(&server, Form::of(&bad)).await.status, 200);
    let kept = server.app.db.attestations(&index_name(DEV), &good.filename).await.unwrap();
    assert_eq!(kept.as_deref(), Some(sent.as_str()));
    assert_eq!(server.app.db.attestations(&index_name(DEV), &bad.filename).await.unwrap(), None);
}

#[tokio::test]
async fn submit_registers_a_release_that_has_no_file_yet() {
    let server = stage().await;
    let form = Form::default()
        .field(":action", "submit")
        .field("name", "Demo")
        .field("version", "1.0")
        .field("summary", "planned");
    assert_eq!(upload(&server, form).await.status, 200);
    let release = server
        .app
        .db
        .releases(&index_name(DEV), &project_name("demo"))
        .await
        .unwrap()
        .pop()
        .expect("a release");
    assert!(release.metadata.contains("planned"));
    assert_eq!(server.app.db.project_files(&index_name(DEV), &project_name("demo")).await.unwrap(), []);
}

#[tokio::test]
async fn a_mirror_takes_no_uploads() {
    let server = stage().await;
    let wheel = Package::new("demo", "1.0").wheel();
    let answer = server.post("/root/pypi/", Form::of(&wheel), "root", crate::kit::ROOT_PASSWORD).await;
    assert_eq!(answer.status, 404, "{}", answer.text);
    assert!(answer.text.contains("cannot submit to mirror index"), "{}", answer.text);
}

#[tokio::test]
async fn who_may_not_upload_hears_why_after_sending_megabytes() {
    let server = stage().await;
    server.make_user("bob", "other-secret").await;
    let mut wheel = Package::new("demo", "1.0").wheel();
    wheel.bytes.resize(8 << 20, 0);
    for (user, password, status) in
        [("bob", "other-secret", 403), ("alice", "wrong", 401), ("__token__", "ww_nonsense", 401)]
    {
        let answer = server.post("/alice/dev/", Form::of(&wheel), user, password).await;
        assert_eq!(answer.status, status, "{user}: {}", answer.text);
    }
    let anonymous = server.http.post(server.url("/alice/dev/")).body(Form::of(&wheel).finish());
    let anonymous = anonymous.send().await.expect("an answer");
    assert_eq!(anonymous.status(), 401);
    assert_eq!(anonymous.headers()["www-authenticate"], "Basic realm=\"pypi\"");
}

#[tokio::test]
async fn what_is_larger_than_the_limit_is_refused_announced_or_not() {
    let server = stage_with(|config| config.limits.upload = 100_000).await;
    let before = kept(server.data.path());
    let mut wheel = Package::new("demo", "1.0").wheel();
    wheel.bytes.resize(1 << 20, 0);
    let announced = upload(&server, Form::of(&wheel)).await;
    assert_eq!(announced.status, 413, "{}", announced.text);
    let body = Form::of(&wheel).finish();
    let pieces: Vec<_> = body.chunks(10_000).map(|piece| Ok::<_, std::io::Error>(piece.to_vec())).collect();
    let chunked = server
        .http
        .post(server.url("/alice/dev/"))
        .basic_auth("alice", Some(PASSWORD))
        .header("content-type", format!("multipart/form-data; boundary={BOUNDARY}"))
        .body(reqwest::Body::wrap_stream(futures::stream::iter(pieces)));
    let chunked = chunked.send().await.expect("an answer");
    assert_eq!(chunked.status(), 413);
    assert!(chunked.text().await.unwrap().contains("limited to 100000 bytes"));
    assert_eq!(kept(server.data.path()), before);
}

#[tokio::test]
async fn a_client_that_waits_for_100_continue_gets_it_or_the_refusal() {
    let server = stage().await;
    let body = Form::of(&Package::new("demo", "1.0").wheel()).finish();
    let ask = |password: &str| {
        format!(
            "POST /alice/dev/ HTTP/1.1\r\nHost: x\r\nAuthorization: Basic {}\r\nExpect: 100-continue\r\n\
             Content-Type: multipart/form-data; boundary={BOUNDARY}\r\nContent-Length: {}\r\n\r\n",
            base64::Engine::encode(&base64::prelude::BASE64_STANDARD, format!("alice:{password}")),
            body.len()
        )
    };
    assert!(server.first_line(ask(PASSWORD).as_bytes()).await.starts_with("HTTP/1.1 100 "));
    assert!(server.first_line(ask("wrong").as_bytes()).await.starts_with("HTTP/1.1 401 "));
}

#[tokio::test]
async fn of_many_who_upload_the_same_bytes_at_once_all_succeed() {
    let server = stage().await;
    let wheel = Package::new("demo", "1.0").wheel();
    let answers = (0..8).map(|_| upload(&server, Form::of(&wheel)));
    let answers: Vec<u16> = futures::future::join_all(answers).await.iter().map(|a| a.status).collect();
    assert_eq!(answers, [200; 8]);
    assert_eq!(server.app.db.project_files(&index_name(DEV), &project_name("demo")).await.unwrap().len(), 1);
}

#[tokio::test]
async fn of_many_who_upload_other_bytes_under_one_name_exactly_one_succeeds() {
    let server = stage().await;
    for round in 0..20 {
        let before = kept(server.data.path());
        let wheel =
            |n: usize| Package::new("demo", &format!("1.{round}")).description(&format!("{n}")).wheel();
        let wheels: Vec<Dist> = (0..8).map(wheel).collect();
        let answers =
            futures::future::join_all(wheels.iter().map(|wheel| upload(&server, Form::of(wheel)))).await;
        let mut statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 400, 400, 400, 400, 400, 400, 400]);
        let winner = answers.iter().position(|answer| answer.status == 200).expect("one");
        let file = stored(&server, &wheels[winner].filename).await.expect("a row");
        assert_eq!(file.sha256, wheels[winner].sha256());
        assert_eq!(kept(server.data.path()), before + 2, "a wheel and its METADATA");
    }
}

#[tokio::test]
async fn a_large_wheel_needs_no_more_memory_than_a_small_one() {
    let server = stage().await;
    let folder = tempfile::tempdir().expect("a folder");
    let package = Package::new("large", "1.0");
    upload(&server, Form::of(&Package::new("small", "1.0").wheel())).await;
    let size = 300 << 20;
    let path = package.large_wheel(folder.path(), size);
    let before = memory("VmRSS");
    std::fs::write("/proc/self/clear_refs", "5").expect("the peak is reset");
    let file = tokio::fs::File::open(&path).await.expect("the wheel");
    let dist = Dist { filename: package.wheel_filename(), bytes: Vec::new(), package };
    let mut head = Form::with(&dist, "sha256_digest", None).finish();
    // The file's bytes go where the empty content ends.
    let tail = format!("\r\n--{BOUNDARY}--\r\n");
    head.truncate(head.len() - tail.len());
    let body = futures::stream::iter([Ok(head.into())])
        .chain(tokio_util::io::ReaderStream::with_capacity(file, 256 << 10))
        .chain(futures::stream::iter([Ok(tail.into_bytes().into())]));
    let request = server
        .http
        .post(server.url("/alice/dev/"))
        .basic_auth("alice", Some(PASSWORD))
        .header("content-type", format!("multipart/form-data; boundary={BOUNDARY}"))
        .body(reqwest::Body::wrap_stream(body));
    let answer = request.send().await.expect("an answer");
    assert_eq!(answer.status(), 200);
    let used = memory("VmHWM").saturating_sub(before);
    assert!(used < 64 << 10, "{used} kB more memory for a wheel of {size} bytes");
    assert!(stored(&server, &dist.filename).await.expect("a row").size > size);
}

/// kB, of this process: server and client.
fn memory(field: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("a status");
    let line = status.lines().find(|line| line.starts_with(field)).expect("a field");
    line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).expect("a number")
}
