//! The same on Postgres and S3: bytes come out of one bucket and go into another place.

use super::{broken_links, order, target, tree};
use crate::kit::Server;
use crate::kit::backend::Backend;
use crate::kit::packages::Package;
use crate::kit::upstream::noise;
use serde_json::json;
use wheelwright::tools::time::{now, seconds};
use wheelwright::transfer::wheelhouse::WheelhouseOrder;

#[tokio::test(flavor = "multi_thread")]
async fn a_company_exports_and_publishes_what_its_bucket_has() {
    let server = Server::start_on(Backend::Company).await;
    server.make_stage().await;
    server.make_index("alice/team", json!({"bases": ["alice/dev", "root/pypi"]})).await;
    let large = Package::new("large", "1.0").member("large/noise.bin", noise(3, 9 << 20)).wheel();
    server.publish("alice/team", &large).await;
    server.publish("alice/dev", &Package::new("demo", "1.0").wheel()).await;
    let bucket = &server.company.as_ref().expect("a company").s3;

    let folder = tempfile::tempdir().expect("a folder");
    let all = WheelhouseOrder { inherited: true, ..order("alice/team") };
    let tally = server.export(&all, folder.path()).await.expect("exported");
    assert_eq!((tally.projects, tally.files, tally.pages), (2, 4, 7));
    assert_eq!(broken_links(folder.path()), Vec::<String>::new());
    let files = tree(folder.path());
    let written = files.iter().find(|(path, _)| path.ends_with(&large.filename)).expect("the large one");
    assert!(*written.1 == large.bytes);

    let (houses, mut house) = (&server.app.wheelhouses, target(bucket, "alice/team", Some(3600)));
    house.order.inherited = true;
    let start = now();
    let tally = houses.look(&house, start).await.expect("published").expect("something was to do");
    assert_eq!((tally.projects, tally.files, tally.pages), (2, 2, 7));
    assert_eq!(houses.look(&house, start).await.expect("looked"), None);
    let views = houses.views().await.expect("rows");
    assert_eq!((views.len(), views[0].error.as_deref()), (1, None));
    server.publish("alice/dev", &Package::new("demo", "1.1").wheel()).await;
    assert!(houses.look(&house, start + seconds(5)).await.expect("published").is_some());
}
