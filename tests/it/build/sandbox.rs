//! Hostile builds: what a run in the sandbox tries, and what comes of it.

mod leftovers;
mod limits;
mod output;
mod system;

use std::path::Path;
use tempfile::TempDir;
use wheelwright::build::job::JobLimits;
use wheelwright::words::Isolation;
use wheelwright::worker::log::Log;
use wheelwright::worker::sandbox::{EndedRun, Mount, RunEnd, Sandbox, SandboxPlan};

/// Small, so that each of them is reached at once.
const LIMITS: JobLimits =
    JobLimits { seconds: 20, memory: 96 << 20, disk: 32 << 20, files: 500, processes: 24, log: 64 << 10 };

/// This build of the program.
fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_wheelwright"))
}

fn sandbox() -> Sandbox {
    sandbox_with(Isolation::Bubblewrap)
}

fn sandbox_with(isolation: Isolation) -> Sandbox {
    Sandbox::open(isolation).expect("bubblewrap is installed").with_program(program().to_owned())
}

/// A run with an output folder at `/out`.
struct Attack {
    plan: SandboxPlan,
    out: TempDir,
}

/// How it went.
struct Told {
    ended: EndedRun,
    text: String,
    out: TempDir,
}

impl Attack {
    /// A Python script.
    fn python(script: &str) -> Self {
        Self::command(&["/usr/bin/python3", "-c", script])
    }

    fn command(argv: &[&str]) -> Self {
        let out = tempfile::tempdir().expect("a folder");
        let plan = SandboxPlan {
            argv: argv.iter().map(|word| (*word).to_owned()).collect(),
            mounts: vec![Mount::write(out.path(), "/out")],
            limits: LIMITS,
            watched: vec![out.path().to_owned()],
            ..SandboxPlan::default()
        };
        Self { plan, out }
    }

    fn with(mut self, argument: impl ToString) -> Self {
        self.plan.argv.push(argument.to_string());
        self
    }

    async fn run(self) -> Told {
        self.run_in(&sandbox()).await
    }

    async fn run_in(self, sandbox: &Sandbox) -> Told {
        let log = Log::new(self.plan.limits.log);
        let ended = sandbox.run(&self.plan, &log).await.expect("a sandbox runs");
        Told { ended, text: log.to_text(), out: self.out }
    }
}

impl Told {
    fn end(&self) -> RunEnd {
        self.ended.end
    }
}

#[tokio::test]
async fn a_command_runs_and_its_output_arrives() {
    let told = Attack::python("print('built'); open('/out/wheel', 'w').write('x')").run().await;
    assert_eq!((told.end(), told.text.as_str()), (RunEnd::Exit(0), "built\n"));
    assert!(told.out.path().join("wheel").is_file());
}

#[tokio::test]
async fn a_commands_own_failure_is_told_apart_from_a_signal() {
    assert_eq!(Attack::python("raise SystemExit(3)").run().await.end(), RunEnd::Exit(3));
    let killed = Attack::python("import os; os.kill(os.getpid(), 11)").run().await;
    assert_eq!(killed.end(), RunEnd::Signal(11));
    let absent = Attack::command(&["/usr/bin/no-such-program"]).run().await;
    assert!(absent.text.contains("program /usr/bin/no-such-program does not exist"), "{}", absent.text);
}

#[tokio::test]
async fn arguments_stay_arguments_however_they_look() {
    let odd = ["--bind", "/", "--", "a\nb", "'; echo \"$HOME\"", "-", ""];
    let mut attack = Attack::python("import sys; print(sys.argv[1:])");
    for word in odd {
        attack = attack.with(word);
    }
    let told = attack.run().await;
    assert_eq!(told.text.trim(), r#"['--bind', '/', '--', 'a\nb', '\'; echo "$HOME"', '-', '']"#);
}

#[tokio::test]
async fn without_isolation_the_same_plan_runs_with_its_limits() {
    let plain = sandbox_with(Isolation::None);
    let script = "import os; open('/out/x', 'w').write(os.getcwd()); print(os.environ['HOME'])";
    // The path inside the script is a path of the plan's too.
    let told = Attack::python(script).run_in(&plain).await;
    assert_eq!(told.end(), RunEnd::Exit(0), "{}", told.text);
    assert!(told.out.path().join("x").is_file());
    let hog = Attack::python(include_str!("sandbox/hostile/memory.py")).run_in(&plain).await;
    assert_eq!(hog.end(), RunEnd::Limit(wheelwright::words::Class::Memory), "{}", hog.text);
}

#[tokio::test]
async fn the_canaries_of_a_sound_machine_are_content() {
    assert_eq!(sandbox().canary().await, None);
}
