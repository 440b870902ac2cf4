//! What a build does by itself after it failed: each remedy with a source that fails without it.

use super::chain::{NEWEST, build, in_tools, index_with};
use crate::kit::Server;
use crate::kit::packages::Package;
use crate::kit::sources::Tree;
use crate::kit::workbench::{Done, Workbench};
use serde_json::{Value, json};
use wheelwright::build::job::{Job, Learned, UnmetRequirement};
use wheelwright::config::upstream::default_upstream;
use wheelwright::words::Class;

/// Compiles this text; the wheel is made if that goes well.
fn compiles(code: &str) -> Tree {
    Tree::new("demo", "1.0").file("code.c", code).does(
        "import subprocess, sysconfig\n\
         include = sysconfig.get_paths()['include']\n\
         subprocess.check_call(['cc', '-I', include, '-c', 'code.c', '-o', 'code.o'])",
    )
}

fn all_packages(job: &mut Job) {
    job.addable = vec!["*".to_owned()];
}

async fn with(bench: &Workbench, tree: &Tree, change: impl FnOnce(&mut Job)) -> Done {
    bench.build(&tree.filename(), tree.sdist(), NEWEST, change).await
}

impl Done {
    /// What was found, as a recipe's JSON.
    fn found(&self) -> &Value {
        self.evidence().found.as_ref().unwrap_or(&Value::Null)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_header_is_found_in_the_distributions_packages_and_added_for_this_build_alone() {
    let bench = Workbench::start(None).await;
    let tree = compiles("#include <confuse.h>\n");
    let by_recipes_alone = with(&bench, &tree, |_| ()).await;
    assert_eq!(by_recipes_alone.failure().class, Class::MissingHeader);
    let done = with(&bench, &tree, all_packages).await;
    assert_eq!(*done.found(), json!({"packages": ["libconfuse-dev"]}), "{}", done.log);
    assert_eq!(done.evidence().strategy, "system packages: libconfuse-dev");
    assert!(!std::path::Path::new("/usr/include/confuse.h").exists(), "nothing is installed on the host");
    let next = with(&bench, &tree, |_| ()).await;
    assert_eq!(next.failure().class, Class::MissingHeader, "nothing is left for the next build");
    let refused = with(&bench, &tree, |job| job.addable = vec!["libx*".to_owned()]).await;
    assert_eq!(refused.failure().class, Class::MissingHeader);
    assert!(refused.log.contains("libconfuse-dev has confuse.h, but build.system_allow leaves it out"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_header_in_a_folder_of_its_own_and_another_one_behind_it_are_found_in_rounds() {
    let bench = Workbench::start(None).await;
    let tree = compiles("#include <apr.h>\n#include <confuse.h>\n");
    let done = with(&bench, &tree, all_packages).await;
    let found = json!({
        "packages": ["libapr1-dev", "libconfuse-dev"],
        "build": {"env": {"CPATH": "/usr/include/apr-1.0"}},
    });
    assert_eq!(*done.found(), found, "{}", done.log);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_header_that_no_package_has_is_told_as_it_is_and_rounds_are_bounded() {
    let bench = Workbench::start(None).await;
    let many: String = (0..50).map(|n| format!("#include <wheelwright-none-{n}.h>\n")).collect();
    let done = with(&bench, &compiles(&many), all_packages).await;
    let failure = done.failure();
    assert_eq!(failure.class, Class::MissingHeader);
    assert!(failure.line.as_ref().is_some_and(|line| line.contains("wheelwright-none-0.h")), "{failure:?}");
    assert!(done.log.contains("no system package has wheelwright-none-0.h"), "{}", done.log);
    assert_eq!(done.log.matches("attempt ").count(), 1, "{}", done.log);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_known_build_tool_that_is_not_declared_is_added_and_a_stranger_of_the_modules_name_is_not() {
    let packages = [("setuptools-scm", "setuptools_scm"), ("helper", "helper")];
    let packages =
        packages.map(|(name, module)| Package::new(name, "1.0").member(&format!("{module}.py"), ""));
    let server = index_with(&packages).await;
    let bench = Workbench::start(Some(server.url(""))).await;
    let done = build(&bench, &Tree::new("demo", "1.0").does("import setuptools_scm"), NEWEST).await;
    assert_eq!(*done.found(), json!({"build": {"requires": ["setuptools-scm"]}}), "{}", done.log);
    let tree = Tree::new("demo", "1.0").does("import helper");
    let done = build(&bench, &tree, NEWEST).await;
    assert_eq!(done.failure().class, Class::BuildRequirement);
    assert!(done.log.contains("helper is no known build tool"), "{}", done.log);
    let names_it = tree.file("requirements.txt", "helper>=1\n");
    let done = build(&bench, &names_it, NEWEST).await;
    assert_eq!(*done.found(), json!({"build": {"requires": ["helper"]}}), "{}", done.log);
}

/// A source of setuptools, which comes from PyPI.
fn of_setuptools(setup_py: &str) -> Tree {
    let system = "[build-system]\nrequires = ['setuptools']\nbuild-backend = 'setuptools.build_meta'\n";
    Tree::new("demo", "1.0")
        .file("pyproject.toml", system)
        .file("setup.py", &format!("{setup_py}\nsetup(name='demo', version='1.0', py_modules=['demo'])\n"))
        .file("demo.py", "answer = 42\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_setup_py_that_expects_to_be_the_program_or_to_see_its_own_folder_gets_that() {
    let upstream = default_upstream(|name| std::env::var(name).ok()).expect("PyPI's address");
    let server = Server::start_with(|config| config.upstream = Some(upstream)).await;
    let bench = Workbench::start(Some(server.url(""))).await;
    let program = of_setuptools("from setuptools import setup\n__builtins__.SET_UP = True");
    let done = with(&bench, &program, |_| ()).await;
    assert_eq!(*done.found(), json!({"build": {"script": true}}), "{}", done.log);
    let sees = of_setuptools("from setuptools import setup\nimport demo");
    let done = with(&bench, &sees, |_| ()).await;
    assert_eq!(*done.found(), json!({"build": {"env": {"PYTHONPATH": "/work/src"}}}), "{}", done.log);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_module_that_a_required_tool_has_no_longer_limits_its_version_in_one_way() {
    let upstream = default_upstream(|name| std::env::var(name).ok()).expect("PyPI's address");
    let server = Server::start_with(|config| config.upstream = Some(upstream)).await;
    let bench = Workbench::start(Some(server.url(""))).await;
    let old = of_setuptools("from setuptools import setup\nimport pkg_resources");
    let done = with(&bench, &old, |_| ()).await;
    assert_eq!(*done.found(), json!({"build": {"constraints": ["setuptools<81"]}}), "{}", done.log);
    // It does not help here, and is not tried in another spelling.
    let broken = of_setuptools("from setuptools import setup\nimport pkg_resources\nraise SystemExit('no')");
    let done = with(&bench, &broken, |_| ()).await;
    assert_eq!(done.log.matches(": constraints: setuptools<81\n").count(), 1, "{}", done.log);
    assert!(!done.log.contains("added: setuptools"), "{}", done.log);
}

#[tokio::test(flavor = "multi_thread")]
async fn generated_c_that_this_python_refuses_is_made_again_from_what_lies_beside_it() {
    let upstream = default_upstream(|name| std::env::var(name).ok()).expect("PyPI's address");
    let server = Server::start_with(|config| config.upstream = Some(upstream)).await;
    let bench = Workbench::start(Some(server.url(""))).await;
    let old = "/* Generated by Cython 0.29.14 */\n#include \"Python.h\"\nint x = Py_TPFLAGS_OF_THE_PAST;\n";
    let tree = compiles(old).file("code.pyx", "cdef int answer = 42\n");
    let done = with(&bench, &tree, |_| ()).await;
    assert_eq!(*done.found(), json!({"build": {"regenerate": "Cython>=3"}}), "{}", done.log);
    assert!(done.log.contains("makes code.c again from code.pyx"), "{}", done.log);
    // Nothing to make it of: the first error is told.
    let done = with(&bench, &compiles(old), |_| ()).await;
    assert_eq!(done.failure().class, Class::RemovedApi);
}

/// A module in the C of old Pythons and of what Cython wrote for them, which looks when it is loaded whether all of it still means the same.
const OLD_C: &str = r#"#include "Python.h"
#include "frameobject.h"
#include "longintrepr.h"
#include "pystrhex.h"
static PyTypeObject Own = { PyVarObject_HEAD_INIT(NULL, 0) "fast.Own", sizeof(PyObject) };
static struct PyModuleDef module = { PyModuleDef_HEAD_INIT, "fast", NULL, -1, NULL };
#define CYTHON_COMPILING_IN_PYPY 0
#if CYTHON_USE_PYLONG_INTERNALS
#error "short cuts of Cython are taken"
#endif
static void restore(PyObject *tb) {
#if CYTHON_COMPILING_IN_PYPY
        PyObject *tmp_type, *tmp_value, *tmp_tb;
        PyErr_Fetch(&tmp_type, &tmp_value, &tmp_tb);
        PyErr_Restore(tmp_type, tmp_value, tb);
#else
        PyThreadState_Get()->curexc_traceback = tb;
#endif
}
static void resume(PyTracebackObject **exc_state) {
    #if CYTHON_COMPILING_IN_PYPY || CYTHON_COMPILING_IN_PYSTON
    #else
    if (exc_state->exc_traceback)
        exc_state->exc_traceback->tb_frame->f_back = PyThreadState_Get()->frame;
    #endif
}
static int fits(PyObject *result, size_t size) {
    Py_ssize_t basicsize = ((PyTypeObject *)result)->tp_basicsize;
    if ((size_t)basicsize < size)
        return 0;
    return 1;
}
static int is_true(void) {
    unsigned char bytes[4];
    PyObject *globals = PyDict_New(), *none = PyTuple_New(0), *empty = PyBytes_FromString(""), *number = PyLong_FromLong(258);
    PyObject *name = PyUnicode_FromString("name"), *hex = _Py_strhex("\x01\xab", 2);
    PyCodeObject *code = PyCode_New(0, 0, 0, 0, 0, empty, none, none, none, none, none, name, name, 3, empty);
    PyFrameObject *frame = code ? PyFrame_New(PyThreadState_Get(), code, globals, 0) : 0;
    if (!frame || !hex)
        return 0;
    frame->f_lineno = 7;
    Own.tp_print = 0;
    restore(NULL);
    resume(NULL);
    if (!fits((PyObject *)&PyBool_Type, sizeof(PyLongObject)) || fits((PyObject *)&PyBool_Type, 100))
        return 0;
    Own.tp_iternext = _PyObject_NextNotImplemented;
    if (Own.tp_iternext(number) || !PyErr_ExceptionMatches(PyExc_TypeError))
        return 0;
    PyErr_Clear();
    return PyFrame_GetLineNumber(frame) == 7 && PyUnicode_GET_SIZE(name) == 4 && Py_TYPE(&Own) == &PyType_Type
        && PyUnicode_CompareWithASCIIString(hex, "01ab") == 0
        && _PyLong_AsByteArray((PyLongObject *)number, bytes, 4, 1, 0) == 0 && bytes[0] == 2 && bytes[1] == 1;
}
PyMODINIT_FUNC PyInit_fast(void) {
    Py_TYPE(&Own) = &PyType_Type;
    if (is_true())
        return PyModule_Create(&module);
    PyErr_SetString(PyExc_RuntimeError, "it means something else now");
    return NULL;
}
"#;

#[tokio::test(flavor = "multi_thread")]
async fn c_of_an_older_python_is_adjusted_where_its_meaning_is_the_same() {
    let upstream = default_upstream(|name| std::env::var(name).ok()).expect("PyPI's address");
    let server = Server::start_with(|config| config.upstream = Some(upstream)).await;
    let bench = Workbench::start(Some(server.url(""))).await;
    let setup_py = "from setuptools import Extension, setup\n\
                    setup(name='demo', version='1.0', ext_modules=[Extension('fast', ['fast.c'])])\n";
    let source = |code: &str| of_setuptools("").file("setup.py", setup_py).file("fast.c", code);
    let done = with(&bench, &source(OLD_C), |_| ()).await;
    assert_eq!(*done.found(), json!({"build": {"adjust_c_api": true}}), "{}", done.log);
    assert!(done.evidence().doubts.is_empty() && done.log.contains("adjusts fast.c"), "{}", done.log);
    // The digits of an int lie elsewhere, and their count means something else although it compiles: nothing may hide
    // that.
    for read in ["((PyLongObject *)number)->ob_digit[0] == 258", "Py_SIZE(number) == 1"] {
        let done = with(&bench, &source(&OLD_C.replace("bytes[1] == 1", read)), |_| ()).await;
        assert_eq!(done.failure().class, Class::RemovedApi, "{}", done.log);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_optional_module_that_did_not_compile_is_mended_or_else_the_wheel_is_taken_without_it() {
    let upstream = default_upstream(|name| std::env::var(name).ok()).expect("PyPI's address");
    let server = Server::start_with(|config| config.upstream = Some(upstream)).await;
    let bench = Workbench::start(Some(server.url(""))).await;
    let old = "/* Generated by Cython 0.29.14 */\n#include \"Python.h\"\nint x = Py_TPFLAGS_OF_THE_PAST;\n";
    let setup_py = "from setuptools import Extension, setup\n\
                    fast = Extension('fast', ['fast.c'], optional=True)\n\
                    setup(name='demo', version='1.0', py_modules=['demo'], ext_modules=[fast])\n";
    let source = of_setuptools("").file("setup.py", setup_py).file("fast.c", old);
    let has_code = |done: &Done| {
        let (_, bytes) = done.wheels.last().expect("a wheel");
        bytes.windows(3).any(|part| part == b".so")
    };
    let done = with(&bench, &source.clone().file("fast.pyx", "answer = 42\n"), |_| ()).await;
    assert_eq!(*done.found(), json!({"build": {"regenerate": "Cython>=3"}}), "{}", done.log);
    assert!(has_code(&done) && done.evidence().doubts.is_empty(), "{}", done.log);
    // Nothing to make it of: what pip would install is taken, and marked.
    let done = with(&bench, &source, |_| ()).await;
    assert!(!has_code(&done) && *done.found() == Value::Null, "{}", done.log);
    assert_eq!(done.evidence().doubts.len(), 1, "{}", done.log);
    assert!(done.log.contains("the wheel without compiled code is taken"), "{}", done.log);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pin_that_nothing_satisfies_is_loosened_to_the_nearest_version_that_exists() {
    let packages = ["0.5", "2.0", "3.0"].map(|version| Package::new("tool", version));
    let server = index_with(&packages).await;
    let bench = Workbench::start(Some(server.url(""))).await;
    let pinned = Tree::new("demo", "1.0").asks_for("['tool==1.0']").does("import tool");
    let done = build(&bench, &pinned, NEWEST).await;
    let found = json!({"build": {"requires": ["tool==2.0"], "without": ["tool"]}});
    assert_eq!(*done.found(), found, "{}", done.log);
    let done = build(&bench, &Tree::new("demo", "1.0").asks_for("['tool>=4']"), NEWEST).await;
    assert_eq!(*done.found(), json!({"build": {"requires": ["tool==3.0"], "without": ["tool"]}}));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pinned_setuptools_that_this_python_cannot_run_gives_way() {
    let upstream = default_upstream(|name| std::env::var(name).ok()).expect("PyPI's address");
    let server = Server::start_with(|config| config.upstream = Some(upstream)).await;
    let bench = Workbench::start(Some(server.url(""))).await;
    // One imports distutils, which is gone, the other a part of pkgutil.
    for pin in ["<=59.4.0", "==65.0.0"] {
        let system = format!(
            "[build-system]\nrequires = ['setuptools{pin}']\nbuild-backend = 'setuptools.build_meta'\n"
        );
        let done = with(
            &bench,
            &of_setuptools("from setuptools import setup").file("pyproject.toml", &system),
            |_| (),
        )
        .await;
        let found = json!({"build": {"requires": ["setuptools>=66.1,<81"], "without": ["setuptools"]}});
        assert_eq!(*done.found(), found, "{}", done.log);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_requirement_whose_own_build_failed_is_loosened_too_and_else_told_with_its_reason() {
    let server = index_with(&[Package::new("tool", "2.0")]).await;
    for (name, version) in [("tool", "1.0"), ("other", "1.0")] {
        let tree = Tree::new(name, version);
        server.host_file("alice/tools", name, version, &tree.filename(), &tree.sdist()).await;
    }
    let bench = Workbench::start(Some(server.url(""))).await;
    let unmet = |requirement: &str| {
        let unmet = UnmetRequirement { requirement: requirement.to_owned(), why: "it is broken".to_owned() };
        move |job: &mut Job| {
            in_tools(job);
            job.unmet = vec![unmet];
        }
    };
    let tree = Tree::new("demo", "1.0").asks_for("['tool==1.0']");
    let done = build(&bench, &tree, NEWEST).await;
    assert_eq!(done.needs(), ["tool==1.0"]);
    let done = with(&bench, &tree, unmet("tool==1.0")).await;
    assert_eq!(*done.found(), json!({"build": {"requires": ["tool==2.0"], "without": ["tool"]}}));
    let tree = Tree::new("demo", "1.0").asks_for("['other==1.0']");
    let done = with(&bench, &tree, unmet("other==1.0")).await;
    assert_eq!(
        (done.failure().class, done.failure().hint.as_str()),
        (Class::BuildRequirement, "it is broken")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_source_is_told_to_a_new_compiler() {
    let bench = Workbench::start(None).await;
    let link = "import subprocess\n\
                for name in 'ab':\n    \
                    open(name + '.c', 'w').write('int shared;\\n')\n\
                subprocess.check_call(['cc', '-shared', '-fPIC', 'a.c', 'b.c', '-o', 'both.so'])";
    let done = with(&bench, &Tree::new("demo", "1.0").does(link), |_| ()).await;
    let found = json!({"build": {"env": {"WHEELWRIGHT_COMPILER_FLAGS": "-fcommon"}}});
    assert_eq!(*done.found(), found, "{}", done.log);
}

#[tokio::test(flavor = "multi_thread")]
async fn tools_are_as_old_as_the_source_where_the_index_has_no_times_too() {
    let tool = |version: &str| {
        Package::new("cython", version).member("Cython.py", format!("version = {version:?}\n"))
    };
    // All that a stage has was uploaded a moment ago, whatever its versions are.
    let server = index_with(&[tool("3.0"), tool("3.2")]).await;
    let bench = Workbench::start(Some(server.url(""))).await;
    let tree =
        Tree::new("demo", "1.0").asks_for("['cython']").does("import Cython\nassert Cython.version == '3.0'");
    let old = |job: &mut Job| {
        in_tools(job);
        job.source.published_at = Some(1_700_000_000_000_000);
    };
    let done = with(&bench, &tree, old).await;
    assert_eq!(*done.found(), json!({"build": {"constraints": ["cython<3.1"]}}), "{}", done.log);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recipe_applies_before_anything_reads_the_source() {
    let server = index_with(&[Package::new("tool", "1.0")]).await;
    let bench = Workbench::start(Some(server.url(""))).await;
    let unreadable = Tree::new("demo", "1.0").file("pyproject.toml", "[build-system\n");
    assert_eq!(build(&bench, &unreadable, NEWEST).await.failure().class, Class::BadSource);
    let whole = "[build-system]\\nrequires = []\\nbuild-backend = \"backend\"\\nbackend-path = [\".\"]\\n";
    let recipe = json!({"build": {
        "requires": ["tool"],
        "before": [format!("python -c 'import tool'"), format!("printf '{whole}' > pyproject.toml")],
    }});
    let change = |job: &mut Job| {
        in_tools(job);
        job.recipe = Some(recipe);
    };
    let done = with(&bench, &unreadable, change).await;
    assert_eq!(done.evidence().strategy, "recipe", "{}", done.log);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_learned_is_there_at_once_and_is_dropped_when_it_does_not_help() {
    let bench = Workbench::start(None).await;
    let learned = |found: Value, at_once: bool| {
        move |job: &mut Job| job.learned = Some(Learned { build: 7, found, at_once })
    };
    let tree = compiles("#include <confuse.h>\n");
    let right = json!({"packages": ["libconfuse-dev"]});
    let done = with(&bench, &tree, learned(right.clone(), true)).await;
    assert_eq!(*done.found(), right);
    assert!(done.log.contains("as build 7 found: system packages: libconfuse-dev"), "{}", done.log);
    let done = with(&bench, &tree, learned(right.clone(), false)).await;
    assert_eq!(*done.found(), right, "of another release: once the plain way has failed");
    assert!(done.log.contains("attempt 1 (plain) failed"), "{}", done.log);
    let wrong = json!({"build": {"env": {"WHEELWRIGHT_COMPILER_FLAGS": "-not-a-flag"}}});
    let done = with(&bench, &compiles("int x;\n"), learned(wrong, true)).await;
    assert_eq!((done.found(), done.evidence().strategy.as_str()), (&Value::Null, "plain"));
    assert!(done.log.contains("what build 7 found does not help any more: it is dropped"), "{}", done.log);
}
