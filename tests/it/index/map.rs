//! A project's pages as a map: what there is for whom, what a release needs and who needs it, what changed.

use crate::kit::Server;
use crate::kit::backend::on_both;
use crate::kit::forms::Form;
use crate::kit::packages::Package;
use crate::kit::script::Auth;
use crate::kit::stages::{PASSWORD, stage, stage_with};
use crate::kit::worker::{NEW, NINE, failed, hire, job};
use serde_json::{Value, json};

const ACCEPT: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

async fn browse(server: &Server, path: &str, auth: &Auth) -> String {
    let request = auth.on(server.http.get(server.url(path)).header("accept", ACCEPT));
    let answer = request.send().await.expect("an answer");
    assert_eq!(answer.status(), 200, "{path}");
    answer.text().await.expect("a page")
}

async fn told(server: &Server, path: &str, auth: &Auth) -> Value {
    let (status, told) = server.ask("GET", path, auth, None).await;
    assert_eq!(status, 200, "{path}: {told}");
    told
}

fn alice() -> Auth {
    Auth::basic("alice", PASSWORD)
}

/// What the cells of a version say, by target.
fn words(matrix: &Value, version: &str) -> Vec<(String, String)> {
    let names = matrix["targets"].as_array().expect("targets").iter().map(|one| one["name"].as_str());
    let row = matrix["rows"].as_array().expect("rows").iter().find(|row| row["version"] == version);
    let cells = row.expect("the version")["cells"].as_array().expect("cells");
    let text = |value: Option<&str>| value.unwrap_or_default().to_owned();
    names.zip(cells).map(|(name, cell)| (text(name), text(cell["state"].as_str()))).collect()
}

#[tokio::test]
async fn a_cell_says_what_there_is_and_a_button_has_it_built() {
    let server = stage().await;
    server.build_nothing_ahead("dev").await;
    hire(&server).await;
    server.publish("alice/dev", &Package::new("demo", "1.0").sdist()).await;
    server.publish("alice/dev", &Package::new("demo", "0.9").requires_python("<3.10").sdist()).await;
    server.publish("alice/dev", &Package::new("demo", "0.8").tag("cp39-cp39-linux_x86_64").wheel()).await;
    server.publish("alice/dev", &Package::new("demo", "0.7").sdist()).await;
    let held = json!({"what": "demo==0.7", "why": "it is bad"});
    assert_eq!(server.ask("POST", "/+quarantine", &Auth::root(), Some(held)).await.0, 201);
    let order = json!({"requirement": "demo==1.0", "targets": [NINE], "from": "alice/dev"});
    assert_eq!(server.ask("POST", "/+builds", &alice(), Some(order)).await.0, 200);
    failed(&server, &job(&server).await).await;
    let matrix = told(&server, "/alice/dev/+matrix/demo", &alice()).await;
    let names: Vec<&str> =
        matrix["targets"].as_array().expect("a list").iter().filter_map(|t| t["short"].as_str()).collect();
    assert_eq!(names[0], "cp313 · linux x86_64", "the newest is first: {names:?}");
    let of = |version: &str, target: &str| {
        let words = words(&matrix, version);
        words.into_iter().find(|(name, _)| name == target).expect("the target").1
    };
    assert_eq!(of("1.0", NINE), "failed");
    assert_eq!(of("1.0", NEW), "can be built");
    assert_eq!((of("0.9", NEW), of("0.9", NINE)), ("excluded".into(), "can be built".into()));
    assert_eq!((of("0.8", NINE), of("0.8", NEW)), ("wheel".into(), "none".into()));
    assert_eq!(of("0.7", NINE), "hidden");
    let page = browse(&server, "/alice/dev/demo", &alice()).await;
    assert!(page.contains("it is quarantined: it is bad") || page.contains("it is bad"), "{page}");
    let order = "data-with=\"{&#34;requirement&#34;:&#34;demo==1.0&#34;,&#34;targets&#34;:[&#34;cp313-linux_x86_64&#34;]}\"";
    assert!(page.contains(order), "{page}");
    let stranger = browse(&server, "/alice/dev/demo", &Auth::None).await;
    assert!(stranger.contains("can be built") && !stranger.contains("data-with"), "{stranger}");
    assert!(page.len() < 50_000, "{} bytes", page.len());
}

on_both! {
    async fn a_release_says_what_it_requires_and_what_requires_it(server: Server) {
        server.make_stage().await;
        let demo = Package::new("demo", "2.0")
            .requires("lib>=1")
            .requires("win; extra == 'x' and os_name == 'nt'")
            .extra("x");
        server.publish("alice/dev", &demo.wheel()).await;
        server.publish("alice/dev", &Package::new("user", "1.0").requires("Demo>=1").wheel()).await;
        server.publish("alice/dev", &Package::new("former", "1.0").requires("demo").wheel()).await;
        server.publish("alice/dev", &Package::new("former", "2.0").wheel()).await;
        server.publish("alice/dev", &Package::new("next", "1.0").wheel()).await;
        server.publish("alice/dev", &Package::new("next", "2.0a1").requires("demo").wheel()).await;
        server.make_index("alice/top", json!({"bases": ["alice/dev"]})).await;
        server.make_index("alice/secret", json!({"bases": ["alice/dev"], "acl_read": ["alice"]})).await;
        server.publish("alice/secret", &Package::new("hush", "1.0").requires("demo").wheel()).await;
        let about = told(&server, "/alice/top/+about/demo/2.0", &Auth::None).await;
        assert_eq!(
            about["requires"][0],
            json!({"extra": "", "requirements": [{"name": "lib", "versions": ">=1", "marker": ""}]})
        );
        assert_eq!(about["requires"][1]["extra"], "x");
        assert_eq!(about["requires"][1]["requirements"][0]["marker"], "os_name == \"nt\"");
        let names = |told: &Value| -> Vec<String> {
            let all = told["projects"].as_array().expect("a list").iter();
            all.filter_map(|one| one["project"].as_str().map(str::to_owned)).collect()
        };
        assert_eq!(names(&about["required_by"]), ["user"], "neither a former release nor a pre-release counts");
        assert_eq!(about["files"][0]["uploaded_by"], "alice");
        let all = told(&server, "/alice/secret/+required-by/demo", &alice()).await;
        assert_eq!(names(&all), ["hush", "user"]);
        assert_eq!(names(&told(&server, "/alice/dev/+required-by/demo", &Auth::None).await), ["user"]);
        let page = browse(&server, "/alice/top/demo/2.0", &Auth::None).await;
        for text in ["With the extra x", "if os_name ==", ">user</a>", "by alice", "No file has an attestation"] {
            assert!(page.contains(text), "no {text} in {page}");
        }
        let page = browse(&server, "/alice/dev/+required-by/lib", &Auth::None).await;
        assert!(page.contains("demo/2.0\">demo</a>"), "{page}");
        // One in quarantine, by its status, is nowhere.
        let put = async |status: &str| {
            let status = format!(r#"{{"status": "{status}"}}"#);
            assert_eq!(server.as_alice("PATCH", "/alice/dev/user", &status).await.0, 200);
            names(&told(&server, "/alice/dev/+required-by/demo", &Auth::None).await)
        };
        assert_eq!(put("quarantined").await, [""; 0]);
        let about = told(&server, "/alice/top/+about/demo/2.0", &Auth::None).await;
        assert_eq!(names(&about["required_by"]), [""; 0]);
        assert_eq!(put("active").await, ["user"]);
        // A release that goes takes its requirements along.
        assert_eq!(server.as_alice("DELETE", "/alice/dev/user", "").await.0, 200);
        assert_eq!(names(&told(&server, "/alice/dev/+required-by/demo", &Auth::None).await), [""; 0]);
    }
}

#[tokio::test]
async fn a_long_description_is_rendered_in_turn() {
    let server = stage().await;
    let long = "Words and more words.\n\n".repeat(2000);
    for (name, text) in [("long", long.as_str()), ("short", "Few words.\n")] {
        server.publish("alice/dev", &Package::new(name, "1.0").description(text).wheel()).await;
    }
    let status = async |name: &str| {
        let request = server.http.get(server.url(&format!("/alice/dev/{name}"))).header("accept", ACCEPT);
        request.send().await.expect("an answer").status().as_u16()
    };
    assert_eq!((status("long").await, status("short").await), (200, 200));
    let turns = &server.app.quota.descriptions;
    let mut held = Vec::new();
    for asker in ["one", "one", "two", "two"] {
        held.push(turns.take(asker).await.expect("a turn"));
    }
    let wait = |number: usize| Box::pin(async move { turns.take(&number.to_string()).await });
    let mut waiting: Vec<_> = (0..64).map(wait).collect();
    for one in &mut waiting {
        assert!(futures::poll!(one.as_mut()).is_pending());
    }
    assert_eq!((status("long").await, status("short").await), (429, 200));
    drop(waiting);
    drop(held);
    assert_eq!(status("long").await, 200);
}

#[tokio::test]
async fn two_versions_are_compared_for_people_and_scripts() {
    let server = stage().await;
    let old = Package::new("demo", "1.0").requires("lib>=1").requires("gone").requires_python(">=3.8");
    server.publish("alice/dev", &old.wheel()).await;
    server.publish("alice/dev", &old.sdist()).await;
    let new = Package::new("demo", "2.0").requires("lib>=2").requires("new").requires_python(">=3.9");
    server.publish("alice/dev", &new.tag("cp313-cp313-linux_x86_64").wheel()).await;
    let seen = told(&server, "/alice/dev/+compare/demo?from=1.0&to=2.0", &Auth::None).await;
    let changes: Vec<(&str, &str, &str)> = seen["requirements"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| (one["name"].as_str(), one["before"].as_str(), one["after"].as_str()))
        .map(|(name, before, after)| (name.unwrap_or("?"), before.unwrap_or("?"), after.unwrap_or("?")))
        .collect();
    assert_eq!(changes, [("gone", "any version", ""), ("lib", ">=1", ">=2"), ("new", "", "any version")]);
    assert_eq!(seen["requires_python"], json!({"before": ">=3.8", "after": ">=3.9"}));
    assert_eq!(seen["targets_lost"], json!(["py2.py3-none-any", "source"]));
    assert_eq!(
        told(&server, "/alice/dev/+compare/demo", &Auth::None).await,
        seen,
        "the newest with the one before"
    );
    let project = browse(&server, "/alice/dev/demo", &Auth::None).await;
    assert!(project.contains("alice/dev/+compare/demo?from=1.0&#38;to=2.0"), "{project}");
    let page = browse(&server, "/alice/dev/+compare/demo?from=1.0&to=2.0", &Auth::None).await;
    for text in ["Requires-Python was", "cp313-cp313-linux_x86_64", ">changed</span>"] {
        assert!(page.contains(text), "no {text} in {page}");
    }
    let (status, seen) = server.ask("GET", "/alice/dev/+compare/demo?from=9&to=2.0", &Auth::None, None).await;
    assert_eq!(status, 404, "{seen}");
}

#[tokio::test]
async fn known_vulnerabilities_stand_on_the_release_with_the_version_that_mends_them() {
    let server = stage_with(|config| config.osv.path = Some("osv".into())).await;
    let folder = server.data.path().join("osv");
    std::fs::create_dir(&folder).expect("a folder");
    let advisory = json!({
        "id": "PYSEC-2026-1", "modified": "2026-01-01T00:00:00Z", "aliases": ["CVE-2026-1"], "summary": "It <breaks>",
        "affected": [{"package": {"ecosystem": "PyPI", "name": "demo"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "1.0"}, {"fixed": "1.4"}]}]}],
    });
    std::fs::write(folder.join("a.json"), advisory.to_string()).expect("a file");
    server.app.advisories.refresh().await.expect("advisories");
    for version in ["1.2", "1.4"] {
        server.publish("alice/dev", &Package::new("demo", version).wheel()).await;
    }
    let page = browse(&server, "/alice/dev/demo/1.2", &Auth::None).await;
    for text in ["Known to be vulnerable", "CVE-2026-1", "&#62;=1.0, &#60;1.4", "It &#60;breaks&#62;"] {
        assert!(page.contains(text), "no {text} in {page}");
    }
    let page = browse(&server, "/alice/dev/demo/1.4", &Auth::None).await;
    assert!(page.contains("None of the server's advisories is about this release"), "{page}");
    let about = told(&server, "/alice/dev/+about/demo/1.2", &Auth::None).await;
    assert_eq!(about["advisories"][0]["fixed_in"], json!(["1.4"]));
}

#[tokio::test]
async fn provenance_is_told_in_words_with_what_was_not_verified() {
    let server = stage().await;
    let demo = Package::new("demo", "1.0").wheel();
    let form = Form::of(&demo).field("attestations", &demo.attestations());
    let answer = server.post("/alice/dev/", form, "alice", PASSWORD).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let page = browse(&server, "/alice/dev/demo/1.0", &Auth::None).await;
    for text in
        ["1 of 1 files have a provenance", "names the file and its SHA-256", "does not verify signatures"]
    {
        assert!(page.contains(text), "no {text} in {page}");
    }
    let about = told(&server, "/alice/dev/+about/demo/1.0", &Auth::None).await;
    assert_eq!(about["provenance"]["signature_verified"], false);
    assert_eq!(about["provenance"]["statement_checked"], true);
}

#[tokio::test]
async fn every_installer_has_its_line_and_a_private_index_says_how_to_log_in() {
    let server = stage().await;
    server.publish("alice/dev", &Package::new("demo", "1.0").wheel()).await;
    let page = browse(&server, "/alice/dev/demo", &Auth::None).await;
    let simple = server.url("/alice/dev/+simple/");
    for line in [
        format!("pip install --index-url {simple} demo"),
        format!("uv add --default-index {simple} demo"),
        format!("poetry source add --priority primary alice-dev {simple}"),
        format!("pdm config --local pypi.url {simple}"),
    ] {
        assert!(page.contains(&line), "no {line} in {page}");
    }
    assert!(!page.contains("machine ") && !page.contains("auto/+simple"), "{page}");
    server.as_alice("PATCH", "/alice/dev", r#"["acl_read=alice"]"#).await;
    hire(&server).await;
    let page = browse(&server, "/alice/dev/demo", &alice()).await;
    assert!(page.contains("machine 127.0.0.1 login __token__ password TOKEN"), "{page}");
    assert!(page.contains("/v1/alice.dev/auto/+simple/ demo"), "{page}");
}

#[tokio::test]
async fn a_description_in_restructuredtext_is_rendered() {
    let server = stage().await;
    let text = "Demo\n====\n\n* one\n* two\n\n.. note:: Mind.\n\nSee `it <https://x.example/>`_.\n";
    let demo = Package::new("demo", "1.0").description(text).header("Description-Content-Type", "text/x-rst");
    server.publish("alice/dev", &demo.wheel()).await;
    let page = browse(&server, "/alice/dev/demo", &Auth::None).await;
    for html in ["<h3>Demo</h3>", "<li>one</li>", "markdown-alert-note", "href=\"https://x.example/\""] {
        assert!(page.contains(html), "no {html} in {page}");
    }
}
