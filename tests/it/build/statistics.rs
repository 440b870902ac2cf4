//! What is told of builds over time: by JSON, by plots, and by metrics that never shrink.

use crate::kit::Server;
use crate::kit::backend::on_both;
use crate::kit::forms::Form;
use crate::kit::packages::Package;
use crate::kit::script::Auth;
use crate::kit::stages::PASSWORD;
use serde_json::{Value, json};
use wheelwright::words::Class;

async fn statistics(server: &Server, period: &str) -> Value {
    let (status, body) =
        server.ask("GET", &format!("/+builds/statistics?period={period}"), &Auth::None, None).await;
    assert_eq!(status, 200, "{body}");
    body["result"].clone()
}

/// The drawings of a page: each must be XML by itself.
fn drawings(page: &str) -> Vec<String> {
    let drawings = page.split("<svg").skip(1).filter_map(|rest| rest.split_once("</svg>"));
    let drawings: Vec<String> = drawings.map(|(drawing, _)| format!("<svg{drawing}</svg>")).collect();
    for drawing in &drawings {
        let mut reader = quick_xml::Reader::from_str(drawing);
        loop {
            match reader.read_event().unwrap_or_else(|error| panic!("{error}: {drawing}")) {
                quick_xml::events::Event::Eof => break,
                quick_xml::events::Event::Start(tag) | quick_xml::events::Event::Empty(tag) => {
                    assert!(tag.attributes().all(|one| one.is_ok()), "{drawing}");
                }
                _ => {}
            }
        }
    }
    drawings
}

on_both! {
    async fn builds_are_counted_when_they_end_and_stay_counted_when_they_run_again(server: Server) {
        server.make_stage().await;
        server.build_nothing_ahead("dev").await;
        let worker = server.worker("builder", "w").await;
        for name in ["good", "bad", "gone", "halted"] {
            let dist = Package::new(name, "1.0").sdist();
            assert_eq!(server.post("/alice/dev/", Form::of(&dist), "alice", PASSWORD).await.status, 200);
        }
        server.ask_builds("good==1.0").await;
        worker.builds(&worker.claim().await).await;
        server.ask_builds("bad==1.0").await;
        let job = worker.claim().await;
        worker.fails(&job, Class::Compiler).await;
        let gone = server.ask_builds("gone==1.0").await[0]["id"].as_i64().expect("an id");
        let (status, _) = server.ask("POST", &format!("/+builds/{gone}/cancel"), &Auth::root(), None).await;
        assert_eq!(status, 200);
        let halted = server.ask_builds("halted==1.0").await[0]["id"].as_i64().expect("an id");
        assert_eq!(worker.claim().await.build, halted);
        let (status, _) = server.ask("POST", &format!("/+builds/{halted}/cancel"), &Auth::root(), None).await;
        assert_eq!(status, 200);
        let last = statistics(&server, "day").await["spans"][29].clone();
        let told = (&last["built"], &last["failed"], &last["cancelled"], &last["causes"]);
        assert_eq!(told, (&json!(1), &json!(1), &json!(2), &json!({"compiler": 1})), "{last}");
        assert!(last["seconds"].as_f64().is_some_and(|seconds| seconds >= 0.0), "{last}");

        let (status, _) = server.ask("POST", &format!("/+builds/{}/rebuild", job.build), &Auth::root(), None).await;
        assert_eq!(status, 200);
        let again = worker.claim().await;
        assert_eq!(again.build, job.build);
        worker.fails(&again, Class::MissingTool).await;
        for period in ["week", "month"] {
            let total = statistics(&server, period).await["total"].clone();
            assert_eq!((&total["failed"], &total["causes"]), (&json!(2), &json!({"compiler": 1, "missing-tool": 1})));
        }
        let metrics = server.get("/metrics").await.text().await.expect("metrics");
        for line in [
            "wheelwright_build_seconds_count{outcome=\"failed\"} 2",
            "wheelwright_build_seconds_bucket{outcome=\"built\",le=\"7200\"} 1",
        ] {
            assert!(metrics.contains(line), "no {line} in {metrics}");
        }
    }
}

#[tokio::test]
async fn the_statistics_have_plots_and_the_same_numbers_as_a_table() {
    let server = Server::start().await;
    let page = |path: &'static str| {
        let request = server.http.get(server.url(path)).header("accept", "text/html,application/xhtml+xml");
        async move { request.send().await.expect("an answer").text().await.expect("a page") }
    };
    assert!(page("/+builds/statistics").await.contains("No build has ended in this time"));
    server.make_stage().await;
    server.build_nothing_ahead("dev").await;
    let dist = Package::new("demo", "1.0").sdist();
    assert_eq!(server.post("/alice/dev/", Form::of(&dist), "alice", PASSWORD).await.status, 200);
    let worker = server.worker("builder", "w").await;
    server.ask_builds("demo==1.0").await;
    worker.fails(&worker.claim().await, Class::Compiler).await;
    let shown = page("/+builds/statistics?period=week").await;
    let drawn = drawings(&shown);
    assert_eq!(drawn.len(), 4, "{shown}");
    assert!(drawn[0].contains(": 0 built, 1 failed, 0 cancelled</title><rect class=\"bad\""), "{}", drawn[0]);
    assert!(
        drawn[1].contains("aria-label=\"Success rate, at most 0 %, last 0 % of those that ended\""),
        "{}",
        drawn[1]
    );
    assert!(drawn[2].contains(": 1 compiler, 0 others</title>"), "{}", drawn[2]);
    assert!(shown.contains("<td data-label=\"failed\">1</td>"), "{shown}");
    assert!(shown.len() < 50_000, "{} bytes", shown.len());
    let (status, body) = server.ask("GET", "/+builds/statistics?period=year", &Auth::None, None).await;
    assert_eq!(status, 400, "{body}");
}

#[tokio::test]
async fn workers_are_shown_with_their_load_and_what_they_build() {
    let server = Server::start().await;
    server.make_stage().await;
    server.build_nothing_ahead("dev").await;
    server.as_alice("PATCH", "/alice/dev", r#"["acl_read=alice"]"#).await;
    let dist = Package::new("demo", "1.0").sdist();
    assert_eq!(server.post("/alice/dev/", Form::of(&dist), "alice", PASSWORD).await.status, 200);
    let worker = server.worker("builder", "w").await;
    server.ask_builds("demo==1.0").await;
    let job = worker.claim().await;
    server.make_user("bob", "bob-secret").await;
    for (auth, titles) in [(Auth::root(), json!(["demo 1.0"])), (Auth::basic("bob", "bob-secret"), json!([]))]
    {
        let (_, list) = server.ask("GET", "/+workers", &auth, None).await;
        let one = &list["result"][0];
        let building = one["building"].as_array().expect("a list");
        let shown: Vec<_> = building.iter().map(|build| build["title"].clone()).collect();
        assert_eq!((&one["busy"], json!(shown)), (&json!(1), titles), "{list}");
    }
    worker.builds(&job).await;
}
