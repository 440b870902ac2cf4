//! Stories of `pip.conf` as real pip reads it after `wheelwright use --pip`.

use crate::kit::clients::Client;
use crate::kit::laptop::Laptop;
use crate::kit::stages::stage;
use std::path::Path;
use std::process::Stdio;
use tokio::process::Command;

/// What pip has for a key in a home.
async fn told(pip: &Client, home: &Path, key: &str, variables: &[(&str, &str)]) -> String {
    let mut command = Command::new(pip.program("pip"));
    command.args(["config", "get", key]).env_clear().env("HOME", home).current_dir(home);
    command.envs(variables.iter().copied()).env("PIP_DISABLE_PIP_VERSION_CHECK", "1").stdin(Stdio::null());
    let output = command.output().await.expect("it starts");
    let text = [output.stdout, output.stderr].concat();
    String::from_utf8_lossy(&text).trim().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn pip_reads_the_index_and_all_that_was_set_before() {
    let (server, pip) = (stage().await, Client::new("pip"));
    let url = server.url("/alice/dev/+simple/");
    for before in [
        "",
        "[global]\n    timeout = 7\n    retries = 3\n",
        "[global]\n  index-url =\n    http://a.example/\n  timeout = 7\n",
        "# mine\n[install]\nno-binary = x\n[global]\ntimeout = 7\n\n; old\nindex_url: http://a.example/\n",
    ] {
        let laptop = Laptop::new();
        laptop.log_in(&server).await;
        std::fs::create_dir_all(laptop.path(".config/pip")).expect("a folder");
        std::fs::write(laptop.path(".config/pip/pip.conf"), before).expect("a file");
        laptop.run(&["use", "alice/dev", "--pip"]).await.succeeded();
        let home = laptop.home.path();
        assert_eq!(told(&pip, home, "global.index-url", &[]).await, url, "{before}");
        if before.contains("timeout") {
            assert_eq!(told(&pip, home, "global.timeout", &[]).await, "7", "{before}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_several_files_the_one_is_written_that_pip_reads_last() {
    let (server, pip, laptop) = (stage().await, Client::new("pip"), Laptop::new());
    let url = server.url("/alice/dev/+simple/");
    laptop.log_in(&server).await;
    let old = "[global]\nindex-url = http://old.example/\n";
    for folder in [".pip", ".config/pip", "env"] {
        std::fs::create_dir_all(laptop.path(folder)).expect("a folder");
        std::fs::write(laptop.path(folder).join("pip.conf"), old).expect("a file");
    }
    let named = laptop.path("named.conf").display().to_string();
    std::fs::write(&named, old).expect("a file");
    let environment = laptop.path("env").display().to_string();
    let variables = [("PIP_CONFIG_FILE", named.as_str()), ("VIRTUAL_ENV", environment.as_str())];
    for (variables, written) in [
        (&variables[..0], ".config/pip/pip.conf"),
        (&variables[1..], "env/pip.conf"),
        (&variables, "named.conf"),
    ] {
        laptop.run_with(&["use", "alice/dev", "--pip"], "", variables).await.succeeded();
        let text = std::fs::read_to_string(laptop.path(written)).expect("a file");
        assert!(text.contains(&url), "{written}: {text}");
    }
    assert_eq!(std::fs::read_to_string(laptop.path(".pip/pip.conf")).expect("a file"), old);
    let home = laptop.home.path();
    assert_eq!(told(&pip, home, "global.index-url", &[]).await, url);
    assert_eq!(told(&pip, home, "global.index-url", &variables[..1]).await, url);
}
