//! Stories of requirement files as pip reads them, on this machine and on the web.

use crate::cli::resolve::{about, run, start};
use crate::kit::desk::Desk;
use crate::kit::resolving::{pins, wheel};
use axum::Router;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::get;

/// A web server with requirement files, one of which wants a login.
async fn web() -> String {
    let private = |headers: HeaderMap| async move {
        // alice:secret
        let known = headers.get("authorization").is_some_and(|value| value == "Basic YWxpY2U6c2VjcmV0");
        if known { Ok("tool\n") } else { Err(StatusCode::UNAUTHORIZED) }
    };
    let app = Router::new()
        .route("/r/base.txt", get(|| async { "app \\\n  >=1.0 # up\n-c limits.txt\n-r ../more/other.txt\n" }))
        .route("/r/limits.txt", get(|| async { "lib<2\n" }))
        .route("/more/other.txt", get(|| async { "other ; python_version > '3'\n" }))
        .route("/leak.txt", get(|| async { "app\n-r ${SECRET}.txt\n" }))
        .route("/broken.txt", get(|| async { "app\n\n-c absent.txt\n" }))
        .route("/loop.txt", get(|| async { "-r loop.txt\n" }))
        .route("/private.txt", get(private));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = format!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

#[tokio::test(flavor = "multi_thread")]
async fn files_on_the_web_are_read_with_what_they_name() {
    let (server, desk, web) = (start().await, Desk::new(), web().await);
    server.publish("alice/dev", &wheel("app", "1.0").requires("lib").wheel()).await;
    for (name, version) in [("lib", "1.0"), ("lib", "2.0"), ("other", "1.0"), ("tool", "1.0")] {
        server.publish("alice/dev", &wheel(name, version).wheel()).await;
    }
    desk.write("requirements.in", "-r ${BASE_URL}/r/base.txt\n");
    let address = server.url("").to_owned();
    let arguments = about(&["compile"], &address);
    let variables = [("BASE_URL", web.as_str()), ("SECRET", "hidden")];
    desk.run_with("wheelwright", &arguments, &variables).await.succeeded();
    assert_eq!(pins(&desk.read("requirements.txt")), ["app==1.0", "lib==1.0", "other==1.0"]);
    // Typed, and as constraints alone.
    let typed = format!("{web}/r/base.txt");
    run(&desk, &server, &["compile", &typed, "typed.txt"]).await.succeeded();
    assert_eq!(pins(&desk.read("typed.txt")), ["app==1.0", "lib==1.0", "other==1.0"]);
    desk.write("limited.in", &format!("lib\n--constraint={web}/r/limits.txt\n"));
    run(&desk, &server, &["compile", "limited.in", "limited.txt"]).await.succeeded();
    assert_eq!(pins(&desk.read("limited.txt")), ["lib==1.0"]);
    // A login as pip takes it; a variable of ours never goes to where a stranger's file says.
    desk.write(".netrc", "machine 127.0.0.1 login alice password secret\n");
    desk.write("private.in", &format!("-r {web}/private.txt\n"));
    let token = server.make_token("alice", wheelwright::access::Scope::default()).await;
    run(&desk, &server, &["compile", "private.in", "private.txt", "--token", &token]).await.succeeded();
    for (file, part) in [
        ("leak.txt", "leak.txt:2: "),
        ("broken.txt", "broken.txt:3: "),
        ("loop.txt", "requirement files include each other"),
    ] {
        desk.write("wrong.in", &format!("# wrong\n-r {web}/{file}\n"));
        let arguments = about(&["compile", "wrong.in"], &address);
        let ran = desk.run_with("wheelwright", &arguments, &variables).await.failed();
        assert!(ran.err.contains(part) && !ran.err.contains("hidden"), "{file}: {}", ran.err);
    }
    desk.write("wrong.in", &format!("# wrong\n-r {web}/nowhere.txt\n"));
    let ran = run(&desk, &server, &["compile", "wrong.in"]).await.failed();
    assert!(ran.err.contains("wrong.in:2: ") && ran.err.contains("/nowhere.txt answered 404"), "{}", ran.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_supported_is_named_with_file_and_line() {
    let (server, desk) = (start().await, Desk::new());
    let lib = wheel("lib", "1.0").wheel();
    server.publish("alice/dev", &lib).await;
    for (line, part) in [
        ("lib==1.0 --config-settings=x=y", "--config-settings of lib==1.0 is not supported"),
        ("lib --global-option=build", "--global-option of lib is not supported"),
        ("lib==1.0 --hash=md5:00", "must be like sha256:00"),
        ("--target=/tmp", "--target is not an option of a requirement file"),
        ("-r", "--requirement needs a value"),
        ("-r absent.in", "cannot read absent.in"),
        ("lib==", "lib=="),
    ] {
        desk.write("more.in", &format!("lib \\\n  >=1.0\r\n{line}\n"));
        desk.write("requirements.in", "# first\n-r more.in\n");
        for arguments in
            [&["compile"][..], &["resolve", "more.in"], &["build", "-r", "requirements.in", "-w", "w"]]
        {
            let ran = match arguments[0] {
                "build" => desk.run("wheelwright", arguments).await,
                _ => run(&desk, &server, arguments).await,
            };
            assert!(ran.code.is_some_and(|code| code == 1 || code == 2), "{arguments:?}: {}", ran.out);
            assert!(
                ran.err.contains("more.in:3: ") && ran.err.contains(part),
                "{line}: {arguments:?}: {}",
                ran.err
            );
        }
    }
    // Which index is asked is the server's business: told, and not followed.
    desk.write(
        "requirements.in",
        "-i https://h.example/simple\n--extra-index-url=https://h.example/x\nlib\n",
    );
    let ran = run(&desk, &server, &["compile"]).await.succeeded();
    for part in [
        "requirements.in:1: wheelwright ignores the option -i",
        "requirements.in:2: wheelwright ignores the option --extra-index-url",
    ] {
        assert!(ran.err.contains(part), "{part}: {}", ran.err);
    }
    // Hashes over several lines are.
    let pinned = |hash: &str| {
        format!("lib==1.0 \\\n    --hash=sha256:{} \\\n    --hash=sha256:{hash}\n", "0".repeat(64))
    };
    desk.write("requirements.txt", &pinned(&lib.sha256()));
    run(&desk, &server, &["resolve"]).await.succeeded();
    assert!(desk.read("requirements.urls").contains(&lib.sha256()));
    desk.write("requirements.txt", &pinned(&"1".repeat(64)));
    run(&desk, &server, &["resolve"]).await.failed();
}
