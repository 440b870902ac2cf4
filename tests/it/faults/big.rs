//! A wheel of gigabytes through the real program: `make big`; by default one of a few megabytes.

use crate::kit::forms::{BOUNDARY, Form};
use crate::kit::packages::{Dist, Package, hex};
use crate::kit::program::Program;
use futures::StreamExt as _;
use reqwest::Method;
use sha2::{Digest as _, Sha256};
use std::io::Read as _;
use std::path::Path;
use std::time::{Duration, Instant};

/// kB of anonymous memory that the server may need, whatever the size of the wheel.
const ENOUGH: u64 = 200 << 10;

/// MiB; `make big` asks for 2048.
fn size() -> u64 {
    std::env::var("WHEELWRIGHT_BIG_WHEEL").ok().and_then(|n| n.parse().ok()).unwrap_or(24)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wheel_of_any_size_goes_in_and_out_in_little_memory() {
    let data = tempfile::tempdir().unwrap();
    let program = Program::start_offline(data.path()).await;
    program.make_index("dev").await;
    let folder = tempfile::tempdir().unwrap();
    let package = Package::new("large", "1.0");
    let path = package.large_wheel(folder.path(), size() << 20);
    let sha256 = hash_of_file(&path);
    let mut memory = Memory::new(program.pid());

    let started = Instant::now();
    memory.during(upload(&program, package, &path)).await;
    let uploaded = started.elapsed();
    let filename = path.file_name().and_then(|name| name.to_str()).expect("a name");
    let place = format!("/root/dev/+f/{}/{}/{filename}", &sha256[..3], &sha256[3..16]);
    let started = Instant::now();
    let found = memory.during(download(&program, &place)).await;
    let downloaded = started.elapsed();

    assert_eq!(found, (sha256, std::fs::metadata(&path).unwrap().len()));
    eprintln!(
        "{} MiB: up in {uploaded:.1?}, down in {downloaded:.1?}, at most {} kB of anonymous memory",
        size(),
        memory.most
    );
    assert!(memory.most < ENOUGH, "{} kB of anonymous memory", memory.most);
}

async fn upload(program: &Program, package: Package, path: &Path) {
    let file = tokio::fs::File::open(path).await.expect("the wheel");
    let dist = Dist { filename: package.wheel_filename(), bytes: Vec::new(), package };
    let mut head = Form::with(&dist, "sha256_digest", None).finish();
    // The file's bytes go where the empty content ends.
    let tail = format!("\r\n--{BOUNDARY}--\r\n");
    head.truncate(head.len() - tail.len());
    let body = futures::stream::iter([Ok(head.into())])
        .chain(tokio_util::io::ReaderStream::with_capacity(file, 256 << 10))
        .chain(futures::stream::iter([Ok(tail.into_bytes().into())]));
    let request = program.client().request(Method::POST, "/root/dev/");
    let request = request.header("content-type", format!("multipart/form-data; boundary={BOUNDARY}"));
    let answer = request.body(reqwest::Body::wrap_stream(body)).send().await.expect("an answer");
    assert_eq!(answer.status(), 200, "{}", answer.text().await.unwrap_or_default());
}

/// The sha256 and size of what comes.
async fn download(program: &Program, path: &str) -> (String, u64) {
    let answer = program.client().request(Method::GET, path).send().await.expect("an answer");
    assert_eq!(answer.status(), 200);
    let (mut hash, mut size, mut bytes) = (Sha256::new(), 0, answer.bytes_stream());
    while let Some(chunk) = bytes.next().await {
        let chunk = chunk.expect("bytes");
        hash.update(&chunk);
        size += chunk.len() as u64;
    }
    (hex(&hash.finalize()), size)
}

fn hash_of_file(path: &Path) -> String {
    let mut file = std::fs::File::open(path).expect("the wheel");
    let (mut hash, mut buffer) = (Sha256::new(), vec![0; 1 << 20]);
    loop {
        match file.read(&mut buffer).expect("bytes") {
            0 => return hex(&hash.finalize()),
            n => hash.update(&buffer[..n]),
        }
    }
}

/// The anonymous memory of a process: what it cannot give back, unlike files that it maps.
struct Memory {
    status: String,
    /// kB
    most: u64,
}

impl Memory {
    fn new(pid: u32) -> Self {
        Self { status: format!("/proc/{pid}/status"), most: 0 }
    }

    /// Looks many times a second while something else goes on.
    async fn during<T>(&mut self, work: impl Future<Output = T>) -> T {
        let mut work = std::pin::pin!(work);
        let mut often = tokio::time::interval(Duration::from_millis(10));
        loop {
            self.look();
            tokio::select! {
                done = &mut work => {
                    self.look();
                    return done;
                }
                _ = often.tick() => {}
            }
        }
    }

    fn look(&mut self) {
        let status = std::fs::read_to_string(&self.status).expect("the program runs");
        let line = status.lines().find(|line| line.starts_with("RssAnon")).expect("a field");
        let now = line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).expect("a number");
        self.most = self.most.max(now);
    }
}
