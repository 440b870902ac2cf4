//! An index in a bucket: what it looks like there, who gets files of it, and what a bucket may refuse.

use super::target;
use crate::kit::clients::{Client, old_pip};
use crate::kit::packages::Package;
use crate::kit::s3::Bucket;
use crate::kit::stages::stage;
use crate::kit::upstream::noise;
use axum::Router;
use axum::http::StatusCode;
use wheelwright::tools::time::{now, seconds};
use wheelwright::transfer::wheelhouse::{Presign, WheelhouseTarget};

const OF: &str = "alice/dev";
const HOURS_12: u64 = 12 * 3600;

fn flat(bucket: &Bucket) -> String {
    std::fs::read_to_string(bucket.file("house/index.html")).expect("a flat page")
}

/// The moments at which links were signed: `20260503T092000Z`.
fn signed(page: &str) -> Vec<&str> {
    page.split("X-Amz-Date=").skip(1).filter_map(|rest| rest.split('&').next()).collect()
}

/// A story of a company that had its own tool for this: wheels for old and new Pythons, signed links, machines without
/// a credential, and links that are renewed before they end.
#[tokio::test(flavor = "multi_thread")]
async fn machines_without_a_credential_install_by_signed_links_which_are_renewed_in_time() {
    let (server, bucket) = (stage().await, Bucket::start().await);
    for tag in ["py2-none-any", "py3-none-any"] {
        server.publish(OF, &Package::new("demo", "1!2017.1+local.7").tag(tag).requires("lib").wheel()).await;
        server.publish(OF, &Package::new("lib", "3.0").tag(tag).wheel()).await;
    }
    let (houses, house) = (&server.app.wheelhouses, target(&bucket, OF, Some(HOURS_12)));
    let start = now();
    let tally = houses.look(&house, start).await.expect("published").expect("something was to do");
    assert_eq!((tally.projects, tally.files, tally.links_until), (2, 4, Some(start + seconds(HOURS_12))));
    let page = flat(&bucket);
    assert!(page.contains("demo-1%212017.1%2Blocal.7-py3-none-any.whl?X-Amz-Algorithm="), "{page}");
    assert!(!page.contains("metadata"), "installers would look for it behind the signature: {page}");

    let url = houses.page_url(&house).await.expect("a URL");
    let install = async |program: &str, client: &Client| {
        let site = client.home.path().join("site");
        let path = site.display().to_string();
        let install = ["install", "--no-index", "--find-links", &url, "--target", &path, "demo"];
        match program {
            "uv" => client.run("uv", &[&["pip"], &install[..]].concat()).await,
            _ => client.run("pip", &[&install[..], &["--no-cache-dir"]].concat()).await,
        }
        .succeeded();
        for (module, version) in [("demo", "1!2017.1+local.7"), ("lib", "3.0")] {
            let text = std::fs::read_to_string(site.join(module).join("__init__.py")).expect("installed");
            assert!(text.contains(version), "{program}: {text}");
        }
    };
    install("pip", &Client::new("pip")).await;
    install("uv", &Client::new("uv")).await;
    let (old, python) = tokio::task::spawn_blocking(old_pip).await.expect("the client");
    println!("pip 20.3.4 on Python {python}");
    install("pip", &old).await;
    let unsigned = url.split('?').next().unwrap_or_default();
    assert_eq!(
        server.http.get(unsigned).send().await.expect("an answer").status(),
        403,
        "the bucket is private"
    );

    // Nothing changed, and the links are young: nobody asks the bucket.
    let young = start + seconds(HOURS_12 / 2 - 1);
    assert_eq!(houses.look(&house, young).await.expect("looked"), None);
    assert!(flat(&bucket) == page);
    // At half their life all are made anew.
    let later = start + seconds(HOURS_12 / 2);
    let tally = houses.look(&house, later).await.expect("published").expect("links were to be renewed");
    assert_eq!((tally.files, tally.removed, tally.links_until), (0, 0, Some(later + seconds(HOURS_12))));
    let renewed = flat(&bucket);
    let (old, new) = (signed(&page), signed(&renewed));
    assert_eq!((old.len(), new.len()), (4, 4));
    assert!(new.iter().all(|date| !old.contains(date)), "{old:?} {new:?}");
    install("pip", &Client::new("pip")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_have_their_types_and_changes_follow() {
    let (server, bucket) = (stage().await, Bucket::start().await);
    server.publish(OF, &Package::new("demo", "1.0").wheel()).await;
    let large = Package::new("large", "1.0").member("large/noise.bin", noise(7, 20 << 20)).wheel();
    server.publish(OF, &large).await;
    let (houses, house) = (&server.app.wheelhouses, target(&bucket, OF, None));
    let tally = houses.publish(&house, now()).await.expect("published");
    assert_eq!((tally.projects, tally.files, tally.pages, tally.links_until), (2, 4, 7, None));
    let s3 = object_folder(&bucket);
    for (path, content_type, cache) in [
        ("index.html", "text/html; charset=utf-8", "max-age=60"),
        ("simple/demo/index.html", "text/html; charset=utf-8", "max-age=60"),
        ("simple/demo/index.json", "application/vnd.pypi.simple.v1+json", "max-age=60"),
        ("simple/index.json", "application/vnd.pypi.simple.v1+json", "max-age=60"),
    ] {
        let url = s3.presigned(path, 60).await.expect("a URL");
        let answer = server.http.get(url).send().await.expect("an answer");
        assert_eq!(answer.headers()["content-type"], content_type, "{path}");
        assert_eq!(answer.headers()["cache-control"], cache, "{path}");
    }
    let sha256 = large.sha256();
    let path = format!("files/{}/{}/{}", &sha256[..2], &sha256[2..16], large.filename);
    assert!(std::fs::read(bucket.file(&format!("house/{path}"))).expect("it came in parts") == large.bytes);

    assert_eq!(houses.publish(&house, now()).await.expect("published").pages, 0);
    let (status, said) = server.as_alice("DELETE", "/alice/dev/large", "").await;
    assert_eq!(status, 200, "{said}");
    let tally = houses.publish(&house, now()).await.expect("published");
    assert_eq!((tally.projects, tally.removed), (1, 4));
    assert!(!bucket.file(&format!("house/{path}")).exists());
    assert!(!flat(&bucket).contains("large"));
}

/// What the last run of a process that died left: the next one looks at what is really there.
#[tokio::test(flavor = "multi_thread")]
async fn after_a_run_that_did_not_end_everything_is_looked_at() {
    let (server, bucket) = (stage().await, Bucket::start().await);
    server.publish(OF, &Package::new("demo", "1.0").wheel()).await;
    let (houses, house) = (&server.app.wheelhouses, target(&bucket, OF, None));
    houses.publish(&house, now()).await.expect("published");
    let s3 = object_folder(&bucket);
    use wheelwright::store::ObjectKind;
    s3.put(".wheelwright.unfinished", "".into(), ObjectKind::State).await.expect("put");
    s3.put("files/ab/cdef0123456789/stray-1.0.tar.gz", "x".into(), ObjectKind::File).await.expect("put");
    // Of somebody else, who put it there since.
    s3.put("team2/index.html", "x".into(), ObjectKind::Html).await.expect("put");
    s3.remove("simple/demo/index.html").await.expect("removed");
    let tally = houses.publish(&house, now()).await.expect("published");
    assert_eq!((tally.files, tally.pages, tally.removed), (0, 5, 1));
    assert!(bucket.file("house/simple/demo/index.html").exists());
    assert!(!bucket.file("house/files/ab/cdef0123456789/stray-1.0.tar.gz").exists());
    assert!(bucket.file("house/team2/index.html").exists());
    assert_eq!(houses.publish(&house, now()).await.expect("published").pages, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_that_refuses_is_named_with_the_way_out_and_tried_again_later() {
    let (server, bucket) = (stage().await, Bucket::start().await);
    server.publish(OF, &Package::new("demo", "1.0").wheel()).await;
    let (houses, good) = (&server.app.wheelhouses, target(&bucket, OF, None));
    let refused =
        async |house: &WheelhouseTarget| houses.publish(house, now()).await.expect_err("refused").to_string();

    let mut house = good.clone();
    house.s3.secret_access_key = Some("a guess".into());
    let said = refused(&house).await;
    assert!(said.contains("s3://wheels/house/.wheelwright.json: the bucket refused it"), "{said}");
    assert!(said.contains("s3:PutObject"), "{said}");
    let view = houses.views().await.expect("rows").remove(0);
    assert_eq!((view.error.as_deref(), view.published), (Some(said.as_str()), None));
    assert!(houses.look(&good, now()).await.expect("looked").is_none(), "it is too early for another try");

    house = good.clone();
    house.to = "s3://elsewhere/house".into();
    assert!(refused(&house).await.contains("there is no such bucket"));

    let skewed = skewed().await;
    house.to = "s3://wheels/clock".into();
    house.s3.endpoint = Some(skewed);
    let said = refused(&house).await;
    assert!(said.contains("the clock of this machine and the bucket's are too far apart"), "{said}");

    // Something of somebody else's.
    let s3 = wheelwright::store::ObjectFolder::open("wheelhouse", "s3://wheels/taken", &bucket.settings())
        .expect("a bucket");
    s3.put("mine.txt", "mine".into(), wheelwright::store::ObjectKind::Text).await.expect("put");
    house = good.clone();
    house.to = "s3://wheels/taken".into();
    assert!(refused(&house).await.contains("is not empty, and no wheelhouse"));
    assert!(!bucket.file("taken/index.html").exists());

    let later = now() + seconds(3600);
    assert!(houses.look(&good, later).await.expect("published").is_some());
    assert_eq!(houses.views().await.expect("rows").iter().filter(|view| view.error.is_none()).count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn links_that_would_end_too_soon_are_refused() {
    let (server, bucket) = (stage().await, Bucket::start().await);
    server.publish(OF, &Package::new("demo", "1.0").wheel()).await;
    let week = target(&bucket, OF, Some(8 * 86_400));
    let said = server.app.wheelhouses.publish(&week, now()).await.expect_err("refused").to_string();
    assert!(said.contains("at most 7d"), "{said}");
    let mut never = target(&bucket, OF, Some(3600));
    never.order.presign = Some(Presign::new(3600, Some(7200)));
    let said = server.app.wheelhouses.publish(&never, now()).await.expect_err("refused").to_string();
    assert!(said.contains("never good for another 2h"), "{said}");
    assert!(!bucket.file("house").exists(), "nothing was written");

    // Keys of a session end with it.
    let desk = crate::kit::desk::Desk::new();
    let data = server.data.path().display().to_string();
    let publish = ["wheelhouse", "publish", OF, "--to", "s3://wheels/house", "--presign", "12h"];
    let endpoint = bucket.endpoint.clone();
    let mut variables = vec![
        ("WHEELWRIGHT_DATA", data.as_str()),
        ("WHEELWRIGHT_S3__ENDPOINT", endpoint.as_str()),
        ("AWS_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", "tester"),
        ("AWS_SECRET_ACCESS_KEY", "a secret that signs requests"),
        ("AWS_SESSION_TOKEN", "of a session"),
    ];
    let ran = desk.run_with("wheelwright", &publish, &variables).await;
    assert_eq!(ran.code, Some(1));
    assert!(ran.err.contains("are those of a session that ends"), "{ran:?}");
    variables.push(("AWS_CREDENTIAL_EXPIRATION", "2001-01-01T00:00:00Z"));
    let ran = desk.run_with("wheelwright", &publish, &variables).await;
    assert!(ran.err.contains("and links signed with them end then, too"), "{ran:?}");
    variables.retain(|(name, _)| !matches!(*name, "AWS_SESSION_TOKEN" | "AWS_CREDENTIAL_EXPIRATION"));
    let publish = [&publish[..], &["--print-url"]].concat();
    let ran = desk.run_with("wheelwright", &publish, &variables).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let url = ran.out.lines().last().unwrap_or_default();
    let page = server.http.get(url).send().await.expect("an answer").text().await.expect("a page");
    assert!(page.contains("demo-1.0-py2.py3-none-any.whl?X-Amz-"), "{page}");
}

fn object_folder(bucket: &Bucket) -> wheelwright::store::ObjectFolder {
    wheelwright::store::ObjectFolder::open("wheelhouse", "s3://wheels/house", &bucket.settings())
        .expect("a bucket")
}

/// A store that finds every request too late.
async fn skewed() -> String {
    let said = "<?xml version=\"1.0\"?><Error><Code>RequestTimeTooSkewed</Code></Error>";
    let router = Router::new().fallback(async move || (StatusCode::FORBIDDEN, said));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(async move { axum::serve(listener, router).await });
    endpoint
}
