//! A folder of wheels and sdists, as pypiserver and find-links serve it, moves in.

use super::import;
use crate::kit::names::index_name;
use crate::kit::packages::Package;
use crate::kit::stages::stage;

#[tokio::test]
async fn a_folder_of_files_becomes_an_index() {
    let server = stage().await;
    let folder = tempfile::tempdir().expect("a folder");
    let below = folder.path().join("team/old");
    std::fs::create_dir_all(&below).expect("a folder");
    let demo = Package::new("demo", "1.0").requires("six");
    demo.wheel().save(folder.path());
    demo.sdist().save(&below);
    // A name from before PEP 625, which an upload may not have today.
    let old = Package::new("My.Demo", "2.0").sdist();
    std::fs::write(below.join("My.Demo-2.0.tar.gz"), &old.bytes).expect("a file");
    std::fs::write(folder.path().join("broken-1.0-py3-none-any.whl"), "no wheel").expect("a file");
    std::fs::write(folder.path().join("cut-1.0.tar.gz"), &old.bytes[..old.bytes.len() / 2]).expect("a file");
    std::fs::write(folder.path().join("index.html"), "<a href=demo>").expect("a file");
    let hidden = folder.path().join(".git");
    std::fs::create_dir(&hidden).expect("a folder");
    Package::new("hidden", "1.0").wheel().save(&hidden);
    let path = folder.path().display().to_string();

    let looked = import(&server, &["dir", &path, "--into", "alice/dev", "--dry-run"]).await.partly();
    assert_eq!(
        (looked.added("files"), server.app.db.projects(&index_name("alice/dev")).await.expect("rows").len()),
        (3, 0)
    );
    let run = import(&server, &["dir", &path, "--into", "alice/dev"]).await.partly();
    assert_eq!(run.added("files"), 3, "{:#?}", run.report);
    assert_eq!(run.report["refused"], looked.report["refused"]);
    for broken in ["broken-1.0-py3-none-any.whl", "cut-1.0.tar.gz"] {
        let why = run.why(&folder.path().join(broken).display().to_string());
        assert!(!why.is_empty(), "{broken}: {:#?}", run.report);
        std::fs::remove_file(folder.path().join(broken)).expect("a file that was there");
    }
    let listed = server.get("/alice/dev/+simple/my-demo/").await.text().await.expect("a page");
    assert!(listed.contains("My.Demo-2.0.tar.gz"), "{listed}");
    let metadata = server.get(&format!("/alice/dev/{}.metadata", demo.wheel().path())).await;
    assert!(metadata.text().await.expect("text").contains("Requires-Dist: six"));

    demo.clone().build("1").wheel().save(&below);
    let again = import(&server, &["dir", &path, "--into", "alice/dev"]).await.whole();
    assert_eq!((again.added("files"), again.present("files")), (1, 3));
    std::fs::write(folder.path().join("demo-1.0-py2.py3-none-any.whl"), "other bytes").expect("a file");
    let other = import(&server, &["dir", &path, "--into", "alice/dev"]).await.partly();
    let why = other.why(&folder.path().join("demo-1.0-py2.py3-none-any.whl").display().to_string());
    assert!(why.contains("what was published once never changes"), "{why}");
    let nowhere = import(&server, &["dir", &path, "--into", "alice/none"]).await.partly();
    assert!(nowhere.error.contains("wheelwright index create alice/none"), "{}", nowhere.error);
}
