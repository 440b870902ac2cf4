//! Projects of another index move in: of another wheelwright, and of upstreams of every kind.

use super::import;
use crate::kit::Server;
use crate::kit::packages::Package;
use crate::kit::stages::{PASSWORD, stage};
use crate::kit::upstream::{Fault, Upstream};
use serde_json::Value;

async fn page(server: &Server, project: &str) -> Value {
    let request = server.http.get(server.url(&format!("/alice/dev/+simple/{project}/")));
    let answer =
        request.header("accept", "application/vnd.pypi.simple.v1+json").send().await.expect("an answer");
    assert_eq!(answer.status(), 200, "{project}");
    serde_json::from_str(&answer.text().await.expect("a body")).expect("JSON")
}

#[tokio::test]
async fn another_wheelwrights_index_moves_in_with_what_is_yanked() {
    let (there, here) = (stage().await, stage().await);
    let demo = |version: &str| Package::new("demo", version).requires("six");
    for dist in
        [demo("1.0").wheel(), demo("1.0").sdist(), demo("2.0").wheel(), Package::new("other", "1.0").wheel()]
    {
        there.publish("alice/dev", &dist).await;
    }
    let (status, text) = there.as_alice("PATCH", "/alice/dev/demo/1.0", r#"{"yanked": "broken"}"#).await;
    assert_eq!(status, 200, "{text}");
    let (status, text) = there.as_alice("PATCH", "/alice/dev", r#"["acl_read=alice"]"#).await;
    assert_eq!(status, 200, "{text}");
    let url = |login: &str| there.url("/alice/dev/+simple").replace("http://", &format!("http://{login}"));

    let refused = import(&here, &["index", &url(""), "--into", "alice/dev"]).await.partly();
    assert!(refused.error.contains("401"), "{}", refused.error);
    let url = url(&format!("alice:{PASSWORD}@"));
    let looked = import(&here, &["index", &url, "--into", "alice/dev", "--dry-run"]).await.whole();
    assert_eq!(
        (looked.added("files"), here.get("/alice/dev/+simple/demo/").await.status().as_u16()),
        (4, 404)
    );
    let one = import(&here, &["index", &url, "other", "--into", "alice/dev"]).await.whole();
    assert_eq!(one.added("files"), 1);
    let run = import(&here, &["index", &url, "--into", "alice/dev"]).await.whole();
    assert_eq!((run.added("files"), run.present("files")), (3, 1));
    let files = page(&here, "demo").await["files"].as_array().expect("files").clone();
    let told: Vec<_> =
        files.iter().map(|file| (file["filename"].as_str().expect("a name"), &file["yanked"])).collect();
    let (yes, no) = (Value::from("broken"), Value::from(false));
    let wheel = |version: &str| demo(version).wheel().filename;
    assert!(
        told.contains(&(wheel("1.0").as_str(), &yes)) && told.contains(&("demo-1.0.tar.gz", &yes)),
        "{told:?}"
    );
    let two = told.iter().find(|(name, _)| *name == wheel("2.0")).expect("the new one");
    assert!(two.1.is_null() || *two.1 == no, "{told:?}");
    let again = import(&here, &["index", &url, "--into", "alice/dev"]).await.whole();
    assert_eq!((again.added("files"), again.present("files")), (0, 4));
    // A login can stand where pip has it, too.
    std::fs::write(
        here.data.path().join(".netrc"),
        format!("machine 127.0.0.1 login alice password {PASSWORD}\n"),
    )
    .expect("a file");
    let plain = there.url("/alice/dev/+simple/");
    assert_eq!(import(&here, &["index", &plain, "--into", "alice/dev"]).await.whole().present("files"), 4);
}

#[tokio::test]
async fn an_index_in_html_a_flat_one_and_one_that_lies_are_told_apart() {
    let here = stage().await;
    let upstream = Upstream::start().await;
    let (demo, other) = (Package::new("demo", "1.0").wheel(), Package::new("other", "1.0").sdist());
    upstream.add(&demo.filename, demo.bytes.clone()).add(&other.filename, other.bytes.clone());
    // What nobody installs any more.
    upstream.add("demo-0.9.win32.exe", "MZ");
    upstream.set(|behaviour| {
        behaviour.json = false;
        behaviour.file = Some(Fault::WrongBytes);
    });
    let list = here.data.path().join("projects.txt");
    std::fs::write(&list, "# ours\ndemo\nnone  # not there\n").expect("a file");
    let listed =
        ["index", &upstream.simple(), "--projects", &list.display().to_string(), "--into", "alice/dev"];
    let lied = import(&here, &listed).await.partly();
    assert!(
        lied.why(&format!("demo: {}", demo.filename)).contains("but its page says"),
        "{:#?}",
        lied.report
    );
    assert!(lied.why("none").contains("has no such project"), "{:#?}", lied.report);
    assert!(lied.report["notes"].to_string().contains("demo-0.9.win32.exe"), "{:#?}", lied.report);
    assert_eq!(here.get("/alice/dev/+simple/demo/").await.status(), 404);

    // It goes on where it was once the files come whole.
    upstream.set(|behaviour| behaviour.file = Some(Fault::Cut { eighths: 4, chunked: false }));
    import(&here, &listed).await.partly();
    upstream.set(|behaviour| behaviour.file = None);
    assert_eq!(import(&here, &listed).await.partly().added("files"), 1);
    assert_eq!(page(&here, "demo").await["files"][0]["hashes"]["sha256"], *demo.sha256());

    upstream.remove("demo-0.9.win32.exe");
    upstream.set(|behaviour| behaviour.flat = true);
    let flat = import(&here, &["index", &upstream.url("/"), "--into", "alice/dev"]).await.whole();
    assert_eq!((flat.added("files"), flat.present("files")), (1, 1));
    upstream
        .set(|behaviour| behaviour.page = Some(Fault::Instead("<html><body>Please log in</body></html>")));
    let login = import(&here, &["index", &upstream.url("/"), "--into", "alice/dev"]).await.partly();
    assert!(login.error.contains("neither a simple index nor a page of files"), "{}", login.error);
}
