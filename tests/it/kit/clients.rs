//! Real installers and publishers, each in a virtual environment of its own.
//!
//! Made once per requirement file in `tests/clients/` and kept below the target folder. They run
//! without anything of the host's environment, so that nobody's settings decide a test.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// What tells a client where certificates are; the only settings of the host that are kept.
const CERTIFICATES: [&str; 4] = ["SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"];

/// A client that can be run, with a home folder of its own.
pub struct Client {
    bin: PathBuf,
    pub home: TempDir,
    environment: Vec<(String, String)>,
}

/// What a run left behind.
#[derive(Debug)]
pub struct Run {
    pub success: bool,
    /// Both streams.
    pub output: String,
}

impl Run {
    #[track_caller]
    pub fn succeeded(self) -> Self {
        assert!(self.success, "the client failed:\n{}", self.output);
        self
    }

    #[track_caller]
    pub fn failed(self) -> Self {
        assert!(!self.success, "the client succeeded:\n{}", self.output);
        self
    }

    #[track_caller]
    pub fn says(self, text: &str) -> Self {
        // Some clients break lines where their terminal would end.
        let plain = |text: &str| text.split_whitespace().collect::<String>();
        assert!(plain(&self.output).contains(&plain(text)), "no {text:?} in:\n{}", self.output);
        self
    }
}

impl Client {
    /// The client whose requirement file is `tests/clients/{name}.txt`.
    pub fn new(name: &str) -> Self {
        let environment = environment(name, "python3");
        Self::at(environment.join("bin"))
    }

    fn at(bin: PathBuf) -> Self {
        let home = tempfile::tempdir().expect("a home folder");
        Self { bin, home, environment: Vec::new() }
    }

    /// A file of text in what is installed.
    pub fn data(&self, path: &str) -> String {
        let lib = self.bin.with_file_name("lib");
        let mut pythons = fs::read_dir(&lib).expect("a library").flatten();
        let found = pythons
            .find_map(|python| fs::read_to_string(python.path().join("site-packages").join(path)).ok());
        found.unwrap_or_else(|| panic!("no {path} in {}", lib.display()))
    }

    /// Where one of its programs is.
    pub fn program(&self, name: &str) -> PathBuf {
        self.bin.join(name)
    }

    pub fn set(mut self, key: &str, value: impl Into<String>) -> Self {
        self.environment.push((key.into(), value.into()));
        self
    }

    /// Runs one of its programs in `folder`. On a blocking thread, as the server under test
    /// shares this process.
    pub async fn run_in<S: AsRef<OsStr>>(&self, folder: &Path, program: &str, arguments: &[S]) -> Run {
        let mut command = self.command(program);
        command.args(arguments).current_dir(folder);
        run(command).await
    }

    pub async fn run<S: AsRef<OsStr>>(&self, program: &str, arguments: &[S]) -> Run {
        self.run_in(self.home.path(), program, arguments).await
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.bin.join(program));
        clean(&mut command, &self.bin, self.home.path());
        for (key, value) in &self.environment {
            command.env(key, value);
        }
        command
    }
}

async fn run(mut command: Command) -> Run {
    tokio::task::spawn_blocking(move || {
        let done = command.stdin(Stdio::null()).output().expect("the client starts");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Run { success: done.status.success(), output: text(&done.stdout) + &text(&done.stderr) }
    })
    .await
    .expect("the client's run")
}

fn clean(command: &mut Command, bin: &Path, home: &Path) {
    command.env_clear();
    for name in CERTIFICATES {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    let path = format!("{}:/usr/local/bin:/usr/bin:/bin", bin.display());
    let fixed = [
        ("PATH", path.as_str()),
        ("LANG", "C.UTF-8"),
        ("TERM", "dumb"),
        ("NO_COLOR", "1"),
        ("COLUMNS", "2000"),
        ("NO_PROXY", "127.0.0.1"),
        ("PIP_CONFIG_FILE", "/dev/null"),
        ("PIP_DISABLE_PIP_VERSION_CHECK", "1"),
        ("PIP_NO_INPUT", "1"),
        ("UV_NO_CONFIG", "1"),
        ("UV_PYTHON_DOWNLOADS", "never"),
        ("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring"),
        ("PYTHONDONTWRITEBYTECODE", "1"),
    ];
    command.envs(fixed).env("HOME", home);
}

/// The environment's folder; made if it is not there, by one test while the others wait.
fn environment(name: &str, python: &str) -> PathBuf {
    let requirements = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/clients/{name}.txt"));
    let wanted = fs::read_to_string(&requirements).expect("a requirement file of this client");
    let folder = cache().join(name);
    let _lock = lock(name);
    let marker = folder.join("made-from.txt");
    if fs::read_to_string(&marker).is_ok_and(|made| made == wanted) {
        return folder;
    }
    let _ = fs::remove_dir_all(&folder);
    must_run(Command::new(python).args(["-m", "venv"]).arg(&folder));
    must_run(
        Command::new(folder.join("bin/python")).args(["-m", "pip", "install", "-q", "-r"]).arg(&requirements),
    );
    fs::write(marker, wanted).expect("a written marker");
    folder
}

fn python_with_pip() -> PathBuf {
    environment("pip", "python3").join("bin/python")
}

/// pip 20.3.4, the last that Python 2.7 can run, and the interpreter it runs on: Python 2.7 where
/// there is one, else the oldest Python 3 that is found.
pub fn old_pip() -> (Client, String) {
    let (python, version) = oldest_python();
    (pip_on("pip-20", &python), version)
}

/// The pip of `tests/clients/{name}.txt`, run by this interpreter straight from its wheel, and
/// nothing else on its `PATH`: no compiler.
pub fn pip_on(name: &str, python: &Path) -> Client {
    let wheel = pip_wheel(name);
    let client = Client::at(PathBuf::new());
    let bin = client.home.path().join("bin");
    fs::create_dir(&bin).expect("a new folder");
    let script = format!("#!/bin/sh\nexec '{}' '{}/pip' \"$@\"\n", python.display(), wheel.display());
    fs::write(bin.join("pip"), script).expect("a written script");
    must_run(Command::new("chmod").arg("+x").arg(bin.join("pip")));
    let path = bin.display().to_string();
    Client { bin, ..client }.set("PATH", path)
}

/// Downloaded once, by a new pip: an old one may not know today's certificates.
fn pip_wheel(name: &str) -> PathBuf {
    let python = python_with_pip();
    let folder = cache().join(format!("{name}-wheel"));
    let _lock = lock(&format!("{name}-wheel"));
    let requirements = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/clients/{name}.txt"));
    let wanted = fs::read_to_string(&requirements).expect("a requirement file of this client");
    let marker = folder.join("made-from.txt");
    if !fs::read_to_string(&marker).is_ok_and(|made| made == wanted) {
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).expect("a new folder");
        let mut download = Command::new(python);
        download.args(["-m", "pip", "download", "-q", "--no-deps", "--python-version", "3.12"]);
        download.args(["--only-binary", ":all:", "-r"]).arg(&requirements).arg("-d").arg(&folder);
        must_run(&mut download);
        fs::write(&marker, wanted).expect("a written marker");
    }
    let wheel = fs::read_dir(&folder).expect("a readable folder").flatten().map(|entry| entry.path());
    let wheel = wheel.into_iter().find(|path| path.extension().is_some_and(|e| e == "whl"));
    wheel.expect("a downloaded wheel")
}

fn oldest_python() -> (PathBuf, String) {
    let mut candidates = vec![PathBuf::from("python2.7")];
    let versions = std::env::var_os("PYENV_ROOT")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".pyenv")));
    let versions = versions.and_then(|root| fs::read_dir(root.join("versions")).ok());
    let mut installed: Vec<PathBuf> = versions.into_iter().flatten().flatten().map(|e| e.path()).collect();
    installed.sort();
    candidates.extend(installed.iter().map(|path| path.join("bin/python2.7")));
    candidates.extend((6..=9).map(|minor| PathBuf::from(format!("python3.{minor}"))));
    for minor in 6..=9 {
        candidates.extend(installed.iter().map(|path| path.join(format!("bin/python3.{minor}"))));
    }
    candidates.push("python3".into());
    let usable = |python: PathBuf| {
        let code = "import sys; print(sys.executable); print('%d.%d.%d' % sys.version_info[:3])";
        let done = Command::new(&python).args(["-c", code]).output().ok()?;
        let text = String::from_utf8(done.stdout).ok().filter(|_| done.status.success())?;
        let (executable, version) = text.trim().split_once('\n')?;
        Some((PathBuf::from(executable), version.to_owned()))
    };
    candidates.into_iter().find_map(usable).expect("a Python interpreter")
}

/// Below the target folder, so that it is kept between runs and never in the repository.
fn cache() -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("a target folder");
    let folder = target.join("clients");
    fs::create_dir_all(&folder).expect("a folder for clients");
    folder
}

/// Held until dropped, against other test processes too.
fn lock(name: &str) -> fs::File {
    let file = fs::File::create(cache().join(format!("{name}.lock"))).expect("a lock file");
    file.lock().expect("a held lock");
    file
}

#[track_caller]
fn must_run(command: &mut Command) {
    let done = command.output().expect("the program starts");
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{command:?} failed:\n{said}");
}
