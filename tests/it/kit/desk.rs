//! Somebody's desk: a folder with requirement files, an environment, and our command line, with nothing
//! on the PATH but what is put there. No compiler is.

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

pub struct Desk {
    folder: tempfile::TempDir,
}

/// How a command ended.
#[derive(Debug)]
pub struct Ran {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Desk {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(folder.path().join("bin")).expect("a folder");
        let desk = Self { folder };
        desk.put(Path::new(env!("CARGO_BIN_EXE_wheelwright")), "wheelwright");
        desk.put(Path::new(env!("CARGO_BIN_EXE_wheelwright")), "pip-reqs");
        desk
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, text).expect("a written file");
    }

    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// Puts a program on the PATH under a name.
    pub fn put(&self, program: &Path, name: &str) {
        std::os::unix::fs::symlink(program, self.path("bin").join(name)).expect("a link");
    }

    /// Makes the environment `env`, with a pip of its own or without; gives what its markers and tags
    /// are called: `cp312`.
    pub async fn environment(&self, has_pip: bool) -> String {
        let folder = self.path("env");
        let made = move || {
            let mut command = Command::new("python3");
            command.args(["-m", "venv"]).args((!has_pip).then_some("--without-pip")).arg(&folder);
            let made = command.output().expect("python3 starts");
            assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
            let code = "import sys; print('cp%d%d' % sys.version_info[:2])";
            let told =
                Command::new(folder.join("bin/python")).args(["-c", code]).output().expect("it starts");
            String::from_utf8_lossy(&told.stdout).trim().to_owned()
        };
        tokio::task::spawn_blocking(made).await.expect("an environment")
    }

    /// What the environment imports, by `module.__version__` or what an expression gives.
    pub fn python(&self, code: &str) -> String {
        let told = Command::new(self.path("env/bin/python")).args(["-c", code]).output().expect("it starts");
        assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
        String::from_utf8_lossy(&told.stdout).trim().to_owned()
    }

    /// Runs a program of `bin` in the folder.
    pub async fn run(&self, program: &str, arguments: &[&str]) -> Ran {
        self.run_with(program, arguments, &[]).await
    }

    /// The same with variables.
    pub async fn run_with(&self, program: &str, arguments: &[&str], variables: &[(&str, &str)]) -> Ran {
        let mut command = Command::new(self.path("bin").join(program));
        command.current_dir(self.folder.path()).env_clear().stdin(Stdio::null());
        command.env("PATH", self.path("bin")).env("HOME", self.folder.path()).env("LANG", "C.UTF-8");
        command.env("VIRTUAL_ENV", self.path("env")).env("PIP_CONFIG_FILE", "/dev/null");
        command.env("UV_NO_CONFIG", "1").env("UV_OFFLINE", "0").env("UV_PYTHON_DOWNLOADS", "never");
        command.args(arguments).envs(variables.iter().copied());
        let done = tokio::task::spawn_blocking(move || command.output().expect("it starts"));
        Ran::of(&done.await.expect("it ends"))
    }
}

impl Ran {
    fn of(output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self { code: output.status.code(), out: text(&output.stdout), err: text(&output.stderr) }
    }

    #[track_caller]
    pub fn succeeded(self) -> Self {
        assert_eq!(self.code, Some(0), "{}\n{}", self.out, self.err);
        self
    }

    #[track_caller]
    pub fn failed(self) -> Self {
        assert_eq!(self.code, Some(1), "{}\n{}", self.out, self.err);
        self
    }

    /// What `--json` printed.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {}\n{}", self.out, self.err))
    }
}
