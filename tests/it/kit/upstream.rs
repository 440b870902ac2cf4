//! A small real upstream: it logs what it is asked, and fails in the ways that were set.

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use base64::Engine as _;
use bytes::Bytes;
use futures::StreamExt as _;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use sha2::Digest as _;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;
use wheelwright::names::ProjectName;
use wheelwright::packaging::filename::{candidates, encode_segment};

/// A running upstream; connections to it are refused once it was stopped or dropped.
pub struct Upstream {
    pub address: SocketAddr,
    shared: Arc<Shared>,
    task: tokio::task::JoinHandle<()>,
}

#[derive(Default)]
struct Shared {
    files: Mutex<BTreeMap<String, Bytes>>,
    behaviour: Mutex<Behaviour>,
    log: Mutex<Vec<Asked>>,
}

/// One request that came.
#[derive(Clone, Debug)]
pub struct Asked {
    pub path: String,
    pub query: Option<String>,
    pub headers: HeaderMap,
}

/// How it answers. The default is a faultless JSON index.
#[derive(Clone)]
pub struct Behaviour {
    pub json: bool,
    /// `/` is a page of files, and there is no other.
    pub flat: bool,
    pub hashes: bool,
    pub sizes: bool,
    pub ranges: bool,
    /// `.metadata` is advertised and served: the same text for every wheel. Without it a mirror
    /// reads wheels by ranges.
    pub metadata: Option<&'static str>,
    pub etag: bool,
    /// What is at `.metadata` in place of what is advertised: nothing, or this.
    pub beside: Option<Option<&'static str>>,
    /// A file is there only under links with this query, which pages tell; others are 403.
    pub signature: Option<&'static str>,
    /// The status for a project that is not there.
    pub missing: u16,
    /// Its page is 403.
    pub refused: Option<&'static str>,
    /// Its page is 404, though it is listed.
    pub gone: Option<&'static str>,
    /// `X-PyPI-Last-Serial` of every page.
    pub serial: Option<u64>,
    pub upload_time: Option<&'static str>,
    /// Of every project (PEP 792); one that is quarantined lists nothing.
    pub status: Option<&'static str>,
    /// Name and password without which everything is 401.
    pub auth: Option<(&'static str, &'static str)>,
    /// `http://host:port` that links of files begin with.
    pub files_at: Option<String>,
    pub page: Option<Fault>,
    pub file: Option<Fault>,
    /// Waits for `true` before it answers for a file.
    pub gate: Option<tokio::sync::watch::Receiver<bool>>,
    /// The same for a page.
    pub page_gate: Option<tokio::sync::watch::Receiver<bool>>,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self {
            json: true,
            flat: false,
            hashes: true,
            sizes: true,
            ranges: true,
            metadata: Some("Metadata-Version: 2.1\nName: any\nVersion: 1.0\n"),
            etag: true,
            beside: None,
            signature: None,
            missing: 404,
            refused: None,
            gone: None,
            serial: None,
            upload_time: Some("2026-01-02T03:04:05.678901Z"),
            status: None,
            auth: None,
            files_at: None,
            page: None,
            file: None,
            gate: None,
            page_gate: None,
        }
    }
}

/// What goes wrong.
#[derive(Clone, Debug)]
pub enum Fault {
    Status(u16),
    /// Of the whole, in eighths; then the connection is closed.
    Cut {
        eighths: usize,
        chunked: bool,
    },
    /// The last byte is another one.
    WrongBytes,
    /// So many bytes, then silence.
    Stall(usize),
    ContentType(&'static str),
    Redirect(String),
    /// The body is preceded by so many bytes of blanks.
    Padding(usize),
    /// Gzip of so many zero bytes.
    Bomb(usize),
    /// This text, with 200.
    Instead(&'static str),
}

impl Upstream {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let shared = Arc::new(Shared::default());
        let router = axum::Router::new().fallback(answer).with_state(shared.clone());
        let task = tokio::spawn(async move {
            axum::serve(listener, router).await.expect("the upstream serves");
        });
        Self { address, shared, task }
    }

    /// `http://127.0.0.1:PORT/simple/`: what a mirror of it has as `mirror_url`.
    pub fn simple(&self) -> String {
        self.url("/simple/")
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Another origin of the same server.
    pub fn other_name(&self) -> String {
        format!("http://localhost:{}", self.address.port())
    }

    pub fn add(&self, filename: &str, bytes: impl Into<Bytes>) -> &Self {
        self.shared.files.lock().expect("files").insert(filename.to_owned(), bytes.into());
        self
    }

    pub fn remove(&self, filename: &str) {
        self.shared.files.lock().expect("files").remove(filename);
    }

    pub fn set(&self, change: impl FnOnce(&mut Behaviour)) {
        change(&mut self.shared.behaviour.lock().expect("behaviour"));
    }

    /// Every request so far.
    pub fn log(&self) -> Vec<Asked> {
        self.shared.log.lock().expect("a log").clone()
    }

    /// How many requests of any method had a path with this beginning.
    pub fn asked(&self, path: &str) -> usize {
        self.log().iter().filter(|asked| asked.path.starts_with(path)).count()
    }

    /// From now on connections are refused.
    pub async fn stop(mut self) -> SocketAddr {
        self.task.abort();
        // The listener goes with the task.
        let _ = (&mut self.task).await;
        self.address
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Bytes that do not compress, `seed` telling one file from another.
pub fn noise(seed: u8, length: usize) -> Bytes {
    let mut state = u32::from(seed) | 0x9e37_0000;
    let next = move || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state.to_le_bytes()[1]
    };
    std::iter::repeat_with(next).take(length).collect()
}

pub fn sha256(bytes: &[u8]) -> String {
    sha2::Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

async fn answer(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let path = request.uri().path().to_owned();
    let query = request.uri().query().map(str::to_owned);
    let asked = Asked { path: path.clone(), query, headers: request.headers().clone() };
    shared.log.lock().expect("a log").push(asked.clone());
    let behaviour = shared.behaviour.lock().expect("behaviour").clone();
    if !is_let_in(&behaviour, &asked.headers) {
        let mut refusal = status(401);
        let realm = HeaderValue::from_static("Basic realm=\"elsewhere\"");
        refusal.headers_mut().insert(header::WWW_AUTHENTICATE, realm);
        return refusal;
    }
    if let Some(filename) = path.strip_prefix("/files/") {
        let filename = percent_encoding::percent_decode_str(filename).decode_utf8_lossy().into_owned();
        return file(&shared, &behaviour, &asked, &filename).await;
    }
    if let Some(mut gate) = behaviour.page_gate.clone() {
        let _ = gate.wait_for(|open| *open).await;
    }
    page(&shared, &behaviour, &asked, &path)
}

fn is_let_in(behaviour: &Behaviour, headers: &HeaderMap) -> bool {
    let Some((name, password)) = behaviour.auth else { return true };
    let pair = base64::engine::general_purpose::STANDARD.encode(format!("{name}:{password}"));
    headers.get(header::AUTHORIZATION).is_some_and(|sent| sent == &format!("Basic {pair}"))
}

fn status(code: u16) -> Response {
    let mut response = Response::new(Body::from(format!("{code} on purpose")));
    *response.status_mut() = StatusCode::from_u16(code).expect("a status");
    response
}

fn redirect(location: &str) -> Response {
    let mut response = status(302);
    response.headers_mut().insert(header::LOCATION, HeaderValue::from_str(location).expect("a URL"));
    response
}

fn page(shared: &Shared, behaviour: &Behaviour, asked: &Asked, path: &str) -> Response {
    let files = shared.files.lock().expect("files").clone();
    let project = path.strip_prefix("/simple/").map(|rest| rest.trim_end_matches('/'));
    let text = match project {
        _ if behaviour.flat => Some(path).filter(|path| *path == "/").map(|_| files_html(behaviour, &files)),
        Some("") => Some(names(behaviour, &files)),
        Some(name) => {
            let of = |filename: &str| candidates(filename).iter().any(|project| project.as_str() == name);
            let own: BTreeMap<_, _> = files.into_iter().filter(|(filename, _)| of(filename)).collect();
            let listed = |own| {
                if behaviour.json { files_json(behaviour, name, own) } else { files_html(behaviour, own) }
            };
            Some(&own).filter(|own| !own.is_empty()).map(listed)
        }
        None => None,
    };
    let mut content_type = match behaviour.json && !behaviour.flat {
        true => "application/vnd.pypi.simple.v1+json",
        false => "text/html",
    };
    let mut body = match (&behaviour.page, text) {
        (Some(Fault::Status(code)), _) => return status(*code),
        (Some(Fault::Redirect(location)), _) => return redirect(location),
        (Some(Fault::Instead(text)), _) => return instead(text),
        (_, None) => return status(behaviour.missing),
        (_, Some(_)) if project.is_some_and(|project| behaviour.refused == Some(project)) => {
            return status(403);
        }
        (_, Some(_)) if project.is_some_and(|project| behaviour.gone == Some(project)) => {
            return status(behaviour.missing);
        }
        (Some(Fault::Padding(length)), Some(text)) => " ".repeat(*length) + &text,
        (Some(Fault::Bomb(length)), Some(_)) => return bomb(*length, content_type),
        (_, Some(text)) => text,
    };
    if let Some(Fault::ContentType(other)) = behaviour.page {
        content_type = other;
    }
    if matches!(behaviour.page, Some(Fault::WrongBytes)) {
        body.truncate(body.len() / 2);
    }
    let etag = format!("\"{}\"", sha256(body.as_bytes()));
    let mut response = match asked.headers.get(header::IF_NONE_MATCH) {
        Some(known) if behaviour.etag && *known == etag => {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            response
        }
        _ => faulty(behaviour.page.as_ref(), body.into()),
    };
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    if let Some(serial) = behaviour.serial {
        response.headers_mut().insert("x-pypi-last-serial", HeaderValue::from(serial));
    }
    if behaviour.etag {
        response.headers_mut().insert(header::ETAG, HeaderValue::from_str(&etag).expect("an etag"));
    }
    response
}

fn instead(text: &'static str) -> Response {
    let mut response = Response::new(Body::from(text));
    let kind = if text.starts_with('{') { "application/vnd.pypi.simple.v1+json" } else { "text/html" };
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

fn bomb(length: usize, content_type: &'static str) -> Response {
    use std::io::Write as _;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(&vec![b' '; length]).expect("zeros");
    let mut response = Response::new(Body::from(encoder.finish().expect("gzip")));
    response.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

fn link(behaviour: &Behaviour, filename: &str) -> String {
    let host = behaviour.files_at.as_deref().unwrap_or_default();
    let query = behaviour.signature.map(|text| format!("?{text}")).unwrap_or_default();
    format!("{host}/files/{}{query}", encode_segment(filename))
}

fn files_json(behaviour: &Behaviour, name: &str, files: &BTreeMap<String, Bytes>) -> String {
    let files = files.iter().map(|(filename, bytes)| {
        let mut file =
            serde_json::json!({"filename": filename, "url": link(behaviour, filename), "hashes": {}});
        if behaviour.hashes {
            file["hashes"]["sha256"] = sha256(bytes).into();
        }
        if behaviour.sizes {
            file["size"] = bytes.len().into();
        }
        if let Some(time) = behaviour.upload_time {
            file["upload-time"] = time.into();
        }
        if let Some(text) = behaviour.metadata {
            file["core-metadata"] = serde_json::json!({"sha256": sha256(text.as_bytes())});
        }
        file
    });
    let files: Vec<_> = files.collect();
    let mut page = serde_json::json!({"meta": {"api-version": "1.1"}, "name": name, "files": files});
    if let Some(status) = behaviour.status {
        page["project-status"] = serde_json::json!({"status": status});
        if status == "quarantined" {
            page["files"] = serde_json::json!([]);
        }
    }
    page.to_string()
}

fn files_html(behaviour: &Behaviour, files: &BTreeMap<String, Bytes>) -> String {
    let links = files.iter().map(|(filename, bytes)| {
        let hash = if behaviour.hashes { format!("#sha256={}", sha256(bytes)) } else { String::new() };
        let metadata = behaviour.metadata.map(|text| sha256(text.as_bytes()));
        let metadata = metadata.map_or(String::new(), |hex| format!(" data-core-metadata=\"sha256={hex}\""));
        format!("<a href=\"{}{hash}\"{metadata}>{filename}</a><br>\n", link(behaviour, filename))
    });
    format!(
        "<!doctype html>\n<html><body>\n<a href=\"../\">..</a>\n{}</body></html>",
        links.collect::<String>()
    )
}

fn names(behaviour: &Behaviour, files: &BTreeMap<String, Bytes>) -> String {
    let names = files.keys().filter_map(|filename| candidates(filename).into_iter().next());
    let names: std::collections::BTreeSet<ProjectName> = names.collect();
    if behaviour.json {
        let names: Vec<_> = names.iter().map(|name| serde_json::json!({"name": name.as_str()})).collect();
        return serde_json::json!({"meta": {"api-version": "1.1"}, "projects": names}).to_string();
    }
    let links = names.iter().map(|name| format!("<a href=\"{name}/\">{name}</a>\n"));
    format!("<!doctype html>{}", links.collect::<String>())
}

async fn file(shared: &Shared, behaviour: &Behaviour, asked: &Asked, filename: &str) -> Response {
    if let Some(mut gate) = behaviour.gate.clone() {
        let _ = gate.wait_for(|open| *open).await;
    }
    match &behaviour.file {
        Some(Fault::Status(code)) => return status(*code),
        Some(Fault::Redirect(location)) => return redirect(location),
        Some(Fault::Instead(text)) => return instead(text),
        _ => {}
    }
    if behaviour.signature.is_some() && behaviour.signature != asked.query.as_deref() {
        return status(403);
    }
    if let (Some(beside), true) = (behaviour.beside, filename.ends_with(".metadata")) {
        return beside.map_or_else(|| status(404), instead);
    }
    if let (Some(text), true) = (behaviour.metadata, filename.ends_with(".metadata")) {
        return faulty(behaviour.file.as_ref(), text.into());
    }
    let found = shared.files.lock().expect("files").get(filename).cloned();
    let Some(bytes) = found else { return status(404) };
    let range = asked.headers.get(header::RANGE).and_then(|value| value.to_str().ok());
    let range =
        range.and_then(|text| text.strip_prefix("bytes=")?.split_once('-')).filter(|_| behaviour.ranges);
    let mut response = match range.map(|(start, end)| (start.parse::<usize>(), end.parse::<usize>())) {
        Some((Ok(start), Ok(end))) if start <= end && end < bytes.len() => {
            let mut response = Response::new(Body::from(bytes.slice(start..=end)));
            *response.status_mut() = StatusCode::PARTIAL_CONTENT;
            let told = format!("bytes {start}-{end}/{}", bytes.len());
            response
                .headers_mut()
                .insert(header::CONTENT_RANGE, HeaderValue::from_str(&told).expect("a range"));
            response
        }
        _ => faulty(behaviour.file.as_ref(), bytes),
    };
    if behaviour.ranges {
        response.headers_mut().insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    }
    response
}

/// The body with the fault in it.
fn faulty(fault: Option<&Fault>, bytes: Bytes) -> Response {
    let length = bytes.len();
    let begun = |upto: usize| {
        let pieces: Vec<_> =
            bytes.slice(..upto.min(length)).chunks(16 << 10).map(Bytes::copy_from_slice).collect();
        futures::stream::iter(pieces).map(Ok::<_, std::io::Error>)
    };
    let (body, chunked) = match fault {
        Some(Fault::Cut { eighths, chunked }) => {
            let cut = futures::stream::once(async { Err(std::io::Error::other("cut on purpose")) });
            (Body::from_stream(begun(length * eighths / 8).chain(cut)), *chunked)
        }
        Some(Fault::Stall(after)) => {
            (Body::from_stream(begun(*after).chain(futures::stream::pending())), false)
        }
        Some(Fault::WrongBytes) => {
            let mut wrong = bytes.to_vec();
            if let Some(last) = wrong.last_mut() {
                *last ^= 1;
            }
            (Body::from(wrong), false)
        }
        _ => (Body::from(bytes), false),
    };
    let mut response = Response::new(body);
    if !chunked {
        response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    }
    response
}
