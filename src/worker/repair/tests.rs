//! Wheels with extension modules that this machine's compiler made, through the fast path.

use std::path::Path;
use std::process::Command;

use super::correct::python_abi;
use super::*;
use crate::build::job::JobLimits;
use crate::packaging::archive::kit::{Entry, Zip};
use crate::packaging::elf::Elf;
use crate::packaging::filename::WheelFilename;
use crate::packaging::wheel;
use crate::words::{Purpose, Step};
use crate::worker::bench::{Environment, Task, TaskDone, ToolPython};
use crate::worker::interpreters::{Interpreter, discover};

/// The fast path starts nothing.
struct Nothing;

impl Bench for Nothing {
    async fn run(&self, _: Step, task: Task) -> Result<TaskDone, Failure> {
        Err(Failure::new(Class::Other, Step::Repair, format!("something was run: {:?}", task.command)))
    }

    async fn environment(&self, _: ToolPython, _: &[String]) -> Result<Environment, Failure> {
        Err(Failure::new(Class::Other, Step::Repair, "an environment was asked for"))
    }

    fn note(&self, _: &str) {}

    async fn guest(&self) -> Result<String, String> {
        Err("none".to_owned())
    }

    fn may_add(&self, _package: &str) -> bool {
        false
    }
}

/// A module for 2.7 and 3.x alike that calls what `body` names.
fn source(body: &str) -> String {
    format!(
        "#include <Python.h>\n\
         static PyObject *f(PyObject *s, PyObject *a) {{ {body} }}\n\
         static PyMethodDef methods[] = {{ {{\"f\", f, METH_NOARGS, 0}}, {{0}} }};\n\
         #if PY_MAJOR_VERSION >= 3\n\
         static struct PyModuleDef def = {{ PyModuleDef_HEAD_INIT, \"_demo\", 0, -1, methods }};\n\
         PyMODINIT_FUNC PyInit__demo(void) {{ return PyModule_Create(&def); }}\n\
         #else\n\
         PyMODINIT_FUNC init_demo(void) {{ Py_InitModule(\"_demo\", methods); }}\n\
         #endif\n"
    )
}

const PLAIN: &str = "return PyLong_FromLong(42);";
/// Needs libc, in a version that came with 2.34 at the latest.
const LIBC: &str = "return PyLong_FromLong((long) getpid() > 0 ? 42 : 0);";

/// Compiled for `interpreter` as its own `--enable-shared` configuration would: with a search path.
fn module(interpreter: &Interpreter, body: &str, flags: &[&str]) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let (input, output) = (folder.path().join("demo.c"), folder.path().join("_demo.so"));
    std::fs::write(&input, source(body)).unwrap();
    let library = interpreter.base_prefix.join("lib");
    let mut command = Command::new("cc");
    command.args(["-shared", "-fPIC", "-O1", "-w", "-I"]).arg(interpreter.include.as_ref().unwrap());
    command.arg("-o").arg(&output).arg(&input).arg(format!("-Wl,-rpath,{}", library.display()));
    if let Some(shared) = &interpreter.shared_library {
        command.arg(shared);
    }
    assert!(command.args(flags).status().unwrap().success());
    std::fs::read(output).unwrap()
}

fn packed(python_abi: &str, platform: &str, files: &[(&str, &[u8])]) -> (String, Vec<u8>) {
    let mut entries: Vec<Entry> = files.iter().map(|(name, bytes)| Entry::new(name, bytes)).collect();
    let text = format!("Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {python_abi}-{platform}\n");
    entries.push(Entry::new("Demo-1.0.dist-info/WHEEL", text.as_bytes()));
    entries.push(Entry::new(
        "Demo-1.0.dist-info/METADATA",
        b"Metadata-Version: 2.1\nName: Demo\nVersion: 1.0\n",
    ));
    entries.push(Entry::new("Demo-1.0.dist-info/RECORD", b""));
    (format!("Demo-1.0-{python_abi}-{platform}.whl"), Zip::of(entries).bytes())
}

fn job(target: &Target) -> Job {
    Job {
        build: 1,
        fence: 1,
        purpose: Purpose::Wheel,
        project: Some("demo".to_owned()),
        version: Some("1.0".to_owned()),
        source: crate::words::BuildSource::default(),
        source_sha256: String::new(),
        target: target.name.clone(),
        context: "root/pypi".to_owned(),
        quarantines: String::new(),
        credential: None,
        recipe: None,
        platform_expected: false,
        limits: JobLimits::default(),
        addable: Vec::new(),
        unmet: Vec::new(),
        learned: None,
    }
}

/// Repairs a wheel; what comes out has passed the strict gate.
async fn repaired(
    target: &Target,
    (name, bytes): (String, Vec<u8>),
    into: &Path,
) -> Result<Repaired, Failure> {
    let path = into.join(name);
    std::fs::write(&path, bytes).unwrap();
    let folder = into.join("repaired");
    std::fs::create_dir_all(&folder).unwrap();
    let repaired = repair(&path, &folder, &job(target), target, &BTreeSet::new(), &Nothing).await?;
    assert_eq!(repaired.path, folder.join(&repaired.filename));
    let bytes = std::fs::read(&repaired.path).unwrap();
    wheel::read(&bytes[..], &WheelFilename::parse(&repaired.filename).unwrap()).unwrap();
    Ok(repaired)
}

async fn interpreters() -> Vec<Interpreter> {
    let found = discover(&crate::config::BuildSettings::default()).await.unwrap();
    found.into_iter().filter(|one| one.include.is_some()).collect()
}

fn member(path: &Path, name: &str) -> Vec<u8> {
    let file = path.file_name().unwrap().to_str().unwrap();
    let mut wheel = PlainWheel::open(File::open(path).unwrap(), file).unwrap();
    let member = wheel.find(name).unwrap().clone();
    wheel.bytes(&member, 1 << 24).unwrap()
}

fn python_abi_of(interpreter: &Interpreter) -> String {
    let (python, abi) = python_abi(&interpreter.target).unwrap();
    format!("{python}-{abi}")
}

#[tokio::test]
async fn an_extension_module_of_every_interpreter_is_portable_and_runs() {
    for interpreter in interpreters().await {
        let (target, arch) = (&interpreter.target, std::env::consts::ARCH);
        let folder = tempfile::tempdir().unwrap();
        let before = module(&interpreter, LIBC, &[]);
        assert!(
            !Elf::read(&before).unwrap().runpath.is_empty() || !Elf::read(&before).unwrap().rpath.is_empty()
        );
        let packed = packed(&python_abi_of(&interpreter), &format!("linux_{arch}"), &[("_demo.so", &before)]);
        let repaired = repaired(target, packed, folder.path()).await.unwrap();
        let expected = manylinux::platform_tags(Some(5), arch).join(".");
        assert_eq!(repaired.filename, format!("demo-1.0-{}-{expected}.whl", python_abi_of(&interpreter)));
        let after = Elf::read(&member(&repaired.path, "_demo.so")).unwrap();
        assert_eq!(
            (after.needed, after.rpath, after.runpath),
            (vec!["libc.so.6".to_owned()], vec![], vec![])
        );
        runs(&interpreter, &repaired.path);
    }
}

/// Loads the module from the wheel, as pip would have unpacked it.
fn runs(interpreter: &Interpreter, wheel: &Path) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("_demo.so"), member(wheel, "_demo.so")).unwrap();
    let mut command = Command::new(&interpreter.executable);
    command.current_dir(folder.path()).env("PYTHONPATH", folder.path());
    let output = command.args(["-c", "import _demo; print(_demo.f())"]).output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(out.trim(), "42", "{}: {err}", interpreter.target.name);
}

#[tokio::test]
async fn a_module_that_needs_no_libc_fits_every_system() {
    let interpreter = interpreters().await.pop().unwrap();
    let arch = std::env::consts::ARCH;
    let bytes = module(&interpreter, PLAIN, &["-nostdlib", "-Wl,--as-needed"]);
    assert!(Elf::read(&bytes).unwrap().versions.is_empty());
    let folder = tempfile::tempdir().unwrap();
    let packed = packed(&python_abi_of(&interpreter), &format!("linux_{arch}"), &[("_demo.so", &bytes)]);
    let repaired = repaired(&interpreter.target, packed, folder.path()).await.unwrap();
    let expected = manylinux::platform_tags(None, arch).join(".");
    assert!(repaired.filename.ends_with(&format!("-{expected}.whl")), "{}", repaired.filename);
    runs(&interpreter, &repaired.path);
}

#[tokio::test]
async fn repaired_twice_it_is_the_same_to_the_bit() {
    let interpreter = interpreters().await.pop().unwrap();
    let arch = std::env::consts::ARCH;
    let bytes = module(&interpreter, LIBC, &[]);
    let packed = packed(&python_abi_of(&interpreter), &format!("linux_{arch}"), &[("_demo.so", &bytes)]);
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let first = repaired(&interpreter.target, packed.clone(), one.path()).await.unwrap();
    let second = repaired(&interpreter.target, packed, two.path()).await.unwrap();
    assert_eq!(std::fs::read(first.path).unwrap(), std::fs::read(second.path).unwrap());
}

#[tokio::test]
async fn a_pure_wheel_keeps_its_tags_unless_it_holds_machine_code() {
    let interpreter = interpreters().await.pop().unwrap();
    let (target, arch) = (&interpreter.target, std::env::consts::ARCH);
    let folder = tempfile::tempdir().unwrap();
    let pure = packed("py2.py3-none", "any", &[("demo.py", b"x = 1\n")]);
    let pure = repaired(target, pure, folder.path()).await;
    // `Tag:` in this WHEEL is compressed, which is no fault.
    assert_eq!(pure.unwrap().filename, "demo-1.0-py2.py3-none-any.whl");
    let bytes = module(&interpreter, LIBC, &[]);
    let name = format!("demo/_demo.cpython-{arch}-linux-gnu.so");
    let wrong = packed("py3-none", "any", &[(&name, &bytes)]);
    let mended = repaired(target, wrong, folder.path()).await.unwrap();
    let expected = manylinux::platform_tags(Some(5), arch).join(".");
    assert_eq!(mended.filename, format!("demo-1.0-{}-{expected}.whl", python_abi_of(&interpreter)));
    assert!(mended.notes.iter().any(|note| note.contains("says that it is pure")), "{:?}", mended.notes);
    // Whatever it is called.
    let other = tempfile::tempdir().unwrap();
    let plugin = packed("py3-none", "any", &[("demo/plugin.so", &bytes)]);
    assert_eq!(repaired(target, plugin, other.path()).await.unwrap().filename, mended.filename);
}

#[tokio::test]
async fn a_foreign_library_leaves_the_fast_path_unless_the_recipe_excludes_it() {
    let interpreter = interpreters().await.pop().unwrap();
    let (target, arch) = (&interpreter.target, std::env::consts::ARCH);
    let folder = tempfile::tempdir().unwrap();
    let library = folder.path().join("libforeign.so.3");
    let status = Command::new("cc")
        .args(["-shared", "-fPIC", "-x", "c", "/dev/null", "-Wl,-soname,libforeign.so.3", "-o"])
        .arg(&library)
        .status();
    assert!(status.unwrap().success());
    let bytes = module(&interpreter, LIBC, &["-Wl,--no-as-needed", library.to_str().unwrap()]);
    let packed = packed(&python_abi_of(&interpreter), &format!("linux_{arch}"), &[("_demo.so", &bytes)]);
    let failure = repaired(target, packed.clone(), folder.path()).await.unwrap_err();
    assert_eq!(failure.class, Class::Other, "{failure:?}");
    let mut job = job(target);
    job.recipe = Some(serde_json::json!({"repair": {"exclude": ["libforeign.so.*"]}}));
    let into = folder.path().join("excluded");
    std::fs::create_dir(&into).unwrap();
    let repaired =
        repair(&folder.path().join(packed.0), &into, &job, target, &BTreeSet::new(), &Nothing).await.unwrap();
    assert!(repaired.filename.contains("manylinux"));
}

#[tokio::test]
async fn what_the_target_does_not_install_is_a_failure_with_a_hint() {
    let interpreter = interpreters().await.pop().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let packed = packed(&python_abi_of(&interpreter), "linux_m68k", &[("demo.py", b"")]);
    let failure = repaired(&interpreter.target, packed, folder.path()).await.unwrap_err();
    assert_eq!(failure.class, Class::Repair);
    assert!(failure.hint.contains("cannot install"), "{}", failure.hint);
    let failure =
        repaired(&interpreter.target, ("x-1-py3-none-any.whl".into(), b"PK".to_vec()), folder.path());
    assert_eq!(failure.await.unwrap_err().class, Class::BadWheel);
}

#[test]
fn a_wheel_for_another_python_or_system_is_not_blamed_on_libraries() {
    let target = Target {
        name: "cp27mu-manylinux_2_36_x86_64".into(),
        version: "2.7.18".into(),
        tags: ["cp27-cp27mu-manylinux_2_17_x86_64", "cp27-cp27mu-linux_x86_64", "py2-none-any"]
            .map(str::to_owned)
            .to_vec(),
        ..Target::default()
    };
    let told = |filename: &str| {
        let repaired = Repaired { filename: filename.into(), ..Repaired::default() };
        fits(&repaired, &target).expect_err("it does not fit")
    };
    let pure = told("demo-1.0-py3-none-any.whl");
    assert_eq!(pure.class, Class::RequiresPython);
    assert!(pure.hint.contains("only for Python 3") && !pure.hint.contains("libraries"), "{}", pure.hint);
    let other = told("demo-1.0-cp27-cp27mu-win_amd64.whl");
    assert_eq!(other.class, Class::WrongWheel);
    assert!(other.hint.contains("win_amd64"), "{}", other.hint);
    let newer = told("demo-1.0-cp27-cp27mu-manylinux_2_39_x86_64.whl");
    assert_eq!(newer.class, Class::Repair);
    assert!(newer.hint.contains("libraries"), "{}", newer.hint);
}
