//! Promised metadata of what PyPI has as source: setuptools on every interpreter, a hundred versions.

use crate::kit::clients::Client;
use crate::kit::sources::Tree;
use crate::promise::metadata::{done, get, house_of, metadata_in, promises};
use futures::StreamExt;
use wheelwright::config::upstream::default_upstream;

/// Found as pip on this machine finds it.
fn pypi() -> Option<String> {
    Some(default_upstream(|name| std::env::var(name).ok()).expect("PyPI's address"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_setup_py_tells_its_metadata_on_every_interpreter_and_the_wheel_contains_it() {
    for target in ["cp27", "cp36", "cp39", "cp312", "cp313"] {
        // A house of its own: a pure wheel that one of them built would serve the others.
        let (server, worker) = house_of(&[target], pypi()).await;
        let all = promises(&server, ("pypi", target), "docopt").await;
        let (_, path) = all.iter().find(|(name, _)| name.starts_with("docopt-0.6.2-")).expect("a promise");
        let (status, told) = get(&server, &format!("{path}.metadata")).await;
        let told = String::from_utf8_lossy(&told).into_owned();
        assert_eq!((status, told.contains("Name: docopt")), (200, true), "{target}: {told}");
        assert_eq!(done(&server, "metadata").await, ["docopt 0.6.2"]);
        assert_eq!(done(&server, "wheel").await, Vec::<String>::new());
        let (status, wheel) = get(&server, path).await;
        assert_eq!(status, 200, "{target}: {}", String::from_utf8_lossy(&wheel));
        assert_eq!(String::from_utf8_lossy(&metadata_in(&wheel)), told, "{target}");
        worker.stop().await;
    }
}

/// Says one thing when it is asked for metadata and another when a wheel is built.
const LIAR: &str = r#"
import sys
from setuptools import setup

requires = ["six>=1.0"]
if "bdist_wheel" in sys.argv:
    requires.append("surprise")
setup(name="liar", version="1.0", py_modules=["liar"], install_requires=requires)
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_setup_py_that_lies_breaks_its_promise_and_the_reason_names_the_difference() {
    let (server, worker) = house_of(&["cp312"], pypi()).await;
    let bases = r#"{"bases": ["root/pypi"]}"#;
    assert_eq!(server.as_alice("PATCH", "/alice/dev", bases).await.0, 200);
    let tree = Tree::new("liar", "1.0").file("setup.py", LIAR).file("liar.py", "");
    let tree = tree.file("pyproject.toml", "[build-system]\nrequires = [\"setuptools\"]\n");
    server.host_file("alice/dev", "liar", "1.0", &tree.filename(), &tree.sdist()).await;
    let all = promises(&server, ("alice.dev", "cp312"), "liar").await;
    let (_, path) = all.first().expect("a promise");
    let (status, told) = get(&server, &format!("{path}.metadata")).await;
    let told = String::from_utf8_lossy(&told).into_owned();
    assert_eq!(status, 200, "{told}");
    assert!(told.contains("six") && !told.contains("surprise"), "{told}");
    let (status, body) = get(&server, path).await;
    let body = String::from_utf8_lossy(&body).into_owned();
    assert_eq!((status, body.contains("it also requires surprise")), (404, true), "{body}");
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_versions_are_told_and_only_what_is_installed_is_built() {
    let (server, worker) = house_of(&["cp312"], pypi()).await;
    let all = promises(&server, ("pypi", "cp312"), "simplejson").await;
    assert!(all.len() > 50, "releases without a wheel for 3.12: {}", all.len());
    let told = futures::stream::iter(&all).map(|(name, path)| {
        let server = &server;
        async move { (name, get(server, &format!("{path}.metadata")).await) }
    });
    let told: Vec<_> = told.buffer_unordered(8).collect().await;
    let good = told.iter().filter(|(_, (status, _))| *status == 200).count();
    let bad: Vec<_> = told.iter().filter(|(_, (status, _))| *status != 200).map(|(name, _)| name).collect();
    assert!(good > bad.len(), "{good} told, not {bad:?}");
    assert_eq!(done(&server, "wheel").await, Vec::<String>::new(), "told without a build");

    let client = Client::new("uv");
    let (index, site) = (server.url("/v1/pypi/cp312/+simple/"), client.home.path().join("site"));
    let site_text = site.display().to_string();
    let arguments = ["--no-cache", "pip", "install", "--no-build", "--target", &site_text];
    let wanted = ["--python-version", "3.12", "--index-url", &index, "simplejson<3.18"];
    client.run("uv", &[&arguments[..], &wanted[..]].concat()).await.succeeded();
    assert!(site.join("simplejson/__init__.py").exists());
    assert_eq!(done(&server, "wheel").await, ["simplejson 3.17.6"]);
    worker.stop().await;
}
