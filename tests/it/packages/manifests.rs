//! Files for container engines and clusters: valid by the schemas of those, and with settings that exist.

use super::{ran, root};
use crate::kit::clients::Client;
use std::path::PathBuf;
use std::process::Command;

fn text_of(path: &str) -> String {
    std::fs::read_to_string(root().join("packaging").join(path)).expect(path)
}

fn manifests() -> Vec<PathBuf> {
    let folder = std::fs::read_dir(root().join("packaging/kubernetes")).expect("a folder");
    let found: Vec<PathBuf> = folder.flatten().map(|entry| entry.path()).collect();
    assert!(found.len() >= 3, "{found:?}");
    found
}

#[tokio::test]
async fn kubernetes_knows_every_field_of_our_manifests() {
    let client = Client::new("manifests");
    let files: Vec<String> = manifests().iter().map(|path| path.display().to_string()).collect();
    let strict = ["--strict".to_owned()];
    client.run("kubernetes-validate", &[&strict[..], &files].concat()).await.succeeded();
    // It would notice a wrong one.
    let wrong = client.home.path().join("wrong.yaml");
    std::fs::write(&wrong, text_of("kubernetes/worker.yaml").replace("procMount:", "procMounts:"))
        .expect("written");
    let arguments = ["--strict".to_owned(), wrong.display().to_string()];
    client.run("kubernetes-validate", &arguments).await.failed().says("procMounts");
}

#[tokio::test]
async fn compose_knows_every_field_of_our_file() {
    let client = Client::new("manifests");
    let file = root().join("packaging/compose/compose.yml").display().to_string();
    client.run("check-jsonschema", &["--builtin-schema", "vendor.compose-spec", &file]).await.succeeded();
}

#[test]
fn clusters_set_no_variables_that_the_program_takes_for_settings() {
    for path in manifests() {
        let text = std::fs::read_to_string(&path).expect("text");
        let pods = text.matches("automountServiceAccountToken: false").count();
        let closed = text.matches("enableServiceLinks: false").count();
        assert!(pods == closed && pods > 0, "{}: {closed} of {pods} pods", path.display());
    }
}

/// The file of a `ConfigMap`, as the server gets it.
fn configuration(manifest: &str) -> String {
    let inside = manifest.lines().skip_while(|line| *line != "  wheelwright.toml: |").skip(1);
    let lines = inside.take_while(|line| line.is_empty() || line.starts_with("    "));
    lines.map(|line| format!("{}\n", line.trim_start())).collect()
}

#[test]
fn every_setting_in_them_exists() {
    let folder = tempfile::tempdir().expect("a folder");
    for name in ["kubernetes/server.yaml", "kubernetes/several.yaml"] {
        let file = folder.path().join("wheelwright.toml");
        let text = configuration(&text_of(name));
        assert!(text.contains("listen = "), "{name}: {text}");
        std::fs::write(&file, text).expect("written");
        let mut show = Command::new(env!("CARGO_BIN_EXE_wheelwright"));
        let said = ran(show.arg("--config").arg(&file).args(["config", "show"]));
        assert!(said.contains("0.0.0.0:3141"), "{said}");
    }
    // The program refuses a variable that it does not know.
    let all =
        ["compose/compose.yml", "container/Containerfile", "kubernetes/several.yaml"].map(text_of).concat();
    let words = all.split(|c: char| !(c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_'));
    let named = words.filter(|word| word.starts_with("WHEELWRIGHT_") && word.len() > "WHEELWRIGHT_".len());
    let mut show = Command::new(env!("CARGO_BIN_EXE_wheelwright"));
    show.args(["config", "show"]).current_dir(folder.path());
    for name in named.filter(|name| *name != "WHEELWRIGHT_VERSION") {
        let value = match name {
            "WHEELWRIGHT_BUILD__ENABLED" => "false",
            "WHEELWRIGHT_STORAGE" => "s3://wheels/server",
            "WHEELWRIGHT_DATABASE" => "postgres://wheelwright@database/wheelwright",
            "WHEELWRIGHT_S3__ENDPOINT" => "http://store:9000",
            "WHEELWRIGHT_LISTEN" => "0.0.0.0:3141",
            "WHEELWRIGHT_DATA" => "data",
            "WHEELWRIGHT_ROOT_PASSWORD" | "WHEELWRIGHT_TOKEN" => "a-secret",
            other => panic!("{other}: give it a value here"),
        };
        show.env(name, value);
    }
    ran(&mut show);
}

/// The lines of a unit that are settings of its sandbox: those after the last comment.
fn hardening(unit: &str) -> Vec<String> {
    let lines: Vec<&str> = unit.lines().collect();
    let comment = lines.iter().rposition(|line| line.starts_with('#')).expect("a comment");
    lines[comment + 1..].iter().take_while(|line| !line.is_empty()).map(|line| (*line).to_owned()).collect()
}

/// Tried under a real systemd: with any of these the worker does not build, or its builds fail.
#[test]
fn the_services_are_alike_and_leave_what_sandboxes_need() {
    let server = text_of("systemd/wheelwright.service");
    assert_eq!(hardening(&server), hardening(&text_of("systemd/wheelwright-worker.service")));
    let names: Vec<String> =
        hardening(&server).iter().filter_map(|line| Some(line.split_once('=')?.0.to_owned())).collect();
    assert!(names.len() > 15, "{names:?}");
    let document = std::fs::read_to_string(root().join("docs/how-to/install.md")).expect("a document");
    for needed in [
        "RestrictNamespaces",
        "ProtectKernelTunables",
        "ProtectKernelLogs",
        "ProcSubset",
        "ProtectHostname",
        "RestrictSUIDSGID",
        "MemoryDenyWriteExecute",
    ] {
        assert!(!names.iter().any(|name| name == needed), "{needed} breaks sandboxes");
        assert!(
            document.contains(&format!("`{needed}`")),
            "docs/how-to/install.md does not explain {needed}"
        );
    }
}
