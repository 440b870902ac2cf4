//! What an upstream can not make us do: send credentials elsewhere, talk to our own network.

use super::{Story, kind, mirror};
use crate::kit::upstream::{Fault, Upstream, noise};
use http::header;

const WHEEL: &str = "six-1.0-py3-none-any.whl";

/// A mirror with credentials in its URL.
async fn with_credentials() -> Story {
    let mut story = Story::start().await;
    story.upstream.add(WHEEL, noise(1, 1000));
    story.upstream.set(|b| b.auth = Some(("alice", "p@ss")));
    let url = story.upstream.simple().replace("http://", "http://alice:p%40ss@");
    story.index = mirror(&url);
    story
}

#[tokio::test]
async fn credentials_go_to_the_configured_origin_for_pages_and_files() {
    let story = with_credentials().await;
    let located = story.only("six").await;
    assert!(!located.file.link().contains("alice"), "{}", located.file.link());
    story.download(&located).await.unwrap();
    assert!(story.upstream.log().iter().all(|asked| asked.headers.contains_key(header::AUTHORIZATION)));
}

#[tokio::test]
async fn a_wrong_credential_is_the_upstreams_refusal_and_not_a_missing_project() {
    let mut story = with_credentials().await;
    story.index = mirror(&story.upstream.simple());
    let error = story.page("six").await.unwrap_err();
    assert_eq!(kind(&error), "bad upstream");
    assert!(error.to_string().contains("credential"), "{error}");
    assert!(!error.to_string().contains("p@ss"));
}

#[tokio::test]
async fn files_and_redirects_elsewhere_get_no_credential_and_no_cookie() {
    let other = Upstream::start().await;
    other.add(WHEEL, noise(1, 1000));

    let story = with_credentials().await;
    story.upstream.set(|b| b.files_at = Some(other.url("")));
    let located = story.only("six").await;
    story.download(&located).await.unwrap();

    let story = with_credentials().await;
    let target = other.url(&format!("/files/{WHEEL}"));
    story.upstream.set(|b| b.file = Some(Fault::Redirect(target)));
    let located = story.only("six").await;
    story.download(&located).await.unwrap();

    let story = with_credentials().await;
    let target = other.url("/simple/six/").replace("http://", "http://alice:p%40ss@");
    story.upstream.set(|b| b.page = Some(Fault::Redirect(target)));
    story.page("six").await.unwrap().unwrap();

    assert_eq!(other.log().len(), 3);
    for asked in other.log() {
        for name in [header::AUTHORIZATION, header::COOKIE, header::PROXY_AUTHORIZATION] {
            assert!(!asked.headers.contains_key(&name), "{name} went to {}", asked.path);
        }
    }
}

#[tokio::test]
async fn an_upstream_leads_us_to_no_address_of_our_own_network() {
    let inside = Upstream::start().await;
    inside.add(WHEEL, noise(1, 1000));
    let port = inside.address.port();
    let targets = [
        format!("http://localhost:{port}/simple/six/"),
        format!("http://[::1]:{port}/simple/six/"),
        format!("http://0.0.0.0:{port}/simple/six/"),
        format!("http://127.0.0.2:{port}/simple/six/"),
        format!("http://[::ffff:127.0.0.1]:{port}/simple/six/"),
        "http://169.254.169.254/latest/meta-data/".into(),
        "file:///etc/passwd".into(),
        "gopher://127.0.0.1:70/".into(),
    ];
    for target in targets {
        let story = Story::start().await;
        story.upstream.set(|b| b.page = Some(Fault::Redirect(target.clone())));
        assert!(story.page("six").await.is_err(), "{target}");
    }
    let story = Story::start().await;
    story.upstream.add(WHEEL, noise(1, 1000));
    story.upstream.set(|b| b.files_at = Some(inside.other_name()));
    let located = story.only("six").await;
    assert!(story.download(&located).await.is_err());
    assert_eq!(inside.log().len(), 0);

    let story = Story::with(|config| config.mirror.allow_private_redirects = true).await;
    story.upstream.add(WHEEL, noise(1, 1000));
    story.upstream.set(|b| b.files_at = Some(inside.other_name()));
    let located = story.only("six").await;
    story.download(&located).await.unwrap();
}

#[tokio::test]
async fn a_loop_of_redirects_ends() {
    let story = Story::start().await;
    story.upstream.add(WHEEL, noise(1, 1000));
    story.upstream.set(|b| b.file = Some(Fault::Redirect(format!("/files/{WHEEL}"))));
    let located = story.only("six").await;
    let error = story.download(&located).await.unwrap_err();
    assert!(error.to_string().contains("redirects more than"), "{error}");
    assert_eq!(story.upstream.asked("/files/"), 6);
}
