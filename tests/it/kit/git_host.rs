//! Git repositories, and a host that serves them over HTTP: `git http-backend`, with a token or without.

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use parking_lot::Mutex;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

/// A repository on this machine.
pub struct Repository {
    folder: tempfile::TempDir,
}

impl Repository {
    pub fn new() -> Self {
        let repository = Self { folder: tempfile::tempdir().expect("a folder") };
        repository.git(&["init", "-q", "-b", "main", "."]);
        repository
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// As a watch beside the data folder names it.
    pub fn url(&self) -> String {
        format!("git+file://{}", self.path().display())
    }

    pub fn git(&self, arguments: &[&str]) -> String {
        let identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"];
        let mut command = std::process::Command::new("git");
        let output = command.current_dir(self.path()).args(identity).args(arguments).output().expect("git");
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("text").trim().to_owned()
    }

    pub fn write(&self, name: &str, text: &str) {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, text).expect("a file");
    }

    /// Commits what there is, or nothing; gives the commit.
    pub fn commit(&self) -> String {
        self.git(&["add", "."]);
        self.git(&["commit", "-q", "--allow-empty", "-m", "a change"]);
        self.git(&["rev-parse", "HEAD"])
    }

    /// A new commit with an annotated tag, or one that is moved there; gives the commit.
    pub fn tag(&self, name: &str) -> String {
        let commit = self.commit();
        self.git(&["tag", "-f", "-a", name, "-m", name]);
        commit
    }
}

/// A host on loopback; gone when dropped.
pub struct GitHost {
    pub address: std::net::SocketAddr,
    state: Arc<HostState>,
    serving: tokio::task::JoinHandle<()>,
}

struct HostState {
    root: PathBuf,
    /// What a request must send.
    authorization: Option<String>,
    is_dead: Mutex<bool>,
}

impl GitHost {
    /// Serves the repositories below `root`; with a token, only to who sends it.
    pub async fn start(root: &Path, token: Option<(&str, &str)>) -> Self {
        use base64::Engine as _;
        let pair = |(user, token)| base64::prelude::BASE64_STANDARD.encode(format!("{user}:{token}"));
        let authorization = token.map(|token| format!("Basic {}", pair(token)));
        let state = Arc::new(HostState { root: root.to_owned(), authorization, is_dead: Mutex::new(false) });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let app = Router::new().fallback(serve).with_state(state.clone());
        let serving = tokio::spawn(async move { drop(axum::serve(listener, app).await) });
        Self { address, state, serving }
    }

    /// `git+http://127.0.0.1:PORT/PATH`
    pub fn url(&self, path: &str) -> String {
        format!("git+http://{}/{path}", self.address)
    }

    /// From now on it answers 503, or again.
    pub fn is_dead(&self, dead: bool) {
        *self.state.is_dead.lock() = dead;
    }
}

impl Drop for GitHost {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn serve(State(host): State<Arc<HostState>>, request: Request) -> Response {
    if *host.is_dead.lock() {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    let given = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    if host.authorization.is_some() && host.authorization.as_deref() != given {
        let realm = [(header::WWW_AUTHENTICATE, "Basic realm=\"git\"")];
        return (StatusCode::UNAUTHORIZED, realm).into_response();
    }
    answer(&host.root, request).await.unwrap_or_else(IntoResponse::into_response)
}

/// Speaks CGI (RFC 3875) with git itself.
pub async fn answer(root: &Path, request: Request) -> Result<Response<Body>, StatusCode> {
    let (request, body) = request.into_parts();
    let header = |name: &str| {
        let value = request.headers.get(name).and_then(|value| value.to_str().ok());
        value.unwrap_or_default().to_owned()
    };
    let mut command = Command::new("git");
    command.arg("http-backend").env("GIT_PROJECT_ROOT", root).env("GIT_HTTP_EXPORT_ALL", "1");
    command.env("REQUEST_METHOD", request.method.as_str()).env("PATH_INFO", request.uri.path());
    command.env("QUERY_STRING", request.uri.query().unwrap_or_default());
    command.env("CONTENT_TYPE", header("content-type")).env("GIT_PROTOCOL", header("git-protocol"));
    command.env("HTTP_CONTENT_ENCODING", header("content-encoding"));
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let body = to_bytes(body, 1 << 20).await.map_err(|_| StatusCode::BAD_REQUEST)?;
    let mut child = command.spawn().map_err(|_| StatusCode::BAD_GATEWAY)?;
    let mut input = child.stdin.take().ok_or(StatusCode::BAD_GATEWAY)?;
    input.write_all(&body).await.map_err(|_| StatusCode::BAD_GATEWAY)?;
    drop(input);
    let output = child.wait_with_output().await.map_err(|_| StatusCode::BAD_GATEWAY)?.stdout;
    response(&output).ok_or(StatusCode::BAD_GATEWAY)
}

fn response(output: &[u8]) -> Option<Response<Body>> {
    let end = output.windows(4).position(|bytes| bytes == b"\r\n\r\n")?;
    let (head, body) = (std::str::from_utf8(output.get(..end)?).ok()?, output.get(end + 4..)?);
    let mut response = Response::builder();
    for (name, value) in head.lines().filter_map(|line| line.split_once(": ")) {
        response = match name {
            "Status" => response.status(value.split(' ').next()?.parse::<u16>().ok()?),
            _ => response.header(name, value),
        };
    }
    response.body(Bytes::copy_from_slice(body).into()).ok()
}
