//! Completions and manual pages: made from the commands, read by the programs that they are for.

use super::ran;
use std::process::Command;

fn wheelwright() -> Command {
    Command::new(env!("CARGO_BIN_EXE_wheelwright"))
}

/// What bash offers after these words, the last of which is being typed.
fn offered(words: &[&str]) -> Vec<String> {
    let folder = tempfile::tempdir().expect("a folder");
    let script = folder.path().join("wheelwright.bash");
    std::fs::write(&script, ran(wheelwright().args(["completions", "bash"]))).expect("written");
    // What bash does when somebody types a tab.
    let typed = "source \"$1\"; shift; COMP_WORDS=(\"$@\"); COMP_CWORD=$(($# - 1)); \
                 _wheelwright wheelwright \"${@: -1}\" \"${@: -2:1}\"; printf '%s\\n' \"${COMPREPLY[@]}\"";
    let said = ran(Command::new("bash").args(["--norc", "-c", typed, "bash"]).arg(&script).args(words));
    said.lines().map(str::to_owned).collect()
}

#[test]
fn bash_completes_commands_options_and_values() {
    assert_eq!(offered(&["wheelwright", "comple"]), ["completions"]);
    assert_eq!(offered(&["wheelwright", "index", "cr"]), ["create"]);
    assert_eq!(offered(&["wheelwright", "serve", "--off"]), ["--offline"]);
    assert_eq!(offered(&["wheelwright", "completions", "z"]), ["zsh"]);
}

#[test]
fn every_shell_gets_completions_and_a_wrong_name_names_them() {
    for (shell, sign) in [
        ("zsh", "#compdef wheelwright"),
        ("fish", "complete -c wheelwright"),
        ("powershell", "Register-ArgumentCompleter"),
    ] {
        let said = ran(wheelwright().args(["completions", shell]));
        assert!(said.contains(sign) && said.contains("quarantine"), "{shell}: {said}");
    }
    let wrong = wheelwright().args(["completions", "tcsh"]).output().expect("it runs");
    let said = String::from_utf8_lossy(&wrong.stderr).into_owned();
    assert!(wrong.status.code() == Some(2) && said.contains("bash") && said.contains("zsh"), "{said}");
}

#[test]
fn completions_need_no_configuration() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("wheelwright.toml"), "this is no TOML").expect("written");
    ran(wheelwright().args(["completions", "bash"]).current_dir(folder.path()));
    ran(wheelwright().args(["man", "--to", "man"]).current_dir(folder.path()));
}

#[test]
fn every_command_has_a_manual_page_with_its_help() {
    let folder = tempfile::tempdir().expect("a folder");
    ran(wheelwright().arg("man").arg("--to").arg(folder.path()));
    let page = |name: &str| std::fs::read_to_string(folder.path().join(name)).expect(name);
    assert!(page("wheelwright.1").contains("A private Python index, a caching mirror of PyPI"));
    assert!(page("wheelwright-index-create.1").contains("bases"));
    let help = ran(wheelwright().arg("--help"));
    let commands =
        help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let names: Vec<&str> = commands.filter_map(|line| line.split_whitespace().next()).collect();
    assert!(names.len() > 30, "{help}");
    for name in names.into_iter().filter(|name| *name != "help") {
        let text = page(&format!("wheelwright-{name}.1"));
        assert!(text.contains(".SH SYNOPSIS"), "{name}: {text}");
    }
    // A second run overwrites; a file in place of the folder is an error that names it.
    ran(wheelwright().arg("man").arg("--to").arg(folder.path()));
    let file = folder.path().join("wheelwright.1");
    let wrong = wheelwright().arg("man").arg("--to").arg(&file).output().expect("it runs");
    let said = String::from_utf8_lossy(&wrong.stderr).into_owned();
    assert!(!wrong.status.success() && said.contains("cannot write manual pages to"), "{said}");
}
