//! What is built from a source that was sent here: its name is nobody else's business.

use super::{becomes, id};
use crate::kit::Server;
use crate::kit::packages::{Dist, Package};
use crate::kit::script::Auth;
use crate::kit::upstream::Upstream;
use serde_json::json;
use wheelwright::access::Who;
use wheelwright::build::queue::{Ask, Priority, Upload, Wanted};
use wheelwright::names::IndexName;
use wheelwright::words::{BuildSource, Purpose, SourceKind};

/// Builds a source archive that was sent here with the mirror as its context; what became of it.
async fn built_from(server: &Server, sdist: &Dist) -> i64 {
    let sha256 = server.app.store.put(sdist.bytes.clone().into()).await.expect("stored");
    let source =
        BuildSource { kind: SourceKind::Sdist, filename: sdist.filename.clone(), ..BuildSource::default() };
    let ask = Ask {
        wanted: Wanted::Upload(Upload { sha256, source }),
        purpose: Purpose::Wheel,
        targets: vec!["cp312-test".into()],
        index: IndexName::parse("root/pypi").expect("a name"),
        publish: None,
        priority: Priority::Waiting,
        rebuild: false,
        set: Vec::new(),
    };
    let root = Who { user: Some("root".into()), ..Who::default() };
    server.app.queue.ask(&root, &ask).await.expect("asked")[0]
}

#[tokio::test]
async fn the_name_of_a_private_source_is_asked_of_no_mirror_when_its_wheel_is_there() {
    let upstream = Upstream::start().await;
    let public = Package::new("public", "1.0").sdist();
    upstream.add(&public.filename, public.bytes.clone());
    let server = Server::start_with(|config| config.upstream = Some(upstream.simple())).await;
    let worker = server.worker("carl", "one").await;
    let build = built_from(&server, &Package::new("secret-tool", "1.0").sdist()).await;
    worker.builds(&worker.claim().await).await;
    assert_eq!(becomes(&server, build, "built").await["project"], "secret-tool");
    wheelwright::build::publish::on_built(&server.app.db, &server.app.indexes, build)
        .await
        .expect("published");
    assert!(upstream.log().iter().all(|asked| !asked.path.contains("secret")), "{:?}", upstream.log());

    // One that the mirror has is built beside it, and then its name was asked there before.
    let order = json!({"requirement": "public", "index": "root/pypi", "targets": ["cp312-test"]});
    let (_, asked) = server.ask("POST", "/+builds", &Auth::root(), Some(order)).await;
    let build = id(&asked["result"][0]);
    worker.builds(&worker.claim().await).await;
    becomes(&server, build, "built").await;
    let page = server.get("/root/pypi/+simple/public/").await.text().await.expect("a page");
    assert!(page.contains("public-1.0-1"), "{page}");
}
