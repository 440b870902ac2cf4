//! `wheelwright check`: the same answers as an upload gets, before it is sent.

use crate::kit::Server;
use crate::kit::desk::{Desk, Ran};
use crate::kit::packages::{Dist, Package};
use crate::kit::stages::stage;
use serde_json::{Value, json};
use wheelwright::access::Scope;

const OF: &str = "alice/dev";

fn put(desk: &Desk, dist: &Dist) -> String {
    let path = desk.path("dist");
    std::fs::create_dir_all(&path).expect("a folder");
    dist.save(&path);
    format!("dist/{}", dist.filename)
}

async fn check(desk: &Desk, arguments: &[&str]) -> Ran {
    desk.run("wheelwright", &[&["check"], arguments].concat()).await
}

async fn check_at(desk: &Desk, server: &Server, token: &str, arguments: &[&str]) -> Ran {
    let url = server.url("");
    check(desk, &[arguments, &["--server", &url, "--token", token, "--index", OF]].concat()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn each_file_gets_its_line_without_any_server() {
    let desk = Desk::new();
    let good = put(&desk, &Package::new("demo", "1.0").wheel());
    let sdist = put(&desk, &Package::new("demo", "1.0").sdist());
    let ran = check(&desk, &[&good, &sdist]).await;
    assert_eq!(
        (ran.code, ran.out.as_str()),
        (Some(0), format!("{good}: ok\n{sdist}: ok\n").as_str()),
        "{ran:?}"
    );

    let bad = Package::new("demo", "1.1").requires("not a requirement!").wheel();
    let bad = put(&desk, &bad);
    let mut broken = Package::new("demo", "1.2").wheel();
    broken.bytes.truncate(broken.bytes.len() - 40);
    let broken = put(&desk, &broken);
    desk.write("dist/demo-1.3.egg", "x");
    let ran = check(&desk, &[&good, &bad, &broken, "dist/demo-1.3.egg", "dist/absent-1.0.tar.gz"]).await;
    assert_eq!(ran.code, Some(1), "{ran:?}");
    let lines: Vec<&str> = ran.out.lines().collect();
    assert_eq!(lines.len(), 5, "{ran:?}");
    assert_eq!(lines[0], format!("{good}: ok"));
    for (line, words) in [
        (lines[1], "invalid"),
        (lines[2], "no end record at the end of the file"),
        (lines[3], "is not a valid archive name: use .tar.gz or .whl"),
        (lines[4], "cannot read the file"),
    ] {
        assert!(line.contains(words) && !line.ends_with(": ok"), "{words}: {line}");
    }
    let ran = check(&desk, &[&good, "dist/demo-1.3.egg", "--json"]).await;
    let told: Value = serde_json::from_str(&ran.out).expect("JSON");
    assert_eq!(
        (&told[0]["ok"], &told[0]["project"], &told[1]["ok"]),
        (&json!(true), &json!("demo"), &json!(false))
    );
    assert_eq!(ran.code, Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_check_says_is_what_the_upload_gets() {
    let (server, desk) = (stage().await, Desk::new());
    server.make_user("bob", "bob-secret").await;
    let token = server.make_token("alice", Scope::default()).await;
    let there = Package::new("demo", "1.0").wheel();
    server.publish(OF, &there).await;
    let same = put(&desk, &there);
    let ran = check_at(&desk, &server, &token, &[&same]).await;
    assert_eq!(ran.code, Some(0), "the same bytes are welcome: {ran:?}");
    let other = put(&desk, &Package::new("demo", "1.0").summary("other").wheel());
    let ran = check_at(&desk, &server, &token, &[&other]).await;
    assert_eq!(ran.code, Some(1));
    assert!(ran.out.contains("alice/dev has demo-1.0-py2.py3-none-any.whl with other bytes"), "{ran:?}");
    let new = put(&desk, &Package::new("demo", "1.1").wheel());
    assert_eq!(check_at(&desk, &server, &token, &[&new]).await.code, Some(0));

    let bob = server.make_token("bob", Scope::default()).await;
    let ran = check_at(&desk, &server, &bob, &[&new]).await;
    assert!(ran.out.contains("bob may not upload to alice/dev: ask its owner"), "{ran:?}");
    let url = server.url("");
    let ran = check(&desk, &[&new, "--server", &url, "--index", OF]).await;
    assert!(ran.out.contains("pass a token with --token"), "{ran:?}");
    let ran = check(&desk, &[&new, "--server", &url, "--index", "root/pypi"]).await;
    assert!(ran.out.contains("root/pypi is a mirror and takes no uploads"), "{ran:?}");
    let ran = check(&desk, &[&new, "--server", &url]).await;
    assert!(ran.code == Some(1) && ran.err.contains("--server needs --index"), "{ran:?}");
    let ran = check(&desk, &[&new, "--server", &url, "--index", "alice/none"]).await;
    assert_eq!(ran.code, Some(1), "{ran:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_private_here_is_not_to_be_published_elsewhere() {
    let (server, desk) = (stage().await, Desk::new());
    let token = server.make_token("alice", Scope::default()).await;
    server.make_index("alice/below", json!({"bases": [], "reserved": "acme-*"})).await;
    let (status, said) = server.as_alice("PATCH", "/alice/dev", r#"["bases=alice/below"]"#).await;
    assert_eq!(status, 200, "{said}");
    server.publish("alice/below", &Package::new("ours", "1.0").wheel()).await;
    let outside = async |dist: &Dist, more: &[&str]| {
        let path = put(&desk, dist);
        check_at(&desk, &server, &token, &[&[path.as_str(), "--outside"], more].concat()).await
    };
    let ran = outside(&Package::new("open-thing", "1.0").wheel(), &[]).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    for name in ["ours", "acme-tool"] {
        let ran = outside(&Package::new(name, "2.0").wheel(), &[]).await;
        assert_eq!(ran.code, Some(1), "{name}: {ran:?}");
        assert!(ran.out.contains(&format!("the name {name} is private on")), "{ran:?}");
        assert!(ran.out.contains("by alice/below"), "{ran:?}");
        assert_eq!(outside(&Package::new(name, "2.0").wheel(), &["--private", name]).await.code, Some(0));
    }
    let secret = Package::new("secret", "1.0").header("Classifier", "Private :: Do Not Upload").wheel();
    let ran = outside(&secret, &[]).await;
    assert!(ran.out.contains("a classifier of secret says 'Private ::': do not publish it"), "{ran:?}");
}
