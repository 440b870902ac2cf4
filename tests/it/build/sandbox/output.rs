//! What a build leaves in its output folder is taken only if it is what it should be.

use super::Attack;
use std::path::Path;
use wheelwright::words::{Class, Failure};
use wheelwright::worker::sandbox::RunEnd;
use wheelwright::worker::sandbox::collect::{Bounds, CollectedFile, collect};

const BOUNDS: Bounds = Bounds { files: 8, bytes: 1 << 20 };

/// Collects what the script left; nothing may be left in the worker's folder if it is refused.
async fn collected(script: &str) -> Result<Vec<CollectedFile>, Failure> {
    let told = Attack::python(script).run().await;
    assert_eq!(told.end(), RunEnd::Exit(0), "{}", told.text);
    taken(told.out.path()).await
}

async fn taken(out: &Path) -> Result<Vec<CollectedFile>, Failure> {
    let into = tempfile::tempdir().expect("a folder");
    let result = collect(out, into.path(), BOUNDS).await;
    let left = std::fs::read_dir(into.path()).expect("a folder").count();
    assert_eq!(left, result.as_ref().map_or(0, Vec::len));
    result
}

async fn refused(script: &str, why: &str) {
    let failure = collected(script).await.expect_err(script);
    assert_eq!(failure.class, Class::WrongWheel, "{failure:?}");
    assert!(failure.hint.contains(why), "{why} is not in {failure:?}");
}

#[tokio::test]
async fn a_wheel_is_copied_with_its_hash() {
    let files = collected("open('/out/demo-1-py3-none-any.whl', 'w').write('wheel')").await.expect("a wheel");
    let [file] = files.as_slice() else { panic!("{files:?}") };
    assert_eq!((file.name.as_str(), file.size), ("demo-1-py3-none-any.whl", 5));
    assert_eq!(file.sha256, "ba59926159d2aa256eb8739b8da7e2b574b960e1202c6d624cbe981cef996c91");
}

#[tokio::test]
async fn what_is_no_ordinary_file_is_refused() {
    refused("import os; os.symlink('/etc/passwd', '/out/x.whl')", "is a link").await;
    refused("import os; os.symlink('x', '/out/x.whl')", "is a link").await;
    refused("import os; os.mkfifo('/out/x.whl')", "is not a file: Fifo").await;
    refused("import os; os.mkdir('/out/x.whl')", "is a folder").await;
    refused("import socket; socket.socket(socket.AF_UNIX).bind('/out/x.whl')", "is not a file: Socket").await;
    refused("import os; open('/out/x.whl', 'w'); os.link('/out/x.whl', '/out/y.whl')", "has 2 hard links")
        .await;
}

#[tokio::test]
async fn names_that_mean_something_elsewhere_are_refused() {
    for name in ["-x.whl", "x\\n.whl", ".x.whl", "x\\x1b[2J.whl", "a\\\\b.whl"] {
        refused(&format!("open('/out/{name}', 'w')"), "is not a valid name of a wheel").await;
    }
    refused("import os; open(b'/out/\\xff.whl', 'w')", "not UTF-8").await;
}

#[tokio::test]
async fn there_are_bounds_for_number_and_size() {
    refused("for n in range(9): open('/out/%d.whl' % n, 'w')", "more than 8 files").await;
    refused("open('/out/x.whl', 'wb').write(b'x' * (1 << 21))", "is larger than allowed").await;
    refused("for n in 'ab': open('/out/' + n, 'wb').write(b'x' * 600000)", "is larger than allowed").await;
    // A terabyte of nothing.
    refused("open('/out/x.whl', 'wb').truncate(30 << 20)", "is larger than allowed").await;
}

#[tokio::test]
async fn a_giant_of_holes_is_refused_whatever_its_bound() {
    let out = tempfile::tempdir().expect("a folder");
    std::fs::File::create(out.path().join("x.whl")).expect("a file").set_len(1 << 40).expect("holes");
    let into = tempfile::tempdir().expect("a folder");
    let bounds = Bounds { files: 1, bytes: u64::MAX };
    let failure = collect(out.path(), into.path(), bounds).await.expect_err("a giant");
    assert!(failure.hint.contains("sparse file"), "{failure:?}");
}

#[tokio::test]
async fn an_output_folder_that_is_a_link_is_not_followed() {
    let real = tempfile::tempdir().expect("a folder");
    let link = real.path().join("out");
    std::os::unix::fs::symlink("/etc", &link).expect("a link");
    assert!(taken(&link).await.is_err());
}
