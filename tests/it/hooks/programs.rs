//! Programs that are asked before an upload, and those that a webhook names.

use super::webhooks::{alice, on_loopback};
use crate::kit::Server;
use crate::kit::clients::Client;
use crate::kit::forms::{Answer, Form};
use crate::kit::names::{index_name, project_name};
use crate::kit::packages::{Dist, Package};
use crate::kit::receiver::Receiver;
use crate::kit::script::Auth;
use crate::kit::stages::{PASSWORD, stage_with};
use serde_json::{Value, json};
use std::fs::Permissions;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;
use std::process::Command;

/// A folder of programs.
struct Programs(tempfile::TempDir);

impl Programs {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// A program of the shell.
    fn shell(self, name: &str, script: &str) -> Self {
        self.put(name, &format!("#!/bin/sh\n{script}\n"), 0o755)
    }

    fn put(self, name: &str, text: &str, mode: u32) -> Self {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(&path, text).expect("a program");
        std::fs::set_permissions(&path, Permissions::from_mode(mode)).expect("its mode");
        self
    }

    async fn stage(&self) -> Server {
        let folder = self.0.path().to_owned();
        stage_with(|config| {
            on_loopback(config);
            config.hooks.folder = Some(folder);
            config.hooks.timeout = 20;
        })
        .await
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }
}

fn demo() -> Dist {
    Package::new("demo", "1.0").wheel()
}

async fn upload(server: &Server, dist: &Dist) -> Answer {
    server.post("/alice/dev/", Form::of(dist), "alice", PASSWORD).await
}

/// The block of a document in which these words stand.
fn documented(document: &str, words: &str) -> String {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/how-to").join(document);
    let text = std::fs::read_to_string(path).expect("the document");
    let blocks = text.split("```python\n").skip(1).filter_map(|rest| rest.split("```").next());
    blocks.filter(|block| block.contains(words)).collect::<Vec<_>>().concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn twine_prints_why_a_program_refuses_and_nothing_is_kept() {
    let script = r#"read -r told
case "$told" in *'"project":"demo"'*) echo "demo is not allowed here" >&2; exit 1;; esac"#;
    let programs = Programs::new().shell("10-names", script);
    let server = programs.stage().await;
    let client = Client::new("twine");
    let url = server.url("/alice/dev/");
    for (project, is_taken) in [("demo", false), ("other", true)] {
        let file = Package::new(project, "1.0").wheel().save(client.home.path()).display().to_string();
        let arguments =
            ["upload", "--non-interactive", "--repository-url", &url, "-u", "alice", "-p", PASSWORD];
        let run = client.run("twine", &[&arguments[..], &[&file]].concat()).await;
        if is_taken {
            run.succeeded();
        } else {
            run.failed().says("demo is not allowed here");
        }
        let known = server.app.db.project(&index_name("alice/dev"), &project_name(project)).await;
        assert_eq!(known.expect("rows").is_some(), is_taken, "{project}");
    }
    let files = walk(server.data.path());
    let is_kept = |dist: &Dist| {
        let digits = &dist.sha256()[8..];
        files.iter().any(|path| path.to_string_lossy().contains(digits))
    };
    assert!(!is_kept(&demo()) && is_kept(&Package::new("other", "1.0").wheel()), "{files:?}");
}

#[tokio::test]
async fn a_program_is_asked_before_a_push_too_and_may_add_to_its_event() {
    let script = r#"read -r told
case "$told" in *'"event":"push"'*'"index":"alice/prod"'*) echo "prod is frozen" >&2; exit 1;; esac
case "$told" in *'"event":"push"'*'"from":"alice/dev"'*) echo '{"ticket": "T-7"}';; esac"#;
    let programs = Programs::new().shell("10-frozen", script);
    let server = programs.stage().await;
    for name in ["alice/prod", "alice/test"] {
        server.make_index(name, json!({})).await;
    }
    server.publish("alice/dev", &demo()).await;
    let push = async |target: &str| {
        let body = json!({"name": "demo", "version": "1.0", "targetindex": target});
        server.ask("PUSH", "/alice/dev", &alice(), Some(body)).await
    };
    let (status, told) = push("alice/prod").await;
    assert_eq!(
        (status, told["message"].as_str().is_some_and(|why| why.contains("prod is frozen"))),
        (403, true),
        "{told}"
    );
    assert_eq!(server.get("/alice/prod/+simple/demo/").await.status(), 404);
    assert_eq!(push("alice/test").await.0, 200);
    let events = server.app.db.events_after(0, 1000).await.expect("events");
    let pushed = events.iter().find(|event| event.what.name() == "push").expect("an event");
    assert!(pushed.added.as_deref().is_some_and(|added| added.contains("T-7")), "{:?}", pushed.added);
}

fn walk(folder: &std::path::Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder").flatten().map(|entry| entry.path());
    entries.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
}

#[tokio::test]
async fn a_program_is_told_what_comes_and_has_nothing_of_the_servers_environment() {
    let programs = Programs::new().shell("look", "cat >.told; env >.environment");
    let server = programs.stage().await;
    let dist = Package::new("Demo", "1.0").requires("lib>=2").wheel();
    assert_eq!(upload(&server, &dist).await.status, 200);
    let told: Value = serde_json::from_str(&programs.read(".told")).expect("JSON");
    for (key, value) in [
        ("event", json!("upload")),
        ("who", json!("alice")),
        ("index", json!("alice/dev")),
        ("project", json!("demo")),
        ("version", json!("1.0")),
        ("filename", json!(dist.filename)),
        ("sha256", json!(dist.sha256())),
        ("size", json!(dist.bytes.len())),
    ] {
        assert_eq!(told[key], value, "{key} of {told:#}");
    }
    assert_eq!(told["metadata"]["requires_dist"], json!(["lib>=2"]));
    let environment = programs.read(".environment");
    let mut names: Vec<&str> = environment.lines().filter_map(|line| line.split('=').next()).collect();
    // The shell's own.
    names.retain(|name| !["PWD", "OLDPWD", "SHLVL", "_"].contains(name));
    names.sort_unstable();
    assert_eq!(names, ["LANG", "PATH"]);
    // What is there already needs no answer.
    std::fs::remove_file(programs.path(".told")).expect("it was there");
    assert_eq!(upload(&server, &dist).await.status, 200);
    assert!(!programs.path(".told").exists());
}

#[tokio::test]
async fn what_programs_add_to_an_event_reaches_webhooks() {
    let programs = Programs::new()
        .shell("1", r#"echo '{"licence": "MIT", "by": "1"}'"#)
        .shell("2", r#"echo '{"by": "2"}'"#)
        .shell("3", "echo all is well");
    let server = programs.stage().await;
    let receiver = Receiver::start(&[]).await;
    server.hook(&receiver.url(), &["upload"]).await;
    assert_eq!(upload(&server, &demo()).await.status, 200);
    assert_eq!(receiver.next().await.json()["added"], json!({"licence": "MIT", "by": "2"}));
}

#[tokio::test]
async fn a_program_that_hangs_is_killed_with_its_helpers_and_the_upload_refused() {
    let programs = Programs::new().shell("slow", "sleep 7000 & echo $! >.helper; wait");
    let folder = programs.0.path().to_owned();
    let server = stage_with(|config| {
        config.hooks.folder = Some(folder);
        config.hooks.timeout = 3;
    })
    .await;
    let refused = upload(&server, &demo()).await;
    assert_eq!(refused.status, 403);
    assert!(refused.text.contains("the hook program slow did not end within 3 s"), "{}", refused.text);
    let helper = format!("/proc/{}/cmdline", programs.read(".helper").trim());
    // A process that is gone but not yet noticed has no command line.
    while std::fs::read_to_string(&helper).is_ok_and(|text| !text.is_empty()) {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_program_that_fails_refuses_by_its_name() {
    for (script, why) in [
        ("exit 3", "the hook program check failed (exit status: 3)"),
        ("kill -9 $$", "the hook program check failed (signal: 9"),
        ("head -c 70000 /dev/zero", "the hook program check wrote more than 65536 bytes"),
        ("exit 1", "the hook program check refuses demo-1.0-"),
        ("echo from stdout; exit 1", "from stdout"),
    ] {
        let programs = Programs::new().shell("check", script);
        let refused = upload(&programs.stage().await, &demo()).await;
        assert!(refused.status == 403 && refused.text.contains(why), "{script}: {}", refused.text);
    }
    let programs = Programs::new().put("check", "#!/no/such/interpreter\n", 0o755);
    let refused = upload(&programs.stage().await, &demo()).await;
    assert!(refused.text.contains("the hook program check does not start"), "{}", refused.text);
}

#[tokio::test]
async fn a_program_that_others_can_change_is_not_run() {
    let leaves_a_trace = "#!/bin/sh\ntouch .ran\n";
    for mode in [0o777, 0o775, 0o644] {
        let programs = Programs::new().put("check", leaves_a_trace, mode);
        let refused = upload(&programs.stage().await, &demo()).await;
        let why = if mode == 0o644 { "is not executable" } else { "nobody else may write to it" };
        assert!(refused.status == 403 && refused.text.contains("the hook program check"), "{}", refused.text);
        assert!(refused.text.contains(why) && !programs.path(".ran").exists(), "{mode:o}: {}", refused.text);
    }
    let elsewhere = Programs::new().put("check", leaves_a_trace, 0o755);
    let programs = Programs::new();
    symlink(elsewhere.path("check"), programs.path("check")).expect("a link");
    let refused = upload(&programs.stage().await, &demo()).await;
    assert!(refused.text.contains("check is not a file"), "{}", refused.text);
    let programs = Programs::new().put("check", leaves_a_trace, 0o755);
    std::fs::set_permissions(programs.0.path(), Permissions::from_mode(0o777)).expect("its mode");
    let refused = upload(&programs.stage().await, &demo()).await;
    assert!(
        refused.status == 403 && refused.text.contains("the folder of hook programs"),
        "{}",
        refused.text
    );
    assert!(!programs.path(".ran").exists());
}

#[tokio::test]
async fn without_its_folder_nothing_is_taken_and_what_is_no_program_is_left_alone() {
    let programs = Programs::new().put(".notes", "text", 0o666).put("after/told", "text", 0o666);
    let server = programs.stage().await;
    assert_eq!(upload(&server, &demo()).await.status, 200);
    std::fs::remove_dir_all(programs.0.path()).expect("it was there");
    let refused = upload(&server, &Package::new("demo", "1.1").wheel()).await;
    assert!(refused.status == 403 && refused.text.contains("cannot be read"), "{}", refused.text);
}

#[tokio::test]
async fn a_relative_folder_is_below_the_data() {
    let server = stage_with(|config| {
        let folder = config.data.join("hooks");
        std::fs::create_dir(&folder).expect("a folder");
        std::fs::write(folder.join("no"), "#!/bin/sh\necho not today; exit 1\n").expect("a program");
        std::fs::set_permissions(folder.join("no"), Permissions::from_mode(0o755)).expect("its mode");
        config.hooks.folder = Some("hooks".into());
    })
    .await;
    let refused = upload(&server, &demo()).await;
    assert!(refused.status == 403 && refused.text.contains("not today"), "{}", refused.text);
}

#[tokio::test]
async fn a_webhook_may_run_a_program_if_root_says_so() {
    let programs = Programs::new().shell("after/note", "cat >.told; [ ! -e .refuse ]");
    let server = programs.stage().await;
    let asked = json!({"url": "program:note", "on": ["upload"]});
    let (status, _) = server.ask("POST", "/alice/dev/+webhooks", &alice(), Some(asked.clone())).await;
    assert_eq!(status, 403);
    for other in ["program:", "program:../after/note", "program:nothing", "program:.note"] {
        let (status, _) =
            server.ask("POST", "/+webhooks", &Auth::root(), Some(json!({ "url": other }))).await;
        assert_eq!(status, 403, "{other}");
    }
    let (status, made) = server.ask("POST", "/alice/dev/+webhooks", &Auth::root(), Some(asked)).await;
    assert_eq!(status, 201, "{made}");
    let id = made["result"]["id"].as_i64().expect("an id");
    assert_eq!(server.ping(id).await["error"], Value::Null);
    let told: Value = serde_json::from_str(&programs.read("after/.told")).expect("JSON");
    assert_eq!((&told["event"], &told["index"]), (&json!("ping"), &json!("alice/dev")));
    std::fs::write(programs.path("after/.refuse"), "").expect("a file");
    let error = server.ping(id).await["error"].to_string();
    assert!(error.contains("the hook program note failed"), "{error}");
}

#[tokio::test]
async fn what_the_documents_show_works() {
    let program = documented("hook-programs.md", "licence");
    let programs = Programs::new().put("licences", &program, 0o755);
    let server = programs.stage().await;
    let receiver = Receiver::start(&[]).await;
    let (_, secret) = server.hook(&receiver.url(), &[]).await;
    let refused = upload(&server, &Package::new("free", "1.0").wheel()).await;
    assert!(refused.status == 403 && refused.text.contains("is not allowed"), "{}", refused.text);
    assert_eq!(
        upload(&server, &Package::new("demo", "1.0").header("License", "MIT").wheel()).await.status,
        200
    );
    let told = receiver.next().await;
    assert_eq!(told.json()["added"], json!({"licence": "MIT"}));
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("body"), &told.body).expect("a file");
    let check = documented("webhooks.md", "def verified")
        + "import sys\nprint(verified(open('body', 'rb').read(), *sys.argv[1:])['project'])\n";
    for (secret, prints) in [(&*secret, "demo"), ("another secret", "")] {
        let mut python = Command::new("/usr/bin/python3");
        python.args(["-c", &check, told.header("x-hub-signature-256"), secret]).current_dir(folder.path());
        let ran = python.output().expect("python3 starts");
        let (out, err) = (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
        assert_eq!((out.trim(), ran.status.success()), (prints, !prints.is_empty()), "{err}");
    }
}
