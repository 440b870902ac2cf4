//! Rules that decide by themselves, and rules that are wrong.

use super::{Governed, alice};
use crate::kit::clients::Client;
use crate::kit::script::Auth;

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
