//! Wheels that may lack something: built by real tools, taken, marked, and never in the way of better ones.

use crate::kit::Server;
use crate::kit::clients::Client;
use crate::kit::hired::Hired;
use crate::kit::script::Auth;
use crate::kit::sources::Tree;
use crate::kit::stages::stage;
use crate::kit::workbench::{Done, Workbench};
use serde_json::{Value, json};
use std::time::Duration;
use wheelwright::build::job::JobOutcome;
use wheelwright::config::upstream::default_upstream;
use wheelwright::words::{Class, Evidence};

const PYTHON: &str = "3.13";

/// A module of C that is called `demo._speed` and says `body`.
const MODULE: &str = "#include <Python.h>
extern int nowhere(void);
static PyObject *f(PyObject *self, PyObject *none) { BODY }
static PyMethodDef methods[] = {{\"f\", f, METH_NOARGS, 0}, {0, 0, 0, 0}};
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, \"_speed\", 0, -1, methods, 0, 0, 0, 0};
PyMODINIT_FUNC PyInit__speed(void) { return PyModule_Create(&module); }
";

/// A project for setuptools as it is on PyPI.
fn tree(setup: &str, package: &str, body: &str) -> Tree {
    let setup = format!(
        "from setuptools import setup, Extension\nfrom setuptools.command.build_py import build_py\n{setup}\n"
    );
    let needs = "[build-system]\nrequires = ['setuptools']\nbuild-backend = 'setuptools.build_meta'\n";
    Tree::new("demo", "1.0")
        .file("pyproject.toml", needs)
        .file("setup.py", &setup)
        .file("demo/__init__.py", package)
        .file("speed.c", &MODULE.replace("BODY", body))
}

async fn workbench() -> (Server, Workbench) {
    let upstream = default_upstream(|name| std::env::var(name).ok()).expect("PyPI's address");
    let server = Server::start_with(|config| config.upstream = Some(upstream)).await;
    let bench = Workbench::start(Some(server.url(""))).await;
    (server, bench)
}

async fn build(bench: &Workbench, tree: &Tree) -> Done {
    bench.build(&tree.filename(), tree.sdist(), PYTHON, |_| {}).await
}

/// The wheel's name, and what is known of it.
fn made(done: &Done) -> (&str, &Evidence) {
    match &done.outcome {
        JobOutcome::Built { wheel, evidence } => (wheel, evidence),
        other => panic!("{other:?}\n{}", done.log),
    }
}

const EXTENSION: &str = "setup(name='demo', version='1.0', packages=['demo'], \
                         ext_modules=[Extension('demo._speed', ['speed.c'], optional=True)])";
const FALLS_BACK: &str = "try:\n    from demo._speed import f\nexcept ImportError:\n    f = lambda: 42\n";

#[tokio::test(flavor = "multi_thread")]
async fn what_setuptools_gives_is_taken_with_its_doubts_unless_it_cannot_work() {
    let (_server, bench) = workbench().await;
    let good = build(&bench, &tree(EXTENSION, FALLS_BACK, "return PyLong_FromLong(42);")).await;
    let (name, evidence) = made(&good);
    assert!(name.contains("-cp313-cp313-manylinux") && evidence.doubts.is_empty(), "{name} {evidence:?}");
    let missing = build(&bench, &tree(EXTENSION, FALLS_BACK, "does not compile")).await;
    let (_, evidence) = made(&missing);
    assert!(evidence.doubts.iter().any(|why| why.contains("code for extension modules")), "{evidence:?}");
    assert!(evidence.checked.contains(&"imported demo".to_owned()), "{evidence:?}");
    let later = tree("setup(name='demo', version='1.0', packages=['demo'])", "import only_at_run_time", "");
    let later = build(&bench, &later).await;
    let (name, evidence) = made(&later);
    assert_eq!(name, "demo-1.0-py3-none-any.whl");
    assert!(evidence.doubts.iter().any(|why| why.contains("it needs only_at_run_time")), "{evidence:?}");
    let needs = "from demo._speed import f";
    let broken = build(&bench, &tree(EXTENSION, needs, "return PyLong_FromLong(nowhere());")).await;
    let JobOutcome::Failed(failure) = &broken.outcome else { panic!("{:?}\n{}", broken.outcome, broken.log) };
    assert_eq!(failure.class, Class::Import);
    assert!(failure.line.as_ref().is_some_and(|line| line.contains("nowhere")), "{failure:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_library_that_setup_py_compiles_for_ctypes_gives_the_wheel_its_platform() {
    let (_server, bench) = workbench().await;
    let setup = "import os, subprocess\nclass compiled(build_py):\n    def run(self):\n        build_py.run(self)\n        \
                 subprocess.check_call(['cc', '-shared', '-fPIC', '-o', os.path.join(self.build_lib, 'demo', \
                 'libanswer.so'), 'answer.c'])\nsetup(name='demo', version='1.0', packages=['demo'], \
                 cmdclass={'build_py': compiled})";
    let package = "import ctypes, os\nf = ctypes.CDLL(os.path.join(__path__[0], 'libanswer.so')).answer\nassert f() == 42";
    let tree = tree(setup, package, "").file("answer.c", "int answer(void) { return 42; }\n");
    let done = build(&bench, &tree).await;
    let (name, evidence) = made(&done);
    assert!(name.starts_with("demo-1.0-py3-none-manylinux"), "{name}");
    assert!(
        evidence.doubts.is_empty() && evidence.checked.contains(&"imported demo".to_owned()),
        "{evidence:?}"
    );
}

async fn ask(server: &Server, target: &str) -> Value {
    let order = json!({"requirement": "demo", "index": "alice/dev", "targets": [target]});
    let (status, body) = server.ask("POST", "/+builds", &Auth::root(), Some(order)).await;
    assert_eq!(status, 200, "{body}");
    let id = body["result"][0]["id"].as_i64().expect("a number");
    for _ in 0..120 {
        let build = server.build(id).await;
        let settled = build["indexes"].as_array().is_some_and(|all| {
            all.iter().all(|index| !(index["published"].is_null() && index["refused"].is_null()))
        });
        if build["state"] == "built" && settled {
            return build;
        }
        assert_ne!(build["state"], "failed", "{build:#}");
        let _ = server.app.queue.wait(id, Duration::from_secs(1)).await;
    }
    panic!("build {id} does not end: {:#}", server.build(id).await);
}

async fn text(server: &Server, path: &str) -> String {
    server.get(path).await.text().await.expect("a page")
}

#[tokio::test(flavor = "multi_thread")]
async fn pip_installs_a_doubtful_wheel_from_the_index_which_serves_its_own_target_alone() {
    let server = stage().await;
    let tree = Tree::new("demo", "1.0").does("members['demo.py'] = 'import only_at_run_time'");
    server.host_file("alice/dev", "demo", "1.0", &tree.filename(), &tree.sdist()).await;
    let token = server.worker_token().await;
    let _worker = Hired::start(&server, &token, "first").await;
    let build = ask(&server, "cp313").await;
    assert!(
        build["evidence"]["doubts"][0].as_str().is_some_and(|why| why.contains("only_at_run_time")),
        "{build:#}"
    );
    let page = text(&server, "/alice/dev/+simple/demo/").await;
    assert!(page.contains("demo-1.0-cp313-none-manylinux") && !page.contains("none-any"), "{page}");
    let told = text(&server, "/alice/dev/+explain/demo").await;
    assert!(told.contains("doubtful: importing demo fails"), "{told}");
    let request =
        server.http.get(server.url(&format!("/+builds/{}", build["id"]))).header("accept", "text/html");
    let shown = request.send().await.expect("an answer").text().await.expect("a page");
    assert!(shown.contains("<strong>doubtful</strong>") && shown.contains("only_at_run_time"), "{shown}");
    let client = Client::new("pip");
    let site = client.home.path().join("site").display().to_string();
    let index = server.url("/alice/dev/+simple/");
    let arguments = ["install", "--no-cache-dir", "--only-binary=:all:", "--python-version=3.13"];
    let rest = ["--index-url", &index, "--target", &site, "demo"];
    client.run("pip", &[&arguments[..], &rest].concat()).await.succeeded();
    assert!(std::path::Path::new(&site).join("demo.py").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_may_refuse_doubtful_wheels_and_the_build_says_why() {
    let server = stage().await;
    server.as_alice("PATCH", "/alice/dev", r#"["doubtful=false"]"#).await;
    let tree = Tree::new("demo", "1.0").does("members['demo.py'] = 'import only_at_run_time'");
    server.host_file("alice/dev", "demo", "1.0", &tree.filename(), &tree.sdist()).await;
    let token = server.worker_token().await;
    let _worker = Hired::start(&server, &token, "first").await;
    let build = ask(&server, "cp313").await;
    let why = build["indexes"][0]["refused"].as_str().unwrap_or_default();
    assert!(why.contains("doubtful=false") && why.contains("only_at_run_time"), "{build:#}");
    assert!(!text(&server, "/alice/dev/+simple/demo/").await.contains(".whl"));
    // What is as good as it gets is taken.
    let good = Tree::new("demo", "1.1");
    server.host_file("alice/dev", "demo", "1.1", &good.filename(), &good.sdist()).await;
    let build = ask(&server, "cp313").await;
    assert!(build["evidence"]["doubts"].is_null(), "{build:#}");
    assert!(text(&server, "/alice/dev/+simple/demo/").await.contains("demo-1.1-py2.py3-none-any.whl"));
}
