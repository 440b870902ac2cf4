//! devpi's own tests of its protocol, over plain HTTP, against the real program: `tests/devpi` tells how.

use std::process::Command;

#[tokio::test]
async fn devpis_own_tests_pass_but_for_the_known_differences() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/devpi/run.py");
    let mut command = Command::new("python3");
    command.args([folder, "http"]).env("WHEELWRIGHT", env!("CARGO_BIN_EXE_wheelwright"));
    let run = tokio::task::spawn_blocking(move || command.output().expect("python3 runs"));
    let run = run.await.expect("the run");
    let told = [run.stdout, run.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    assert!(run.status.success(), "{told}");
}
