//! A closed side that keeps its rows in Postgres and its files in a bucket.

use super::{Gap, PYTHON};
use crate::kit::Server;
use crate::kit::backend::Backend;
use crate::kit::folder::files_below;
use crate::kit::packages::Package;

#[tokio::test(flavor = "multi_thread")]
async fn a_bundle_comes_whole_or_not_at_all_and_a_delta_after_it() {
    let closed = Server::start_on(Backend::Company).await;
    closed.make_stage().await;
    let gap = Gap::to(closed).await;
    gap.publish(&Package::new("lib", "1.0")).await;
    gap.create(&["lib", "--private", "all", "-o", "first.wwb"]).await.succeeded();
    let bucket = gap.closed.company.as_ref().expect("a company").s3.file("");
    let state = async || (gap.closed.app.db.serial().await.expect("a serial"), files_below(&bucket));
    let before = state().await;
    let whole = std::fs::read(gap.desk.path("first.wwb")).expect("a bundle");
    std::fs::write(gap.desk.path("cut.wwb"), &whole[..whole.len() - 1]).expect("a file");
    let refused = gap.import(&["cut.wwb"]).await.failed();
    assert!(refused.err.contains("truncated"), "{}", refused.err);
    assert_eq!(state().await, before);

    gap.import(&["first.wwb"]).await.succeeded();
    assert_eq!(gap.listed("lib").await, ["lib-1.0-py3-none-any.whl"]);
    assert!(files_below(&bucket).len() > before.1.len(), "the bucket has its file");
    gap.publish(&Package::new("app", "1.0").requires("lib")).await;
    let delta = gap.create(&["app", "--private", "all", "--since", "first.wwb", "-o", "delta.wwb"]).await;
    assert_eq!(delta.succeeded().json()["held"], 1);
    gap.import(&["delta.wwb"]).await.succeeded();

    gap.desk.environment(true).await;
    let simple = gap.closed.url("/alice/dev/+simple/");
    gap.desk.run(PYTHON, &["-m", "pip", "install", "--index-url", &simple, "app"]).await.succeeded();
    assert_eq!(gap.desk.python("import app, lib; print(app.__version__, lib.__version__)"), "1.0 1.0");
}
