//! Stories of people who log in once, and work at a server from a machine that has nothing of it.

use crate::kit::Server;
use crate::kit::clients::Client;
use crate::kit::laptop::{Laptop, let_in, shown_code};
use crate::kit::packages::Package;
use crate::kit::stages::{PASSWORD, stage};
use serde_json::{Value, json};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::Stdio;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::Command;

#[tokio::test(flavor = "multi_thread")]
async fn a_person_with_a_browser_lets_the_command_line_in() {
    let (server, laptop) = (stage().await, Laptop::new());
    for (answer, code) in [("no", 1), ("yes", 0)] {
        let mut child = laptop.command(&["login", &server.url(""), "--json"]).spawn().expect("it starts");
        let shown = shown_code(&mut child).await;
        let_in(&server, &shown, answer).await;
        let ended = child.wait_with_output().await.expect("it ends");
        assert_eq!(ended.status.code(), Some(code));
        assert_eq!(laptop.kept().exists(), answer == "yes");
    }
    let mode = laptop.kept().metadata().expect("a file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "nobody else reads it");
    let who = laptop.run(&["whoami", "--json"]).await.succeeded().json();
    assert_eq!((&who["user"], &who["server"]), (&json!("alice"), &json!(server.url("/"))));
    laptop.run(&["index", "create", "alice/new"]).await.succeeded();
    assert!(server.app.indexes.directory().indexes.keys().any(|name| name.as_str() == "alice/new"));
    laptop.run(&["logout"]).await.succeeded();
    laptop.run(&["whoami", "--server", &server.url("")]).await.fails_with("wheelwright login");
    laptop.run(&["index", "list"]).await.fails_with("is not a data folder");
    laptop.run(&["logout"]).await.fails_with("not logged in anywhere");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_or_a_token_logs_in_and_a_wrong_one_keeps_nothing() {
    let (server, laptop) = (stage().await, Laptop::new());
    let url = server.url("");
    let by_password = ["login", &url, "--user", "alice", "--password-stdin"];
    laptop.run_with(&by_password, "wrong\n", &[]).await.fails_with("could not be authenticated");
    laptop.run_with(&by_password, "\n", &[]).await.fails_with("does not contain a password");
    let by_token = ["login", &url, "--token-stdin"];
    laptop.run_with(&by_token, &format!("ww_{}\n", "A".repeat(43)), &[]).await.fails_with("invalid");
    laptop
        .run(&["login", "http://127.0.0.1:1", "--token-stdin"])
        .await
        .fails_with("does not contain a token");
    laptop.run_with(&["login", "ftp://x"], "", &[]).await.fails_with("must be the address");
    assert!(!laptop.kept().exists());
    laptop.log_in(&server).await;
    let kept = std::fs::read_to_string(laptop.kept()).expect("a file");
    assert!(kept.contains("ww_") && !kept.contains(PASSWORD), "{kept}");
    let scope = wheelwright::access::Scope {
        actions: vec![wheelwright::access::Action::Read],
        ..wheelwright::access::Scope::default()
    };
    let token = server.make_token("alice", scope).await;
    laptop.run_with(&by_token, &format!("{token}\n"), &[]).await.succeeded();
    assert_eq!(laptop.run(&["whoami", "--json"]).await.succeeded().json()["user"], "alice");
    laptop
        .run(&["index", "create", "alice/other"])
        .await
        .fails_with("the token allows read, but this needs admin");
    let loose = std::fs::Permissions::from_mode(0o644);
    std::fs::set_permissions(laptop.kept(), loose).expect("another mode");
    laptop.run(&["whoami"]).await.fails_with("run chmod 600");
}

/// What a request to this port says, which is answered by the text.
async fn overheard(answer: String) -> (u16, tokio::task::JoinHandle<String>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    let heard = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a connection");
        let (mut heard, mut buffer) = (Vec::new(), [0; 4096]);
        while !heard.windows(4).any(|end| end == b"\r\n\r\n") {
            let read = stream.read(&mut buffer).await.expect("a request");
            heard.extend_from_slice(&buffer[..read]);
        }
        stream.write_all(answer.as_bytes()).await.expect("it is sent");
        String::from_utf8_lossy(&heard).to_lowercase()
    });
    (port, heard)
}

#[tokio::test(flavor = "multi_thread")]
async fn no_other_server_gets_the_token_not_even_by_a_redirect() {
    let (server, laptop) = (stage().await, Laptop::new());
    laptop.log_in(&server).await;
    let (port, heard) = overheard("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n".into()).await;
    let other = format!("http://127.0.0.1:{port}");
    assert_eq!(laptop.run(&["whoami", "--server", &other]).await.code, Some(1));
    assert!(!heard.await.expect("a request").contains("authorization"), "another port is another server");
    let (evil, heard) = overheard("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}".into()).await;
    let moved = format!(
        "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:{evil}/+account\r\ncontent-length: 0\r\n\r\n"
    );
    let (port, asked) = overheard(moved).await;
    let kept = std::fs::read_to_string(laptop.kept()).expect("a file");
    let moved_here = kept.replace(&server.address.port().to_string(), &port.to_string());
    std::fs::write(laptop.kept(), moved_here).expect("a file");
    assert_eq!(laptop.run(&["whoami"]).await.code, Some(1));
    assert!(asked.await.expect("a request").contains("authorization"), "its own server gets it");
    assert!(!heard.is_finished(), "nobody followed");
    heard.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn one_rule_says_where_a_command_works() {
    let (server, laptop) = (stage().await, Laptop::new());
    let token = server.make_token("alice", wheelwright::access::Scope::default()).await;
    let (url, data) = (server.url(""), server.data.path().display().to_string());
    let list = async |more: &[&str], variables: &[(&str, &str)]| {
        let ended = laptop.run_with(&[&["token", "list", "--json"][..], more].concat(), "", variables).await;
        ended.json().as_array().map(Vec::len).ok_or(ended.err)
    };
    server.make_token("root", wheelwright::access::Scope::default()).await;
    // The command line beside the data folder sees all tokens, alice at the server her own.
    assert_eq!(list(&["--data", &data], &[]).await, Ok(2));
    assert_eq!(list(&["--server", &url, "--token", &token], &[]).await, Ok(1));
    let variables = [("WHEELWRIGHT_SERVER", url.as_str()), ("WHEELWRIGHT_TOKEN", token.as_str())];
    assert_eq!(list(&[], &variables).await, Ok(1));
    assert_eq!(list(&["--data", &data], &variables).await, Ok(2), "a flag of this machine wins");
    let both = laptop.run(&["token", "list", "--data", &data, "--server", &url]).await;
    both.refused_as_usage("use one of them");
    laptop.run(&["gc", "--server", &url]).await.fails_with("works on the machine of the data folder alone");
    laptop.log_in(&server).await;
    assert_eq!(list(&[], &[]).await, Ok(2), "hers, with the one of her login");
    std::fs::write(laptop.path("work/wheelwright.toml"), format!("data = \"{data}\"\n")).expect("a file");
    assert_eq!(list(&[], &[]).await, Ok(3), "what is here wins over a login");
    std::fs::remove_file(laptop.path("work/wheelwright.toml")).expect("a file");
    std::fs::write(laptop.path(".netrc"), "machine 127.0.0.1 login root password root-secret\n")
        .expect("a file");
    assert_eq!(list(&[], &[]).await, Ok(2), "a login comes before ~/.netrc");
    laptop.run(&["logout"]).await.succeeded();
    assert_eq!(list(&["--server", &url], &[]).await, Ok(2), "~/.netrc has root's password");
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_uploaded_yanked_and_pushed_from_anywhere() {
    let (server, laptop) = (stage().await, Laptop::new());
    server.make_index("alice/prod", json!({"bases": []})).await;
    laptop.log_in(&server).await;
    laptop.run(&["upload", "x.whl"]).await.refused_as_usage("which index?");
    laptop.run(&["use", "alice/dev"]).await.succeeded();
    laptop.run(&["use", "alice/nothing"]).await.fails_with("alice/nothing");
    let dist = laptop.path("work/dist");
    std::fs::create_dir(&dist).expect("a folder");
    let wheel = Package::new("demo", "1.0").wheel();
    wheel.save(&dist);
    Package::new("demo", "1.0").sdist().save(&dist);
    std::fs::write(dist.join("demo-1.0.tar.gz.asc"), "signature").expect("a file");
    let wheel = format!("dist/{}", wheel.filename);
    let all = ["upload", "dist/demo-1.0.tar.gz.asc", "dist/demo-1.0.tar.gz", &wheel, "--json"];
    let told = laptop.run(&all).await.succeeded().json();
    let became = |told: &Value| -> Vec<String> {
        let files = told["files"].as_array().expect("files").iter();
        files.map(|file| file["message"].as_str().expect("words").to_owned()).collect()
    };
    assert_eq!(became(&told), ["uploaded", "uploaded"], "{told}");
    assert_eq!(told["left_alone"], json!(["dist/demo-1.0.tar.gz.asc"]));
    assert_eq!(became(&laptop.run(&all).await.succeeded().json()), ["is there already", "is there already"]);
    std::fs::write(dist.join("broken-1.0-py3-none-any.whl"), "no zip").expect("a file");
    let told = laptop.run(&["upload", "dist/broken-1.0-py3-none-any.whl", &wheel, "--json"]).await;
    assert_eq!((told.code, became(&told.json())[1].as_str()), (Some(1), "is there already"));
    laptop.run(&["yank", "alice/dev", "demo==1.0", "--why", "broken"]).await.succeeded();
    let page = server.get("/alice/dev/+simple/demo/").await.text().await.expect("a page");
    assert!(page.contains("data-yanked=\"broken\""), "{page}");
    laptop.run(&["yank", "alice/dev", "demo==1.0", "--undo"]).await.succeeded();
    laptop.run(&["yank", "alice/dev", "demo==2.0"]).await.fails_with("2.0");
    let push = ["push", "demo==1.0", "--from", "alice/dev", "--to", "alice/prod", "--json"];
    let pushed = laptop.run(&push).await.succeeded().json();
    assert_eq!(pushed["files"].as_array().map(Vec::len), Some(2), "{pushed}");
    laptop
        .run(&["push", "demo==1.0", "--from", "alice/dev", "--to", "alice/none"])
        .await
        .fails_with("alice/none");
}

/// What pip or uv say in a home with these settings alone.
async fn client(client: &Client, home: &Path, program: &str, arguments: &[&str]) -> (bool, String) {
    let mut command = Command::new(client.program(program));
    command.args(arguments).env_clear().env("HOME", home).current_dir(home);
    command.env("PIP_DISABLE_PIP_VERSION_CHECK", "1").env("UV_PYTHON_DOWNLOADS", "never");
    command.env("PATH", std::env::var_os("PATH").unwrap_or_default()).stdin(Stdio::null());
    let output = command.output().await.expect("it starts");
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&text).into_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn pip_and_uv_install_a_private_package_after_one_command() {
    let (server, laptop) = (Server::start().await, Laptop::new());
    server.make_user("alice", PASSWORD).await;
    server.make_index("alice/dev", json!({"bases": [], "acl_read": ["alice"]})).await;
    server.publish("alice/dev", &Package::new("my-private-package", "1.0").tag("py3-none-any").wheel()).await;
    laptop.log_in(&server).await;
    std::fs::create_dir_all(laptop.path(".config/pip")).expect("a folder");
    std::fs::write(laptop.path(".config/pip/pip.conf"), "# mine\n[global]\ntimeout = 7\n").expect("a file");
    let told = laptop
        .run(&["use", "alice/dev", "--pip", "--uv", "--with-credentials", "--dry-run"])
        .await
        .succeeded();
    assert!(told.out.contains("+index-url = ") && !told.out.contains("ww_"), "{}", told.out);
    assert!(!laptop.path(".netrc").exists() && !laptop.path(".config/uv/uv.toml").exists());
    let advised = laptop.run(&["use", "alice/dev", "--pip"]).await.succeeded();
    assert!(advised.err.contains("Add --with-credentials"), "{}", advised.err);
    laptop.run(&["use", "alice/dev", "--pip", "--uv", "--with-credentials"]).await.succeeded();
    let pip_conf = std::fs::read_to_string(laptop.path(".config/pip/pip.conf")).expect("a file");
    assert!(pip_conf.starts_with("# mine\n[global]\n") && pip_conf.contains("timeout = 7"), "{pip_conf}");
    let netrc = laptop.path(".netrc").metadata().expect("a file").permissions().mode();
    assert_eq!(netrc & 0o777, 0o600);
    let (uv, pip) = (Client::new("uv"), Client::new("pip"));
    let target = |name: &str| laptop.path(name).display().to_string();
    let download = ["download", "my-private-package", "--no-deps", "-d", &target("pip")];
    let (done, said) = client(&pip, laptop.home.path(), "pip", &download).await;
    assert!(done, "{said}");
    assert!(laptop.path("pip/my_private_package-1.0-py3-none-any.whl").exists(), "{said}");
    let install = ["pip", "install", "my-private-package", "--target", &target("uv")];
    let (done, said) = client(&uv, laptop.home.path(), "uv", &install).await;
    assert!(done, "{said}");
    assert!(laptop.path("uv/my_private_package-1.0.dist-info").exists(), "{said}");
    // Of the active environment, and through a link.
    std::fs::create_dir(laptop.path("env")).expect("a folder");
    symlink(laptop.path("real.conf"), laptop.path("env/pip.conf")).expect("a link");
    std::fs::write(laptop.path("real.conf"), "").expect("a file");
    let environment = laptop.path("env").display().to_string();
    laptop.run_with(&["use", "alice/dev", "--pip"], "", &[("VIRTUAL_ENV", &environment)]).await.succeeded();
    assert!(std::fs::read_to_string(laptop.path("real.conf")).expect("a file").contains("index-url"));
    assert!(laptop.path("env/pip.conf").is_symlink());
}
