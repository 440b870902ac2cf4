//! Addresses, input files and what is made of them.

use super::*;
use crate::names::ProjectName;
use std::collections::BTreeSet;
use std::path::Path;

#[test]
fn an_address_is_told_from_its_parts() {
    let whole =
        ProxyAddress::parse("http://al:pw@h.example:3141/under/v1/alice.dev+pypi/cp312-linux/").unwrap();
    assert_eq!(whole.root.as_str(), "http://al:pw@h.example:3141/under/");
    assert_eq!(whole.place(), "v1/alice.dev+pypi/cp312-linux");
    assert_eq!(whole.public_simple(), "http://h.example:3141/under/v1/alice.dev+pypi/cp312-linux/+simple/");
    let pages = ProxyAddress::parse("http://h.example/v1/pypi/auto/+simple/").unwrap();
    assert_eq!(pages.place(), "v1/pypi/auto");
    for wrong in
        ["", "h.example/v1/a/b", "http://h.example/simple/", "http://h.example/v1/pypi/", "ftp://h/v1/a/b/"]
    {
        let said = ProxyAddress::parse(wrong).unwrap_err().to_string();
        assert!(said.contains("/v1/INDEXES/TARGET/"), "{said}");
    }
}

#[test]
fn flags_go_before_the_variable_and_change_its_parts() {
    let address = |through: &Through, variable: Option<&str>| {
        let address = through.address(variable.map(str::to_owned)).unwrap();
        format!("{}{}", address.root, address.place())
    };
    let plain = Through::default();
    assert_eq!(address(&plain, None), "http://127.0.0.1:3141/v1/pypi/auto");
    assert_eq!(address(&plain, Some("")), "http://127.0.0.1:3141/v1/pypi/auto");
    let variable = Some("http://h.example/v1/a.b/cp27/");
    assert_eq!(address(&plain, variable), "http://h.example/v1/a.b/cp27");
    let target = Through { target: Some("cp313".into()), ..Through::default() };
    assert_eq!(address(&target, variable), "http://h.example/v1/a.b/cp313");
    let indexes = Through { indexes: vec!["alice/dev".into(), "pypi".into()], ..Through::default() };
    assert_eq!(address(&indexes, variable), "http://h.example/v1/alice.dev+pypi/cp27");
    let server = Through { server: Some("http://other.example/".into()), ..Through::default() };
    assert_eq!(address(&server, variable), "http://other.example/v1/pypi/auto");
    let said = plain.address(Some("nonsense".into())).unwrap_err().to_string();
    assert!(said.starts_with("WHEELSPROXY_URL: "), "{said}");
}

fn read(folder: &Path, name: &str, text: &str) -> Result<Input> {
    std::fs::write(folder.join(name), text).unwrap();
    Input::read(&folder.join(name), &BTreeSet::new(), &[])
}

#[test]
fn a_requirement_file_brings_all_that_it_names() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    std::fs::create_dir_all(at.join("addons/one")).unwrap();
    std::fs::write(at.join("more.in"), "six\n").unwrap();
    std::fs::write(at.join("limits.txt"), "click<8\n").unwrap();
    let text = "-r more.in\n-c limits.txt\n--index-url https://h.example/simple\nflask>=2 --hash=sha256:aa\n\
                six\n-e ./addons/one\ngit+https://h.example/r@v1#egg=r\nhttps://h.example/x-1.tar.gz#egg=x==1\n";
    let input = read(at, "requirements.in", text).unwrap();
    let git = "git+https://h.example/r@v1#egg=r";
    assert_eq!(input.texts(), ["six", "flask>=2", git, "https://h.example/x-1.tar.gz#egg=x==1"]);
    assert_eq!(input.pinned()[1], "flask>=2 --hash=sha256:aa");
    assert_eq!(input.constraints[0].to_string(), "click<8");
    let [local] = &*input.locals else { panic!("{:?}", input.locals) };
    let line = local.line.clone().unwrap();
    assert!(line.starts_with("-e file:///") && line.ends_with("/addons/one"), "{line}");
    assert_eq!(input.warnings.len(), 1, "{:?}", input.warnings);
    let said = read(at, "broken.in", "ok\n-e nowhere/at/all\n").unwrap_err().to_string();
    assert!(said.contains("broken.in:2: "), "{said}");
}

#[test]
fn a_project_brings_its_requirements_extras_and_groups() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pyproject.toml");
    let text = "[project]\nname = 'demo'\ndependencies = ['flask']\n[project.optional-dependencies]\nweb = ['gunicorn']\n\
                [dependency-groups]\ntest = ['pytest']\n";
    std::fs::write(&file, text).unwrap();
    let web = [ProjectName::new("web").unwrap()].into();
    let input = Input::read(&file, &web, &["test".to_owned()]).unwrap();
    assert_eq!(input.texts(), ["flask", "gunicorn", "pytest"]);
    assert!(input.locals.is_empty());
    // What only a build tells is asked of one, and is no line of the result.
    std::fs::write(&file, "[project]\nname = 'demo'\ndynamic = ['dependencies']\n").unwrap();
    let input = Input::read(&file, &BTreeSet::new(), &[]).unwrap();
    assert_eq!((input.texts().len(), input.locals.len()), (0, 1));
    assert_eq!(input.locals[0].line, None);
    std::fs::write(&file, "[dependency-groups]\ntest = ['pytest']\n").unwrap();
    let input = Input::read(&file, &BTreeSet::new(), &["test".to_owned()]).unwrap();
    assert_eq!((input.texts(), input.locals.len()), (vec!["pytest".to_owned()], 0));
}

#[test]
fn builds_are_found_in_what_a_server_says() {
    let text = "log: http://h/+builds/12/log\n see http://h/+builds/7 and /+builds/12/log, no /+builds/x";
    assert_eq!(crate::client::builds_in(text), [7, 12].into());
}

#[test]
fn a_targets_name_says_for_which_environment_a_lock_file_is() {
    let of = |name: &str| lock::environment_of(name).unwrap_or_default();
    assert_eq!(
        of("cp312-manylinux_2_36_x86_64"),
        "implementation_name == 'cpython' and python_version == '3.12' and sys_platform == 'linux' \
         and platform_machine == 'x86_64'"
    );
    assert_eq!(
        of("cp27mu-linux"),
        "implementation_name == 'cpython' and python_version == '2.7' and sys_platform == 'linux'"
    );
    assert_eq!(of("3.13t"), "implementation_name == 'cpython' and python_version == '3.13'");
    assert_eq!(
        of("pp310-win_amd64"),
        "implementation_name == 'pypy' and python_version == '3.10' and sys_platform == 'win32'"
    );
    assert_eq!(of("auto"), "");
    for name in ["cp312-manylinux_2_36_x86_64", "3.12-macosx_14_0_arm64"] {
        assert!(crate::packaging::requirement::Marker::parse(&of(name)).is_ok());
    }
}

#[test]
fn a_credential_goes_to_its_own_server_only() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let address = ProxyAddress::parse("http://h.example:3141/v1/pypi/cp312/").unwrap();
    let proxy = WheelsProxy::new(address, Some("ww_1".into()), None).unwrap();
    assert_eq!(
        proxy.with_credential("http://h.example:3141/a#sha256=0"),
        "http://__token__:ww_1@h.example:3141/a#sha256=0"
    );
    assert_eq!(proxy.with_credential("http://h.example/a"), "http://h.example/a");
    assert_eq!(proxy.index_url(), "http://__token__:ww_1@h.example:3141/v1/pypi/cp312/+simple/");
    let address = ProxyAddress::parse("http://al:p%40w@h.example/v1/pypi/cp312/").unwrap();
    let proxy = WheelsProxy::new(address, None, None).unwrap();
    assert_eq!(proxy.with_credential("http://h.example/a"), "http://al:p%40w@h.example/a");
}

#[tokio::test]
async fn a_server_reads_the_interpreter_from_our_user_agent_as_from_pips() {
    let Ok(python) = Python::find(None).await else { return };
    let agent = python.user_agent();
    let read = crate::packaging::user_agent::UserAgent::parse(&agent).unwrap_or_else(|| panic!("{agent}"));
    assert_eq!(read.python, python.target.version);
    assert_eq!(read.platform().name(), python.target.halves().1);
    assert_eq!(read.tags().first(), python.target.tags.first());
}

#[test]
fn an_output_is_whole_and_never_the_input() {
    let folder = tempfile::tempdir().unwrap();
    let (one, other) = (folder.path().join("one"), folder.path().join("other"));
    write(&one, "1").unwrap();
    write(&one, "2").unwrap();
    assert_eq!(std::fs::read_to_string(&one).unwrap(), "2");
    {
        std::os::unix::fs::symlink(&one, &other).unwrap();
        write(&other, "3").unwrap();
        assert_eq!(std::fs::read_to_string(&one).unwrap(), "3");
        assert!(refuse_overwriting(&one, &other).is_err(), "a link to the input is the input");
    }
    assert!(refuse_overwriting(&one, &folder.path().join("new")).is_ok());
    assert!(refuse_overwriting(&one, &folder.path().join("pyproject.toml")).is_err());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2, "nothing is left behind");
}

#[test]
fn hashes_are_insisted_on_where_every_line_has_one() {
    let plan = |lines: &[&str]| InstallPlan {
        lines: lines.iter().map(|line| (*line).to_owned()).collect(),
        locals: Vec::new(),
    };
    assert!(plan(&["http://h/a.whl#sha256=00", "b @ http://h/b.whl --hash=sha256:00"]).is_hashed());
    assert!(!plan(&["http://h/a.whl#sha256=00", "http://h/b.whl"]).is_hashed());
}

#[test]
fn paths_are_relative_to_the_file_that_names_them_whatever_is_in_them() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path().join("my work");
    std::fs::create_dir_all(at.join("req s/deep er")).unwrap();
    std::fs::create_dir_all(at.join("lib one")).unwrap();
    std::fs::write(at.join("req s/more.txt"), "six\n-r 'deep er/last.txt'\n-e ..\n").unwrap();
    std::fs::write(at.join("req s/deep er/last.txt"), "-c ../limits.txt\nclick\n-e \"../../lib one\"\n")
        .unwrap();
    std::fs::write(at.join("req s/limits.txt"), "click<8\n").unwrap();
    let input = read(&at, "requirements.in", "-r \"req s/more.txt\"\n-e .\n./lib one\n").unwrap();
    assert_eq!(input.texts(), ["six", "click"]);
    assert_eq!(input.constraints.len(), 1);
    let lines: Vec<&str> = input.locals.iter().filter_map(|local| local.line.as_deref()).collect();
    let here = url::Url::from_file_path(&at).unwrap();
    let one = format!("{here}/lib%20one");
    assert_eq!(lines, [&format!("-e {one}"), &format!("-e {here}"), &format!("-e {here}"), &one]);
    let missing = read(&at, "bad.in", "six\n-r 'req s/none.txt'\n").unwrap_err().to_string();
    assert!(missing.contains("req s/none.txt"), "{missing}");
}
