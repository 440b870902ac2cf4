//! Stories of `+compile/` and `+resolve/`: requirements in, pins and URLs out.

use crate::kit::packages::{Dist, Package};
use crate::kit::resolving::{pins, send_text, start, wheel};

#[tokio::test(flavor = "multi_thread")]
async fn requirements_are_pinned_for_the_target_and_the_first_index_that_has_a_project_decides() {
    let server = start().await;
    server
        .publish(
            "alice/dev",
            &wheel("app", "1.0").requires("lib>=1").requires("old; python_version < '3'").wheel(),
        )
        .await;
    server.publish("alice/dev", &wheel("lib", "1.0").wheel()).await;
    server.publish("alice/own", &wheel("lib", "9.0").wheel()).await;
    server.publish("alice/own", &wheel("more", "2.0").wheel()).await;
    let path = "/v1/alice.dev+alice.own/cp312-linux/+compile/";
    let (status, text) = send_text(&server, path, "# mine\napp\nmore>=1\n", false).await;
    assert_eq!(status, 200, "{text}");
    assert_eq!(pins(&text), ["app==1.0", "lib==1.0", "more==2.0"]);
    assert!(
        text.contains(&format!(
            "wheelwright compile -w {}",
            server.url("/v1/alice.dev+alice.own/cp312-linux/")
        )),
        "{text}"
    );
    let (_, other) = send_text(&server, "/v1/alice.own+alice.dev/cp312/+compile/", "app\n", false).await;
    assert_eq!(pins(&other), ["app==1.0", "lib==9.0"], "the order of the indexes decides");
}

#[tokio::test(flavor = "multi_thread")]
async fn python_2_is_resolved_by_its_own_markers_and_tags() {
    let server = start().await;
    let old = Package::new("old", "1.0").tag("cp27-cp27mu-manylinux_2_36_x86_64");
    server
        .publish("alice/dev", &old.requires("six; sys_platform == 'linux2'").requires_python("<3").wheel())
        .await;
    server.publish("alice/dev", &Package::new("six", "1.0").tag("py2.py3-none-any").wheel()).await;
    server.publish("alice/dev", &wheel("six", "2.0").wheel()).await;
    let (status, text) = send_text(&server, "/v1/alice.dev/cp27mu/+compile/", "old\n", false).await;
    assert_eq!(status, 200, "{text}");
    assert_eq!(pins(&text), ["old==1.0", "six==1.0"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conflict_is_explained() {
    let server = start().await;
    server.publish("alice/dev", &wheel("app", "1.0").requires("lib<2").wheel()).await;
    server.publish("alice/dev", &wheel("lib", "1.0").wheel()).await;
    server.publish("alice/dev", &wheel("lib", "2.0").wheel()).await;
    let (status, text) = send_text(&server, "/v1/alice.dev/cp312/+compile/", "app\nlib>=2\n", false).await;
    assert_eq!(status, 400);
    assert!(text.contains("app==1.0 depends on lib<2") || text.contains("unsatisfiable"), "{text}");
    assert!(!text.contains("127.0.0.1:") || text.contains(&server.address.to_string()), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resolver_sees_what_its_asker_sees_and_not_more() {
    let server = start().await;
    server.publish("alice/secret", &wheel("inner", "1.0").wheel()).await;
    let path = "/v1/alice.secret/cp312/+compile/";
    assert_eq!(send_text(&server, path, "inner\n", false).await.0, 401);
    let (status, text) = send_text(&server, path, "inner\n", true).await;
    assert_eq!((status, pins(&text)), (200, vec!["inner==1.0"]), "{text}");
    let (status, text) = send_text(&server, "/v1/alice.secret/cp312/+resolve/", "inner==1\n", true).await;
    assert_eq!(status, 200);
    assert!(text.starts_with(&server.url("/alice/secret/+f/")), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn files_of_the_server_and_other_hosts_are_not_read_for_anybody() {
    let server = start().await;
    for (text, says) in [
        ("-r /etc/passwd\n", "names a file"),
        ("--constraint=/etc/passwd\n", "names a file"),
        ("-e file:///etc\n", "on your machine"),
        ("x @ file:///etc/passwd\n", "on your machine"),
        ("git+file:///srv/x#egg=x==1\n", "its own disk"),
        ("git+https://localhost/x#egg=x==1\n", "internal network"),
        ("http://127.0.0.1:1/x-1.0.tar.gz#egg=x==1\n", "internal network"),
        ("http://localhost:1/x-1.0-py3-none-any.whl#egg=x==1\n", "internal network"),
        ("git+https://h.example/x\n", "write git+https://h.example/x#egg=NAME==VERSION"),
        ("what is this\n", "line 1"),
    ] {
        let (status, told) = send_text(&server, "/v1/alice.dev/cp312/+compile/", text, false).await;
        assert_eq!(status, 400, "{text}: {told}");
        assert!(told.contains(says), "{text}: {told}");
        assert!(!told.contains("root:"), "{told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pinned_lines_become_urls_in_their_order() {
    let server = start().await;
    let (demo, six) =
        (wheel("demo", "1.0.0").wheel(), Package::new("six", "1.16").tag("py2.py3-none-any").wheel());
    server.publish("alice/dev", &demo).await;
    server.publish("alice/own", &six).await;
    let text = format!(
        "# compiled\nsix[x]==1.16   # via demo\n-e file:///app\ndemo==1.0 \\\n    --hash=sha256:{} \\\n    # via app\n\
         nothing==1.0 ; python_version < '3'\nsix==1.16.0\n",
        demo.sha256()
    );
    let path = "/v1/alice.dev+alice.own/cp312/+resolve/";
    let (status, urls) = send_text(&server, path, &text, false).await;
    assert_eq!(status, 200, "{urls}");
    let line = |index: &str, dist: &Dist| {
        format!("{}#sha256={}", server.url(&format!("/{index}/{}", dist.path())), dist.sha256())
    };
    assert_eq!(
        urls.lines().collect::<Vec<_>>(),
        [line("alice/own", &six), "-e file:///app".into(), line("alice/dev", &demo)]
    );
    let wrong = format!("demo==1.0 --hash=sha256:{}\n", "0".repeat(64));
    let (status, told) = send_text(&server, path, &wrong, false).await;
    assert!(status == 400 && told.contains("has one of the given hashes"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_cannot_be_resolved_says_what_to_write() {
    let server = start().await;
    server.publish("alice/dev", &wheel("demo", "1.0").wheel()).await;
    for (line, says) in [
        ("demo>=1", "line 2: demo>=1 is not pinned: write demo==VERSION"),
        ("demo==3.0", "this version does not exist: the newest are 1.0"),
        ("absent==1.0", "has no project absent"),
        ("git+https://h.example/x@v1", "write git+https://h.example/x@v1#egg=NAME==VERSION"),
        ("git+https://h.example/x@v1#egg=x", "write git+https://h.example/x@v1#egg=x==VERSION"),
    ] {
        let (status, told) =
            send_text(&server, "/v1/alice.dev/cp312/+resolve/", &format!("demo==1\n{line}\n"), false).await;
        assert!(status == 400 && told.contains(says), "{line}: {status} {told}");
    }
}
