//! Projects that say `Private ::` do not leave by accident: not by a wheelhouse, a push or the usual place of uploads.

use super::{order, target};
use crate::kit::forms::Form;
use crate::kit::names::project_name;
use crate::kit::packages::Package;
use crate::kit::receiver::Receiver;
use crate::kit::s3::Bucket;
use crate::kit::stages::{PASSWORD, stage, stage_with};
use serde_json::json;
use wheelwright::tools::time::now;

const OF: &str = "alice/dev";

fn secret(version: &str) -> Package {
    Package::new("secret", version).header("Classifier", "Private :: Do Not Upload")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_private_project_stays_out_of_a_bucket_unless_it_is_named() {
    let (server, bucket) = (stage().await, Bucket::start().await);
    server.publish(OF, &Package::new("demo", "1.0").wheel()).await;
    server.publish(OF, &Package::new("secret", "0.9").wheel()).await;
    let mut house = target(&bucket, OF, None);
    let houses = &server.app.wheelhouses;
    assert_eq!(houses.publish(&house, now()).await.expect("published").projects, 2);
    // One release is enough, and what was published before goes.
    server.publish(OF, &secret("1.0").wheel()).await;
    let tally = houses.publish(&house, now()).await.expect("published");
    assert_eq!((tally.projects, tally.removed), (1, 4));
    assert_eq!(tally.left_out, [project_name("secret")]);
    let page = |path: &str| std::fs::read_to_string(bucket.file(&format!("house/{path}"))).expect("a page");
    for path in ["index.html", "simple/index.html", "simple/index.json", ".wheelwright.json"] {
        assert!(path.starts_with('.') || !page(path).contains("secret"), "{path}: {}", page(path));
    }
    assert!(!bucket.file("house/simple/secret/index.html").exists());
    assert_eq!(houses.views().await.expect("rows")[0].left_out, ["secret"]);

    house.order.private = Some(vec![project_name("secret")]);
    let tally = houses.publish(&house, now()).await.expect("published");
    assert_eq!((tally.projects, tally.left_out.len()), (2, 0));
    assert!(page("index.html").contains("secret-1.0"));

    // A folder is no place outside.
    let folder = tempfile::tempdir().expect("a folder");
    assert_eq!(server.export(&order(OF), folder.path()).await.expect("exported").projects, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_says_what_it_left_out_and_fails() {
    let (server, bucket) = (stage().await, Bucket::start().await);
    server.publish(OF, &secret("1.0").wheel()).await;
    let desk = crate::kit::desk::Desk::new();
    let (data, s3) = (server.data.path().display().to_string(), bucket.settings());
    let variables = [
        ("WHEELWRIGHT_DATA", data.as_str()),
        ("WHEELWRIGHT_S3__ENDPOINT", bucket.endpoint.as_str()),
        ("WHEELWRIGHT_S3__REGION", "us-east-1"),
        ("WHEELWRIGHT_S3__ACCESS_KEY_ID", s3.access_key_id.as_deref().unwrap_or_default()),
        ("WHEELWRIGHT_S3__SECRET_ACCESS_KEY", s3.secret_access_key.as_deref().unwrap_or_default()),
    ];
    let publish = ["wheelhouse", "publish", OF, "--to", "s3://wheels/house"];
    let ran = desk.run_with("wheelwright", &publish, &variables).await;
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.err.contains("left out: a classifier of secret says 'Private ::'"), "{ran:?}");
    let named = [&publish[..], &["--private", "secret", "--json"]].concat();
    let ran = desk.run_with("wheelwright", &named, &variables).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let told: serde_json::Value = serde_json::from_str(&ran.out).expect("JSON");
    assert_eq!((&told["projects"], &told["files"]), (&json!(1), &json!(2)), "{told}");
    let ran = desk.run_with("wheelwright", &["wheelhouse", "list"], &variables).await;
    assert!(ran.out.contains("s3://wheels/house"), "{ran:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_private_project_is_not_pushed_to_another_server_unless_it_is_named() {
    let server = stage_with(|config| config.private_hosts = vec!["127.0.0.1".into()]).await;
    let receiver = Receiver::start(&[]).await;
    server.publish(OF, &secret("1.0").wheel()).await;
    let push = |private: Option<&str>| {
        json!({
            "name": "secret", "version": "1.0", "posturl": receiver.url(), "username": "a", "password": "b",
            "private": private,
        })
        .to_string()
    };
    let (status, said) = server.as_alice("PUSH", "/alice/dev", &push(None)).await;
    assert_eq!(status, 403, "{said}");
    assert!(said.contains("a classifier of secret says 'Private ::'"), "{said}");
    let (status, said) = server.as_alice("PUSH", "/alice/dev", &push(Some("other"))).await;
    assert_eq!(status, 403, "{said}");
    let (status, said) = server.as_alice("PUSH", "/alice/dev", &push(Some("Secret"))).await;
    assert_ne!(status, 403, "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_usual_place_of_uploads_refuses_a_private_project_if_everybody_may_read_it() {
    let server = stage_with(|config| config.default_upload_index = Some(OF.into())).await;
    server.make_index("alice/other", json!({"bases": []})).await;
    let post = async |path: &str| {
        let answer = server.post(path, Form::of(&secret("1.0").wheel()), "alice", PASSWORD).await;
        (answer.status, answer.text)
    };
    for path in ["/legacy/", "/alice/dev/"] {
        let (status, said) = post(path).await;
        assert_eq!(status, 403, "{path}: {said}");
        assert!(said.contains("everybody may read alice/dev"), "{said}");
    }
    assert_eq!(post("/alice/other/").await.0, 200);
    // A push is another way to get it there.
    let push = json!({"name": "secret", "version": "1.0", "targetindex": OF}).to_string();
    let (status, said) = server.as_alice("PUSH", "/alice/other", &push).await;
    assert_eq!(status, 403, "{said}");
    let (status, said) = server.as_alice("PATCH", "/alice/dev", r#"["acl_read=alice"]"#).await;
    assert_eq!(status, 200, "{said}");
    assert_eq!(post("/legacy/").await.0, 200);
}
