//! What installers on the closed side ask for, on its way to the open side and back.

use super::{Gap, PYTHON};
use crate::kit::packages::Package;
use crate::kit::stages::PASSWORD;
use serde_json::{Value, json};
use wheelwright::access::Scope;

async fn wishes(gap: &Gap) -> Value {
    let answer =
        gap.closed.http.get(gap.closed.url("/alice/dev/+wishes")).header("accept", "application/json");
    let answer = answer.basic_auth("alice", Some(PASSWORD));
    let text = answer.send().await.expect("an answer").text().await.expect("text");
    serde_json::from_str::<Value>(&text).expect("JSON")["result"]["wishes"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_installers_lack_is_asked_for_across_the_gap_and_answered() {
    let gap = Gap::with_app().await;
    gap.open.publish("alice/dev", &Package::new("needed", "1.0").tag("py3-none-any").wheel()).await;
    gap.closed.make_index("alice/secret", json!({"bases": [], "acl_read": ["alice"]})).await;
    let hidden = Package::new("hidden", "1.0").wheel();
    gap.closed.publish("alice/secret", &hidden).await;
    gap.desk.environment(true).await;
    let simple = gap.closed.url("/alice/dev/+simple/");
    for project in ["needed", "needed", "nowhere", "hidden"] {
        gap.desk
            .run(
                PYTHON,
                &["-m", "pip", "--disable-pip-version-check", "download", "--index-url", &simple, project],
            )
            .await
            .failed();
    }
    // A person who looks, and a script, wish for nothing.
    gap.closed.get("/alice/dev/+simple/looked-at/").await;
    let known = wishes(&gap).await;
    let told: Vec<_> =
        known.as_array().expect("wishes").iter().map(|wish| (&wish["project"], &wish["state"])).collect();
    assert_eq!(told.len(), 2, "a private name is no wish: {known}");
    let needed =
        known.as_array().expect("wishes").iter().find(|wish| wish["project"] == "needed").expect("a wish");
    assert!(needed["asked"].as_i64() >= Some(2), "{known}");
    assert!(needed["target"].as_str().expect("a target").starts_with("cp3"), "{known}");
    let page = gap.closed.http.get(gap.closed.url("/alice/dev/+wishes")).header("accept", "text/html");
    let stranger = page.try_clone().expect("a request").send().await.expect("an answer");
    assert_eq!(stranger.status(), 401, "it would tell them which names are private here");
    let page = page.basic_auth("alice", Some(PASSWORD));
    let page = page.send().await.expect("an answer").text().await.expect("a page");
    assert!(page.contains("<h1>Wishes</h1>") && page.contains("nowhere"), "{page}");

    let server = gap.closed.url("");
    gap.desk.write("more.txt", "app>=1\nhidden\n");
    let token = gap.closed.make_token("alice", Scope::default()).await;
    let about = ["--server", &server, "--index", "alice/dev", "--token", &token];
    let request = ["bundle", "request", "-r", "more.txt", "-o", "wishes.txt", "--target", "cp312"];
    gap.desk.run("wheelwright", &[&request[..], &about].concat()).await.succeeded();
    let text = gap.desk.read("wishes.txt");
    assert!(text.contains("# index: alice/dev\n") && text.contains("# target: cp312\napp>=1\n"), "{text}");
    // Whatever Python this test has: the open side builds for one.
    let text: String = text
        .lines()
        .map(|line| match line.starts_with("# target: cp3") {
            true => "# target: cp312\n".to_owned(),
            false => format!("{line}\n"),
        })
        .collect();
    gap.desk.write("wishes.txt", &(text + "# target: cp99-linux\nfuture\n"));

    let made = gap
        .create(&["--request", "wishes.txt", "-o", "drop.wwb", "--private", "needed"])
        .await
        .succeeded()
        .json();
    assert_eq!(made["files"], json!(["needed-1.0-py3-none-any.whl"]), "{made}");
    let refused: Vec<_> =
        made["refused"].as_array().expect("a list").iter().map(|one| one["requirement"].clone()).collect();
    assert_eq!(refused, ["app>=1", "hidden", "nowhere", "future"], "{made}");
    // Which projects are private here is not told to the other side.
    let private = made["refused"][0]["why"].as_str().expect("text");
    assert!(private.contains("not available for bundles") && !private.contains("app"), "{made}");
    let done = gap.import(&["drop.wwb"]).await.succeeded().json();
    assert_eq!(done["diff"]["unanswered"].as_array().map(Vec::len), Some(4), "{done}");
    let known = wishes(&gap).await;
    let state = |name: &str| {
        let wishes = known.as_array().expect("wishes");
        wishes.iter().find(|wish| wish["project"] == name).map(|wish| wish["state"].clone()).expect("a wish")
    };
    assert_eq!((state("needed"), state("nowhere")), (json!("here"), json!("refused")), "{known}");
    // What was answered is not asked for again.
    let request = ["bundle", "request", "-o", "again.txt"];
    let nothing = gap.desk.run("wheelwright", &[&request[..], &about].concat()).await.succeeded();
    // Beside the data folder, no server needs to be named.
    let data = gap.closed.data.path().display().to_string();
    let beside = ["--data", &data, "--index", "alice/dev"];
    let same = gap.desk.run("wheelwright", &[&request[..], &beside].concat()).await.succeeded();
    assert!(same.out.contains("lacks nothing"), "{}", same.out);
    assert!(nothing.out.contains("lacks nothing") && !gap.desk.path("again.txt").exists(), "{}", nothing.out);
}
