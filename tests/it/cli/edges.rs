//! Stories of the client commands at their edges: logins from a file, servers that refuse, narrow terminals.

use crate::cli::resolve::{run, start};
use crate::kit::desk::Desk;
use crate::kit::packages::Package;
use crate::kit::resolving::wheel;
use crate::kit::stages::PASSWORD;
use crate::kit::worker;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

#[tokio::test(flavor = "multi_thread")]
async fn a_login_comes_from_netrc_unless_the_address_has_one() {
    let (server, desk) = (start().await, Desk::new());
    server.publish("alice/dev", &wheel("app", "1.0").wheel()).await;
    let options = r#"["acl_read=alice"]"#;
    assert_eq!(server.as_alice("PATCH", "/alice/dev", options).await.0, 200);
    desk.write("requirements.in", "app\n");
    let refused = run(&desk, &server, &["compile"]).await.failed();
    assert!(refused.err.contains("--token"), "{}", refused.err);
    // As pip looks for it: in the home folder, or where NETRC says.
    let entry = format!(
        "machine other.example login x password y\nmachine 127.0.0.1 login alice password {PASSWORD}\n"
    );
    desk.write("logins", &entry);
    let address = server.url("/v1/alice.dev/cp312/");
    let place = desk.path("logins").display().to_string();
    let arguments = ["compile", "-w", &address, "requirements.in", "named.txt"];
    desk.run_with("wheelwright", &arguments, &[("NETRC", &place)]).await.succeeded();
    desk.write(".netrc", &entry);
    run(&desk, &server, &["compile"]).await.succeeded();
    assert!(desk.read("requirements.txt").contains("app==1.0"));
    assert!(desk.read("named.txt").contains("app==1.0"));
    let wrong = address.replace("://", "://alice:wrong@");
    let refused =
        desk.run("wheelwright", &["compile", "-w", &wrong, "requirements.in", "x.txt"]).await.failed();
    assert!(!refused.err.contains(PASSWORD), "{}", refused.err);
    assert!(!desk.path("x.txt").exists());
}

/// A server that gives one answer to everything; counts how often it was asked.
async fn refusing(answer: &'static str) -> (String, Arc<AtomicUsize>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = format!("http://{}", listener.local_addr().expect("an address"));
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = vec![0; 64 << 10];
            let _ = stream.read(&mut head).await;
            count.fetch_add(1, Ordering::SeqCst);
            let _ = stream.write_all(answer.as_bytes()).await;
            let _ = stream.shutdown().await;
        }
    });
    (address, asked)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_server_decided_is_not_asked_again() {
    for answer in [
        "HTTP/1.1 504 Gateway Timeout\r\ncontent-type: text/plain\r\nretry-after: 5\r\nconnection: close\r\n\r\nthe server is offline, and has no page of app\n",
        "HTTP/1.1 502 Bad Gateway\r\ncontent-type: application/problem+json\r\nconnection: close\r\n\r\n{\"detail\": \"the server is offline, and has no page of app\"}",
    ] {
        let (address, asked) = refusing(answer).await;
        let desk = Desk::new();
        desk.write("requirements.in", "app\n");
        let refused =
            desk.run("wheelwright", &["compile", "--server", &address, "--target", "cp312"]).await.failed();
        assert!(refused.err.contains("the server is offline"), "{}", refused.err);
        assert_eq!(asked.load(Ordering::SeqCst), 1, "{answer}");
    }
}

/// A terminal that shows nothing new for so long is stuck.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(60);

/// Runs its arguments in a terminal of 48 columns and hands on what is drawn there.
const TERMINAL: &str = "import fcntl, os, pty, struct, sys, termios\n\
pid, fd = pty.fork()\n\
if not pid:\n    fcntl.ioctl(2, termios.TIOCSWINSZ, struct.pack('HHHH', 20, 48, 0, 0))\n    os.execv(sys.argv[1], sys.argv[1:])\n\
while True:\n    \n    try:\n        chunk = os.read(fd, 65536)\n    except OSError:\n        break\n    if not chunk:\n        break\n    os.write(1, chunk)\n\
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))\n";

/// The lines that were drawn, without what moves the cursor.
fn drawn(bytes: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(bytes).into_owned();
    let mut plain = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\u{1b}' => {
                // `ESC [ … letter`: it begins a piece of its own.
                chars.by_ref().find(char::is_ascii_alphabetic);
                plain.push('\n');
            }
            '\r' => plain.push('\n'),
            c => plain.push(c),
        }
    }
    plain.lines().map(str::trim_end).filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_narrow_terminal_shows_one_line_a_build_with_the_end_of_its_log() {
    let (server, desk) = (start().await, Desk::new());
    // The only source: whatever job comes is its build, asked for or ahead.
    server
        .publish("alice/dev", &Package::new("q", "1").requires_python(">=3").tag("py3-none-any").sdist())
        .await;
    desk.write("requirements.txt", "q==1\n");
    let address = server.url("/").trim_end_matches('/').to_owned();
    let mut command = tokio::process::Command::new("python3");
    command.args(["-c", TERMINAL]).arg(desk.path("bin/wheelwright"));
    command.args(["resolve", "--server", &address, "--index", "alice/dev", "--target", "cp312"]);
    command.current_dir(desk.path(".")).env("HOME", desk.path(".")).env("TERM", "xterm");
    command.stdin(std::process::Stdio::null()).stdout(std::process::Stdio::piped());
    let mut child = command.kill_on_drop(true).spawn().expect("python3 starts");
    let job = worker::job(&server).await;
    let log = format!("first\nMOON{}\n", " gcc -O2 -Wall".repeat(20));
    server.app.queue.append_log("root", job.build, job.fence, 0, log.as_bytes()).await.expect("a log");
    let mut out = child.stdout.take().expect("its output");
    let (mut seen, mut piece) = (Vec::new(), vec![0; 4096]);
    // The state of the build is asked several times a second: the log's line stays beside it.
    while drawn(&seen).iter().filter(|line| line.contains("MOON")).count() < 8 {
        let length = tokio::time::timeout(PATIENCE, out.read(&mut piece)).await;
        let length = length.expect("more is drawn").expect("output");
        assert!(seen.len() < 1 << 16, "the log is not drawn: {:?}", drawn(&seen).last());
        assert!(length > 0, "it ended: {}", String::from_utf8_lossy(&seen));
        seen.extend_from_slice(&piece[..length]);
    }
    let wheel = Package::new("q", "1").requires_python(">=3").tag("py3-none-any").wheel();
    worker::built(&server, &job, &wheel).await;
    out.read_to_end(&mut seen).await.expect("output");
    assert!(child.wait().await.expect("an end").success(), "{}", String::from_utf8_lossy(&seen));
    let lines = drawn(&seen);
    for line in lines.iter().filter(|line| line.contains("gcc")) {
        // A line that fills the width, like that of a build's end, is followed by the next without a break.
        let begins = line.rfind(|c| ('\u{2800}'..='\u{28ff}').contains(&c)).unwrap_or(0);
        assert!(line[begins..].chars().count() <= 48, "{line:?} wraps");
    }
    let first = lines.iter().position(|line| line.contains("MOON")).expect("the log");
    let last = lines.iter().rposition(|line| line.contains("MOON")).expect("the log");
    let wiped: Vec<&String> =
        lines[first..last].iter().filter(|line| line.contains("q 1") && !line.contains("MOON")).collect();
    assert!(wiped.is_empty(), "the log's line was lost: {wiped:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_python_is_named_by_its_version_alone() {
    let desk = Desk::new();
    let tag = desk.environment(false).await;
    let digits = tag.trim_start_matches("cp").to_owned();
    let dotted = format!("{}.{}", &digits[..1], &digits[1..]);
    desk.put(&desk.path("env/bin/python"), &format!("python{dotted}"));
    desk.write("empty.urls", "# nothing\n");
    let named = desk.path(&format!("bin/python{dotted}")).display().to_string();
    for spelling in
        [dotted.clone(), digits, format!("python{dotted}"), tag, named.clone(), format!("bin/python{dotted}")]
    {
        let ran = desk
            .run(
                "wheelwright",
                &["install", "-r", "empty.urls", "--python", &spelling, "--json", "--with", "pip"],
            )
            .await;
        assert_eq!(ran.succeeded().json()["python"], named.as_str(), "{spelling}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_python_that_is_not_on_the_path_is_found_where_pyenv_uv_and_the_system_have_theirs() {
    let desk = Desk::new();
    let tag = desk.environment(false).await;
    let dotted = format!("{}.{}", &tag[2..3], &tag[3..]);
    let ours = std::fs::canonicalize(desk.path("env/bin/python")).expect("a program");
    desk.write("empty.urls", "# nothing\n");
    let install = ["install", "-r", "empty.urls", "--json", "--with", "pip", "--python"];
    for folder in [".pyenv/versions/mine/bin", ".local/share/uv/python/cpython-mine/bin"] {
        std::fs::create_dir_all(desk.path(folder)).expect("a folder");
        let program = desk.path(folder).join(format!("python{dotted}"));
        std::os::unix::fs::symlink(&ours, &program).expect("a link");
        let ran = desk.run("wheelwright", &[&install[..], &[&dotted]].concat()).await.succeeded();
        let found = ran.json()["python"].as_str().map(std::path::PathBuf::from).expect("a path");
        assert_eq!(std::fs::canonicalize(&found).expect("a program"), ours, "{folder}");
        std::fs::remove_file(program).expect("it is gone");
    }
    // The distribution's own, whatever the PATH is.
    let system = ["/usr/bin/python3", "/usr/local/bin/python3"]
        .iter()
        .find(|path| std::path::Path::new(path).exists());
    let system = std::fs::canonicalize(system.expect("the distribution's Python")).expect("a program");
    let code = "import sys; print('%d.%d.%d' % sys.version_info[:3])";
    let version = std::process::Command::new(&system).args(["-c", code]).output().expect("it starts");
    let version = String::from_utf8_lossy(&version.stdout).trim().to_owned();
    let ran = desk.run("wheelwright", &[&install[..], &[&version]].concat()).await.succeeded();
    assert_eq!(ran.json()["python"], system.display().to_string().as_str());
    let none = desk.run("wheelwright", &[&install[..], &["3.99"]].concat()).await.failed();
    assert!((none.out + &none.err).contains("cannot find the Python 3.99"));
}
