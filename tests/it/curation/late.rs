//! Files that an upstream adds to a release after it was approved.

use super::{Governed, alice};
use crate::kit::clients::Client;
use crate::kit::forms::Form;
use crate::kit::resolving::wheel;
use crate::kit::script::Auth;
use crate::kit::stages::PASSWORD;
use serde_json::json;

const FIRST: &str = "demo-1.0-py3-none-any.whl";
const LATE: &str = "demo-1.0-1-py3-none-any.whl";
const PAGE: &str = "/root/safe/+simple/demo/";

impl Governed {
    async fn awake() -> Self {
        // What the upstream adds is seen at once.
        Self::start_with(|config| config.mirror.cache_expiry = 0).await
    }

    /// Another wheel of a release comes to the upstream; its path.
    async fn adds_wheel(&self, project: &str, version: &str) -> String {
        let late = wheel(project, version).build("1").requires("lib>=1").wheel();
        let answer = self.upstream.post("/alice/dev/", Form::of(&late), "alice", PASSWORD).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        format!("/root/safe/{}", late.path())
    }

    async fn lists_late_files(&self, late_files: bool) {
        let change = Some(json!({ "late_files": late_files }));
        let (status, told) = self.server.ask("PATCH", "/root/safe", &Auth::root(), change).await;
        assert_eq!(status, 200, "{told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_comes_after_the_approval_waits_until_the_release_is_approved_again() {
    let governed = Governed::awake().await;
    for release in ["demo==1.0", "lib==1.0"] {
        governed.approve(release).await;
    }
    let path = governed.adds_wheel("demo", "1.0").await;
    assert_eq!(governed.listed(PAGE).await, [FIRST]);
    let pip = Client::new("pip");
    let (target, index) = (pip.home.path().join("site").display().to_string(), governed.safe());
    let rest = ["install", "--no-cache-dir", "--index-url", &index, "--target", &target];
    pip.run("pip", &[&rest[..], &["demo==1.0"]].concat()).await.succeeded();

    let (_, why) = governed.server.ask("GET", "/root/safe/+explain/demo", &Auth::root(), None).await;
    assert!(why.to_string().contains("it was added to its release after the approval of 20"), "{why}");
    let url = governed.server.url(&path);
    let run = pip.run("pip", &[&rest[..], &["--upgrade", &url]].concat()).await.failed();
    let request = governed.request("demo", "1.0").await;
    assert_eq!(request["state"], "open", "{request}");
    run.says(&format!("{LATE} came after demo 1.0 was approved (20"));
    let browser = governed.server.get(&path).await;
    assert_eq!(browser.status(), 403);
    let text = browser.text().await.expect("text");
    assert!(text.contains("ask again with `wheelwright request add root/safe demo==1.0`"), "{text}");
    assert_eq!(governed.server.get(&format!("{path}.metadata")).await.status(), 403);

    governed.lists_late_files(true).await;
    let mut both = governed.listed(PAGE).await;
    both.sort_unstable();
    assert_eq!(both, [LATE, FIRST]);
    assert_eq!(governed.server.get(&path).await.status(), 200);
    governed.lists_late_files(false).await;
    assert_eq!(governed.listed(PAGE).await, [FIRST]);

    let id = request["id"].as_i64().expect("a number");
    let (status, told) = governed.decide(id, "approve", json!({"reason": "seen"})).await;
    assert_eq!(status, 200, "{told}");
    assert_eq!(governed.listed(PAGE).await.len(), 2);
    pip.run("pip", &[&rest[..], &["--upgrade", &url]].concat()).await.succeeded();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approval_of_a_range_is_one_of_what_is_to_come() {
    let governed = Governed::awake().await;
    let id = governed.ask_for("demo==1.0").await;
    let said = json!({"reason": "known people", "specifier": ">=1,<2"});
    assert_eq!(governed.decide(id, "approve", said).await.0, 200);
    governed.adds_wheel("demo", "1.0").await;
    governed.adds_wheel("demo", "1.5").await;
    assert_eq!(governed.listed(PAGE).await.len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_for_late_files_is_for_rules_too() {
    let governed = Governed::awake().await;
    let rules = |wheel: bool| {
        format!("[[rule]]\nname = \"wheels\"\ndecide = \"approve\"\nprojects = [\"lib\"]\nwheel = {wheel}\n")
    };
    let put = async |text: String| {
        let url = governed.server.url("/root/safe/+rules");
        let answer = alice().on(governed.server.http.put(url)).body(text).send().await.expect("an answer");
        assert_eq!(answer.status(), 200);
    };
    put(rules(true)).await;
    let ask = async || {
        let wanted = json!({"index": "root/safe", "requirement": "lib==1.0"});
        governed.server.ask("POST", "/+requests", &alice(), Some(wanted)).await.1.to_string()
    };
    assert!(ask().await.contains("lib==1.0 is approved already"));
    assert!(ask().await.contains("lib==1.0 is approved already"), "nothing is late");
    assert_eq!(governed.request("lib", "1.0").await["decided_by"], "rule wheels");
    governed.adds_wheel("lib", "1.0").await;
    let listed = async || governed.listed("/root/safe/+simple/lib/").await.len();
    assert_eq!(listed().await, 1);
    put(rules(false)).await;
    assert!(ask().await.contains("requested: "));
    assert_eq!(listed().await, 1);
    put(rules(true)).await;
    assert_eq!(listed().await, 2, "the rule looked at the open request");
    assert_eq!(governed.request("lib", "1.0").await["state"], "approved");
}
