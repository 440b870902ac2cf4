//! Every command that works at a server says there what it says beside the data folder.

use crate::kit::Server;
use crate::kit::packages::Package;
use crate::kit::stages::stage;
use serde_json::{Value, json};
use std::process::{Command, Output, Stdio};
use wheelwright::access::Scope;

/// What only looks: the same at both places, to the letter.
const LOOKS: &[&[&str]] = &[
    &["user", "list"],
    &["index", "list"],
    &["index", "show", "alice/dev"],
    &["index", "explain", "alice/dev", "demo"],
    &["token", "list"],
    &["token", "list", "alice"],
    &["token", "list", "nobody"],
    &["access", "list", "alice/dev"],
    &["access", "explain", "alice", "alice/dev"],
    &["access", "explain", ":ANONYMOUS:", "alice/dev"],
    &["request", "list", "--all"],
    &["request", "list", "alice/curated"],
    &["request", "show", "REQUEST"],
    &["request", "rules", "alice/curated"],
    &["quarantine", "--list"],
    &["webhook", "list"],
    &["webhook", "list", "alice/dev"],
    &["webhook", "log", "HOOK"],
    &["watch", "list"],
    &["publisher", "list"],
    &["publisher", "list", "alice/dev"],
    &["who-has", "demo"],
    &["lock", "list"],
];

/// What changes something, in an order in which each has what it needs. `N` is another letter at each place.
const CHANGES: &[&[&str]] = &[
    &["user", "create", "n-N", "--email", "n@example.org", "--password", "long-enough", "--json"],
    &["user", "create", "s-N", "--service", "--json"],
    &["user", "passwd", "n-N", "--password", "longer-still"],
    &["user", "group", "add", "team", "n-N"],
    &["user", "role", "add", "builder", "n-N"],
    &["user", "disable", "n-N"],
    &["user", "enable", "n-N"],
    &["user", "logout", "n-N"],
    &["user", "source", "n-N", "ldap"],
    &["user", "source", "n-N", "none"],
    &["user", "group", "remove", "team", "n-N"],
    &["user", "role", "remove", "builder", "n-N"],
    &["index", "create", "n-N/dev", "--bases", "alice/dev", "acl_read=n-N", "--json"],
    &["index", "modify", "n-N/dev", "title=Ours", "bases-=alice/dev", "--json"],
    &["yank", "alice/dev", "demo==1.0", "--why", "broken", "--json"],
    &["yank", "alice/dev", "demo==1.0", "--undo", "--json"],
    &["push", "demo==1.0", "--from", "alice/dev", "--to", "n-N/dev", "--json"],
    &["quarantine", "n-N<2", "--why", "bad", "--json"],
    &["quarantine", "n-N<2", "--release", "--json"],
    &["request", "rules", "alice/curated", "--file", "RULES", "--json"],
    &["request", "rules", "alice/curated", "--file", "RULES", "--dry-run", "--json"],
    &["request", "add", "alice/curated", "n-N==1.0", "--json"],
    &["lock", "watch", "requirements.txt", "--as", "n-N", "--index", "alice/dev"],
    &["lock", "watch", "requirements.txt", "--as", "n-N", "--json"],
    &["lock", "remove", "n-N", "--json"],
    &["lock", "watch", "requirements.txt", "--as", "kept", "--json"],
    &[
        "webhook",
        "add",
        "alice/dev",
        "https://hooks.example/N",
        "--on",
        "upload",
        "--secret-file",
        "SECRET",
        "--json",
    ],
    &["index", "delete", "n-N/dev", "--force", "--json"],
    &["user", "delete", "n-N", "--json"],
];

/// What fails: with the same words, and the same exit code.
const FAILS: &[&[&str]] = &[
    &["user", "create", "alice", "--password", "long-enough"],
    &["user", "create", "a/b", "--password", "long-enough"],
    &["user", "delete", "nobody"],
    &["user", "delete", "alice"],
    &["user", "disable", "root"],
    &["user", "source", "alice", "magic"],
    &["user", "group", "remove", "none", "alice"],
    // In a path these would be something else: the account itself, or all of the server.
    &["user", "group", "remove", "..", "alice"],
    &["user", "group", "add", "..", "alice"],
    &["user", "group", "remove", "", "alice"],
    &["user", "delete", ".."],
    &["user", "disable", ""],
    &["user", "logout", "."],
    &["token", "revoke", ".."],
    &["user", "role", "add", "king", "alice"],
    &["index", "create", "alice/dev"],
    &["index", "create", "nobody/dev"],
    &["index", "modify", "alice/dev", "no_such_option=1"],
    &["index", "delete", "alice/dev"],
    &["token", "create", "nobody"],
    &["token", "revoke", "none"],
    &["request", "approve", "424242"],
    &["request", "add", "alice/curated", "demo>=1"],
    &["quarantine", "demo", "--release"],
    &["quarantine", "demo", "--why", ""],
    &["webhook", "remove", "424242"],
    &["watch", "remove", "424242"],
    &["publisher", "remove", "none"],
    &["publisher", "remove", ".."],
    &["publisher", "add", "alice/dev", "--issuer", "https://issuer.example", "--claim", "repository=*"],
    &["lock", "remove", "none"],
    &["lock", "remove", ".."],
    &["lock", "remove", ""],
    &["lock", "watch", "requirements.txt", "--as", ".."],
    &["lock", "watch", "requirements.txt", "--as", "a b"],
    &["lock", "watch", "requirements.txt", "--as", "shop", "--index", "no/index"],
    &["lock", "watch", "RULES", "--as", "shop"],
    &["lock", "watch", "absent.txt", "--as", "shop"],
    &["yank", "alice/dev", "none==1.0"],
    &["push", "none==1.0", "--from", "alice/dev", "--to", "alice/other"],
];

struct Places {
    server: Server,
    token: String,
    folder: tempfile::TempDir,
}

impl Places {
    async fn build() -> Self {
        let server = stage().await;
        server.make_index("alice/other", json!({"bases": []})).await;
        server.make_index("alice/curated", json!({"bases": ["root/pypi"], "curated": true})).await;
        server.publish("alice/dev", &Package::new("demo", "1.0").wheel()).await;
        server.make_token("alice", Scope::default()).await;
        let token = server.make_token("root", Scope::default()).await;
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("RULES"), "").expect("a file");
        std::fs::write(folder.path().join("requirements.txt"), "demo==1.0\n").expect("a file");
        std::fs::write(folder.path().join("SECRET"), "a-secret-that-is-long-enough-for-all\n")
            .expect("a file");
        Self { server, token, folder }
    }

    /// The command beside the data folder, or at the server.
    async fn run(&self, remotely: bool, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_wheelwright"));
        command.args(arguments).env_clear().env("HOME", self.folder.path()).current_dir(self.folder.path());
        match remotely {
            true => command.arg("--server").arg(self.server.url("")).arg("--token").arg(&self.token),
            false => command.arg("--data").arg(self.server.data.path()),
        };
        let done = tokio::task::spawn_blocking(move || command.stdin(Stdio::null()).output());
        let output = done.await.expect("it ends").expect("it starts");
        self.server.app.indexes.refresh().await.expect("fresh");
        output
    }

    async fn both(&self, arguments: &[&str]) -> [Output; 2] {
        [self.run(false, arguments).await, self.run(true, arguments).await]
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Without what differs from one call to the next.
fn plain(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                match key.as_str() {
                    "id" | "at" | "released_at" | "last_used" | "released_by" | "by" if !value.is_null() => {
                        *value = "…".into();
                    }
                    _ => plain(value),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(plain),
        _ => {}
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_command_says_the_same_at_a_server_and_beside_its_data_folder() {
    let places = Places::build().await;
    let filled = |arguments: &[&str], letter: &str| -> Vec<String> {
        arguments
            .iter()
            .map(|word| word.replace("-N", &format!("-{letter}")).replace("/N", &format!("/{letter}")))
            .collect()
    };
    let (mut wrong, mut known) = (Vec::new(), (0, 0));
    for change in CHANGES {
        let mut said = Vec::new();
        for (remotely, letter) in [(false, "a"), (true, "b")] {
            let arguments = filled(change, letter);
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            let ended = places.run(remotely, &arguments).await;
            let out = text(&ended.stdout);
            let mut value = serde_json::from_str(&out).unwrap_or(Value::String(out));
            match change[..2] {
                ["request", "add"] => known.0 = value["id"].as_i64().unwrap_or_default(),
                ["webhook", "add"] => known.1 = value["id"].as_i64().unwrap_or_default(),
                _ => {}
            }
            plain(&mut value);
            let value =
                value.to_string().replace(&format!("n-{letter}"), "n").replace(&format!("s-{letter}"), "s");
            said.push((ended.status.code(), value, text(&ended.stderr)));
        }
        if said[0] != said[1] || said[0].0 != Some(0) {
            wrong.push(format!("{change:?}: {said:#?}"));
        }
    }
    for look in LOOKS {
        let look: Vec<String> = look
            .iter()
            .map(|word| word.replace("REQUEST", &known.0.to_string()).replace("HOOK", &known.1.to_string()))
            .collect();
        let mut look: Vec<&str> = look.iter().map(String::as_str).collect();
        for form in ["", "--json"] {
            if !form.is_empty() {
                look.push(form);
            }
            let [here, there] = places.both(&look).await;
            let said = |output: &Output| {
                let mut value = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
                // Every call from afar uses the token.
                plain(&mut value);
                let words = text(&output.stdout);
                let words = if look[0] == "token" { String::new() } else { words };
                (output.status.code(), value, if form.is_empty() { words } else { String::new() })
            };
            if said(&here) != said(&there) || here.status.code() != Some(0) {
                wrong.push(format!("{look:?}: {here:#?}\n{there:#?}"));
            }
        }
    }
    for fail in FAILS {
        let [here, there] = places.both(fail).await;
        // A server does not tell what it hides from what is not there.
        let said = |output: &Output| {
            (output.status.code(), text(&output.stderr).replace(", or you may not see it", ""))
        };
        if said(&here) != said(&there) || here.status.code() != Some(1) {
            wrong.push(format!("{fail:?}: {here:#?}\n{there:#?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn at_a_server_one_may_do_what_the_account_may() {
    let places = Places::build().await;
    let alice = places.server.make_token("alice", Scope::default()).await;
    let as_alice = async |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_wheelwright"));
        command
            .args(arguments)
            .env_clear()
            .env("HOME", places.folder.path())
            .current_dir(places.folder.path());
        command.env("WHEELWRIGHT_SERVER", places.server.url("")).env("WHEELWRIGHT_TOKEN", &alice);
        let done = tokio::task::spawn_blocking(move || command.stdin(Stdio::null()).output());
        let output = done.await.expect("it ends").expect("it starts");
        (output.status.code(), text(&output.stderr))
    };
    for allowed in [
        &["index", "create", "alice/mine"][..],
        &["user", "passwd", "alice", "--password", "long-enough"],
        &["token", "create", "alice", "--name", "mine"],
        &["access", "list", "alice/dev"],
        &["webhook", "list", "alice/dev"],
    ] {
        assert_eq!(as_alice(allowed).await.0, Some(0), "{allowed:?}");
    }
    for refused in [
        &["user", "group", "add", "team", "alice"][..],
        &["user", "role", "add", "builder", "alice"],
        &["user", "disable", "root"],
        &["user", "source", "alice", "none"],
        &["user", "delete", "root"],
        &["user", "create", "mallory"],
        &["index", "create", "root/mine"],
        &["token", "create", "root"],
        &["webhook", "list"],
        &["who-has", "demo"],
        &["lock", "list"],
        &["lock", "watch", "requirements.txt", "--as", "shop"],
        &["quarantine", "demo", "--why", "no"],
    ] {
        let (code, said) = as_alice(refused).await;
        let words = ["not allowed", "only root", "may not", "no permission"];
        assert!(code == Some(1) && words.iter().any(|words| said.contains(words)), "{refused:?}: {said}");
    }
}
