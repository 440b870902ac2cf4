//! `wheelwright audit`: verified and exported on the command line.

use super::chain::database;
use crate::kit::Server;
use crate::kit::desk::{Desk, Ran};
use crate::kit::packages::Package;
use crate::kit::stages::stage;
use std::process::Command;

async fn audit(server: &Server, desk: &Desk, words: &[&str]) -> Ran {
    let data = server.data.path().display().to_string();
    let all: Vec<&str> = ["--data", &data, "audit"].into_iter().chain(words.iter().copied()).collect();
    desk.run(env!("CARGO_BIN_EXE_wheelwright"), &all).await
}

#[tokio::test]
async fn the_command_says_that_all_is_well_and_names_the_first_entry_that_is_not() {
    let server = stage().await;
    server.publish("alice/dev", &Package::new("demo", "1.0").wheel()).await;
    let desk = Desk::new();
    let sound = audit(&server, &desk, &["verify"]).await.succeeded();
    assert!(sound.out.contains("none was changed, removed or added"), "{}", sound.out);
    let newest =
        sound.out.lines().find_map(|line| line.strip_prefix("newest: ")).expect("the newest").to_owned();
    audit(&server, &desk, &["verify", "--known", &newest]).await.succeeded();
    let wrong = audit(&server, &desk, &["verify", "--known", "12"]).await;
    assert_eq!(wrong.code, Some(2));
    assert!(wrong.err.contains("is not SERIAL:HASH"), "{}", wrong.err);

    let pool = database(&server).await;
    sqlx::query("UPDATE event SET detail = 'nothing' WHERE serial = 3")
        .execute(&pool)
        .await
        .expect("is changed");
    let found = audit(&server, &desk, &["verify"]).await.failed();
    assert!(found.out.contains("2 entries fit. Entry 3 "), "{}", found.out);
    let found = audit(&server, &desk, &["verify", "--json"]).await.failed();
    assert_eq!(found.json()["fault"]["serial"], 3);
}

/// What the guide tells auditors to run.
fn program_of_the_guide() -> String {
    let guide = include_str!("../../../docs/how-to/audit.md");
    let begin = guide.find("```python\n").expect("a program") + "```python\n".len();
    guide[begin..].split("```").next().expect("its end").to_owned()
}

#[tokio::test]
async fn an_export_is_verified_by_the_program_of_the_guide() {
    let server = stage().await;
    let demo = Package::new("demo", "1.0").wheel();
    server.publish("alice/dev", &demo).await;
    server.as_alice("PATCH", "/alice/dev/demo/1.0", "{\"yanked\": \"tab\\u0009 ü \\u007f \\\" \\\\\"}").await;
    let desk = Desk::new();
    desk.write("check.py", &program_of_the_guide());
    let all = audit(&server, &desk, &["export"]).await.succeeded();
    let entries: Vec<serde_json::Value> =
        all.out.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(entries.len(), server.app.db.serial().await.expect("a serial") as usize);
    desk.write("audit.jsonl", &all.out);
    let check = || {
        let done =
            Command::new("python3").args(["check.py", "audit.jsonl"]).current_dir(desk.path("")).output();
        let done = done.expect("it starts");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        (done.status.success(), text(&done.stdout), text(&done.stderr))
    };
    let newest = entries.last().expect("an entry");
    let (serial, hash) = (&newest["serial"], newest["hash"].as_str().expect("a hash"));
    assert_eq!(check(), (true, format!("{serial}:{hash}"), String::new()));
    desk.write("audit.jsonl", &all.out.replace("\"upload\"", "\"yank\""));
    let (sound, _, why) = check();
    assert!(!sound && why.contains("does not follow"), "{why}");

    let last =
        audit(&server, &desk, &["export", "--since", &format!("{}", entries.len() - 1)]).await.succeeded();
    assert_eq!(last.out.lines().count(), 1);
    let none = audit(&server, &desk, &["export", "--since", "2999-01-01"]).await.succeeded();
    assert_eq!(none.out, "");
    let hour = audit(&server, &desk, &["export", "--since", "1h"]).await.succeeded();
    assert_eq!(hour.out, all.out);
    let wrong = audit(&server, &desk, &["export", "--since", "yesterday"]).await;
    assert_eq!(wrong.code, Some(2));
    assert!(wrong.err.contains("neither a serial nor a time"), "{}", wrong.err);
}
