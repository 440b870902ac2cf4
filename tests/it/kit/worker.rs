//! A worker that builds nothing: it hands in what it is given.

use super::Server;
use super::packages::Dist;
use bytes::Bytes;
use std::time::Duration;
use wheelwright::build::job::{Job, JobOutcome, WorkerDescription};
use wheelwright::build::target::Target;
use wheelwright::words::{Class, Evidence, Failure, Grafted, Step};

/// How long a worker waits for a job that must come.
const HOLD: Duration = Duration::from_secs(60);

/// A target with just these tags.
pub fn target(name: &str, version: &str, tags: &[&str]) -> Target {
    Target {
        name: name.into(),
        implementation: "cp".into(),
        version: version.into(),
        abi: name.split('-').next().unwrap_or_default().into(),
        tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
        ..Target::default()
    }
}

pub const NINE: &str = "cp39-linux_x86_64";
pub const NEW: &str = "cp313-linux_x86_64";
pub const TWO: &str = "cp27mu-linux_x86_64";

/// A worker for three interpreters, of root, called `w`.
pub async fn hire(server: &Server) {
    let targets = vec![
        target(TWO, "2.7.18", &["cp27-cp27mu-linux_x86_64", "py2-none-any"]),
        target(NINE, "3.9.1", &["cp39-cp39-linux_x86_64", "py3-none-any"]),
        target(NEW, "3.13.0", &["cp313-cp313-linux_x86_64", "py3-none-any"]),
    ];
    hire_for(server, "w", targets).await;
}

/// The same for these targets, under this name.
pub async fn hire_for(server: &Server, name: &str, targets: Vec<Target>) {
    server.app.queue.register("root", name, &description(targets)).await.expect("a worker");
}

/// What a worker says of itself.
pub fn description(targets: Vec<Target>) -> WorkerDescription {
    WorkerDescription {
        targets,
        slots: 1,
        isolation: wheelwright::words::Isolation::None,
        version: "1".into(),
        off: None,
        instance: String::new(),
    }
}

/// The next job, which must come.
pub async fn job(server: &Server) -> Job {
    server.app.queue.claim("root", "w", "", None, HOLD).await.expect("an answer").expect("a job")
}

/// Ends a job with this wheel.
pub async fn built(server: &Server, job: &Job, wheel: &Dist) {
    built_with(server, job, wheel, evidence()).await;
}

/// The same with this evidence.
pub async fn built_with(server: &Server, job: &Job, wheel: &Dist, evidence: Evidence) {
    let mut spool = server.app.store.spool().await.expect("a spool");
    spool.write(Bytes::from(wheel.bytes.clone())).await.expect("room");
    let builds = &server.app.queue;
    builds.hand_in("root", job.build, job.fence, &wheel.filename, spool).await.expect("a fit wheel");
    let outcome = JobOutcome::Built { wheel: wheel.filename.clone(), evidence: Box::new(evidence) };
    builds.end("root", job.build, job.fence, outcome).await.expect("an end");
}

/// Ends a job with a failure.
pub async fn failed(server: &Server, job: &Job) {
    let why = Failure { class: Class::Compiler, hint: "mend it".into(), line: None, step: Step::Build };
    server.app.queue.end("root", job.build, job.fence, JobOutcome::Failed(why)).await.expect("an end");
}

/// What such a worker says of a wheel.
pub fn evidence() -> Evidence {
    let library = Grafted {
        library: "libx.so.1".into(),
        package: Some("libx1".into()),
        version: Some("1.2-3".into()),
        sha256: "0".repeat(64),
    };
    Evidence {
        interpreter: "3.9.1 (made up)".into(),
        strategy: "constraints: setuptools<58".into(),
        sandbox: "none".into(),
        requirements: [("setuptools".to_owned(), "57.5.0".to_owned())].into(),
        durations: [("build".to_owned(), 1.25)].into(),
        grafted: vec![library],
        reproducible: Some(true),
        ..Evidence::default()
    }
}
