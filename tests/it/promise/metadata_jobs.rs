//! Stories of jobs for metadata alone, told with a worker that pretends.

use crate::kit::Server;
use crate::kit::backend::on_both;
use crate::kit::fake_worker::FakeWorker;
use crate::kit::packages::Package;
use crate::kit::script::Auth;
use crate::kit::sources::Tree;
use crate::promise::metadata::done;
use serde_json::{Value, json};
use wheelwright::build::job::JobOutcome;
use wheelwright::packaging::filename::encode_segment;
use wheelwright::words::{Class, Purpose};

const PROMISE: &str = "/alice/dev/+w/cp312-test/demo-1.0-1ww-cp312-cp312-manylinux_2_17_x86_64.whl";

const PIP: &str = r#"pip/26.3 {"installer":{"name":"pip","version":"26.3"},"implementation":{"name":"CPython"},"python":"3.12.1","cpu":"x86_64","system":{"name":"Linux"}}"#;

/// Alice has a source that does not bind, and Carl a worker.
async fn stocked(server: &Server) -> FakeWorker<'_> {
    server.make_stage().await;
    server.build_nothing_ahead("dev").await;
    let tree = Tree::new("demo", "1.0");
    server.host_file("alice/dev", "demo", "1.0", &tree.filename(), &tree.sdist()).await;
    server.worker("carl", "one").await
}

/// Status and text of the promise's metadata, waited for.
async fn told(server: &Server) -> (u16, String) {
    let answer = server.get_with(&format!("{PROMISE}.metadata"), &[("prefer", "wait=60")]).await;
    (answer.status().as_u16(), answer.text().await.expect("a body"))
}

/// Whether the target's page promises anything.
async fn is_promised(server: &Server) -> bool {
    let accept = ("accept", "application/vnd.pypi.simple.v1+json");
    let page = server.get_with("/v1/alice.dev/cp312-test/+simple/demo/", &[accept]).await;
    let page = crate::kit::host::json_of(page).await;
    let files = page["files"].as_array().expect("files");
    files.iter().any(|file| file["url"].as_str().is_some_and(|url| url.contains("/+w/")))
}

fn metadata(requires: &str) -> String {
    Package::new("demo", "1.0").requires(requires).metadata()
}

on_both! {
    async fn a_job_for_metadata_goes_before_builds_and_counts_as_none(server: Server) {
        let worker = stocked(&server).await;
        let tree = Tree::new("other", "1.0");
        server.host_file("alice/dev", "other", "1.0", &tree.filename(), &tree.sdist()).await;
        let order = json!({"requirement": "other", "from": "alice/dev", "targets": ["cp312-test"], "wait": true});
        assert_eq!(server.ask("POST", "/+builds", &Auth::root(), Some(order)).await.0, 200);
        let askers = futures::future::join_all((0..5).map(|_| told(&server)));
        let work = async {
            // Both wait; the build was first.
            while done(&server, "metadata").await.is_empty() {
                tokio::task::yield_now().await;
            }
            let builds = &server.app.queue;
            let seconds = std::time::Duration::from_secs(60);
            let lane = builds.claim("carl", "one", "", Some(Purpose::Metadata), seconds).await;
            let job = lane.expect("a claim").expect("a job");
            assert_eq!((job.purpose, job.project.as_deref()), (Purpose::Metadata, Some("demo")));
            let text = metadata("six>=1.0");
            assert_eq!(worker.outcome(&job, &JobOutcome::Metadata { text }).await, 200);
        };
        let (answers, ()) = tokio::join!(askers, work);
        assert!(answers.iter().all(|answer| *answer == (200, metadata("six>=1.0"))), "{answers:?}");
        assert_eq!(done(&server, "").await, ["other 1.0"], "lists are of wheels");
        let metrics = server.get_with("/metrics", &[]).await.text().await.expect("text");
        assert!(!metrics.contains("wheelwright_builds{state=\"built\"} 1"), "{metrics}");
        let job = worker.claim().await;
        assert_eq!((job.purpose, job.project.as_deref()), (Purpose::Wheel, Some("other")));
        assert!(worker.claim_at_once().await.is_none(), "one job for all askers, and no build");
        assert_eq!(told(&server).await.0, 200, "from memory");
    }

    async fn an_installer_gets_the_metadata_of_a_light_source_with_the_wheel_that_it_asks_for_next(server: Server) {
        let worker = stocked(&server).await;
        let plain = |version: &str| Tree::new("demo", version);
        let compiled = Tree::new("compiled", "1.0").file("code.c", "int x;");
        for (project, version, tree) in [
            ("demo", "2.0", plain("2.0")),
            ("compiled", "1.0", compiled),
            ("waits", "1.0", Tree::new("waits", "1.0")),
            ("fails", "1.0", Tree::new("fails", "1.0")),
        ] {
            server.host_file("alice/dev", project, version, &tree.filename(), &tree.sdist()).await;
        }
        for (project, version, purpose) in [
            ("demo", "2.0", Purpose::Wheel),
            // It walks through versions.
            ("demo", "1.0", Purpose::Metadata),
            ("compiled", "1.0", Purpose::Metadata),
        ] {
            let path = PROMISE.replace("demo-1.0", &format!("{project}-{version}"));
            let told = format!("{path}.metadata");
            let asked = server.get_with(&told, &[("prefer", "wait=60"), ("user-agent", PIP)]);
            let work = async {
                let job = worker.claim().await;
                assert_eq!((job.purpose, job.project.as_deref()), (purpose, Some(project)), "{version}");
                match purpose {
                    Purpose::Wheel => drop(worker.builds(&job).await),
                    Purpose::Test => panic!("nobody asked for tests"),
                    Purpose::Metadata => {
                        let text = metadata("six").replace("demo", project);
                        assert_eq!(worker.outcome(&job, &JobOutcome::Metadata { text }).await, 200);
                    }
                }
            };
            let (answer, ()) = tokio::join!(asked, work);
            assert_eq!(answer.status(), 200, "{project} {version}");
            if purpose == Purpose::Wheel {
                assert_eq!(server.get_with(&path, &[("prefer", "wait=60")]).await.status(), 200);
                assert!(worker.claim_at_once().await.is_none(), "the wheel is there");
            }
        }
        // A wheel that fails does not keep a resolver from what it requires.
        let path = format!("{}.metadata", PROMISE.replace("demo", "fails"));
        let asked = server.get_with(&path, &[("prefer", "wait=60"), ("user-agent", PIP)]);
        let work = async {
            let job = worker.claim().await;
            assert_eq!(job.purpose, Purpose::Wheel);
            assert_eq!(worker.fails(&job, Class::Compiler).await, 200);
            let job = worker.claim().await;
            assert_eq!(job.purpose, Purpose::Metadata);
            let text = metadata("six").replace("demo", "fails");
            assert_eq!(worker.outcome(&job, &JobOutcome::Metadata { text }).await, 200);
        };
        assert_eq!(tokio::join!(asked, work).0.status(), 200);
        // Somebody else waits for the worker: metadata goes before builds.
        let order = json!({"requirement": "compiled", "from": "alice/dev", "targets": ["cp312-test"], "wait": true});
        assert_eq!(server.ask("POST", "/+builds", &Auth::root(), Some(order)).await.0, 200);
        let path = format!("{}.metadata", PROMISE.replace("demo", "waits"));
        let asked = server.get_with(&path, &[("prefer", "wait=60"), ("user-agent", PIP)]);
        let work = async {
            let seconds = std::time::Duration::from_secs(60);
            let lane = server.app.queue.claim("carl", "one", "", Some(Purpose::Metadata), seconds).await;
            let job = lane.expect("a claim").expect("a job");
            let text = metadata("six").replace("demo", "waits");
            assert_eq!(worker.outcome(&job, &JobOutcome::Metadata { text }).await, 200);
        };
        assert_eq!(tokio::join!(asked, work).0.status(), 200);
    }

    async fn a_failure_to_tell_is_told_to_all_and_remembered(server: Server) {
        let worker = stocked(&server).await;
        assert!(is_promised(&server).await);
        let askers = futures::future::join_all((0..3).map(|_| told(&server)));
        let work = async {
            let job = worker.claim().await;
            assert_eq!(worker.fails(&job, Class::MissingHeader).await, 200);
        };
        let (answers, ()) = tokio::join!(askers, work);
        for (status, body) in &answers {
            assert_eq!((*status, body.contains("missing-header")), (404, true), "{body}");
        }
        assert!(worker.claim_at_once().await.is_none());
        assert!(!is_promised(&server).await, "gone from the page");
    }

    async fn what_the_hook_cannot_tell_is_told_by_a_build(server: Server) {
        for why in [Some(Class::MetadataHook), None] {
            let server = match why {
                Some(_) => &server,
                None => &Server::start().await,
            };
            let worker = stocked(server).await;
            let work = async {
                let job = worker.claim().await;
                assert_eq!(job.purpose, Purpose::Metadata);
                match why {
                    Some(class) => assert_eq!(worker.fails(&job, class).await, 200),
                    None => {
                        let text = metadata("six").replace("Name: demo", "Name: else");
                        assert_eq!(worker.outcome(&job, &JobOutcome::Metadata { text }).await, 200);
                    }
                }
                let job = worker.claim().await;
                assert_eq!((job.purpose, job.project.as_deref()), (Purpose::Wheel, Some("demo")));
                worker.builds(&job).await
            };
            let ((status, text), _) = tokio::join!(told(server), work);
            assert_eq!((status, text), (200, Package::new("demo", "1.0").metadata()));
            let wheel = server.get_with(PROMISE, &[("prefer", "wait=60")]).await;
            assert_eq!(wheel.status(), 200);
            assert!(worker.claim_at_once().await.is_none(), "the build goes on for the file");
        }
    }

    async fn a_source_for_another_python_says_so_and_resolvers_go_on(server: Server) {
        server.make_stage().await;
        server.build_nothing_ahead("dev").await;
        let said = "Metadata-Version: 2.1\nName: demo\nVersion: 1.0\nRequires-Python: >=3.13\n";
        let tree = Tree::new("demo", "1.0").file("PKG-INFO", said);
        server.host_file("alice/dev", "demo", "1.0", &tree.filename(), &tree.sdist()).await;
        let worker = server.worker("carl", "one").await;
        // The page knows no better; an answer of 404 would end the installer's work.
        assert!(is_promised(&server).await);
        assert_eq!(told(&server).await, (200, said.to_owned()));
        assert!(worker.claim_at_once().await.is_none(), "nothing is to be done for that");
    }

    async fn a_worker_brings_what_it_was_asked_for_and_nothing_else(server: Server) {
        let worker = stocked(&server).await;
        let order = json!({"requirement": "demo", "from": "alice/dev", "targets": ["cp312-test"], "purpose": "metadata"});
        let (status, body) = server.ask("POST", "/+builds", &Auth::root(), Some(order.clone())).await;
        assert_eq!((status, &body["result"][0]["purpose"]), (200, &json!("metadata")), "{body}");
        let wheel = Package::new("demo", "1.0").wheel();
        // It runs again, since another worker may do better.
        for _ in 0..3 {
            let job = worker.claim().await;
            let name = encode_segment(&wheel.filename);
            let (status, body) = worker.hand_in(&job, &name, wheel.bytes.clone()).await;
            assert_eq!(status, 400, "{body}");
        }
        let of = |order: Value| async { server.ask("POST", "/+builds", &Auth::root(), Some(order)).await.1 };
        let failed = server.ask("GET", "/+builds?purpose=metadata", &Auth::root(), None).await.1;
        assert_eq!(failed["result"][0]["failure"]["class"], "worker", "{failed}");
        let order = json!({"requirement": "demo", "from": "alice/dev", "targets": ["cp312-test"]});
        assert_eq!(of(order.clone()).await["result"][0]["purpose"], "wheel");
        for _ in 0..3 {
            let job = worker.claim().await;
            worker.outcome(&job, &JobOutcome::Metadata { text: metadata("six") }).await;
        }
        let failed = server.ask("GET", "/+builds", &Auth::root(), None).await.1;
        assert_eq!(failed["result"][0]["failure"]["class"], "worker", "{failed}");
    }
}
