//! `--help` of every command, and what `--json` prints.

use super::{check, named};
use crate::kit::desk::Desk;

/// The names below the heading `Commands:` of a help text.
fn commands(help: &str) -> Vec<String> {
    let below = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let lines = below.take_while(|line| line.starts_with("  "));
    let names =
        lines.filter(|line| !line.starts_with("   ")).filter_map(|line| line.split_whitespace().next());
    names.filter(|name| *name != "help").map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_help_text_is_what_it_was() {
    let desk = Desk::new();
    let mut waiting: Vec<Vec<String>> = vec![Vec::new()];
    let mut seen = 0;
    while let Some(command) = waiting.pop() {
        let arguments: Vec<&str> = command.iter().map(String::as_str).chain(["--help"]).collect();
        let help = desk.run("wheelwright", &arguments).await.succeeded().out;
        check(&format!("help.{}", named(&command.join(" "))), &help);
        waiting.extend(commands(&help).into_iter().map(|name| [&command[..], &[name]].concat()));
        seen += 1;
    }
    assert!(seen > 30, "only {seen} commands were found");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_json_of_a_command_is_what_it_was() {
    let desk = Desk::new();
    let data = desk.path("data").display().to_string();
    desk.write("recipe.toml", "name = 'demo'\n[build]\nexpect = 'pure'\n");
    let address = ("PIP_INDEX_URL", "http://127.0.0.1:9/simple/");
    // A new installation: `status` makes none, so that a mistyped folder stays one.
    wheelwright::app::App::open(wheelwright::config::Config {
        data: desk.path("data"),
        root_password: Some("root-secret".into()),
        ..wheelwright::config::Config::default()
    })
    .await
    .expect("an installation");
    for (name, line) in [
        ("user-create", "user create alice --email a@example.org --password alice-secret --json"),
        ("user-list", "user list --json"),
        ("user-delete", "user delete alice --json"),
        ("index-create", "index create root/dev bases=root/pypi --json"),
        ("index-modify", "index modify root/dev title=Ours --json"),
        ("index-show", "index show root/dev --json"),
        ("index-list", "index list --json"),
        ("index-explain", "index explain root/dev demo --json"),
        ("index-delete", "index delete root/dev --force --json"),
        ("token-create", "token create root --json"),
        ("token-list", "token list --json"),
        ("recipe-list", "recipe list --json"),
        ("recipe-check", "recipe check recipe.toml --json"),
        ("config-show", "config show --json"),
        ("status", "status --json"),
        ("fsck", "fsck --json"),
        ("gc", "gc --json"),
    ] {
        let mut arguments: Vec<&str> = line.split(' ').collect();
        arguments.extend(["--data", &data]);
        let ran = desk.run_with("wheelwright", &arguments, &[address]).await;
        let text = format!("exit {}\n{}{}", ran.code.unwrap_or(-1), ran.out, ran.err);
        check(&format!("json.{name}"), &text);
    }
}
