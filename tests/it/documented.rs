//! Every command line of the documents is run as a reader would type it, a document in one go: a new one that
//! does not work fails here.

use crate::kit::backend::Company;
use crate::kit::clients::Client;
use crate::kit::packages::Package;
use extract::Command;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU16, Ordering};

mod extract;
mod links;
mod reference;
mod tables;

const DOCUMENTS: [&str; 57] = [
    extract::HELP,
    "README.md",
    "CONTRIBUTING.md",
    "scripts/first-steps",
    "docs/README.md",
    "docs/docker/README.md",
    "docs/explanation/guarantees.md",
    "docs/explanation/inheritance.md",
    "docs/explanation/promised-wheels.md",
    "docs/explanation/sandbox.md",
    "docs/explanation/why-wheelwright.md",
    "docs/how-to/audit.md",
    "docs/how-to/back-up-and-restore.md",
    "docs/how-to/build-for-macos.md",
    "docs/how-to/build-for-windows.md",
    "docs/how-to/build-wheels.md",
    "docs/how-to/carry-bundles.md",
    "docs/how-to/check-a-lock-file.md",
    "docs/how-to/compile-and-resolve.md",
    "docs/how-to/curate-an-index.md",
    "docs/how-to/get-ready.md",
    "docs/how-to/give-access.md",
    "docs/how-to/hook-programs.md",
    "docs/how-to/import.md",
    "docs/how-to/install.md",
    "docs/how-to/log-in-with-ldap.md",
    "docs/how-to/log-in-with-oidc.md",
    "docs/how-to/maintain-an-index.md",
    "docs/how-to/mirror-an-index.md",
    "docs/how-to/publish-wheelhouses.md",
    "docs/how-to/publish-without-secrets.md",
    "docs/how-to/respond-to-a-bad-package.md",
    "docs/how-to/run-a-server.md",
    "docs/how-to/search.md",
    "docs/how-to/shadow.md",
    "docs/how-to/troubleshoot.md",
    "docs/how-to/use-a-server.md",
    "docs/how-to/run-a-replica.md",
    "docs/how-to/watch-repositories.md",
    "docs/how-to/webhooks.md",
    "docs/move-from-devpi.md",
    "docs/how-to/write-a-recipe.md",
    "docs/reference/anonymous-requests.md",
    "docs/reference/builds.md",
    "docs/reference/commands.md",
    "docs/reference/http.md",
    "docs/reference/index-options.md",
    "docs/reference/metrics.md",
    "docs/reference/promised-wheels.md",
    "docs/reference/protocol-tests.md",
    "docs/reference/recipes.md",
    "docs/reference/settings.md",
    "docs/reference/uploads.md",
    "docs/tutorials/first-five-minutes.md",
    "docs/tutorials/in-a-browser.md",
    "docs/tutorials/private-index.md",
    "docs/tutorials/wheels-on-demand.md",
];

/// What is another name, number or place at the reader's: first what is longer.
const NAMES: [(&str, &str); 17] = [
    ("git+https://host/repo", "git+file://$SCRATCH/repo"),
    ("git+ssh://git@host/team/repo", "git+file://$SCRATCH/repo"),
    ("http://127.0.0.1:3141", "$SERVER"),
    ("http://host:3141", "$SERVER"),
    ("https://wheels.example.org", "$SERVER"),
    ("https://host", "$SERVER"),
    ("https://user:secret@wheels.partner.example/simple/", "$PARTNER/"),
    ("--listen 0.0.0.0:3141", ""),
    ("--listen 0.0.0.0:443", ""),
    ("postgres://wheelwright@db/wheelwright", "$DATABASE"),
    ("/srv/wheelwright", "$SCRATCH/srv"),
    ("-u alice ", "-u alice:$TWINE_PASSWORD "),
    ("-u root ", "-u root:$ROOT_PASSWORD "),
    ("TOKEN", "$TOKEN"),
    ("PROJECT", "my-private-package"),
    ("COMMAND", "build"),
    ("DIR", "recipes"),
];
struct Exempt {
    document: String,
    line: String,
}

fn file(name: &str) -> String {
    extract::text_of(&format!("tests/it/documented/{name}"))
}

fn exempt() -> Vec<Exempt> {
    let text = file("not-run.txt");
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let each = lines.map(|line| {
        let [document, line, reason] = line.splitn(3, " | ").collect::<Vec<_>>()[..] else {
            panic!("not-run.txt: {line}: DOCUMENT | LINE | REASON");
        };
        assert!(!reason.trim().is_empty(), "not-run.txt: no reason for {line}");
        Exempt { document: document.to_owned(), line: line.to_owned() }
    });
    each.collect()
}

/// The same line for the test's machine.
fn mapped(text: &str) -> String {
    let text = NAMES.iter().fold(text.to_owned(), |text, (theirs, ours)| text.replace(theirs, ours));
    let mut mapped = String::new();
    for word in text.split_inclusive(|c: char| c.is_whitespace() || c == '/') {
        let name = word.trim_end_matches(|c: char| c.is_whitespace() || c == '/');
        let version = name.trim_end_matches("-linux").strip_prefix("cp");
        // `cp313`, `cp27-linux`: every target of the documents is this machine's Python here.
        let is_target = version.is_some_and(|digits| digits.parse::<u32>().is_ok());
        mapped.push_str(&if is_target { word.replace(name, "$TARGET") } else { word.to_owned() });
    }
    mapped
}

/// `… root/pypi …`: the last word stands for each of the options in the section's table.
fn filled(command: &Command, document: &str) -> Vec<String> {
    let Some(start) = command.text.strip_suffix('…') else { return vec![command.text.clone()] };
    let text = extract::text_of(document);
    let section = text.split(&format!("# {}\n", command.section)).nth(1).expect("the section");
    let rows = section.lines().take_while(|line| !line.starts_with('#'));
    let options = rows.filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    let lines: Vec<String> = options.map(|option| format!("{start}'{option}'")).collect();
    assert!(!lines.is_empty(), "{}: there is no table of what … stands for", command.place);
    lines
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

fn script(document: &str) -> String {
    let exempt = exempt();
    let mut script = file("stage.sh") + &file("before.sh");
    writeln!(script, "before {}", quoted(document)).expect("text");
    let mut section = None;
    for command in extract::commands(document) {
        if section.as_ref() != Some(&command.section) {
            writeln!(script, "before {}", quoted(&format!("{document}# {}", command.section))).expect("text");
            section = Some(command.section.clone());
        }
        if exempt.iter().any(|known| known.document == document && known.line == command.text) {
            continue;
        }
        writeln!(script, "before {}", quoted(&format!("{document}: {}", command.text))).expect("text");
        let way = if command.is_inline { "mentioned" } else { "run" };
        for line in filled(&command, document) {
            writeln!(script, "{way} {} {}", quoted(&command.place), quoted(&mapped(&line))).expect("text");
        }
    }
    script + "exit $WRONG\n"
}

/// A folder in the temporary ones, and what documents take as given.
fn given(scratch: &Path) {
    let dist = scratch.join("given/dist");
    let more = scratch.join("given/more");
    for folder in [&dist, &more, &scratch.join("home"), &scratch.join("folder"), &scratch.join("bin")] {
        std::fs::create_dir_all(folder).expect("a folder");
    }
    let wheel = |name: &str, version: &str| Package::new(name, version).tag("py3-none-any").wheel();
    wheel("my-private-package", "1.0").save(&dist);
    for (name, version) in [("my-private-package", "1.1"), ("demo", "1.2")] {
        wheel(name, version).save(&more);
    }
    Package::new("demo", "1.0").sdist().save(&scratch.join("given"));
    let recipe = extract::file_in("docs/how-to/write-a-recipe.md", "Write the file", "toml");
    std::fs::write(scratch.join("given/libdemo.toml"), recipe).expect("a recipe");
    let rules = extract::file_in("docs/how-to/curate-an-index.md", "Let rules decide the easy ones", "toml");
    std::fs::write(scratch.join("given/rules.toml"), rules).expect("rules");
}

/// Every test has a loopback address of its own, so that the port can be the documents'.
fn address() -> String {
    static NEXT: AtomicU16 = AtomicU16::new(3141);
    let id = std::process::id();
    let [_, high, middle, low] = id.to_be_bytes();
    format!("127.{}.{middle}.{low}:{}", 64 | high & 63, NEXT.fetch_add(1, Ordering::Relaxed))
}

fn machine(scratch: &Path) -> std::process::Command {
    given(scratch);
    let programs = ["uv", "twine", "pip-reqs"].map(|name| (name, Client::new(name).program(name)));
    let own = ("wheelwright", PathBuf::from(env!("CARGO_BIN_EXE_wheelwright")));
    for (name, program) in programs.into_iter().chain([own]) {
        std::os::unix::fs::symlink(program, scratch.join("bin").join(name)).expect("a link");
    }
    let environment = scratch.join("env");
    let made = std::process::Command::new("python3").args(["-m", "venv"]).arg(&environment).output();
    assert!(made.expect("python3 starts").status.success(), "no environment");
    let mut command = std::process::Command::new("bash");
    command.env_clear().current_dir(scratch.join("folder"));
    for name in
        ["SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "PIP_CERT", "CARGO_HOME"]
    {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    let home = scratch.join("home");
    let at = |path: &Path| path.display().to_string();
    let system = std::env::var("PATH").unwrap_or_default();
    let bins = [environment.join("bin"), scratch.join("bin"), home.join(".local/bin")].map(|path| at(&path));
    let address = address();
    command.envs([
        ("PATH", format!("{}:{system}", bins.join(":"))),
        ("HOME", at(&home)),
        ("VIRTUAL_ENV", at(&environment)),
        ("SCRATCH", at(scratch)),
        ("FOLDER", at(&scratch.join("folder"))),
        ("GIVEN", at(&scratch.join("given"))),
        ("REPOSITORY", env!("CARGO_MANIFEST_DIR").to_owned()),
        ("SERVER", format!("http://{address}")),
        ("LISTEN", address.clone()),
        // What the commands take by themselves is the documents' address.
        ("WHEELSPROXY_URL", format!("http://{address}/v1/pypi/auto/")),
        ("TARGET", target(&environment)),
    ]);
    let fixed = [
        ("LANG", "C.UTF-8"),
        ("TERM", "dumb"),
        ("UV_NO_CONFIG", "1"),
        ("UV_PYTHON_DOWNLOADS", "never"),
        ("PIP_DISABLE_PIP_VERSION_CHECK", "1"),
        ("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring"),
        ("TWINE_NON_INTERACTIVE", "1"),
    ];
    command.envs(fixed);
    command
}

/// Of the environment's Python: `cp312-linux`.
fn target(environment: &Path) -> String {
    let code = "import sys; print('cp%d%d-linux' % sys.version_info[:2])";
    let told = std::process::Command::new(environment.join("bin/python")).args(["-c", code]).output();
    String::from_utf8_lossy(&told.expect("it starts").stdout).trim().to_owned()
}

fn works(document: &str, variables: &[(&str, String)]) {
    let scratch = tempfile::tempdir().expect("a folder");
    let path = scratch.path().join("script");
    std::fs::write(&path, script(document)).expect("a script");
    let mut command = machine(scratch.path());
    command.arg(&path).envs(variables.iter().map(|(name, value)| (*name, value)));
    let log = std::fs::File::create(scratch.path().join("log")).expect("a log");
    command.stdin(std::process::Stdio::null()).stderr(log.try_clone().expect("a log")).stdout(log);
    let status = command.status().expect("bash starts");
    let said = std::fs::read_to_string(scratch.path().join("log")).unwrap_or_default();
    assert!(status.success(), "{document}: {status}\n{said}");
}

macro_rules! documents_work {
    ($($name:ident: $document:literal,)+) => {
        $(#[test]
        fn $name() {
            works($document, &[]);
        })+
    };
}

documents_work! {
    the_examples_in_the_programs_help_work: "wheelwright --help",
    the_commands_of_the_readme_work: "README.md",
    the_commands_for_contributors_are_there: "CONTRIBUTING.md",
    the_first_steps_work: "scripts/first-steps",
    the_commands_of_the_docker_example_work: "docs/docker/README.md",
    the_commands_about_pages_are_there: "docs/tutorials/in-a-browser.md",
    the_commands_of_the_first_tutorial_work: "docs/tutorials/private-index.md",
    the_commands_of_wheels_on_demand_work: "docs/tutorials/wheels-on-demand.md",
    the_commands_of_the_first_five_minutes_work: "docs/tutorials/first-five-minutes.md",
    the_commands_about_installing_work: "docs/how-to/install.md",
    the_commands_about_a_new_python_work: "docs/how-to/get-ready.md",
    the_commands_about_the_audit_log_work: "docs/how-to/audit.md",
    the_commands_about_access_work: "docs/how-to/give-access.md",
    the_commands_about_mirrors_work: "docs/how-to/mirror-an-index.md",
    the_commands_about_windows_work: "docs/how-to/build-for-windows.md",
    the_commands_about_macs_work: "docs/how-to/build-for-macos.md",
    the_commands_about_builds_work: "docs/how-to/build-wheels.md",
    the_commands_about_bundles_are_there: "docs/how-to/carry-bundles.md",
    the_commands_about_compiling_work: "docs/how-to/compile-and-resolve.md",
    the_commands_about_recipes_work: "docs/how-to/write-a-recipe.md",
    the_commands_about_imports_are_there: "docs/how-to/import.md",
    the_commands_about_ldap_work: "docs/how-to/log-in-with-ldap.md",
    the_commands_about_openid_connect_work: "docs/how-to/log-in-with-oidc.md",
    the_commands_about_trusted_publishing_work: "docs/how-to/publish-without-secrets.md",
    the_commands_about_curation_work: "docs/how-to/curate-an-index.md",
    the_commands_about_maintenance_work: "docs/how-to/maintain-an-index.md",
    the_commands_about_replicas_work: "docs/how-to/run-a-replica.md",
    the_commands_about_watches_work: "docs/how-to/watch-repositories.md",
    the_commands_about_bad_packages_work: "docs/how-to/respond-to-a-bad-package.md",
    the_commands_about_lock_files_work: "docs/how-to/check-a-lock-file.md",
    the_commands_about_using_a_server_work: "docs/how-to/use-a-server.md",
    the_commands_about_webhooks_work: "docs/how-to/webhooks.md",
    the_commands_about_search_work: "docs/how-to/search.md",
    the_commands_about_a_shadow_work: "docs/how-to/shadow.md",
    the_commands_about_trouble_work: "docs/how-to/troubleshoot.md",
    the_commands_of_the_reference_of_commands_work: "docs/reference/commands.md",
    the_commands_of_the_reference_of_settings_work: "docs/reference/settings.md",
    the_commands_of_the_reference_of_promises_work: "docs/reference/promised-wheels.md",
    the_commands_of_the_reference_of_builds_work: "docs/reference/builds.md",
    the_commands_about_anonymous_requests_work: "docs/reference/anonymous-requests.md",
    the_commands_about_guarantees_work: "docs/explanation/guarantees.md",
    the_commands_about_inheritance_work: "docs/explanation/inheritance.md",
}

#[tokio::test(flavor = "multi_thread")]
async fn the_commands_about_running_a_server_work() {
    let company = Company::start().await;
    let mut config = wheelwright::config::Config::default();
    company.configure(&mut config);
    let s3 = config.s3.clone();
    let variables = [
        ("DATABASE", company.postgres.url.clone()),
        ("S3_ENDPOINT", s3.endpoint.unwrap_or_default()),
        ("S3_KEY", s3.access_key_id.unwrap_or_default()),
        ("S3_SECRET", s3.secret_access_key.unwrap_or_default()),
    ];
    tokio::task::spawn_blocking(move || works("docs/how-to/run-a-server.md", &variables))
        .await
        .expect("it works");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_commands_about_backups_work() {
    let company = Company::start().await;
    let s3 = company.s3.settings();
    let variables = [
        ("DATABASE", company.postgres.url.clone()),
        ("S3_ENDPOINT", company.s3.endpoint.clone()),
        ("S3_KEY", s3.access_key_id.unwrap_or_default()),
        ("S3_SECRET", s3.secret_access_key.unwrap_or_default()),
    ];
    std::fs::create_dir_all(company.s3.bucket("backups")).expect("a bucket");
    tokio::task::spawn_blocking(move || works("docs/how-to/back-up-and-restore.md", &variables))
        .await
        .expect("it works");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_commands_about_wheelhouses_work() {
    let bucket = crate::kit::s3::Bucket::start().await;
    let s3 = bucket.settings();
    let variables = [
        ("S3_ENDPOINT", bucket.endpoint.clone()),
        ("S3_KEY", s3.access_key_id.unwrap_or_default()),
        ("S3_SECRET", s3.secret_access_key.unwrap_or_default()),
    ];
    tokio::task::spawn_blocking(move || works("docs/how-to/publish-wheelhouses.md", &variables))
        .await
        .expect("it works");
}

fn documents_below(folder: &str) -> BTreeSet<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut found = BTreeSet::new();
    for entry in std::fs::read_dir(path).expect("a folder").flatten() {
        let name = format!("{folder}/{}", entry.file_name().to_string_lossy());
        if entry.path().is_dir() {
            found.extend(documents_below(&name));
        } else if name.ends_with(".md") {
            found.insert(name);
        }
    }
    found
}

#[test]
fn every_document_has_its_test_and_every_exception_its_line() {
    let known: BTreeSet<String> = DOCUMENTS.iter().map(|&name| name.to_owned()).collect();
    let unknown: Vec<String> =
        documents_below("docs").into_iter().filter(|name| !known.contains(name)).collect();
    assert!(unknown.is_empty(), "no test runs the commands of {unknown:?}");
    let here = file("../documented.rs");
    for document in DOCUMENTS {
        let commands = extract::commands(document);
        let has_test =
            here.contains(&format!(": \"{document}\",")) || here.contains(&format!("works(\"{document}\""));
        assert!(has_test || commands.is_empty(), "no test runs the commands of {document}");
        for exempt in exempt().iter().filter(|exempt| exempt.document == document) {
            let is_there = commands.iter().any(|command| command.text == exempt.line);
            assert!(is_there, "not-run.txt: {document} has no line {:?} any more", exempt.line);
        }
    }
    for exempt in exempt() {
        assert!(known.contains(&exempt.document), "not-run.txt: {} is no document", exempt.document);
    }
    for key in file("before.sh")
        .split('\'')
        .skip(1)
        .step_by(2)
        .filter(|key| key.contains(".md") || key.contains(extract::HELP))
    {
        let is_used = |document: &str, is_it: &dyn Fn(&extract::Command) -> bool| {
            assert!(extract::commands(document).iter().any(is_it), "before.sh: {key:?} is in no document");
        };
        match (key.split_once("# "), key.split_once(": ")) {
            (Some((document, section)), _) => is_used(document, &|command| command.section == section),
            (None, Some((document, line))) => is_used(document, &|command| command.text == line),
            (None, None) => assert!(known.contains(key), "before.sh: {key} is no document"),
        }
    }
}
