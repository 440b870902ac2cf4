//! Mirrors of a replica read the primary's, and have what those have.

use super::{cut, replica_of, until};
use crate::kit::Server;
use crate::kit::packages::Package;
use crate::kit::upstream::Upstream;

#[tokio::test]
async fn what_the_primarys_mirror_keeps_is_here_before_anybody_asks() {
    let upstream = Upstream::start().await;
    let (one, two) = (Package::new("one", "1.0").wheel(), Package::new("two", "1.0").wheel());
    upstream.add(&one.filename, one.bytes.clone()).add(&two.filename, two.bytes.clone());
    let simple = upstream.simple();
    let primary = Server::start_with(|config| config.upstream = Some(simple)).await;
    assert_eq!(primary.get(&format!("/root/pypi/{}", one.path())).await.status(), 200);
    let (replica, wire) = replica_of(&primary).await;
    until("the file is here", async || {
        replica.app.store.size(&one.sha256()).await.is_ok_and(|size| size.is_some())
    })
    .await;
    let asked = upstream.asked(&format!("/files/{}", one.filename));
    cut(&wire, &replica).await;

    let page = replica.get("/root/pypi/+simple/one/").await.text().await.expect("a page");
    assert!(page.contains(&one.filename), "{page}");
    let bytes = replica.get(&format!("/root/pypi/{}", one.path())).await.bytes().await.expect("bytes");
    assert_eq!(bytes.as_ref(), one.bytes.as_slice());
    let never_asked = replica.get(&format!("/root/pypi/{}", two.path())).await;
    assert!(never_asked.status().is_server_error(), "{}", never_asked.status());
    assert_eq!(upstream.asked(&format!("/files/{}", one.filename)), asked, "the upstream is the primary's");
}

#[tokio::test]
async fn what_nobody_asked_for_yet_comes_by_way_of_the_primary() {
    let upstream = Upstream::start().await;
    let one = Package::new("one", "1.0").wheel();
    upstream.add(&one.filename, one.bytes.clone());
    let simple = upstream.simple();
    let primary = Server::start_with(|config| config.upstream = Some(simple)).await;
    let (replica, wire) = replica_of(&primary).await;
    let got = replica.get(&format!("/root/pypi/{}", one.path())).await;
    assert_eq!(got.bytes().await.expect("bytes").as_ref(), one.bytes.as_slice());
    assert_eq!(primary.app.store.size(&one.sha256()).await.expect("a size"), Some(one.bytes.len() as u64));
    cut(&wire, &replica).await;
    let again = replica.get(&format!("/root/pypi/{}", one.path())).await;
    assert_eq!(again.bytes().await.expect("bytes").as_ref(), one.bytes.as_slice());
}
