//! A real worker without a queue: a test hands it jobs, and looks at what comes out.

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, put};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use tokio::sync::{OnceCell, watch};
use wheelwright::build::job::{Job, JobLimits, JobOutcome};
use wheelwright::client::WorkerClient;
use wheelwright::config::BuildSettings;
use wheelwright::tools::locks::Locks;
use wheelwright::words::{BuildSource, Isolation, SourceKind, Step};
use wheelwright::worker::environment::Environments;
use wheelwright::worker::interpreters::{self, Interpreter};
use wheelwright::worker::job;
use wheelwright::worker::log::Log;
use wheelwright::worker::root::{OlderSystems, Roots};
use wheelwright::worker::running::WorkerMachine;
use wheelwright::worker::sandbox::Sandbox;

/// The part of a server that a job speaks to: sources out, wheels in, the rest is an index's.
#[derive(Clone, Default)]
struct Front {
    sources: Arc<Mutex<HashMap<i64, Bytes>>>,
    wheels: Arc<Mutex<Vec<(String, Bytes)>>>,
    /// The server that has the index.
    index: Option<String>,
    http: reqwest::Client,
}

/// A worker, and the address it takes for its server's.
pub struct Workbench {
    pub worker: WorkerMachine,
    pub data: tempfile::TempDir,
    link: WorkerClient,
    front: Front,
    next: AtomicI64,
}

/// What a job came to.
pub struct Done {
    pub outcome: JobOutcome,
    pub log: String,
    pub steps: Vec<Step>,
    /// Handed in: name and bytes.
    pub wheels: Vec<(String, Bytes)>,
}

async fn source(State(front): State<Front>, Path(id): Path<i64>) -> Result<Bytes, StatusCode> {
    front.sources.lock().expect("a lock").get(&id).cloned().ok_or(StatusCode::NOT_FOUND)
}

async fn take(State(front): State<Front>, Path((_, name)): Path<(i64, String)>, body: Bytes) {
    front.wheels.lock().expect("a lock").push((name, body));
}

async fn pass_on(State(front): State<Front>, request: Request) -> Result<Response, StatusCode> {
    let index = front.index.as_deref().ok_or(StatusCode::NOT_FOUND)?;
    let url = format!("{index}{}", request.uri());
    let mut asked = front.http.request(request.method().clone(), url);
    if let Some(accept) = request.headers().get("accept") {
        asked = asked.header("accept", accept);
    }
    let answer = asked.send().await.map_err(|_| StatusCode::BAD_GATEWAY)?;
    let mut response = Response::builder().status(answer.status());
    for name in ["content-type", "content-length", "etag", "location"] {
        if let Some(value) = answer.headers().get(name) {
            response = response.header(name, value);
        }
    }
    response.body(Body::from_stream(answer.bytes_stream())).map_err(|_| StatusCode::BAD_GATEWAY)
}

/// The interpreters of this machine; looking for them takes seconds, so it is done once.
pub async fn found() -> Vec<Interpreter> {
    static FOUND: OnceCell<Vec<Interpreter>> = OnceCell::const_new();
    let find = || async { interpreters::discover(&BuildSettings::default()).await.expect("interpreters") };
    FOUND.get_or_init(find).await.clone()
}

/// The wheel of pip that an interpreter of this machine brings along, and its name.
pub async fn bundled_pip(python: &str) -> (String, Vec<u8>) {
    let all = found().await;
    let interpreter = all.iter().find(|each| each.target.matches(python)).expect("the interpreter");
    let folder: PathBuf = interpreter.site_packages.with_file_name("ensurepip").join("_bundled");
    let files = std::fs::read_dir(folder).expect("ensurepip").flatten();
    let name = |entry: &std::fs::DirEntry| entry.file_name().to_string_lossy().into_owned();
    let pip = files.into_iter().find(|entry| name(entry).starts_with("pip-")).expect("pip");
    (name(&pip), std::fs::read(pip.path()).expect("its bytes"))
}

impl Workbench {
    /// A worker whose index is that of the server at `index`, if there is one.
    pub async fn start(index: Option<String>) -> Self {
        Self::start_with(index, &BuildSettings { debian_root: false, ..BuildSettings::default() }).await
    }

    /// One that may build in an older Debian.
    pub async fn start_with(index: Option<String>, settings: &BuildSettings) -> Self {
        let data = tempfile::tempdir().expect("a folder");
        crate::kit::tls::ready();
        let front = Front { index, ..Front::default() };
        let app = Router::new()
            .route("/+builds/{id}/source", get(source))
            .route("/+builds/{id}/wheel/{name}", put(take))
            .fallback(pass_on)
            .layer(axum::extract::DefaultBodyLimit::disable())
            .with_state(front.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(async move { axum::serve(listener, app).await });
        let sandbox = Sandbox::open(Isolation::Bubblewrap).expect("bubblewrap");
        let contents = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("system-contents");
        std::fs::create_dir_all(&contents).expect("a folder");
        std::fs::create_dir_all(data.path().join("roots")).expect("a folder");
        // Fifty megabytes, for all workbenches together.
        std::os::unix::fs::symlink(contents, data.path().join("roots/contents")).expect("a link");
        let worker = WorkerMachine {
            folder: data.path().to_owned(),
            interpreters: match settings.cross == BuildSettings::default().cross {
                true => found().await,
                false => interpreters::discover(settings).await.expect("interpreters"),
            },
            roots: Roots::new(data.path().join("roots"), sandbox.clone()),
            older: OlderSystems::new(settings, false, data.path().join("roots"), sandbox.clone())
                .expect("systems"),
            sandbox,
            environments: Environments::open(data.path().join("environments"), 4 << 30).expect("a folder"),
            zig: Locks::default(),
        };
        let link = WorkerClient::new(&format!("http://{address}"), "token").expect("a link");
        Self { worker, data, link, front, next: AtomicI64::new(1) }
    }

    /// The full name of a target, `cp313`.
    pub fn target(&self, asked: &str) -> String {
        let mut all = self.worker.interpreters.iter().flat_map(Interpreter::targets);
        all.find(|target| target.matches(asked))
            .unwrap_or_else(|| panic!("no Python {asked} here"))
            .name
            .clone()
    }

    /// Builds a source for a target; `change` may alter the job before.
    pub async fn build(
        &self,
        filename: &str,
        bytes: impl Into<Bytes>,
        target: &str,
        change: impl FnOnce(&mut Job),
    ) -> Done {
        let bytes = bytes.into();
        let build = self.next.fetch_add(1, Ordering::Relaxed);
        let stem = filename.trim_end_matches(".tar.gz").trim_end_matches(".zip");
        let (project, version) = stem.rsplit_once('-').unwrap_or((stem, ""));
        let mut job = Job {
            build,
            fence: 1,
            purpose: wheelwright::words::Purpose::Wheel,
            project: Some(project.to_lowercase()),
            version: Some(version.to_owned()),
            source: BuildSource {
                kind: SourceKind::Sdist,
                filename: filename.to_owned(),
                ..BuildSource::default()
            },
            source_sha256: Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect(),
            target: self.target(target),
            context: "root/pypi".to_owned(),
            quarantines: String::new(),
            credential: None,
            recipe: None,
            platform_expected: false,
            limits: JobLimits::default(),
            addable: Vec::new(),
            unmet: Vec::new(),
            learned: None,
        };
        change(&mut job);
        self.front.sources.lock().expect("a lock").insert(build, bytes);
        let log = Log::new(job.limits.log);
        let (steps, mut told) = watch::channel(Step::Fetch);
        let watcher = tokio::spawn(async move {
            let mut seen = vec![*told.borrow_and_update()];
            while told.changed().await.is_ok() {
                seen.push(*told.borrow_and_update());
            }
            seen
        });
        let outcome = job::run(&job, &self.link, &self.worker, &log, &steps).await;
        drop(steps);
        let steps = watcher.await.expect("the watcher ends");
        let wheels = std::mem::take(&mut *self.front.wheels.lock().expect("a lock"));
        Done { outcome, log: log.to_text(), steps, wheels }
    }
}
