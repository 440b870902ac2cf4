//! Stories of people who look at builds in a browser.

use crate::kit::Server;
use crate::kit::forms::Form;
use crate::kit::packages::Package;
use crate::kit::stages::{PASSWORD, stage};
use crate::kit::worker::{NINE, built, failed, hire, job};
use reqwest::Response;

const ACCEPT: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

async fn browse(server: &Server, path: &str) -> String {
    let answer = server.http.get(server.url(path)).header("accept", ACCEPT).send().await.expect("an answer");
    assert_eq!(answer.status(), 200, "{path}");
    let policy = answer.headers()["content-security-policy"].to_str().expect("text");
    assert!(policy.starts_with("default-src 'none'") && policy.contains("script-src 'self';"), "{policy}");
    answer.text().await.expect("a page")
}

async fn browse_as_alice(server: &Server, path: &str) -> String {
    let request = server.http.get(server.url(path)).header("accept", ACCEPT);
    let answer = request.basic_auth("alice", Some(PASSWORD)).send().await.expect("an answer");
    assert_eq!(answer.status(), 200, "{path}");
    answer.text().await.expect("a page")
}

/// The button of a build's page, pressed on a page of `origin`.
async fn press(server: &Server, build: i64, origin: &str) -> Response {
    let request = server.http.post(server.url(&format!("/+builds/{build}/rebuild"))).header("accept", ACCEPT);
    let request =
        request.header("content-type", "application/x-www-form-urlencoded").header("origin", origin);
    request.basic_auth("alice", Some(PASSWORD)).send().await.expect("an answer")
}

/// A server with a worker, and an sdist on alice/dev, which was just claimed.
async fn claimed() -> (Server, wheelwright::build::job::Job) {
    let server = stage().await;
    hire(&server).await;
    server.as_alice("PATCH", "/alice/dev", r#"["build_targets=3.9"]"#).await;
    let dist = Package::new("demo", "1.0").sdist();
    let answer = server.post("/alice/dev/", Form::of(&dist), "alice", PASSWORD).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let job = job(&server).await;
    (server, job)
}

#[tokio::test]
async fn a_builds_page_follows_it_and_its_log_does_nothing() {
    let (server, job) = claimed().await;
    let log = b"\x1b[31mcompiling\x1b[0m <script>alert(1)</script>\n";
    server.app.queue.append_log("root", job.build, job.fence, 0, log).await.expect("a longer log");
    let page = browse(&server, &format!("/+builds/{}", job.build)).await;
    assert!(page.contains("http-equiv=\"refresh\""), "{page}");
    assert!(page.contains("compiling &#60;script&#62;alert(1)&#60;/script&#62;"), "{page}");
    assert!(!page.contains('\u{1b}') && !page.contains("<script>"), "{page}");
    built(&server, &job, &Package::new("demo", "1.0").tag("py3-none-any").wheel()).await;
    let page = browse(&server, &format!("/+builds/{}", job.build)).await;
    assert!(!page.contains("http-equiv=\"refresh\""), "{page}");
    for told in
        ["setuptools==57.5.0", "constraints: setuptools&#60;58", "libx.so.1 of libx1 1.2-3", "alice/dev/demo"]
    {
        assert!(page.contains(told), "no {told} in {page}");
    }
}

#[tokio::test]
async fn a_failure_is_told_with_its_step_and_what_to_do() {
    let (server, job) = claimed().await;
    failed(&server, &job).await;
    let page = browse(&server, &format!("/+builds/{}", job.build)).await;
    assert!(page.contains("class=\"failed\">build"), "{page}");
    assert!(page.contains("mend it") && page.contains("<strong>compiler</strong>"), "{page}");
    let list = browse(&server, "/+builds?state=failed&class=compiler&project=Demo").await;
    assert!(list.contains(&format!("+builds/{}\"", job.build)) && list.contains("mend it"), "{list}");
    let none = browse(&server, "/+builds?state=built").await;
    assert!(none.contains("No builds match"), "{none}");
}

#[tokio::test]
async fn the_button_builds_again_but_not_from_another_site() {
    let (server, job) = claimed().await;
    failed(&server, &job).await;
    assert_eq!(press(&server, job.build, "http://evil.example").await.status(), 403);
    assert_eq!(server.app.queue.get(job.build).await.expect("a build").state.name(), "failed");
    let answer = press(&server, job.build, &server.url("")).await;
    assert_eq!(answer.status(), 303, "{:?}", answer.text().await);
    let again = crate::kit::worker::job(&server).await;
    assert_eq!((again.build, again.fence), (job.build, job.fence + 1));
}

#[tokio::test]
async fn what_is_built_can_be_built_again_and_both_are_listed() {
    let (server, job) = claimed().await;
    built(&server, &job, &Package::new("demo", "1.0").tag("py3-none-any").wheel()).await;
    assert_eq!(press(&server, job.build, &server.url("")).await.status(), 303);
    let again = crate::kit::worker::job(&server).await;
    built(&server, &again, &Package::new("demo", "1.0").tag("py3-none-any").wheel()).await;
    let page = server.get("/alice/dev/+simple/demo/").await.text().await.expect("a page");
    for number in [1, 2] {
        assert!(page.contains(&format!("demo-1.0-{number}ww-py3-none-any.whl")), "{page}");
    }
}

#[tokio::test]
async fn a_project_shows_its_wheels_by_version_and_target() {
    let (server, job) = claimed().await;
    failed(&server, &job).await;
    let page = browse(&server, "/alice/dev/demo").await;
    assert!(page.contains(&format!("+builds/{}\">failed</a>", job.build)), "{page}");
    assert!(page.contains("compiler: mend it"), "{page}");
    let own = browse_as_alice(&server, "/alice/dev/demo").await;
    assert!(own.contains("cp313") && page.contains("cp313"), "everybody sees what is built for: {page}");
    let other = Package::new("other", "1.0").tag("py3-none-any").wheel();
    server.post("/alice/dev/", Form::of(&other), "alice", PASSWORD).await;
    let own = browse_as_alice(&server, "/alice/dev/other").await;
    assert!(own.contains("pure wheel"), "{own}");
}

#[tokio::test]
async fn strangers_see_no_builds_of_a_private_index() {
    let (server, job) = claimed().await;
    failed(&server, &job).await;
    server.as_alice("PATCH", "/alice/dev", r#"["acl_read=alice"]"#).await;
    let list = browse(&server, "/+builds").await;
    assert!(!list.contains("demo"), "{list}");
    let path = format!("/+builds/{}", job.build);
    let answer = server.http.get(server.url(&path)).header("accept", ACCEPT).send().await.expect("an answer");
    assert_eq!(answer.status(), 404);
    assert!(browse_as_alice(&server, &path).await.contains("demo 1.0"));
}

#[tokio::test]
async fn targets_and_workers_have_pages_and_metrics_count_builds() {
    let (server, job) = claimed().await;
    failed(&server, &job).await;
    let workers = browse_as_alice(&server, "/+workers").await;
    assert!(workers.contains("no sandbox") && workers.contains(NINE), "{workers}");
    let targets = browse_as_alice(&server, "/+targets").await;
    assert!(targets.contains(NINE) && targets.contains("3.9.1"), "{targets}");
    let metrics = server.get("/metrics").await.text().await.expect("metrics");
    for line in [
        "wheelwright_builds{state=\"failed\"} 1",
        "wheelwright_builds{state=\"queued\"} 0",
        "wheelwright_builds_failed{class=\"compiler\"} 1",
        "wheelwright_build_seconds_count{outcome=\"failed\"} 1",
    ] {
        assert!(metrics.contains(line), "no {line} in {metrics}");
    }
}
