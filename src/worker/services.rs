//! The script of a recipe's tests: services are started, waited for, used, and stopped.
//!
//! It runs inside the sandbox, with everything that it starts; what it leaves running dies with it.

use crate::build::recipe::{Service, Test};
use std::collections::BTreeMap;
use std::fmt::Write;

/// Where the folders of services are inside.
const FOLDERS: &str = "/work/services";
/// Exit status: a service did not get ready.
pub const NO_SERVICE: i32 = 121;
/// Exit status: what comes before the tests failed.
pub const NOT_PREPARED: i32 = 122;
/// Seconds until a service must be ready, unless the recipe says otherwise.
const PATIENCE: u64 = 60;

/// Waits, asking again and again; stops what runs; tells why a service is not ready.
const FUNCTIONS: &str = r#"
say() { echo "[wheelwright] $*"; }
running=
stop() {
    for pid in $running; do kill -TERM "$pid" 2>/dev/null; done
    for pid in $running; do
        tries=0
        while kill -0 "$pid" 2>/dev/null && [ $tries -lt 100 ]; do sleep 0.1; tries=$((tries + 1)); done
    done
}
trap stop EXIT
no_service() {
    say "the service $1 $2; the end of what it printed:"
    tail -n 50 "$3" 2>/dev/null
    exit 121
}
"#;

/// The script for `sh`. Commands of the recipe run in `folder`, those of services in their own.
pub fn script(test: &Test, folder: &str) -> String {
    let mut text = format!("set -u{FUNCTIONS}");
    for service in &test.services {
        start(&mut text, service);
    }
    let _ = writeln!(text, "cd {}", quoted(folder));
    for command in &test.before {
        let command = substituted(command, &test.services);
        let _ = write!(text, "say {0}\nsh -c {0} || exit {NOT_PREPARED}\n", quoted(&command));
    }
    if let Some(command) = &test.command {
        let command = quoted(&substituted(command, &test.services));
        let _ = write!(text, "say {command}\nsh -c {command}\n");
    }
    text.push_str("exit $?\n");
    text
}

/// The variables of the tests, with the folders of services put in.
pub fn environment(test: &Test) -> BTreeMap<String, String> {
    let value = |text: &String| substituted(text, &test.services);
    test.env.iter().map(|(name, text)| (name.clone(), value(text))).collect()
}

fn start(text: &mut String, service: &Service) {
    let Service { name, setup, start, ready, patience, .. } = service;
    let folder = format!("{FOLDERS}/{name}");
    let own = |command: &str| quoted(&command.replace("{dir}", &folder));
    let printed = quoted(&format!("{FOLDERS}/{name}.log"));
    let _ =
        writeln!(text, "say 'starting {name}'\nmkdir -p {0} && cd {0} || exit {NO_SERVICE}", quoted(&folder));
    for command in setup {
        let _ = writeln!(
            text,
            "sh -c {} >>{printed} 2>&1 || no_service {name} 'cannot be set up' {printed}",
            own(command)
        );
    }
    let _ = write!(text, "sh -c {} >>{printed} 2>&1 &\npid=$!\nrunning=\"$pid $running\"\n", own(start));
    if let Some(ready) = ready {
        // Ten times a second.
        let tries = patience.unwrap_or(PATIENCE).saturating_mul(10);
        let _ = write!(
            text,
            "tries=0\nuntil sh -c {} >/work/ready.log 2>&1; do\n    \
             kill -0 $pid 2>/dev/null || no_service {name} 'ended before it was ready' {printed}\n    \
             [ $tries -lt {tries} ] || no_service {name} 'did not get ready in time' {printed}\n    \
             tries=$((tries + 1)); sleep 0.1\ndone\n",
            own(ready)
        );
    }
}

/// `{db.dir}` is the folder of the service `db`.
fn substituted(text: &str, services: &[Service]) -> String {
    services.iter().fold(text.to_owned(), |text, service| {
        text.replace(&format!("{{{}.dir}}", service.name), &format!("{FOLDERS}/{}", service.name))
    })
}

/// As one word for `sh`.
pub fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    fn service(name: &str, start: &str, ready: Option<&str>) -> Service {
        Service {
            name: name.into(),
            start: start.into(),
            ready: ready.map(str::to_owned),
            ..Service::default()
        }
    }

    /// Runs a script outside of any sandbox, with `/work` in a folder.
    fn run(test: &Test) -> (Option<i32>, String) {
        let folder = tempfile::tempdir().unwrap();
        let work = folder.path().to_str().unwrap();
        let script = script(test, "/work").replace("/work", work);
        let mut command = Command::new("sh");
        command.args(["-c", &script]);
        for (name, value) in environment(test) {
            command.env(name, value.replace("/work", work));
        }
        let output = command.output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    }

    #[test]
    fn tests_run_once_their_services_are_ready_and_these_are_stopped_after() {
        // The service is ready when it made a file, and writes another when it is asked to stop.
        let start = "trap 'echo bye > {dir}/stopped; exit 0' TERM; echo \"it's up\" > {dir}/up; \
                     while :; do sleep 0.05; done";
        let mut db = service("db", start, Some("test -e {dir}/up"));
        db.setup = vec!["echo set up > {dir}/first".into()];
        let (code, printed) = run(&Test {
            services: vec![db],
            before: vec!["cp {db.dir}/first copy".into()],
            command: Some("cat copy \"$UP\"; (sleep 0.4; cat {db.dir}/stopped) & exit 7".into()),
            env: [("UP".to_owned(), "{db.dir}/up".to_owned())].into(),
            ..Test::default()
        });
        assert_eq!(code, Some(7), "the status of the tests: {printed}");
        assert!(printed.contains("set up\nit's up\n"), "{printed}");
        assert!(printed.contains("bye"), "it was stopped: {printed}");
    }

    #[test]
    fn a_service_that_fails_is_named_with_what_it_printed() {
        for (start, ready, patience, why) in [
            ("echo no disk; exit 1", Some("false"), None, "ended before it was ready"),
            ("echo no disk; sleep 30", Some("false"), Some(1), "did not get ready in time"),
        ] {
            let service = Service { patience, ..service("db", start, ready) };
            let test = Test { services: vec![service], command: Some("true".into()), ..Test::default() };
            let (code, printed) = run(&test);
            assert_eq!(code, Some(NO_SERVICE), "{printed}");
            assert!(printed.contains(why) && printed.contains("no disk"), "{printed}");
        }
        let broken = Service { setup: vec!["echo full; false".into()], ..service("db", "true", None) };
        let (code, printed) = run(&Test { services: vec![broken], ..Test::default() });
        assert_eq!(code, Some(NO_SERVICE));
        assert!(printed.contains("the service db cannot be set up") && printed.contains("full"), "{printed}");
    }

    #[test]
    fn what_precedes_the_tests_must_succeed() {
        let test = Test { before: vec!["false".into()], command: Some("true".into()), ..Test::default() };
        assert_eq!(run(&test).0, Some(NOT_PREPARED));
        assert_eq!(run(&Test { command: Some("exit 0".into()), ..Test::default() }).0, Some(0));
    }
}
