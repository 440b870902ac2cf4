//! `wheelwright NAME` for programs of others.

use crate::kit::desk::Desk;
use std::os::unix::fs::PermissionsExt;

fn desk() -> Desk {
    let desk = Desk::new();
    let script = r#"#!/bin/sh
echo "hello with $# arguments: $*"
echo "data: $WHEELWRIGHT_DATA"
exit 7
"#;
    for name in ["hello", "serve", "list"] {
        let name = format!("bin/wheelwright-{name}");
        desk.write(&name, script);
        std::fs::set_permissions(desk.path(&name), std::fs::Permissions::from_mode(0o755)).expect("its mode");
    }
    desk
}

#[tokio::test]
async fn a_program_on_the_path_is_a_subcommand_with_its_arguments_and_its_exit_code() {
    let desk = desk();
    let ran = desk.run("wheelwright", &["--data", "here", "hello", "--flag", "a b", "--data", "there"]).await;
    assert_eq!((ran.code, &*ran.err), (Some(7), ""));
    assert_eq!(ran.out, "hello with 4 arguments: --flag a b --data there\ndata: here\n");
}

#[tokio::test]
async fn our_own_commands_win_and_unknown_ones_are_told() {
    let desk = desk();
    let own = desk.run("wheelwright", &["serve", "--help"]).await.succeeded();
    assert!(own.out.contains("Run the server"), "{}", own.out);
    // Below a command of ours, nobody else has any.
    for (line, says) in [
        (&["token", "hello"][..], "unrecognized subcommand 'hello'"),
        (&["token", "lits"], "'list'"),
        (&["sevre"], "'serve'"),
        (&["nothing"], "unrecognized subcommand 'nothing'"),
        (&["help", "hello"], "unrecognized subcommand 'hello'"),
    ] {
        let ran = desk.run("wheelwright", line).await;
        assert!(ran.code == Some(2) && ran.err.contains(says), "{line:?}: {} {}", ran.out, ran.err);
    }
    let help = desk.run("wheelwright", &["help"]).await.succeeded().out;
    assert!(!help.contains("hello"), "{help}");
}
