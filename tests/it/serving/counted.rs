//! What `/metrics` and `/+status` tell of a server's work: the real program, so that nobody else counts along.

use crate::kit::origin::Origin;
use crate::kit::packages::Package;
use crate::kit::program::Program;

/// `/metrics` as it was at one moment.
struct Metrics(String);

impl Metrics {
    async fn of(program: &Program) -> Self {
        let bytes = program.client().get("/metrics").await.expect("metrics");
        Self(String::from_utf8(bytes.to_vec()).expect("text"))
    }

    /// The value of a line, by all that stands before it.
    fn value(&self, name: &str) -> u64 {
        let line = self.0.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("no {name} in\n{}", self.0)).parse().expect("a whole number")
    }

    fn values<const N: usize>(&self, names: [&str; N]) -> [u64; N] {
        names.map(|name| self.value(name))
    }
}

const PAGES: [&str; 2] =
    ["wheelwright_page_cache_total{result=\"hit\"}", "wheelwright_page_cache_total{result=\"miss\"}"];
const FILES_HIT: &str = "wheelwright_file_cache_total{result=\"hit\"}";
const UPSTREAM: [&str; 4] = [
    "wheelwright_upstream_requests_total{outcome=\"ok\"}",
    "wheelwright_upstream_requests_total{outcome=\"not_modified\"}",
    "wheelwright_upstream_requests_total{outcome=\"missing\"}",
    "wheelwright_upstream_requests_total{outcome=\"failed\"}",
];
const DOWNLOADS: [&str; 3] = [
    "wheelwright_downloads_total{outcome=\"verified\"}",
    "wheelwright_downloads_total{outcome=\"failed\"}",
    "wheelwright_verification_failures_total",
];
const BLOBS: &str = "wheelwright_blobs_written_total";
const UPLOADS: [&str; 3] = [
    "wheelwright_uploads_total{outcome=\"accepted\"}",
    "wheelwright_uploads_total{outcome=\"refused\"}",
    "wheelwright_uploads_total{outcome=\"failed\"}",
];

#[tokio::test]
async fn a_miss_of_the_mirror_and_the_hit_after_it_are_told_apart() {
    let data = tempfile::tempdir().unwrap();
    let origin = Origin::start().await;
    let program = Program::start(data.path(), &origin.simple).await;
    let fresh = Metrics::of(&program).await;
    assert_eq!((fresh.values(PAGES), fresh.values(UPSTREAM)), ([0, 0], [0, 0, 0, 0]));

    let (path, _) = program.client().fill("six").await.expect("a file");
    let cold = Metrics::of(&program).await;
    // The page and the file, each asked for once.
    assert_eq!((cold.values(PAGES), cold.values(UPSTREAM)), ([0, 1], [2, 0, 0, 0]));
    assert_eq!((cold.values(DOWNLOADS), cold.value(FILES_HIT), cold.value(BLOBS)), ([1, 0, 0], 0, 1));
    // It was streamed on its way into the store; memory has it from the second time on.
    program.client().get(&path).await.expect("the file");
    let bytes = cold.value("wheelwright_download_bytes_total");
    assert_eq!(bytes, cold.value("wheelwright_blob_bytes_written_total"));

    program.client().fill("six").await.expect("the same file");
    let warm = Metrics::of(&program).await;
    assert_eq!((warm.values(PAGES), warm.values(UPSTREAM)), ([1, 1], [2, 0, 0, 0]));
    assert_eq!((warm.values(DOWNLOADS), warm.value(FILES_HIT), warm.value(BLOBS)), ([1, 0, 0], 1, 1));
    assert_eq!(bytes as usize, program.client().get(&path).await.expect("the file").len());
    assert!(warm.value("wheelwright_page_cache_bytes") > 0);
    assert!(warm.value("wheelwright_file_cache_bytes") >= bytes);
}

#[tokio::test]
async fn uploads_are_counted_by_how_they_ended_and_requests_by_how_long_they_took() {
    let data = tempfile::tempdir().unwrap();
    let program = Program::start_offline(data.path()).await;
    program.make_index("dev").await;
    let (one, other) =
        (Package::new("demo", "1.0").wheel(), Package::new("demo", "1.0").member("x", "y").wheel());
    program.client().upload("root/dev", &one).await.expect("it is taken");
    let (status, _) = program.client().post("root/dev", &other).await.expect("an answer");
    assert!(status.is_client_error(), "{status}");
    let metrics = Metrics::of(&program).await;
    assert_eq!(metrics.values(UPLOADS), [1, 1, 0]);
    // The wheel and its METADATA.
    assert_eq!(metrics.value(BLOBS), 2);
    let took = "wheelwright_request_seconds_bucket{method=\"POST\",route=\"/{user}/{index}/\",le=\"+Inf\"}";
    assert_eq!(metrics.value(took), 2);
    let status = program.client().get("/+status").await.expect("the status");
    let status: serde_json::Value = serde_json::from_slice(&status).expect("JSON");
    let told = status["result"]["metrics"].as_array().expect("metrics").clone();
    assert!(told.contains(&serde_json::json!(["wheelwright_uploads", "counter", 1])), "{told:?}");
}

#[tokio::test]
async fn every_line_of_the_metrics_is_one_that_prometheus_reads() {
    let server = crate::kit::Server::start().await;
    server.get("/+health").await;
    let answer = server.get("/metrics").await;
    assert_eq!(answer.headers()["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    let text = answer.text().await.unwrap();
    let mut types = Vec::new();
    for line in text.lines() {
        if let Some(described) = line.strip_prefix("# ") {
            let [word, name, about] = described.splitn(3, ' ').collect::<Vec<_>>()[..] else {
                panic!("{line}")
            };
            assert!(matches!(word, "HELP" | "TYPE") && !about.is_empty(), "{line}");
            if word == "TYPE" {
                assert!(!types.contains(&name), "{name} has two types");
                types.push(name);
            }
            continue;
        }
        let (name, value) = line.rsplit_once(' ').expect("a value");
        value.parse::<f64>().unwrap_or_else(|_| panic!("{line}"));
        let (base, labels) = name.split_once('{').unwrap_or((name, "}"));
        assert!(labels.ends_with('}'), "{line}");
        let family = |family: &&str| {
            base.strip_prefix(*family).is_some_and(|end| matches!(end, "" | "_bucket" | "_sum" | "_count"))
        };
        assert!(types.last().is_some_and(family), "{line} stands below another type");
    }
    assert!(text.contains("wheelwright_build_info{version="));
    assert!(!text.contains(&*server.data.path().to_string_lossy()));
}
