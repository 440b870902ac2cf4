//! Names that are private or reserved in one index of a set are asked upstream by none of it.

use crate::kit::Server;
use crate::kit::packages::Package;
use crate::kit::resolving::{send_text, start_with, wheel};
use crate::kit::upstream::{Upstream, noise};
use crate::kit::worker::{built, job};
use serde_json::json;

/// Alice's flat stage has `hidden` behind a base that only she reads, and reserves `acme-*`.
async fn private(upstream: &Upstream) -> Server {
    for name in ["secret-tool", "acme-x", "public"] {
        upstream.add(&format!("{}-9.0.tar.gz", name.replace('-', "_")), noise(1, 100));
    }
    let server = start_with(|config| {
        config.upstream = Some(upstream.simple());
        config.private_hosts = vec!["127.0.0.1".into()];
    })
    .await;
    server.make_index("alice/hidden", json!({"bases": [], "acl_read": ["alice"]})).await;
    server.make_index("alice/flat", json!({"bases": ["alice/hidden"], "reserved": ["acme-*"]})).await;
    server.publish("alice/hidden", &Package::new("secret-tool", "1.0").sdist()).await;
    server
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_index_of_the_set_hides_or_reserves_is_asked_of_no_mirror_by_any_path() {
    let upstream = Upstream::start().await;
    let server = private(&upstream).await;
    // The first index that has a name decides, and a reserved one is reserved wherever the index stands.
    let private = ["secret-tool", "acme-x"];
    for (set, names) in [("alice.flat+pypi", &private[..]), ("pypi+alice.flat", &private[1..])] {
        for name in names {
            for path in ["auto/+simple", "cp312-linux/+simple", "cp312-linux/+compile"] {
                let path = format!("/v1/{set}/{path}/{}/", name.to_lowercase().replace('_', "-"));
                let status = server.get(&path).await.status();
                assert_eq!(status, 404, "{path}");
            }
            for path in ["+resolve/", "+compile/"] {
                let path = format!("/v1/{set}/cp312-linux/{path}");
                let (status, told) = send_text(&server, &path, &format!("{name}==9.0\n"), false).await;
                assert_eq!(status, 400, "{path}: {told}");
            }
        }
        assert_eq!(server.get(&format!("/v1/{set}/auto/+simple/public/")).await.status(), 200);
    }
    assert_eq!(upstream.asked("/simple/public"), 1);
    for name in ["secret-tool", "acme-x"] {
        assert_eq!(upstream.asked(&format!("/simple/{name}")), 0, "{:?}", upstream.log());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_context_of_a_line_that_is_a_url_is_the_whole_set_in_its_order() {
    let upstream = Upstream::start().await;
    let server = private(&upstream).await;
    let source = Package::new("demo", "1.0").sdist();
    upstream.add(&source.filename, source.bytes.clone());
    let at = upstream.url(&format!("/files/{}", source.filename));
    let line = format!("{at}#egg=demo==1.0\n");
    let work = async {
        // What the index has is built ahead beside it.
        let mut job = crate::kit::worker::job(&server).await;
        while job.project.as_deref() == Some("secret-tool") {
            job = crate::kit::worker::job(&server).await;
        }
        let secret = job.credential.clone().expect("a credential");
        let read = async |name: &str| {
            let path = format!("/v1/alice.flat+root.pypi/auto/+simple/{name}/");
            let request = server.http.get(server.url(&path)).bearer_auth(&secret);
            (request.send().await.expect("an answer").status().as_u16(), name.to_owned())
        };
        // As the owner of the first index, the build sees what that has.
        assert_eq!(read("secret-tool").await.0, 200);
        assert_eq!(read("acme-x").await.0, 404);
        assert_eq!(read("public").await.0, 200);
        let context = job.context.clone();
        built(&server, &job, &wheel("demo", "1.0").wheel()).await;
        context
    };
    let path = "/v1/alice.flat+pypi/cp312-linux/+resolve/";
    let ((status, told), context) = tokio::join!(send_text(&server, path, &line, true), work);
    assert_eq!(status, 200, "{told}");
    assert_eq!(context, "alice/flat+root/pypi");
    for name in ["secret-tool", "acme-x"] {
        assert_eq!(upstream.asked(&format!("/simple/{name}")), 0, "{:?}", upstream.log());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_see_what_is_built_for_and_not_who_builds() {
    let server = start_with(|_| {}).await;
    let answer = server.get_with("/+targets", &[("accept", "application/json")]).await;
    assert_eq!(answer.status(), 200);
    assert!(answer.text().await.expect("text").contains("cp312-manylinux_2_36_x86_64"));
    assert_eq!(server.get("/+workers").await.status(), 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn compile_says_which_version_it_left_out_because_its_build_failed() {
    let server = start_with(|_| {}).await;
    server.publish("alice/dev", &wheel("demo", "1.0").wheel()).await;
    server.publish("alice/dev", &Package::new("demo", "2.0").sdist()).await;
    let path = "/v1/alice.dev/cp312-linux/";
    let fails = async { crate::kit::worker::failed(&server, &job(&server).await).await };
    let resolve = format!("{path}+resolve/");
    let ((status, _), ()) = tokio::join!(send_text(&server, &resolve, "demo==2.0\n", false), fails);
    assert_eq!(status, 400);
    let accepts = format!("{path}+compile/?older=accept");
    let (status, pins) = send_text(&server, &accepts, "demo\n", false).await;
    assert_eq!(status, 200, "{pins}");
    assert!(pins.contains("demo==1.0") && pins.contains("# Left out: demo 2.0"), "{pins}");
    assert!(pins.contains("failed: compiler: mend it. Log: "), "{pins}");
    assert!(pins.contains("/log"), "{pins}");
    let (status, told) = send_text(&server, &format!("{path}+compile/"), "demo>=2\n", false).await;
    assert_eq!(status, 400, "{told}");
    assert!(told.contains("compiler: mend it") && told.contains("/log"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_whose_build_failed_is_named_by_explain_and_on_its_page() {
    let server = start_with(|_| {}).await;
    server.publish("alice/dev", &wheel("demo", "1.0").wheel()).await;
    let before = server.get("/alice/dev/demo").await.text().await.expect("a page");
    assert!(!before.contains("No wheel of"), "{before}");
    server.publish("alice/dev", &Package::new("demo", "2.0").sdist()).await;
    let failing = async {
        let job = job(&server).await;
        let log = b"gcc: the moon is not in reach\n";
        server.app.queue.append_log("root", job.build, job.fence, 0, log).await.expect("a log");
        crate::kit::worker::failed(&server, &job).await;
        job.build
    };
    let resolve = "/v1/alice.dev/cp312-linux/+resolve/";
    let (_, id) = tokio::join!(send_text(&server, resolve, "demo==2.0\n", false), failing);
    let report = crate::kit::host::json_of(server.get("/alice/dev/+explain/demo").await).await;
    let [left] = &**report["left_out"].as_array().expect("a list") else { panic!("{report}") };
    assert_eq!((&left["version"], &left["build"]), (&json!("2.0"), &json!(id)), "{report}");
    assert_eq!(
        (&left["failure"]["class"], &left["failure"]["hint"]),
        (&json!("compiler"), &json!("mend it"))
    );
    let log = left["log"].as_str().expect("a URL");
    let log = server.http.get(log).send().await.expect("an answer").text().await.expect("a log");
    assert!(log.contains("the moon is not in reach"), "{log}");
    // The page for people links to the build, and that to its log.
    let page =
        server.get_with("/alice/dev/demo", &[("accept", "text/html")]).await.text().await.expect("a page");
    assert!(page.contains("No wheel of <strong>2.0</strong> for cp312-"), "{page}");
    assert!(page.contains(&format!("build {id} failed: compiler: mend it.")), "{page}");
    assert!(page.contains(&format!("+builds/{id}\">")), "{page}");
    let path = format!("/+builds/{id}");
    let build = server.get_with(&path, &[("accept", "text/html")]).await.text().await.expect("a page");
    assert!(build.contains(&format!("+builds/{id}/log")) && build.contains("mend it"), "{build}");
    // Once it is built, nothing is left out.
    let (status, told) = server.as_alice("POST", &format!("/+builds/{id}/rebuild"), "{}").await;
    assert!(status < 300, "{status}: {told}");
    let again = job(&server).await;
    built(&server, &again, &Package::new("demo", "2.0").tag("py3-none-any").wheel()).await;
    let report = crate::kit::host::json_of(server.get("/alice/dev/+explain/demo").await).await;
    assert_eq!(report["left_out"], json!([]));
}
