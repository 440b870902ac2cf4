//! A team's traffic goes through a shadow before a real devpi-server, whose export has moved in here.

use crate::kit::Server;
use crate::kit::clients::Client;
use crate::kit::devpi_server::Devpi;
use crate::kit::packages::Package;
use crate::kit::script::Auth;
use crate::transfer::import;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// `wheelwright shadow` in a process of its own.
struct ShadowProcess {
    child: Child,
    out: BufReader<std::process::ChildStdout>,
    url: String,
}

impl ShadowProcess {
    fn start(old: &Devpi, new: &Server, report: &Path) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_wheelwright"));
        command.args(["shadow", "--primary", &old.url, "--server", &new.url(""), "--listen", "127.0.0.1:0"]);
        command.arg("--report").arg(report).env_clear().env("HOME", new.data.path());
        command.env("WHEELWRIGHT_DATA", new.data.path()).current_dir(new.data.path());
        let mut child = command.stdout(Stdio::piped()).spawn().expect("it starts");
        let mut out = BufReader::new(child.stdout.take().expect("its output"));
        let mut line = String::new();
        out.read_line(&mut line).expect("a line");
        let url = line.trim().strip_prefix("listening on ").expect("its address").to_owned();
        Self { child, out, url }
    }

    /// Ends it; what it printed.
    async fn end(mut self) -> String {
        kill_process(Pid::from_child(&self.child), Signal::TERM).expect("it runs");
        let ended = tokio::task::spawn_blocking(move || {
            let mut said = String::new();
            self.out.read_to_string(&mut said).expect("text");
            (self.child.wait().expect("it ends").code(), said)
        });
        let (code, said) = ended.await.expect("it ends");
        assert_eq!(code, Some(0), "{said}");
        said
    }
}

fn read(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).expect("a report")).expect("JSON")
}

#[tokio::test]
async fn a_week_of_devpi_pip_and_uv_shows_no_difference_and_then_each_one_by_name() {
    let (devpi, client) = (Client::new("devpi-server"), Client::new("devpi-client"));
    let (pip, uv) = (Client::new("pip"), Client::new("uv"));
    Devpi::init(&devpi).await;
    let old = Devpi::start(&devpi).await;
    let hello =
        |version: &str| Package::new("hello", version).requires_python(">=3.8").tag("py3-none-any").wheel();
    let files = [hello("1.0"), hello("1.1"), Package::new("app", "2.0").requires("hello>=1").wheel()];
    let paths = files.each_ref().map(|file| file.save(client.home.path()).display().to_string());
    let command =
        async |line: &str| client.run("devpi", &line.split(' ').collect::<Vec<_>>()).await.succeeded();
    command(&format!("use {}", old.url)).await;
    command("user -c ann password=annpw email=ann@example.org").await;
    command("login ann --password=annpw").await;
    command("index -c dev volatile=True title=ours").await;
    command("index -c prod bases=ann/dev volatile=False").await;
    command("use ann/dev").await;
    command(&format!("upload {}", paths.join(" "))).await;
    command("push hello==1.0 ann/prod").await;
    drop(old);
    let folder = devpi.home.path().join("export").display().to_string();
    devpi.run("devpi-export", &["--serverdir", &Devpi::folder(&devpi), &folder]).await.succeeded();
    let old = Devpi::start(&devpi).await;
    let server = Server::start().await;
    import(&server, &["devpi", &folder]).await.whole();

    let report = server.data.path().join("shadow.json");
    let shadow = ShadowProcess::start(&old, &server, &report);
    assert_eq!(read(&report)["requests"], 0, "a place for the report that cannot be written ends it at once");
    let url = shadow.url.clone();
    let index = |name: &str| format!("{url}/ann/{name}/+simple/");
    let target = |name: &str| client.home.path().join(name).display().to_string();
    for line in [
        "use {url}/ann/dev",
        "login ann --password=annpw",
        "list",
        "list hello",
        "getjson /ann/dev/app/2.0",
        "getjson /ann",
        "index ann/prod",
        "index -l",
        "user -l",
    ] {
        command(&line.replace("{url}", &url)).await;
    }
    let arguments = ["-q", "--no-cache-dir", "--target"];
    for (name, wanted) in [("dev", "app"), ("dev", "app"), ("prod", "hello")] {
        let (place, index) = (target("pip"), index(name));
        let more = [&*place, "--upgrade", "-i", &*index, wanted];
        pip.run("pip", &[&["install"][..], &arguments, &more].concat()).await.succeeded();
    }
    let (place, simple) = (target("uv"), index("dev"));
    uv.run("uv", &["pip", "install", "--no-cache", "--target", &place, "-i", &simple, "app"])
        .await
        .succeeded();
    pip.run("pip", &["download", "--no-cache-dir", "-i", &index("dev"), "nothing-of-that-name"])
        .await
        .failed();
    let said = shadow.end().await;
    let told = read(&report);
    assert_eq!(
        (&told["different"], &told["differences"], &told["failed"]),
        (&json!(0), &json!([]), &json!([])),
        "{told:#}"
    );
    assert!(told["equal"].as_u64() >= Some(20), "{told:#}");
    assert!(said.contains("answers equal, 0 different"), "{said}");
    let kinds: Vec<&Value> =
        told["times"].as_array().expect("a list").iter().map(|one| &one["kind"]).collect();
    assert_eq!(kinds, ["page", "file", "json"], "{told:#}");
    assert!(!told.to_string().contains("annpw"));

    // From now on they differ: a yank here, a file that only the old server gets, one that it loses.
    let shadow = ShadowProcess::start(&old, &server, &report);
    let ann = Auth::basic("ann", "annpw");
    let yank = Some(json!({"yanked": "broken"}));
    assert_eq!(server.ask("PATCH", "/ann/dev/hello/1.1", &ann, yank).await.0, 200);
    command(&format!("use {}/ann/dev", shadow.url)).await;
    command("login ann --password=annpw").await;
    let newer = hello("1.2");
    command(&format!("upload {}", newer.save(client.home.path()).display())).await;
    command("remove -y hello==1.0").await;
    let simple = format!("{}/ann/dev/+simple/", shadow.url);
    let place = target("dl");
    pip.run("pip", &["download", "--no-cache-dir", "--no-deps", "-d", &place, "-i", &simple, "hello"])
        .await
        .succeeded();
    let said = shadow.end().await;
    let told = read(&report);
    let page = "/ann/dev/+simple/hello/";
    let mut found: Vec<String> = Vec::new();
    for line in told["differences"].as_array().expect("a list").iter().filter(|line| line["path"] == page) {
        found.push(["what", "old", "new"].map(|key| line[key].as_str().expect("text")).join(" | "));
    }
    let [one, two] = [&files[0], &newer].map(|file| format!("sha256={}", file.sha256()));
    assert_eq!(
        found,
        [
            format!("file {} | absent | {one}", files[0].filename),
            format!("file {} | {two} | absent", newer.filename),
            format!("yanked of {} | no | yes broken", files[1].filename),
        ],
        "{told:#}"
    );
    let line = format!("1 × GET {page}: yanked of {}: old no, new yes broken", files[1].filename);
    assert!(said.contains(&line), "{said}");
}
