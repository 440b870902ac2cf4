//! What somebody sees who keeps the server running: ids of requests, health, dashboards, a file for whoever helps.

use crate::kit::Server;
use crate::kit::desk::Desk;
use crate::kit::host::json_of;
use crate::kit::packages::Package;
use crate::kit::program::Program;
use crate::kit::script::Auth;
use crate::kit::stages::{stage, stage_with};
use reqwest::Method;
use serde_json::json;
use std::collections::BTreeSet;
use std::io::Read;
use tokio::process::Command;

#[tokio::test]
async fn an_answer_has_the_id_of_its_request() {
    let ids = async |server: &Server, given: &str| {
        let answer = server.get_with("/+health", &[("x-request-id", given)]).await;
        answer.headers()["x-request-id"].to_str().expect("text").to_owned()
    };
    let proxies = vec!["127.0.0.1/32".parse().expect("a network")];
    let server = Server::start_with(|config| config.trusted_proxies = proxies).await;
    assert_eq!(ids(&server, "from-the-proxy.1").await, "from-the-proxy.1");
    let alone = Server::start().await;
    assert_ne!(ids(&alone, "of-a-stranger").await, "of-a-stranger", "whoever is no proxy chooses no id");
    let mut made = BTreeSet::new();
    for wrong in ["two words", "<script>", &"x".repeat(100)] {
        let answer = server.get_with("/nothing/here", &[("x-request-id", wrong)]).await;
        let id = answer.headers()["x-request-id"].to_str().expect("text").to_owned();
        assert_eq!(id.len(), 32, "{wrong}: {id}");
        made.insert(id);
    }
    assert_eq!(made.len(), 3, "each has its own");
}

#[tokio::test]
async fn a_build_has_the_id_of_the_request_that_asked_for_it() {
    let proxies = vec!["127.0.0.1/32".parse().expect("a network")];
    let server = stage_with(|config| config.trusted_proxies = proxies).await;
    server.build_nothing_ahead("dev").await;
    server.make_user("bob", "bob-secret").await;
    let _worker = server.worker("workers", "one").await;
    server.publish("alice/dev", &Package::new("demo", "1.0").sdist()).await;
    let order = json!({"requirement": "demo", "index": "alice/dev", "targets": ["cp312-test"]});
    let asking = Auth::root().on(server.http.post(server.url("/+builds"))).body(order.to_string());
    let asking = asking.header("content-type", "application/json");
    let asked =
        json_of(asking.header("x-request-id", "through-nginx-7").send().await.expect("an answer")).await;
    let path = format!("/+builds/{}", asked["result"][0]["id"]);
    let seen = async |auth: &Auth| server.ask("GET", &path, auth, None).await.1["result"].clone();
    let known = seen(&Auth::root()).await;
    assert_eq!(known["request"], "through-nginx-7", "{known}");
    let page = Auth::root()
        .on(server.http.get(server.url(&path)))
        .header("accept", "text/html,application/xhtml+xml");
    let page = page.send().await.expect("an answer").text().await.expect("a page");
    assert!(page.contains("through-nginx-7"), "{page}");
    let stranger = seen(&Auth::basic("bob", "bob-secret")).await;
    assert_eq!((&stranger["title"], &stranger["request"]), (&json!("demo 1.0"), &json!(null)), "{stranger}");
}

/// What looks like a metric in a text.
fn metrics_in(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    let names = words.filter(|word| word.starts_with("wheelwright_") || word.starts_with("process_"));
    let plain = |word: &str| {
        let word =
            ["_bucket", "_sum", "_count"].iter().find_map(|end| word.strip_suffix(end)).unwrap_or(word);
        word.to_owned()
    };
    names.map(plain).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn dashboard_and_alerts_ask_for_metrics_that_are_served() {
    let primary = stage().await;
    // A replica has all of them.
    let (server, _wire) = crate::replica::replica_of(&primary).await;
    let told = server.get("/metrics").await.text().await.expect("metrics");
    let heads = told.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next());
    let served: BTreeSet<String> = heads.map(str::to_owned).collect();
    let read = |name: &str| {
        let path = format!("{}/docs/monitoring/{name}", env!("CARGO_MANIFEST_DIR"));
        std::fs::read_to_string(path).expect("a file")
    };
    let (dashboard, alerts) = (read("grafana.json"), read("alerts.yml"));
    for text in [&dashboard, &alerts] {
        let asked = metrics_in(text);
        assert!(asked.len() > 8, "{asked:?}");
        assert_eq!(asked.difference(&served).collect::<Vec<_>>(), Vec::<&String>::new());
    }
    let dashboard: serde_json::Value = serde_json::from_str(&dashboard).expect("JSON");
    for panel in dashboard["panels"].as_array().expect("panels") {
        assert!(panel["targets"][0]["expr"].as_str().is_some_and(|text| !text.is_empty()), "{panel}");
    }
    let rules = alerts.matches("- alert: ").count();
    for part in ["expr: ", "severity: ", "summary: ", "description: "] {
        assert_eq!(alerts.matches(part).count(), rules, "{part}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stops_says_so_and_answers_as_long_as_it_is_told_to() {
    let data = tempfile::tempdir().expect("a folder");
    let mut command = Command::new(env!("CARGO_BIN_EXE_wheelwright"));
    command.args(["serve", "--offline"]).env("WHEELWRIGHT_LIMITS__DRAIN", "1m");
    let program = Program::run(command, data.path()).await;
    let client = program.client();
    let ask = async |path: &str| client.request(Method::GET, path).send().await.expect("an answer");
    assert_eq!(ask("/+health").await.status(), 200);
    program.terminate();
    let told = loop {
        let answer = ask("/+health").await;
        if answer.status() == 503 {
            break answer.text().await.expect("text");
        }
    };
    assert!(told.contains("no longer: the server is stopping, send requests to another one"), "{told}");
    assert_eq!(ask("/root/pypi").await.status(), 200, "who comes all the same is served");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_file_for_whoever_helps_has_no_secrets() {
    let server = stage().await;
    server.publish("alice/dev", &Package::new("demo", "1.0").wheel()).await;
    let token = server.make_token("alice", wheelwright::access::Scope::default()).await;
    let desk = Desk::new();
    let secrets = [
        "ldap-password",
        "root-password-1",
        "s3-secret-key",
        "url-password",
        "replica-token",
        "git-password",
        "provider-secret",
    ];
    desk.write(
        "wheelwright.toml",
        "root_password = \"root-password-1\"\nupstream = \"https://me:url-password@wheels.example/simple/\"\n\
         [auth.ldap]\nurl = \"ldap://ldap.example\"\nuser_base = \"dc=example\"\nbind_dn = \"cn=w\"\nbind_password = \"ldap-password\"\n\
         [s3]\naccess_key_id = \"the-key-id\"\nsecret_access_key = \"s3-secret-key\"\n\
         [replica]\ntoken = \"replica-token\"\n\
         [git.credentials.house]\nurl = \"https://git.example/house\"\ntoken = \"git-password\"\nindexes = [\"alice/*\"]\n\
         [auth.oidc.company]\nissuer = \"https://login.example/\"\nclient_id = \"w\"\nclient_secret = \"provider-secret\"\n",
    );
    let log = format!(
        "one\nwith {token} of alice\n?a={token}&b={token},{token}\ngit+https://x:git-secret@host/repo.git failed\nlast {}\n",
        secrets.join(" ")
    );
    desk.write("server.log", &log);
    let data = server.data.path().display().to_string();
    let arguments = [
        "debug",
        "bundle",
        "-o",
        "debug.tar.gz",
        "--log",
        "server.log",
        "--config",
        "wheelwright.toml",
        "--data",
        &data,
    ];
    let made = desk.run("wheelwright", &arguments).await.succeeded();
    assert!(made.out.contains("settings.json"), "{}", made.out);
    let file = std::fs::File::open(desk.path("debug.tar.gz")).expect("a file");
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(file));
    let mut texts = Vec::new();
    for entry in archive.entries().expect("an archive") {
        let mut entry = entry.expect("an entry");
        let name = entry.path().expect("a name").display().to_string();
        let mut text = String::new();
        entry.read_to_string(&mut text).expect("text");
        texts.push((name, text));
    }
    for (name, text) in &texts {
        for secret in secrets.iter().copied().chain(["git-secret", token.as_str(), "argon2"]) {
            assert!(!text.contains(secret), "{secret} in {name}: {text}");
        }
    }
    let of = |end: &str| &texts.iter().find(|(name, _)| name.ends_with(end)).expect("a part").1;
    assert!(of("log.txt").contains("with ww_**** of alice"), "{}", of("log.txt"));
    assert!(of("settings.json").contains("https://****@wheels.example/simple/"), "{}", of("settings.json"));
    let status: serde_json::Value = serde_json::from_str(of("status.json")).expect("JSON");
    assert_eq!(status["files"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_status_says_what_runs_and_what_fails_on_one_screen() {
    let data = tempfile::tempdir().expect("a folder");
    let desk = Desk::new();
    let path = data.path().display().to_string();
    let status = async || desk.run("wheelwright", &["status", "--data", &path]).await.succeeded().out;
    let program = Program::start_offline(data.path()).await;
    let told = status().await;
    assert!(told.contains(&format!("running at http://{}, health 200", program.address())), "{told}");
    assert!(told.contains("none yet: see wheelwright backup --help"), "{told}");
    assert!(told.lines().count() <= 24, "one screen: {told}");
    desk.run("wheelwright", &["backup", "backups", "--data", &path]).await.succeeded();
    drop(program);
    let told = status().await;
    assert!(told.contains("none runs on this data folder") && !told.contains("none yet"), "{told}");
}
