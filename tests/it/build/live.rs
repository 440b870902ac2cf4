//! Stories of people who follow a build while it runs, and who look at the queue.

use crate::kit::Server;
use crate::kit::browser::Browser;
use crate::kit::fake_worker::FakeWorker;
use crate::kit::forms::Form;
use crate::kit::nginx::Nginx;
use crate::kit::packages::Package;
use crate::kit::script::Auth;
use crate::kit::stages::{PASSWORD, stage};
use reqwest::Response;
use serde_json::{Value, json};
use wheelwright::build::job::Job;
use wheelwright::words::Class;

/// A server whose `alice/dev` has these sdists, of which none is built ahead.
async fn with_sources(names: &[&str]) -> Server {
    let server = stage().await;
    server.build_nothing_ahead("dev").await;
    for name in names {
        let dist = Package::new(name, "1.0").sdist();
        assert_eq!(server.post("/alice/dev/", Form::of(&dist), "alice", PASSWORD).await.status, 200);
    }
    server
}

/// The first build, which the worker has claimed.
async fn claimed(server: &Server) -> (FakeWorker<'_>, Job) {
    let worker = server.worker("builder", "w").await;
    server.ask_builds("demo==1.0").await;
    let job = worker.claim().await;
    (worker, job)
}

/// The events of a build as they come.
struct Events {
    answer: Response,
    text: String,
}

#[derive(Debug)]
struct Event {
    name: String,
    id: String,
    data: Value,
}

impl Events {
    async fn of(server: &Server, build: i64, auth: &Auth, last: &str) -> Self {
        let answer = ask(server, build, auth, last).await;
        assert_eq!(answer.status(), 200);
        for (name, value) in [
            ("content-type", "text/event-stream; charset=utf-8"),
            ("cache-control", "no-store"),
            ("x-accel-buffering", "no"),
        ] {
            assert_eq!(answer.headers()[name], value);
        }
        Self { answer, text: String::new() }
    }

    /// The next event; `None` at the end.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let (event, rest) = (event.to_owned(), rest.to_owned());
                self.text = rest;
                let field = |name: &str| {
                    let line = event.lines().find_map(|line| line.strip_prefix(name));
                    line.unwrap_or_default().to_owned()
                };
                if !field("event: ").is_empty() {
                    let data = serde_json::from_str(&field("data: ")).expect("JSON");
                    return Some(Event { name: field("event: "), id: field("id: "), data });
                }
                continue;
            }
            let bytes = self.answer.chunk().await.expect("more")?;
            self.text.push_str(std::str::from_utf8(&bytes).expect("UTF-8"));
        }
    }

    async fn next_of(&mut self, name: &str) -> Event {
        loop {
            let event = self.next().await.expect("it comes before the end");
            if event.name == name {
                return event;
            }
        }
    }
}

async fn ask(server: &Server, build: i64, auth: &Auth, last: &str) -> Response {
    let request = auth.on(server.http.get(server.url(&format!("/+builds/{build}/events"))));
    request.header("last-event-id", last).send().await.expect("an answer")
}

#[tokio::test]
async fn a_build_is_followed_by_whole_lines_and_from_where_one_stopped() {
    let server = with_sources(&["demo"]).await;
    let (worker, job) = claimed(&server).await;
    worker.log(&job, 0, "one\n\u{1b}[31mtwo\u{1b}[0m\nhal").await;
    let mut events = Events::of(&server, job.build, &Auth::None, "").await;
    let lines = events.next_of("log").await;
    assert_eq!(lines.data["text"], "one\ntwo\n", "the rest of a line comes with it");
    let state = events.next_of("state").await;
    assert_eq!((&state.data["state"], &state.data["mood"]), (&json!("running"), &json!("warn")));
    assert_eq!(state.data["steps"][0], json!({"name": "fetch", "came": "now", "took": ""}));
    drop(events);

    let size = "one\n\u{1b}[31mtwo\u{1b}[0m\nhal".len();
    worker.log(&job, size, "f\nlast words").await;
    let mut events = Events::of(&server, job.build, &Auth::None, &lines.id).await;
    assert_eq!(events.next_of("log").await.data["text"], "half\n");
    worker.beat(&job).await;
    // What it was when the stream began may be told before.
    while events.next_of("state").await.data["steps"][3]["came"] != "now" {}
    worker.builds(&job).await;
    assert_eq!(events.next_of("log").await.data["text"], "last words");
    while events.next_of("state").await.data["state"] != "built" {}
    assert_eq!(events.next_of("end").await.data["state"], "built");
    assert!(events.next().await.is_none(), "the stream ends with the build");

    let mut whole = Events::of(&server, job.build, &Auth::None, "").await;
    assert_eq!(whole.next_of("log").await.data["text"], "one\ntwo\nhalf\nlast words");
    assert_eq!(ask(&server, job.build, &Auth::None, "yesterday").await.status(), 400);
}

#[tokio::test]
async fn nginx_hands_events_on_as_they_come() {
    let server = with_sources(&["demo"]).await;
    let (worker, job) = claimed(&server).await;
    let nginx = Nginx::before(&server);
    let url = nginx.url(&format!("/+builds/{}/events", job.build));
    let answer = server.http.get(url).send().await.expect("an answer while the build runs");
    let mut events = Events { answer, text: String::new() };
    assert_eq!(events.next_of("state").await.data["state"], "running");
    worker.log(&job, 0, "one\n").await;
    assert_eq!(events.next_of("log").await.data["text"], "one\n");
}

#[tokio::test]
async fn a_build_that_runs_again_begins_its_log_anew() {
    let server = with_sources(&["demo"]).await;
    let (worker, job) = claimed(&server).await;
    worker.log(&job, 0, "first run\n").await;
    let mut events = Events::of(&server, job.build, &Auth::None, "").await;
    events.next_of("log").await;
    worker.release(&job).await;
    let job = worker.claim().await;
    worker.log(&job, 0, "second run\n").await;
    events.next_of("again").await;
    assert_eq!(events.next_of("log").await.data["text"], "second run\n");
}

#[tokio::test]
async fn nobody_follows_a_build_that_they_may_not_see_or_too_many_at_once() {
    let server = with_sources(&["demo"]).await;
    let (worker, job) = claimed(&server).await;
    let mut stranger = Events::of(&server, job.build, &Auth::None, "").await;
    stranger.next_of("state").await;
    let (status, text) = server.as_alice("PATCH", "/alice/dev", r#"["acl_read=alice"]"#).await;
    assert_eq!(status, 200, "{text}");
    worker.log(&job, 0, "a secret\n").await;
    assert!(stranger.next().await.is_none(), "who was shut out hears no more");
    assert_eq!(ask(&server, job.build, &Auth::None, "").await.status(), 404);
    assert_eq!(ask(&server, 9999, &Auth::None, "").await.status(), 404);

    let alice = Auth::basic("alice", PASSWORD);
    let (status, made) = server.ask("POST", "/+tokens", &alice, Some(json!({"name": "reader"}))).await;
    assert_eq!(status, 200, "{made}");
    let made = |name: &str| made["result"][name].as_str().expect("a word").to_owned();
    let (id, token) = (made("id"), Auth::Bearer(made("token")));
    let mut reader = Events::of(&server, job.build, &token, "").await;
    let log = token.on(server.http.get(server.url(&format!("/+builds/{}/log", job.build))));
    let log = log.send().await.expect("an answer");
    reader.next_of("state").await;
    let (status, body) = server.ask("DELETE", &format!("/+tokens/{id}"), &alice, None).await;
    assert_eq!(status, 200, "{body}");
    worker.beat(&job).await;
    assert!(reader.next().await.is_none(), "a revoked token hears no more");
    // It is asked again only after some seconds.
    tokio::time::sleep(std::time::Duration::from_secs(6)).await;
    worker.log(&job, "a secret\n".len(), "another one\n").await;
    assert_eq!(log.text().await.expect("an end"), "a secret\n");

    let mut open = Vec::new();
    for _ in 0..12 {
        open.push(Events::of(&server, job.build, &alice, "").await);
    }
    let refused = ask(&server, job.build, &alice, "").await;
    assert_eq!(refused.status(), 429);
    assert!(refused.headers().contains_key("retry-after"));
    Events::of(&server, job.build, &Auth::root(), "").await.next_of("log").await;
}

#[tokio::test]
async fn the_queue_tells_places_expected_times_and_who_waits() {
    let server = with_sources(&["demo", "first", "second"]).await;
    let (worker, job) = claimed(&server).await;
    for name in ["first", "second"] {
        server.ask_builds(&format!("{name}==1.0")).await;
    }
    let waiting = |auth: Auth| {
        let server = &server;
        async move { server.ask("GET", "/+builds?state=waiting", &auth, None).await.1["result"].clone() }
    };
    // What was guessed is kept for two seconds.
    let list = loop {
        let list = waiting(Auth::root()).await;
        if list[0]["outlook"]["waiting"] == 2 {
            break list;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    };
    let told: Vec<_> =
        list.as_array().expect("a list").iter().map(|build| (&build["project"], &build["outlook"])).collect();
    let unknown = |position: usize| json!({"position": position, "waiting": 2, "nobody": false});
    assert_eq!(told, [(&json!("second"), &unknown(2)), (&json!("first"), &unknown(1))], "{list}");
    assert_eq!(list[0]["wanted_by"], json!(["root"]));
    assert_eq!(waiting(Auth::None).await[0]["wanted_by"], json!(["an account"]), "a stranger learns no name");

    worker.builds(&job).await;
    let known = loop {
        let list = waiting(Auth::root()).await;
        if !list[0]["outlook"]["takes"].is_null() {
            break list;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    };
    assert_eq!(known[1]["outlook"]["starts_in"], 0, "the worker has nothing to do: {known}");
    let page = page(&server, "/+builds?state=waiting").await;
    let (first, second) = (page.find(">first 1.0<"), page.find(">second 1.0<"));
    assert!(first < second && first.is_some(), "in the order of the queue: {page}");
    assert!(page.contains("position 2, ") && page.contains("for an account"), "{page}");

    assert!(self::page(&server, "/+builds?index=alice/dev").await.contains(">demo 1.0<"));
    assert!(!self::page(&server, "/+builds?index=root/pypi").await.contains(">demo 1.0<"));
    server.as_alice("PATCH", "/alice/dev", r#"["acl_read=alice"]"#).await;
    assert_eq!(waiting(Auth::None).await, json!([]));
    let (status, body) = server.ask("GET", "/+builds?state=lost", &Auth::None, None).await;
    assert_eq!(status, 400, "{body}");
}

#[tokio::test]
async fn a_failed_build_opens_its_log_at_the_first_error_and_offers_a_recipe_to_try() {
    let server = with_sources(&["demo"]).await;
    let (worker, job) = claimed(&server).await;
    let log = "[wheelwright] installing setuptools\nok\n[wheelwright] building\ngcc demo.c\nerror: no\n";
    worker.log(&job, 0, log).await;
    let running = page(&server, &format!("/+builds/{}", job.build)).await;
    assert!(
        running.contains("<noscript><meta http-equiv=\"refresh\"") && running.contains("follow.js"),
        "{running}"
    );
    assert!(running.contains("/events?after=") && running.contains("data-next=\"6\""), "{running}");
    worker.fails(&job, Class::MissingTool).await;
    let path = format!("/+builds/{}", job.build);
    let failed = page(&server, &path).await;
    assert!(failed.contains("href=\"#L5\">Show line 5 of the log</a>"), "{failed}");
    assert!(failed.contains("<mark>error: no</mark>") && !failed.contains("follow.js"), "{failed}");
    assert!(failed.contains("<details class=\"phase\"><summary>installing setuptools"), "{failed}");
    assert!(failed.contains("<details class=\"phase\" open><summary>building"), "{failed}");
    assert!(!failed.contains("Try this recipe"), "a stranger cannot");

    let recipe = "name = \"demo\"\r\n\r\n[build]\r\nexpect = \"platform\"\r\n";
    let form = url::form_urlencoded::Serializer::new(String::new()).append_pair("text", recipe).finish();
    let request = Auth::root().on(server.http.post(server.url(&format!("{path}/try"))));
    let request =
        request.header("content-type", "application/x-www-form-urlencoded").header("accept", "text/html");
    let answer = request.body(form).send().await.expect("an answer");
    let (status, place) = (answer.status(), answer.headers().get("location").cloned());
    assert_eq!(status, 303, "{}", answer.text().await.expect("a body"));
    assert_ne!(place.expect("a place"), format!("../{}", job.build), "a build of its own");
}

/// Looks at the open page until the script says yes.
async fn comes_true(browser: &mut Browser, script: &str) {
    while browser.evaluate(script).await != Some(json!(true)) {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_browser_shows_new_lines_without_loading_the_page_again_and_the_result_at_the_end() {
    let server = with_sources(&["demo"]).await;
    let (worker, job) = claimed(&server).await;
    worker.log(&job, 0, "[wheelwright] building\none\n").await;
    let mut browser = Browser::start().await;
    let url = server.url(&format!("/+builds/{}", job.build));
    assert_eq!(browser.open(&url, &url).await, 200);
    browser.evaluate("window.before = 'here'").await;
    worker.log(&job, 27, "<b>two</b>\n").await;
    comes_true(&mut browser, "document.getElementById('live').textContent.includes('3<b>two</b>')").await;
    worker.beat(&job).await;
    comes_true(&mut browser, "document.getElementById('step-build').className === 'now'").await;
    assert_eq!(browser.evaluate("window.before").await, Some(json!("here")), "the same page");
    worker.log(&job, 38, "error: no\n").await;
    worker.fails(&job, Class::Compiler).await;
    comes_true(&mut browser, "!window.before && document.readyState === 'complete'").await;
    let text = browser.text().await;
    assert!(text.contains("compiler in the step build") && text.contains("Show line 4 of the log"), "{text}");
    assert_eq!(
        browser.evaluate("document.querySelector('mark').textContent").await,
        Some(json!("error: no"))
    );
    // The page of a build that has ended follows nothing.
    assert_eq!(browser.evaluate("document.querySelector('[data-follow]') === null").await, Some(json!(true)));
}

async fn page(server: &Server, path: &str) -> String {
    let request = server.http.get(server.url(path)).header("accept", "text/html,application/xhtml+xml");
    let answer = request.send().await.expect("an answer");
    assert_eq!(answer.status(), 200, "{path}");
    let text = answer.text().await.expect("a page");
    assert!(text.len() < 50_000, "{path}: {} bytes", text.len());
    text
}
