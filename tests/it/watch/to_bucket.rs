//! The whole way of a release: from a tag to machines that have no credential.

use crate::kit::clients::pip_on;
use crate::kit::git_host::Repository;
use crate::kit::s3::Bucket;
use crate::kit::workbench::found;
use crate::promise::metadata::house_of;
use crate::wheelhouse::target;
use std::process::Command;
use wheelwright::build::watch::NewWatch;
use wheelwright::config::upstream::default_upstream;
use wheelwright::tools::time::{now, seconds};

const HOURS_12: u64 = 12 * 3600;

const SETUP: &str = "from setuptools import Extension, setup\n\
    setup(name='demo', version='1!2017.1', packages=['demo'], ext_modules=[Extension('demo._fast', ['fast.c'])])\n";

/// A module for Python 2 and 3.
const FAST: &str = r#"
#include <Python.h>
static PyObject *answer(PyObject *self, PyObject *none) { return PyLong_FromLong(42); }
static PyMethodDef methods[] = {{"answer", answer, METH_NOARGS, ""}, {NULL, NULL, 0, NULL}};
#if PY_MAJOR_VERSION >= 3
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "_fast", NULL, -1, methods};
PyMODINIT_FUNC PyInit__fast(void) { return PyModule_Create(&module); }
#else
PyMODINIT_FUNC init_fast(void) { Py_InitModule("_fast", methods); }
#endif
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_tag_becomes_wheels_for_old_and_new_pythons_in_a_bucket_whose_links_are_renewed() {
    let pypi = default_upstream(|name| std::env::var(name).ok()).expect("PyPI's address");
    let (server, worker) = house_of(&["cp27", "cp313"], Some(pypi)).await;
    assert_eq!(server.as_alice("PATCH", "/alice/dev", r#"{"bases": ["root/pypi"]}"#).await.0, 200);
    let repository = Repository::new();
    for (name, text) in
        [("setup.py", SETUP), ("fast.c", FAST), ("demo/__init__.py", "from demo._fast import answer\n")]
    {
        repository.write(name, text);
    }
    let targets = ["cp27", "cp313"].map(str::to_owned).to_vec();
    let order = NewWatch { targets, ..super::new_watch(&repository.url()) };
    let watch = server.watch(order).await;
    repository.tag("v1!2017.1");
    server.look(watch).await;
    server.tag_is(watch, "v1!2017.1", "published").await;
    let files = server.files("demo").await;
    assert!(
        files.len() == 2
            && ["-cp27-", "-cp313-"].iter().all(|tag| files.iter().any(|name| name.contains(tag))),
        "{files:?}"
    );

    let bucket = Bucket::start().await;
    let (houses, house) = (&server.app.wheelhouses, target(&bucket, "alice/dev", Some(HOURS_12)));
    let start = now();
    houses.look(&house, start).await.expect("published").expect("something was to do");
    let url = houses.page_url(&house).await.expect("a URL");
    let installs = async || {
        for (tag, pip) in [("cp27", "pip-20"), ("cp313", "pip")] {
            let all = found().await;
            let python =
                all.iter().find(|each| each.target.matches(tag)).expect("the interpreter").executable.clone();
            let (program, name) = (python.clone(), pip.to_owned());
            // Nothing on its PATH: no compiler, no credential.
            let client = tokio::task::spawn_blocking(move || pip_on(&name, &program)).await.expect("pip");
            let site = client.home.path().join("site");
            let into = site.display().to_string();
            let install =
                ["install", "--no-index", "--no-cache-dir", "--find-links", &url, "--target", &into, "demo"];
            client.run("pip", &install).await.succeeded();
            let ask = ["-c", "import demo; print(demo.answer())"];
            let done = Command::new(&python).env("PYTHONPATH", &site).args(ask).output().expect("python");
            assert_eq!(String::from_utf8_lossy(&done.stdout).trim(), "42", "{tag}: {done:?}");
        }
    };
    installs().await;

    let page = || std::fs::read_to_string(bucket.file("house/index.html")).expect("a flat page");
    let first = page();
    assert_eq!(houses.look(&house, start + seconds(HOURS_12 / 2 - 1)).await.expect("looked"), None);
    let half = start + seconds(HOURS_12 / 2);
    let renewed = houses.look(&house, half).await.expect("published").expect("links were to be renewed");
    assert_eq!(renewed.links_until, Some(half + seconds(HOURS_12)));
    assert_ne!(page(), first);
    installs().await;
    worker.stop().await;
}
