//! Real repositories, made here and cloned by the `git` program.

use super::super::{Address, GitLimits, RepositoryAsker, fetch, pack_folder};
use super::*;
use crate::upstream::guard::Guard;
use std::path::PathBuf;
use std::process::Command;

/// A repository with a tagged commit and one after it.
fn repository() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| git_in(folder.path(), arguments);
    run(&["init", "-q", "-b", "main", "."]);
    std::fs::create_dir(folder.path().join("lib")).unwrap();
    std::fs::write(folder.path().join("lib/setup.py"), "first").unwrap();
    std::fs::write(folder.path().join("setup.py"), "import setuptools").unwrap();
    run(&["add", "."]);
    run(&["commit", "-q", "-m", "first"]);
    run(&["tag", "-a", "v1.0", "-m", "one"]);
    std::fs::write(folder.path().join("lib/setup.py"), "second").unwrap();
    run(&["commit", "-q", "-a", "-m", "second"]);
    folder
}

fn git_in(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git")
        .current_dir(folder)
        .args(["-c", "user.name=a", "-c", "user.email=a@example.org"])
        .args(arguments)
        .output()
        .unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

async fn fetched(repository: &Path, suffix: &str, archive: &Path) -> Result<Tree> {
    let address = Address::parse(&format!("git+file://{}{suffix}", repository.display()))?;
    fetch(&address, RepositoryAsker::Person, GitLimits::default(), archive).await
}

/// Unpacks an archive and gives its one top folder.
fn unpacked(archive: &Path, into: &Path) -> PathBuf {
    let gzip = flate2::read::GzDecoder::new(std::fs::File::open(archive).unwrap());
    tar::Archive::new(gzip).unpack(into).unwrap();
    let tops: Vec<_> = std::fs::read_dir(into).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(tops.len(), 1, "{tops:?}");
    tops.into_iter().next().unwrap()
}

#[tokio::test]
async fn a_tag_gives_its_tree_and_a_history_that_knows_its_name() {
    let (repository, out) = (repository(), tempfile::tempdir().unwrap());
    let archive = out.path().join("a.tar.gz");
    let tree = fetched(repository.path(), "@v1.0#subdirectory=lib", &archive).await.unwrap();
    assert_eq!(tree.commit.as_deref(), Some(&*git_in(repository.path(), &["rev-parse", "v1.0^{}"])));
    assert_eq!(tree.subdirectory, "lib");
    assert!(tree.committed_at.unwrap() > 1_600_000_000_000_000);
    let top = unpacked(&archive, &out.path().join("x"));
    assert_eq!(std::fs::read_to_string(top.join("lib/setup.py")).unwrap(), "first");
    assert_eq!(git_in(&top, &["describe", "--dirty", "--tags", "--long"])[..7], *"v1.0-0-");
    assert_eq!(git_in(&top, &["status", "--porcelain"]), "");
    // Nothing but the commit that was asked for.
    assert_eq!(git_in(&top, &["rev-list", "--all", "--count"]), "1");
    assert_eq!(std::fs::read_dir(out.path()).unwrap().count(), 2, "scratch is gone");
}

#[tokio::test]
async fn files_that_git_lfs_keeps_stay_pointers_and_are_named() {
    let (repository, out) = (repository(), tempfile::tempdir().unwrap());
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n";
    std::fs::write(repository.path().join(".gitattributes"), "*.bin filter=lfs\n").unwrap();
    std::fs::write(repository.path().join("a.bin"), pointer).unwrap();
    std::fs::write(repository.path().join("b.bin"), pointer).unwrap();
    git_in(repository.path(), &["-c", "filter.lfs.clean=cat", "add", "."]);
    git_in(repository.path(), &["-c", "filter.lfs.clean=cat", "commit", "-q", "-m", "large"]);
    let archive = out.path().join("a.tar.gz");
    let tree = fetched(repository.path(), "", &archive).await.unwrap();
    let [warning] = tree.warnings.as_slice() else { panic!("{:?}", tree.warnings) };
    assert!(warning.starts_with("a.bin and 1 other file: Git LFS keeps"), "{warning}");
    let top = unpacked(&archive, &out.path().join("x"));
    assert_eq!(std::fs::read_to_string(top.join("a.bin")).unwrap(), pointer);
}

#[tokio::test]
async fn a_branch_or_commit_without_a_tag_comes_with_its_history() {
    let (repository, out) = (repository(), tempfile::tempdir().unwrap());
    let sha = git_in(repository.path(), &["rev-parse", "HEAD"]);
    for (number, suffix) in
        ["", "@main", &format!("@{sha}"), &format!("@{}", &sha[..8])].into_iter().enumerate()
    {
        let archive = out.path().join("a.tar.gz");
        let tree = fetched(repository.path(), suffix, &archive).await.unwrap();
        assert_eq!(tree.commit.as_deref(), Some(&*sha), "{suffix}");
        let top = unpacked(&archive, &out.path().join(number.to_string()));
        assert_eq!(git_in(&top, &["describe", "--dirty", "--tags", "--long"])[..7], *"v1.0-1-", "{suffix}");
    }
}

/// A repository with a submodule by a relative URL, which has one itself, and one that is nowhere.
fn with_submodules(folder: &Path) -> PathBuf {
    let [inner, lib, main] = ["inner", "lib", "main"].map(|name| {
        let at = folder.join(name);
        std::fs::create_dir(&at).unwrap();
        git_in(&at, &["init", "-q", "-b", "main", "."]);
        std::fs::write(at.join(format!("{name}.c")), name).unwrap();
        at
    });
    std::fs::write(main.join("setup.py"), "import setuptools").unwrap();
    let add = |into: &Path, url: &str, path: &str| {
        let allowed = ["-c", "protocol.file.allow=always", "submodule", "add", "-q", url, path];
        git_in(into, &allowed);
    };
    let commit = |at: &Path| {
        git_in(at, &["add", "."]);
        git_in(at, &["commit", "-q", "-m", "one"]);
    };
    commit(&inner);
    add(&lib, &inner.display().to_string(), "deep/inner");
    let modules = std::fs::read_to_string(lib.join(".gitmodules")).unwrap();
    std::fs::write(lib.join(".gitmodules"), modules.replace(&inner.display().to_string(), "../inner"))
        .unwrap();
    commit(&lib);
    add(&main, &lib.display().to_string(), "extern/lib");
    add(&main, &inner.display().to_string(), "gone");
    let modules = std::fs::read_to_string(main.join(".gitmodules")).unwrap();
    let modules = modules.replace(&lib.display().to_string(), "../lib");
    let modules = modules.replace(&inner.display().to_string(), "../nowhere");
    std::fs::write(main.join(".gitmodules"), modules).unwrap();
    commit(&main);
    git_in(&main, &["tag", "v2.0"]);
    main
}

#[tokio::test]
async fn submodules_come_with_a_repository_and_one_that_cannot_be_had_is_named() {
    let (folder, out) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let main = with_submodules(folder.path());
    // They move on; the commit that was asked for does not.
    std::fs::write(folder.path().join("lib/lib.c"), "later").unwrap();
    git_in(&folder.path().join("lib"), &["commit", "-q", "-a", "-m", "later"]);
    let archive = out.path().join("a.tar.gz");
    let tree = fetched(&main, "@v2.0", &archive).await.unwrap();
    let top = unpacked(&archive, &out.path().join("x"));
    assert_eq!(std::fs::read_to_string(top.join("extern/lib/lib.c")).unwrap(), "lib");
    assert_eq!(std::fs::read_to_string(top.join("extern/lib/deep/inner/inner.c")).unwrap(), "inner");
    assert_eq!(git_in(&top, &["describe", "--dirty", "--tags"]), "v2.0");
    let [warning] = tree.warnings.as_slice() else { panic!("{:?}", tree.warnings) };
    assert!(
        warning.starts_with("the submodule gone was not fetched: the repository does not exist"),
        "{warning}"
    );
    let again = out.path().join("b.tar.gz");
    fetched(&main, "@v2.0", &again).await.unwrap();
    assert!(std::fs::read(&archive).unwrap() == std::fs::read(&again).unwrap(), "the same bytes");
}

#[tokio::test]
async fn a_folders_submodules_are_packed_with_it() {
    let (folder, out) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let main = with_submodules(folder.path());
    git_in(&main, &["submodule", "deinit", "-q", "-f", "gone"]);
    let archive = out.path().join("a.tar.gz");
    let tree = pack_folder(&main, &archive).await.unwrap();
    let top = unpacked(&archive, &out.path().join("x"));
    assert_eq!(std::fs::read_to_string(top.join("extern/lib/lib.c")).unwrap(), "lib");
    let not_here =
        |name: &str| format!("the submodule {name} is not checked out: run git submodule update --init");
    assert_eq!(tree.warnings, ["extern/lib/deep/inner", "gone"].map(not_here));
}

#[tokio::test]
async fn the_same_commit_is_the_same_archive() {
    let (repository, out) = (repository(), tempfile::tempdir().unwrap());
    let (one, two) = (out.path().join("one.tar.gz"), out.path().join("two.tar.gz"));
    for suffix in ["", "@v1.0"] {
        fetched(repository.path(), suffix, &one).await.unwrap();
        fetched(repository.path(), suffix, &two).await.unwrap();
        assert!(std::fs::read(&one).unwrap() == std::fs::read(&two).unwrap(), "{suffix}");
    }
}

#[tokio::test]
async fn what_cannot_be_fetched_is_named() {
    let (repository, out) = (repository(), tempfile::tempdir().unwrap());
    let archive = out.path().join("a.tar.gz");
    let told = |result: Result<Tree>| result.unwrap_err().to_string();
    let unknown = told(fetched(repository.path(), "@v1.1", &archive).await);
    assert!(unknown.contains("no tag or branch \"v1.1\": did you mean v1.0?"), "{unknown}");
    let no_commit = told(fetched(repository.path(), "@0123456789abcdef", &archive).await);
    assert!(no_commit.contains("no commit 0123456789abcdef"), "{no_commit}");
    let no_folder = told(fetched(repository.path(), "@v1.0#subdirectory=nowhere", &archive).await);
    assert!(no_folder.contains("nowhere"), "{no_folder}");
    let nothing = told(fetched(&repository.path().join("nowhere"), "", &archive).await);
    assert!(nothing.contains("repository does not exist"), "{nothing}");
    let address = Address::parse(&format!("git+file://{}", repository.path().display())).unwrap();
    let stranger = told(
        fetch(&address, RepositoryAsker::Stranger(Guard::public()), GitLimits::default(), &archive).await,
    );
    assert!(stranger.contains("its own disk"), "{stranger}");
    let small = GitLimits { bytes: 10, ..GitLimits::default() };
    let large = told(fetch(&address, RepositoryAsker::Person, small, &archive).await);
    assert!(large.contains("take more than"), "{large}");
}

#[tokio::test]
async fn a_password_is_never_asked_for() {
    // A host that wants one: the smallest server that can say so.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.read(&mut [0; 4096]).await;
            let answer = "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"x\"\r\nContent-Length: 0\r\n\
                          Connection: close\r\n\r\n";
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    let out = tempfile::tempdir().unwrap();
    let address = Address::parse(&format!("git+http://{address}/team/repo@v1")).unwrap();
    let archive = out.path().join("a.tar.gz");
    let error = fetch(&address, RepositoryAsker::Person, GitLimits::default(), &archive).await.unwrap_err();
    assert!(error.to_string().contains("needs a password"), "{error}");
    let error = fetch(&address, RepositoryAsker::Stranger(Guard::public()), GitLimits::default(), &archive)
        .await
        .unwrap_err();
    assert!(error.to_string().contains("internal network"), "{error}");
}

/// The address of a server that hands out a repository's files as they are; it counts its requests.
async fn served(
    folder: std::path::PathBuf,
) -> (std::net::SocketAddr, std::sync::Arc<std::sync::atomic::AtomicUsize>) {
    let asked = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let count = asked.clone();
    let answer = move |request: axum::extract::Request| {
        count.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        let file = folder.join(request.uri().path().trim_start_matches('/'));
        async move { std::fs::read(file).map_err(|_| http::StatusCode::NOT_FOUND) }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, axum::Router::new().fallback(answer)).await });
    (address, asked)
}

#[tokio::test]
async fn a_strangers_git_reaches_what_the_guard_lets_through_and_nothing_else() {
    let (repository, out) = (repository(), tempfile::tempdir().unwrap());
    git_in(repository.path(), &["update-server-info"]);
    let (at, asked) = served(repository.path().join(".git")).await;
    let archive = out.path().join("a.tar.gz");
    let granted = |host: &str| {
        let private_hosts = vec![host.to_owned()];
        Guard::granted(&crate::config::Config { private_hosts, ..Default::default() })
    };
    let get = async |host: &str, guard: Guard| {
        let address = Address::parse(&format!("git+http://{host}:{}/", at.port())).unwrap();
        fetch(&address, RepositoryAsker::Stranger(guard), GitLimits::default(), &archive).await
    };
    for host in ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]"] {
        let refused = get(host, Guard::public()).await.unwrap_err();
        assert!(refused.to_string().contains("internal network"), "{refused}");
    }
    // A name that meant something else when it was looked at: the connection is refused.
    let turn = std::sync::atomic::AtomicUsize::new(0);
    let lookup =
        move |_: String, port: u16| -> futures::future::BoxFuture<'static, std::io::Result<Vec<_>>> {
            let first = turn.fetch_add(1, std::sync::atomic::Ordering::SeqCst) == 0;
            let address = if first { [198, 51, 100, 1] } else { [127, 0, 0, 1] };
            Box::pin(async move { Ok(vec![std::net::SocketAddr::from((address, port))]) })
        };
    let rebound = get("rebound.example", Guard::public().with_lookup(std::sync::Arc::new(lookup))).await;
    let refused = rebound.unwrap_err();
    assert!(refused.to_string().contains("internal network"), "{refused}");
    assert_eq!(asked.load(std::sync::atomic::Ordering::SeqCst), 0);
    let tree = get("127.0.0.1", granted("127.0.0.1")).await.unwrap();
    assert_eq!(tree.commit.map(|commit| commit.len()), Some(40));
    assert!(asked.load(std::sync::atomic::Ordering::SeqCst) > 1);
}

#[tokio::test]
async fn no_hook_of_a_repository_runs() {
    let (repository, out) = (repository(), tempfile::tempdir().unwrap());
    let mark = out.path().join("ran");
    let hook = repository.path().join(".git/hooks/post-checkout");
    std::fs::create_dir_all(hook.parent().unwrap()).unwrap();
    std::fs::write(&hook, format!("#!/bin/sh\ntouch {}\n", mark.display())).unwrap();
    std::os::unix::fs::PermissionsExt::set_mode(&mut std::fs::metadata(&hook).unwrap().permissions(), 0o755);
    git_in(repository.path(), &["config", "core.fsmonitor", &format!("touch {}", mark.display())]);
    fetched(repository.path(), "", &out.path().join("a.tar.gz")).await.unwrap();
    pack_folder(repository.path(), &out.path().join("b.tar.gz")).await.unwrap();
    assert!(!mark.exists());
}

#[tokio::test]
async fn a_work_tree_is_packed_as_git_sees_it() {
    let (repository, out) = (repository(), tempfile::tempdir().unwrap());
    let folder = repository.path();
    std::fs::write(folder.join(".gitignore"), "*.log\n").unwrap();
    std::fs::write(folder.join("noise.log"), "x").unwrap();
    std::fs::write(folder.join("new.py"), "x").unwrap();
    git_in(folder, &["config", "remote.origin.url", "https://al:secret@h.example/x"]);
    let archive = out.path().join("a.tar.gz");
    let tree = pack_folder(&folder.join("lib"), &archive).await.unwrap();
    assert_eq!(tree.subdirectory, "lib");
    let top = unpacked(&archive, &out.path().join("x"));
    assert!(top.join("new.py").exists() && !top.join("noise.log").exists());
    assert_eq!(git_in(&top, &["describe", "--tags", "--long"])[..7], *"v1.0-1-");
    assert_eq!(git_in(&top, &["status", "--porcelain"]), "?? .gitignore\n?? new.py");
    let config = std::fs::read_to_string(top.join(".git/config")).unwrap();
    assert!(!config.contains("secret"), "{config}");
    let before = std::fs::read(&archive).unwrap();
    pack_folder(&folder.join("lib"), &archive).await.unwrap();
    assert!(before == std::fs::read(&archive).unwrap());
}

#[tokio::test]
async fn a_plain_folder_is_packed_without_what_builds_leave_behind() {
    let out = tempfile::tempdir().unwrap();
    let folder = out.path().join("My Project");
    for file in [
        "setup.py",
        "pkg/__init__.py",
        "pkg/__pycache__/x.pyc",
        "pkg/build/keep.py",
        "build/lib/x.py",
        "dist/x.whl",
        "demo.egg-info/PKG-INFO",
        "env/pyvenv.cfg",
        "env/bin/python",
    ] {
        std::fs::create_dir_all(folder.join(file).parent().unwrap()).unwrap();
        std::fs::write(folder.join(file), file).unwrap();
    }
    std::os::unix::fs::symlink("../../../../etc/passwd", folder.join("out")).unwrap();
    std::os::unix::fs::symlink("pkg/__init__.py", folder.join("in")).unwrap();
    let archive = out.path().join("a.tar.gz");
    let tree = pack_folder(&folder, &archive).await.unwrap();
    assert_eq!((tree.filename.as_str(), tree.commit), ("My-Project.tar.gz", None));
    let top = unpacked(&archive, &out.path().join("x"));
    let mut found: Vec<String> = Vec::new();
    let mut folders = vec![top.clone()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => folders.push(path),
                false => found.push(path.strip_prefix(&top).unwrap().display().to_string()),
            }
        }
    }
    found.sort();
    assert_eq!(found, ["in", "pkg/__init__.py", "pkg/build/keep.py", "setup.py"]);
}

#[tokio::test]
async fn a_folder_that_is_no_project_is_refused() {
    let out = tempfile::tempdir().unwrap();
    let error = pack_folder(out.path(), &out.path().join("a.tar.gz")).await.unwrap_err().to_string();
    assert!(error.contains("not a Python project"), "{error}");
}
