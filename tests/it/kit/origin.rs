//! An upstream that has every project one asks for, with one file each.

use axum::Router;
use axum::extract::{Path, State};
use axum::response::IntoResponse;
use axum::routing::get;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use wheelwright::store::BlobKey;

pub struct Origin {
    /// The address of its simple index.
    pub simple: String,
    serving: JoinHandle<()>,
}

impl Origin {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let base = format!("http://{}", listener.local_addr().expect("an address"));
        let routes = Router::new()
            .route("/simple/{project}/", get(page))
            .route("/files/{filename}", get(file))
            .with_state(base.clone());
        let serving =
            tokio::spawn(async move { axum::serve(listener, routes).await.expect("the origin serves") });
        Self { simple: format!("{base}/simple/"), serving }
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn page(Path(project): Path<String>, State(base): State<String>) -> impl IntoResponse {
    let filename = format!("{}-1.0.tar.gz", project.replace('-', "_"));
    let sha256 = BlobKey::of(&content(&filename)).to_string();
    let file = json!({
        "filename": filename, "url": format!("{base}/files/{filename}"), "hashes": {"sha256": sha256},
        "size": content(&filename).len(), "upload-time": "2026-01-01T00:00:00Z",
    });
    let page = json!({"meta": {"api-version": "1.1"}, "name": project, "versions": ["1.0"], "files": [file]});
    ([("content-type", "application/vnd.pypi.simple.v1+json")], page.to_string())
}

async fn file(Path(filename): Path<String>) -> Vec<u8> {
    content(&filename)
}

/// Some 200 kB that only this name has.
fn content(filename: &str) -> Vec<u8> {
    filename.as_bytes().repeat(200_000 / filename.len())
}
