//! Stories of uploads that were made to break the server, and of mistakes of its own: one request
//! fails, the next is answered.

use crate::kit::Server;
use crate::kit::forms::Form;
use crate::kit::host::json_of;
use crate::kit::packages::Package;
use crate::kit::stages::{PASSWORD, stage};
use axum::response::Response;
use wheelwright::access::Need;
use wheelwright::error::Result;
use wheelwright::web::http::Ctx;
use wheelwright::web::{routes, server::ServerLimits};

/// Markers that brought a parser down, and their kin.
const MARKERS: [&str; 16] = [
    "'x' ~= os_name",
    "os_name ~= 'x'",
    "'x' ~= 'y'",
    "'1' ~= '1'",
    "'' ~= os_name",
    "'x' ~= python_version",
    "'3' ~= python_version",
    "python_version ~= '3'",
    "'x' in python_version",
    "python_version not in '3.*'",
    "extra ~= 'x'",
    "'x' < extra",
    "'x' === os_name or 'x' ~= os_name",
    "platform_version >= '#1 SMP'",
    "'x' ~= os_name and (os_name == 'nt'",
    "os_name ~= 'x' or",
];

async fn upload(server: &Server, form: Form) -> (u16, String) {
    let answer = server.post("/alice/dev/", form, "alice", PASSWORD).await;
    (answer.status, answer.text)
}

#[tokio::test]
async fn no_marker_in_form_or_file_keeps_the_next_upload_out() {
    let server = stage().await;
    for (number, marker) in MARKERS.iter().enumerate() {
        let requirement = format!("a; {marker}");
        let version = |part: usize| format!("{number}.{part}");
        let good = Package::new("demo", &version(0)).wheel();
        let both = Package::new("demo", &version(1)).requires(&requirement).wheel();
        let file = Package::new("demo", &version(2)).requires(&requirement).wheel();
        let forms = [
            Form::with(&good, "requires_dist", Some(&requirement)),
            Form::of(&both),
            Form::with(&file, "requires_dist", Some("a; os_name == 'nt'")),
        ];
        for form in forms {
            let (status, text) = upload(&server, form).await;
            assert!(
                status == 200 || status == 400 && text.contains("Requires-Dist"),
                "{marker}: {status} {text}"
            );
        }
        let next = Package::new("demo", &version(3)).requires("a; os_name == 'nt'").wheel();
        assert_eq!(upload(&server, Form::of(&next)).await, (200, String::new()), "after {marker}");
    }
    assert!(metric(&server, "wheelwright_panics_total").await.ends_with(" 0"), "nothing panicked");
}

async fn metric(server: &Server, name: &str) -> String {
    let text = server.get("/metrics").await.text().await.expect("text");
    text.lines().find(|line| line.starts_with(name)).expect("the metric").to_owned()
}

async fn boom(_: Ctx) -> Result<Response> {
    panic!("on purpose")
}

#[tokio::test]
async fn a_panic_answers_500_to_its_request_alone_and_is_counted() {
    let table = routes::table().on(&["GET"], "/+boom", Need::Nothing, boom);
    let server = Server::start_table(ServerLimits::default(), table, |_| {}).await;
    for _ in 0..3 {
        let answer = server.get("/+boom").await;
        assert_eq!(answer.status(), 500);
        assert!(answer.text().await.expect("text").contains("internal error"));
        assert_eq!(server.get("/+health").await.status(), 200);
    }
    assert!(metric(&server, "wheelwright_panics_total").await.ends_with(" 3"));
    assert!(
        metric(&server, "wheelwright_requests_total{method=\"GET\",route=\"/+boom\"").await.ends_with(" 3")
    );
    let status = json_of(server.get_with("/+status", &[("accept", "application/json")]).await).await;
    let metrics = status["result"]["metrics"].as_array().expect("metrics");
    assert!(metrics.contains(&serde_json::json!(["wheelwright_panics", "counter", 3])), "{metrics:?}");
}
