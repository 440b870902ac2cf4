//! `wheelwright build` on real input: PyPI, a repository and a project, for an old and a new Python.

use crate::cli::build::{Built, Machine, git};
use std::path::PathBuf;
use std::process::Command;
use wheelwright::config::upstream::default_upstream;

fn pypi() -> String {
    default_upstream(|name| std::env::var(name).ok()).expect("PyPI's address")
}

/// A project of the old kind: `setup.py`, conditions in `setup.cfg` and in `extras_require`.
fn legacy(machine: &Machine, name: &str) -> PathBuf {
    let folder = machine.path(name);
    std::fs::create_dir_all(folder.join("legacy")).expect("a folder");
    let setup =
        "from setuptools import setup\nsetup(extras_require={':python_version<\"3\"': ['futures']})\n";
    let config = "[metadata]\nname = legacy\nversion = 1.1\n\n[options]\npackages = legacy\n\
                  install_requires =\n    enum34; python_version < \"3.4\"\n    six>=1.9\n\n\
                  [bdist_wheel]\nuniversal = 1\n";
    std::fs::write(folder.join("setup.py"), setup).expect("a file");
    std::fs::write(folder.join("setup.cfg"), config).expect("a file");
    std::fs::write(folder.join("legacy/__init__.py"), "import six\n").expect("a file");
    folder
}

fn python(version: &str) -> Option<PathBuf> {
    let root = std::env::var_os("PYENV_ROOT").map(PathBuf::from);
    let root = root.or_else(|| std::env::home_dir().map(|home| home.join(".pyenv")))?;
    let mut found: Vec<PathBuf> =
        std::fs::read_dir(root.join("versions")).ok()?.flatten().map(|e| e.path()).collect();
    found.retain(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(version)));
    found.sort();
    Some(found.pop()?.join("bin/python"))
}

/// Installs from the wheelhouse alone into a new folder and imports what came.
fn installs(machine: &Machine, version: &str, projects: &[&str], imports: &str) {
    let Some(python) = python(version) else { panic!("there is no Python {version} to install with") };
    let site = machine.path(&format!("site-{version}"));
    let mut command = Command::new(&python);
    command
        .current_dir(machine.path("."))
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.args(["-m", "pip", "install", "--no-index", "--find-links", "house", "--target"]).arg(&site);
    let output = command.args(projects).output().expect("pip runs");
    assert!(output.status.success(), "{version}: {}", String::from_utf8_lossy(&output.stderr));
    let output = Command::new(&python).env_clear().env("PYTHONPATH", &site).args(["-c", imports]).output();
    let output = output.expect("python runs");
    assert!(output.status.success(), "{version}: {}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test(flavor = "multi_thread")]
async fn pypi_a_repository_and_a_project_install_on_two_pythons_from_one_folder() {
    let machine = Machine::new();
    let repository = machine.project("repository", "name=demo\nversion=1.2\n");
    for arguments in [&["init", "-q", "."][..], &["add", "."], &["commit", "-q", "-m", "x"], &["tag", "v1.2"]]
    {
        git(&repository, arguments);
    }
    legacy(&machine, "my-project");
    let url = format!("git+file://{}@v1.2", repository.display());
    let arguments = ["docopt", &url, "./my-project", "--target", "cp27-linux", "--target", "cp313-linux"];
    let built: Built = machine.build(&pypi(), &arguments).await.succeeded();
    let outcomes = built.outcomes();
    for expected in ["docopt cp27mu built", "docopt cp313 built", "legacy cp27mu built", "legacy cp313 built"]
    {
        assert!(outcomes.iter().any(|told| told == expected), "{expected}: {outcomes:?}");
    }
    assert!(outcomes.iter().any(|told| told == "enum34 cp27mu fetched"), "{outcomes:?}");
    assert!(!outcomes.iter().any(|told| told.starts_with("enum34 cp313")), "{outcomes:?}");
    let projects = ["docopt", "demo", "legacy"];
    installs(&machine, "2.7", &projects, "import docopt, demo, legacy, enum, concurrent.futures");
    installs(&machine, "3.13", &projects, "import docopt, demo, legacy");
    // The conditions are in the wheel, and both builds agree on it.
    let house = machine.house();
    assert!(house.contains(&"legacy-1.1-py2.py3-none-any.whl".to_owned()), "{house:?}");
    let wheel = std::fs::File::open(machine.path("house/legacy-1.1-py2.py3-none-any.whl")).expect("a wheel");
    let metadata = wheelwright::packaging::wheel::read_metadata(wheel).expect("metadata");
    let metadata = String::from_utf8_lossy(&metadata).into_owned();
    assert!(metadata.contains("enum34") && metadata.contains("python_version < \"3.4\""), "{metadata}");
    // Again: all but the sources that were named is there.
    let again = machine.build(&pypi(), &arguments).await.succeeded();
    assert!(again.outcomes().contains(&"docopt cp27mu held".to_owned()), "{:?}", again.outcomes());
}

/// The members of a wheel, unpacked and imported by the interpreter: the pip that came with 2.7 knows
/// no tags like those of this machine.
fn unpacked(machine: &Machine, version: &str, tag: &str, imports: &str) -> Vec<String> {
    let Some(python) = python(version) else { panic!("there is no Python {version} to import with") };
    let (house, site) = (machine.house(), machine.path(&format!("unpacked-{version}")));
    let name = house.iter().find(|name| name.contains(tag));
    let name = name.unwrap_or_else(|| panic!("no wheel for {tag} in {house:?}"));
    let path = machine.path("house").join(name);
    let mut unpack = Command::new("python3");
    unpack.args(["-m", "zipfile", "-e"]).args([&path, &site]);
    assert!(unpack.status().expect("python runs").success());
    let output = Command::new(&python).env_clear().env("PYTHONPATH", &site).args(["-c", imports]).output();
    let output = output.expect("python runs");
    assert!(output.status.success(), "{version}: {}", String::from_utf8_lossy(&output.stderr));
    let file = std::fs::File::open(path).expect("a wheel");
    let wheel = wheelwright::packaging::retag::PlainWheel::open(file, name).expect("a wheel");
    wheel.members.iter().map(|member| member.name.clone()).collect()
}

/// The recipe that comes along, from end to end: headers by apt, the client library copied in, its own
/// tests against a MariaDB server that starts and stops in the sandbox.
#[tokio::test(flavor = "multi_thread")]
async fn mysqlclient_brings_its_library_along_and_passes_its_tests_on_two_pythons() {
    let apt = Command::new("apt-get").arg("--version").output();
    assert!(apt.is_ok(), "this story needs Debian's apt-get: the recipe takes its packages from there");
    let machine = Machine::new();
    let imports = "import MySQLdb; MySQLdb.get_client_info()";
    for (requirement, version, tag) in
        [("mysqlclient==2.2.7", "3.13", "cp313"), ("mysqlclient==1.4.6", "2.7", "cp27")]
    {
        let arguments = [requirement, "--target", version];
        let built = machine.build(&pypi(), &arguments).await.succeeded();
        assert!(built.outcomes().iter().any(|told| told.ends_with("built")), "{:?}", built.outcomes());
        let members = unpacked(&machine, version, tag, imports);
        assert!(members.iter().any(|name| name.starts_with("mysqlclient.libs/libmariadb")), "{members:?}");
    }
    installs(&machine, "3.13", &["mysqlclient==2.2.7"], imports);
}
