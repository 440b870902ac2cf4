//! Rules that decide by themselves, and rules that are wrong.

use super::{Governed, alice};
use crate::kit::clients::Client;
use crate::kit::script::Auth;
use serde_json::json;

const RULES: &str = "\
[[rule]]
name = \"no AGPL\"
decide = \"refuse\"
licences = [\"AGPL-3.0-only\"]
reason = \"our lawyers say no\"

[[rule]]
name = \"known licences\"
decide = \"approve\"
licences = [\"MIT\", \"BSD-3-Clause\"]
wheel = true

[[rule]]
name = \"what it needs\"
decide = \"approve\"
projects = [\"lib\"]
";

impl Governed {
    async fn put_rules(&self, query: &str, text: &str, auth: &Auth) -> (u16, String) {
        let url = self.server.url(&format!("/root/safe/+rules{query}"));
        let request = auth.on(self.server.http.put(url)).header("accept", "application/json");
        let answer = request.body(text.to_owned()).send().await.expect("an answer");
        (answer.status().as_u16(), answer.text().await.expect("a body"))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_rule_approves_and_another_refuses_while_the_installer_waits() {
    let governed = Governed::start().await;
    let (status, told) = governed.put_rules("", RULES, &alice()).await;
    assert_eq!(status, 200, "{told}");
    let client = Client::new("pip");
    let (site, index) = (client.home.path().join("site").display().to_string(), governed.safe());
    let rest = ["install", "--no-cache-dir", "--index-url", &index, "--target", &site];
    let run = client.run("pip", &[&rest[..], &["demo==1.1"]].concat()).await.failed();
    run.says("demo 1.1 is refused on root/safe: our lawyers say no");
    client.run("pip", &[&rest[..], &["demo==1.0"]].concat()).await.succeeded();
    let request = governed.request("demo", "1.0").await;
    assert_eq!(
        (request["state"].as_str(), request["decided_by"].as_str()),
        (Some("approved"), Some("rule known licences"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn new_rules_decide_open_requests_and_a_dry_run_only_tells() {
    let governed = Governed::start().await;
    governed.ask_for("demo==1.1").await;
    governed.ask_for("other==3.0").await;
    let (status, told) = governed.put_rules("?dry_run", RULES, &alice()).await;
    assert!(status == 200 && told.contains("\"rule\": \"no AGPL\""), "{told}");
    assert_eq!(governed.request("demo", "1.1").await["state"], "open");
    let (status, told) = governed.put_rules("", RULES, &alice()).await;
    assert!(status == 200 && told.contains("\"decided\": 1"), "{told}");
    assert_eq!(governed.request("demo", "1.1").await["reason"], "our lawyers say no");
    assert_eq!(governed.request("other", "3.0").await["state"], "open");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_with_an_unknown_field_is_named_and_changes_nothing() {
    let governed = Governed::start().await;
    assert_eq!(governed.put_rules("", RULES, &alice()).await.0, 200);
    let wrong = "[[rule]]\nname = \"old enough\"\ndecide = \"approve\"\nmin_agee = \"7d\"\n";
    for query in ["", "?dry_run"] {
        let (status, told) = governed.put_rules(query, wrong, &alice()).await;
        assert_eq!(status, 400, "{told}");
        assert!(
            told.contains("rule 1 (old enough): unknown field 'min_agee': did you mean 'min_age'?"),
            "{told}"
        );
    }
    let url = governed.server.url("/root/safe/+rules");
    let kept = alice().on(governed.server.http.get(url)).send().await.expect("an answer");
    assert_eq!(kept.text().await.expect("rules"), RULES);
    governed.server.make_user("bob", "bob-secret").await;
    let (status, told) = governed.put_rules("", RULES, &Auth::basic("bob", "bob-secret")).await;
    assert_eq!(status, 403, "{told}");
}

/// A finding in one version, as grave as this says.
fn finding(project: &str, version: &str, severity: serde_json::Value) -> String {
    let mut advisory = json!({
        "id": format!("A-{project}-{version}"), "modified": "2026-01-01T00:00:00Z",
        "affected": [{"package": {"ecosystem": "PyPI", "name": project}, "versions": [version]}],
    });
    let fields = advisory.as_object_mut().expect("an object");
    fields.extend(severity.as_object().expect("an object").clone());
    advisory.to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_looks_at_how_grave_the_known_vulnerabilities_are() {
    let folder = tempfile::tempdir().expect("a folder");
    let vector = |score: &str| json!({"severity": [{"type": "CVSS", "score": score}]});
    let medium = "CVSS:3.1/AV:N/AC:H/PR:N/UI:N/S:U/C:L/I:L/A:N";
    let critical = "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N";
    for (project, version, severity) in [
        ("demo", "1.0", vector(medium)),
        ("demo", "1.1", vector(critical)),
        ("lib", "1.0", json!({"database_specific": {"severity": "LOW"}})),
        ("lib", "1.1", json!({})),
    ] {
        let path = folder.path().join(format!("{project}-{version}.json"));
        std::fs::write(path, finding(project, version, severity)).expect("written");
    }
    let osv = folder.path().to_owned();
    let governed = Governed::start_with(|config| config.osv.path = Some(osv)).await;
    for release in ["demo==1.0", "demo==1.1", "lib==1.0", "lib==1.1", "other==3.0"] {
        governed.ask_for(release).await;
    }
    let rules = |grave: &str, fine: &str| {
        format!(
            "[[rule]]\nname = \"grave\"\ndecide = \"refuse\"\nosv = \"{grave}\"\n\n\
             [[rule]]\nname = \"fine\"\ndecide = \"approve\"\nosv = \"{fine}\"\n"
        )
    };
    let (status, told) = governed.put_rules("?dry_run", &rules("critical", "none"), &alice()).await;
    let trials: serde_json::Value = serde_json::from_str(&told).expect("JSON");
    let by = |release: &str| {
        let trials = trials["result"].as_array().expect("trials");
        let trial = trials.iter().find(|trial| trial["release"] == release);
        trial.expect("tried")["rule"].clone()
    };
    let releases = ["demo 1.0", "demo 1.1", "lib 1.0", "lib 1.1", "other 3.0"];
    assert_eq!(status, 200);
    assert_eq!(json!(releases.map(by)), json!([null, "grave", null, "grave", "fine"]));

    assert_eq!(governed.put_rules("", &rules("high", "below medium"), &alice()).await.0, 200);
    let mut states = Vec::new();
    for release in releases {
        let (project, version) = release.split_once(' ').expect("two words");
        states.push(governed.request(project, version).await["state"].clone());
    }
    assert_eq!(json!(states), json!(["open", "refused", "approved", "refused", "approved"]));
    let wrong = "[[rule]]\nname = \"r\"\ndecide = \"refuse\"\nosv = \"7.5\"\n";
    let (status, told) = governed.put_rules("", wrong, &alice()).await;
    assert!(status == 400 && told.contains("osv = '7.5': write none, any, low"), "{told}");
}
