//! Stories of the command line: what is typed, what is printed, how it exits.

use serde_json::Value;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

fn wheelwright(data: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wheelwright"));
    command.current_dir(data).env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.env("WHEELWRIGHT_DATA", data.join("data")).env("PIP_INDEX_URL", "http://127.0.0.1:9/simple/");
    command
}

fn run(data: &Path, arguments: &[&str]) -> Output {
    wheelwright(data).args(arguments).output().expect("it runs")
}

/// Standard output of a command that must succeed.
fn told(data: &Path, arguments: &[&str]) -> String {
    let output = run(data, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

fn json(data: &Path, arguments: &[&str]) -> Value {
    serde_json::from_str(&told(data, arguments)).expect("JSON")
}

/// A server process; ended when dropped.
struct Serving {
    process: Child,
    url: String,
}

impl Serving {
    fn start(data: &Path) -> Self {
        let mut process = wheelwright(data)
            .args(["serve", "--listen", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        let mut line = String::new();
        BufReader::new(process.stdout.take().expect("its output")).read_line(&mut line).expect("a line");
        let url = line.trim_end().strip_prefix("listening on ").expect(&line).to_owned();
        Self { process, url }
    }
}

/// A data folder as the first start leaves it.
fn started() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    drop(Serving::start(folder.path()));
    folder
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[tokio::test]
async fn a_first_start_leaves_a_password_and_stops_in_order() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut serving = Serving::start(folder.path());
    crate::kit::tls::ready();
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let file = folder.path().join("data/root-password");
    let password = std::fs::read_to_string(&file).expect("a password");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(&file).expect("a file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    let root = client.get(format!("{}/+tokens", serving.url)).basic_auth("root", Some(password.trim()));
    assert_eq!(root.send().await.expect("an answer").status(), 200);
    // What another process writes is seen at the next negative answer.
    told(folder.path(), &["user", "create", "alice", "--password", "secret"]);
    told(folder.path(), &["index", "create", "alice/dev", "--bases", "root/pypi"]);
    let index = client.get(format!("{}/alice/dev", serving.url)).basic_auth("alice", Some("secret"));
    assert_eq!(index.header("accept", "application/json").send().await.expect("an answer").status(), 200);
    let pid = rustix::process::Pid::from_child(&serving.process);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("a signal");
    assert_eq!(serving.process.wait().expect("it ends").code(), Some(0));
}

#[test]
fn who_checks_an_account_and_who_may_publish_is_said_on_the_command_line() {
    let folder = started();
    let data = folder.path();
    let refused = |arguments: &[&str], words: &str| {
        let output = run(data, arguments);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains(words), "{arguments:?}: {said}");
    };
    told(data, &["user", "create", "alice"]);
    assert_eq!(told(data, &["user", "source", "alice", "ldap"]), "user alice logs in with ldap\n");
    assert_eq!(json(data, &["user", "list", "--json"])[0]["source"], "ldap");
    told(data, &["user", "source", "alice", "none"]);
    refused(&["user", "source", "root", "ldap"], "root logs in with the password of this server alone");
    refused(&["user", "source", "alice", "oidc:corp"], "'oidc:corp' is not a way to log in");
    refused(&["user", "source", "nobody", "ldap"], "no user 'nobody'");
    told(data, &["index", "create", "alice/dev"]);
    let add = ["publisher", "add", "alice/dev", "--issuer", "https://issuer.example"];
    let with = |more: &[&'static str]| [&add[..], more].concat();
    let id = json(data, &with(&["--claim", "repository=org/demo", "--project", "Demo", "--json"]));
    let listed = json(data, &["publisher", "list", "alice/dev", "--json"]);
    assert_eq!((&listed[0]["id"], &listed[0]["project"]), (&id["id"], &"demo".into()));
    assert!(told(data, &["publisher", "list"]).contains("repository=org/demo"));
    refused(&add, "--claim <NAME=PATTERN>");
    refused(&with(&["--claim", "repository"]), "must be like repository=org/demo");
    refused(&with(&["--claim", "repository=*"]), "at least one claim beside its issuer");
    refused(&with(&["--claim", "a=b", "--claim", "a=c"]), "--claim a is there twice");
    let id = id["id"].as_str().expect("an id");
    assert_eq!(told(data, &["publisher", "remove", id]), format!("publisher {id} removed\n"));
    refused(&["publisher", "remove", id], "does not exist");
}

#[test]
fn users_indexes_and_tokens_are_managed_without_a_server() {
    let folder = started();
    let data = folder.path();
    let created = told(data, &["user", "create", "alice"]);
    assert!(created.starts_with("user alice created\npassword: "), "{created}");
    let output = run(data, &["user", "create", "alice"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("error: user already exists"));
    told(data, &["user", "group", "add", "team", "alice"]);
    told(data, &["user", "disable", "alice"]);
    let users = json(data, &["user", "list", "--json"]);
    assert_eq!((&users[0]["username"], &users[0]["disabled"]), (&"alice".into(), &true.into()));
    assert_eq!(users[0]["groups"], serde_json::json!(["team"]));
    told(data, &["user", "enable", "alice"]);
    told(data, &["index", "create", "alice/dev", "--bases", "root/pypi", "acl_read=alice,:team"]);
    told(data, &["index", "modify", "alice/dev", "acl_upload+=:team", "title=Dev"]);
    let index = json(data, &["index", "show", "alice/dev", "--json"]);
    assert_eq!(index["acl_upload"], serde_json::json!(["alice", ":team"]));
    assert_eq!(index["bases"], serde_json::json!(["root/pypi"]));
    assert!(told(data, &["index", "list"]).contains("http://127.0.0.1:9/simple/"));
    let arguments =
        ["token", "create", "alice", "--index", "alice/dev", "--project", "demo", "--action", "upload"];
    let token = told(data, &[&arguments[..], &["--expires", "90d"]].concat());
    let secret = token.lines().last().expect("a line");
    assert!(secret.starts_with("ww_") && secret.len() == 46, "{token}");
    let tokens = json(data, &["token", "list", "--json"]);
    assert_eq!(tokens[0]["scope"]["project"], "demo");
    let id = tokens[0]["id"].as_str().expect("an id");
    assert_eq!(json(data, &["token", "revoke", id, "--json"])["revoked"], true);
    assert_eq!(json(data, &["token", "list", "--json"]), serde_json::json!([]));
    let output = run(data, &["user", "delete", "alice"]);
    let refused = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(1) && refused.contains("alice/dev. Use --force"), "{refused}");
    assert_eq!(json(data, &["index", "delete", "alice/dev", "--json"])["deleted"], true, "it is empty");
    told(data, &["user", "delete", "alice"]);
    told(data, &["user", "create", "bob"]);
    told(data, &["index", "create", "bob/dev"]);
    assert_eq!(json(data, &["user", "delete", "bob", "--force", "--json"])["indexes"][0], "bob/dev");
}

#[test]
fn an_expired_token_is_marked_in_the_list() {
    let folder = started();
    let data = folder.path();
    told(data, &["user", "create", "alice"]);
    told(data, &["token", "create", "alice", "--name", "brief", "--expires", "1s"]);
    told(data, &["token", "create", "alice", "--name", "lasting", "--expires", "90d"]);
    let of = |name: &str, tokens: &Value| {
        let tokens = tokens.as_array().expect("a list").iter();
        tokens.clone().find(|token| token["name"] == name).expect("a token")["expired"].clone()
    };
    let listed = || json(data, &["token", "list", "alice", "--json"]);
    while of("brief", &listed()) != true {}
    assert_eq!(of("lasting", &listed()), false);
    let table = told(data, &["token", "list"]);
    let ends = |name: &str| {
        let row = table.lines().find(|line| line.contains(name)).expect("a row");
        row.trim_end().ends_with("expired")
    };
    assert!(ends("brief") && !ends("lasting"), "{table}");
}

#[test]
fn a_role_is_given_and_taken_by_name() {
    let folder = started();
    let data = folder.path();
    told(data, &["user", "create", "carol"]);
    let roles = || {
        json(data, &["user", "list", "--json"])
            .as_array()
            .expect("a list")
            .iter()
            .find(|user| user["username"] == "carol")
            .expect("carol")["roles"]
            .clone()
    };
    assert_eq!(roles(), serde_json::json!([]));
    // A group of that name is no role.
    told(data, &["user", "group", "add", "builder", "carol"]);
    assert_eq!(roles(), serde_json::json!([]));
    assert_eq!(told(data, &["user", "role", "add", "builder", "carol"]), "carol has the role builder\n");
    assert_eq!(roles(), serde_json::json!(["builder"]));
    for (role, user) in [("painter", "carol"), ("builder", "nobody")] {
        let refused = run(data, &["user", "role", "add", role, user]);
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(
            refused.status.code() == Some(1) && said.contains(if user == "carol" { role } else { user }),
            "{said}"
        );
    }
    told(data, &["user", "role", "remove", "builder", "carol"]);
    assert_eq!(roles(), serde_json::json!([]));
}

#[test]
fn a_password_can_come_from_standard_input() {
    let folder = started();
    let mut command = wheelwright(folder.path());
    let mut process = command
        .args(["user", "create", "alice", "--password-stdin"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    process.stdin.take().expect("its input").write_all(b"from a pipe\n").expect("written");
    let output = process.wait_with_output().expect("it ends");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "user alice created\n");
}

#[test]
fn the_configuration_tells_where_each_value_came_from() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("wheelwright.toml"), "offline = true\n").expect("a file");
    let output = wheelwright(folder.path())
        .args(["config", "show", "--json", "--database", "postgres://u:hidden@h/d"])
        .env("WHEELWRIGHT_LIMITS__UPLOAD", "2 GiB")
        .output()
        .expect("it runs");
    let shown: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(shown["limits.upload"]["value"], "2 GiB");
    assert_eq!(shown["limits.upload"]["from"], "environment WHEELWRIGHT_LIMITS__UPLOAD");
    assert_eq!(shown["offline"]["from"], "wheelwright.toml:1");
    assert_eq!(shown["database"]["value"], "postgres://****@h/d");
    assert_eq!(shown["listen"]["from"], "default");
}

#[test]
fn mistakes_exit_with_2_and_say_what_to_do() {
    let folder = tempfile::tempdir().expect("a folder");
    assert_eq!(run(folder.path(), &["serv"]).status.code(), Some(2));
    let output =
        wheelwright(folder.path()).arg("serve").env("WHEELWRIGHT_LISTN", "x").output().expect("it runs");
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(
        String::from_utf8_lossy(&output.stderr),
        "error: the environment variable WHEELWRIGHT_LISTN is not a setting: did you mean \
         WHEELWRIGHT_LISTEN?\n"
    );
    for (arguments, why) in [
        (&["serve", "--listen", "nonsense"][..], "flag --listen: listen must be ADDRESS:PORT"),
        (&["serve", "--database", "mysql://h/d"], "flag --database: database must be sqlite://PATH"),
        (&["serve", "--storage", "ftp://h/d"], "flag --storage: storage must be s3://BUCKET"),
        (&["index", "create", "dev"], "write user/index"),
        (&["index", "create", "alice/d v"], "characters that aren't allowed"),
        (&["token", "create", "alice", "--expires", "soon"], "is not a time like 90d"),
    ] {
        let output = run(folder.path(), arguments);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(2) && said.contains(why), "{arguments:?}: {said}");
    }
    assert!(!folder.path().join("data").exists(), "nothing was made");
}

#[test]
fn a_mistyped_folder_does_not_become_an_installation() {
    let folder = tempfile::tempdir().expect("a folder");
    for arguments in [&["user", "list"][..], &["index", "list"], &["token", "list"], &["user", "create", "a"]]
    {
        let output = run(folder.path(), arguments);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(1) && said.contains("with --data"), "{said}");
    }
    assert!(!folder.path().join("data").exists());
}

#[test]
fn options_may_follow_the_changes_of_an_index() {
    let folder = started();
    let data = folder.path().join("data");
    let place = data.to_str().expect("text");
    let changed =
        json(folder.path(), &["index", "modify", "root/pypi", "title=x", "--data", place, "--json"]);
    assert_eq!(changed["title"], "x");
    let changed = json(folder.path(), &["index", "modify", "root/pypi", "title-=", "--json"]);
    assert!(changed.get("title").is_none(), "{changed}");
    let output = run(folder.path(), &["index", "create", "root/dev", "mirror_url=http://h/"]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("(an option of mirrors)"));
}

#[test]
fn what_is_no_database_is_told_at_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("broken.db");
    std::fs::write(&file, "no database ".repeat(1000)).expect("a file");
    let url = format!("sqlite://{}", file.display());
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    drop(listener);
    let nobody = format!("postgres://u@127.0.0.1:{port}/d");
    for (url, why) in [(url, "file is not a database"), (nobody, "Check that it is running")] {
        let output = run(folder.path(), &["serve", "--listen", "127.0.0.1:0", "--database", &url]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(1) && said.contains(why), "{said}");
        assert_eq!(said.lines().count(), 1, "nothing but the error: {said}");
    }
}

#[test]
fn a_bucket_without_credentials_is_refused_with_the_variables_to_set() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = run(folder.path(), &["serve", "--listen", "127.0.0.1:0", "--storage", "s3://bucket"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(1) && said.contains("AWS_SECRET_ACCESS_KEY"), "{said}");
}

#[test]
fn a_second_server_on_the_same_folder_is_refused_and_other_commands_are_not() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path();
    let server = Serving::start(data);
    let output = run(data, &["serve", "--listen", "127.0.0.1:0"]);
    let refused = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(1) && refused.contains(&server.url), "{refused}");
    told(data, &["index", "list"]);
    drop(server);
    drop(Serving::start(data));
}

#[cfg(unix)]
#[test]
fn a_folder_that_may_not_be_read_is_not_an_empty_one() {
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::process::CommandExt;
    let folder = started();
    let data = folder.path();
    std::fs::set_permissions(data, std::fs::Permissions::from_mode(0o700)).expect("a mode");
    if std::fs::metadata("/proc/self").is_ok_and(|me| std::os::unix::fs::MetadataExt::uid(&me) != 0) {
        std::fs::set_permissions(data, std::fs::Permissions::from_mode(0o000)).expect("a mode");
    }
    let mut command = wheelwright(data);
    command.args(["index", "list"]);
    // Root may read everything: as somebody else, from a copy of the program that they may run.
    let place = tempfile::tempdir().expect("a folder");
    if std::fs::metadata("/proc/self").is_ok_and(|me| std::os::unix::fs::MetadataExt::uid(&me) == 0) {
        std::fs::set_permissions(place.path(), std::fs::Permissions::from_mode(0o755)).expect("a mode");
        let copy = place.path().join("wheelwright");
        std::fs::copy(env!("CARGO_BIN_EXE_wheelwright"), &copy).expect("a copy");
        command = std::process::Command::new(copy);
        command.args(["index", "list", "--data"]).arg(data).uid(65534).current_dir("/");
    }
    let output = command.output().expect("it runs");
    std::fs::set_permissions(data, std::fs::Permissions::from_mode(0o700)).expect("a mode");
    let refused = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(1), "{refused}");
    assert!(refused.contains("Permission denied") && refused.contains("as the user"), "{refused}");
}
