//! Stories of forms as publishers vary them, and of what is told first when much is wrong.

use crate::kit::Server;
use crate::kit::forms::Form;
use crate::kit::host::json_of;
use crate::kit::packages::{Dist, Package};
use crate::kit::stages::{PASSWORD, stage, stage_with};

const DEV: &str = "/alice/dev/";
const JSON: (&str, &str) = ("accept", "application/vnd.pypi.simple.v1+json");

async fn upload(server: &Server, path: &str, form: Form) -> (u16, String) {
    let answer = server.post(path, form, "alice", PASSWORD).await;
    (answer.status, answer.text)
}

#[tokio::test]
async fn an_answered_upload_is_on_every_page_at_once() {
    let server = stage().await;
    let page = "/alice/dev/+simple/demo/";
    assert_eq!(server.get_with(page, &[JSON]).await.status(), 404);
    for version in ["1.0", "1.1", "1.2"] {
        let wheel = Package::new("demo", version).wheel();
        assert_eq!(upload(&server, DEV, Form::of(&wheel)).await, (200, String::new()));
        let json = json_of(server.get_with(page, &[JSON]).await).await;
        let files = json["files"].as_array().expect("files");
        let file = files.iter().find(|file| file["filename"] == wheel.filename.as_str()).expect("the file");
        assert_eq!(file["hashes"]["sha256"], wheel.sha256());
        assert_eq!(file["size"], wheel.bytes.len());
        let time = file["upload-time"].as_str().expect("a time");
        assert!(time.len() == "2026-01-02T03:04:05.678901Z".len() && time.ends_with('Z'), "{time}");
        let html = server.get(page).await.text().await.expect("text");
        assert!(html.contains(&format!("#sha256={}", wheel.sha256())), "{html}");
        let list = server.get("/alice/dev/+simple/").await.text().await.expect("text");
        assert!(list.contains("<a href=\"demo/\">demo</a>"), "{list}");
    }
}

#[tokio::test]
async fn what_some_publishers_send_besides_is_no_reason_to_refuse() {
    let server = stage().await;
    let wheel = Package::new("demo", "1.0").extra("fast").wheel();
    let mut fields = wheel.fields();
    fields.retain(|(name, _)| name != "provides_extra" && name != ":action");
    for (name, value) in &mut fields {
        if name.ends_with("_digest") {
            *value = value.to_uppercase();
        }
    }
    let form = fields.iter().fold(Form::default(), |form, (name, value)| form.field(name, value));
    let form = form
        .field("provides_extras", "fast")
        .field("import_names", "demo")
        .field("comment", "")
        .field("some_field_of_tomorrow", "x")
        .field("classifiers", "Private :: Do Not Upload")
        .field("author", "UNKNOWN")
        .file("gpg_signature", "demo.whl.asc", b"-----BEGIN PGP SIGNATURE-----")
        .part(
            &format!(
                "form-data; name=\"content\"; filename=\"{}\"\r\nContent-Type: application/octet-stream",
                wheel.filename
            ),
            &wheel.bytes,
        )
        .field("attestations", "[]");
    assert_eq!(upload(&server, "/alice/dev/?:action=file_upload", form).await, (200, String::new()));
}

#[tokio::test]
async fn a_picture_is_no_distribution() {
    let server = stage().await;
    let wheel = Package::new("demo", "1.0").wheel();
    let form = wheel.fields().iter().fold(Form::default(), |form, (name, value)| form.field(name, value));
    let head =
        format!("form-data; name=\"content\"; filename=\"{}\"\r\nContent-Type: image/png", wheel.filename);
    let (status, text) = upload(&server, DEV, form.part(&head, &wheel.bytes)).await;
    assert!(status == 400 && text.contains("Invalid distribution file."), "{status} {text}");
}

#[tokio::test]
async fn of_several_faults_the_first_in_pypis_order_is_told() {
    let server = stage().await;
    let taken = Package::new("demo", "1.0").wheel();
    upload(&server, DEV, Form::of(&taken)).await;
    // Everything is wrong; then one fault after the other is mended.
    let mut bad = Dist { filename: "other.exe".into(), ..taken.clone() };
    bad.bytes.truncate(100);
    let mut fields = vec![
        ("protocol_version", "7"),
        ("name", "-demo"),
        ("filetype", "bdist_egg"),
        ("sha256_digest", "00"),
    ];
    let mut told = Vec::new();
    for (field, mended) in [
        ("protocol_version", "1"),
        ("name", "demo"),
        ("filename", "demo-1.0-py2.py3-none-any.whl"),
        ("filetype", "bdist_wheel"),
        ("sha256_digest", ""),
        ("filename", "demo-2.0-py2.py3-none-any.whl"),
    ] {
        told.push(upload(&server, DEV, faulty(&bad, &fields)).await);
        match field {
            "filename" => bad.filename = mended.into(),
            _ => fields.iter_mut().filter(|(name, _)| *name == field).for_each(|(_, value)| *value = mended),
        }
    }
    told.push(upload(&server, DEV, faulty(&bad, &fields)).await);
    let expected = [
        "Unknown protocol version.",
        "invalid value for Name",
        "Invalid file extension",
        "Unknown type of file",
        "sha256_digest must be",
        "File already exists (",
        "ZIP archive not accepted",
    ];
    for ((status, text), says) in told.iter().zip(expected) {
        assert!(*status == 400 && text.contains(says), "{status} {text}, but not {says:?}");
    }
}

/// A form with these fields instead of the right ones.
fn faulty(dist: &Dist, fields: &[(&str, &str)]) -> Form {
    let version = dist.filename.split('-').nth(1).unwrap_or("1.0");
    let form = Form::default().field(":action", "file_upload").field("version", version);
    let form = form.field("metadata_version", "2.1");
    let form = fields.iter().fold(form, |form, (name, value)| form.field(name, value));
    form.file("content", &dist.filename, &dist.bytes)
}

#[tokio::test]
async fn who_looks_at_the_upload_address_learns_that_it_is_one() {
    let server = stage_with(|config| config.default_upload_index = Some("alice/dev".into())).await;
    for path in ["/legacy/", "/legacy"] {
        let get = server.get(path).await;
        assert_eq!((get.status().as_u16(), get.headers()["allow"].as_bytes()), (405, &b"POST"[..]), "{path}");
        let head = server.http.head(server.url(path)).send().await.expect("an answer");
        assert_eq!(head.status(), 405, "{path}");
    }
}
