//! An import is killed again and again, and goes on each time: nothing is missing, nothing is there twice.

use super::export::{Export, result_of, zip_of};
use super::{command, import};
use crate::kit::Server;
use crate::kit::names::index_name;
use crate::kit::packages::{Dist, Package};
use rand::random_range;
use std::collections::BTreeMap;
use std::process::Stdio;
use wheelwright::index::fsck::fsck;

const PROJECTS: usize = 60;
const KILLS: usize = 10;

/// 60 projects with three files each; every third has documentation and a result, too.
fn export() -> (Export, Vec<Dist>) {
    let (mut export, mut dists) = (Export::of_ann(), Vec::new());
    for number in 0..PROJECTS {
        let package = Package::new(&format!("demo-{number:02}"), "1.0");
        let newer = Package::new(&format!("demo-{number:02}"), "1.1");
        let own = [package.wheel(), package.sdist(), newer.wheel()];
        for dist in &own {
            export.file("ann/dev", dist);
        }
        if number % 3 == 0 {
            export.documentation("ann/dev", &own[1], &zip_of(&format!("of {number}")));
            export.result("ann/dev", &own[1], 0, &result_of("0"));
        }
        dists.extend(own);
    }
    (export, dists)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_that_is_killed_ten_times_ends_as_one_that_was_not() {
    let server = Server::start().await;
    let (export, dists) = export();
    let folder = export.write();
    let (index, db) = (index_name("ann/dev"), &server.app.db);
    let taken = async || {
        let (projects, mut files) = (db.projects(&index).await.expect("rows"), 0);
        for project in &projects {
            files += db.project_files(&index, project).await.expect("rows").len();
        }
        files
    };
    let mut killed = 0;
    for kill in 0..KILLS {
        let mut command = command(server.data.path());
        command.args(["devpi", &folder]).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().expect("it starts");
        // Somewhere on its way, each time a little further than before.
        let until = taken().await + random_range(0..=dists.len() / KILLS);
        while child.try_wait().expect("a child").is_none() && taken().await < until {
            tokio::task::yield_now().await;
        }
        killed += usize::from(child.try_wait().expect("a child").is_none());
        // It may have ended by itself.
        let _ = child.kill();
        child.wait().expect("it is gone");
        assert!(taken().await <= dists.len(), "kill {kill}");
    }
    assert!(killed >= KILLS / 2, "only {killed} were at work");

    import(&server, &["devpi", &folder]).await.whole();
    let mut found = BTreeMap::new();
    for project in db.projects(&index).await.expect("rows") {
        for file in db.project_files(&index, &project).await.expect("rows") {
            assert_eq!(found.insert(file.filename, file.sha256), None);
        }
        let beside = db.attachments(&index, &project).await.expect("rows");
        assert!(matches!(beside.len(), 0 | 2), "{project}: {beside:#?}");
    }
    let wanted: BTreeMap<_, _> = dists.iter().map(|dist| (dist.filename.clone(), dist.sha256())).collect();
    assert_eq!(found, wanted);
    let report = fsck(db, &server.app.store, true, |_, _| {}).await.expect("a report");
    assert!(report.faults.is_empty(), "{report:#?}");
    let again = import(&server, &["devpi", &folder]).await.whole();
    assert_eq!((again.added("files"), again.added("releases"), again.added("test_results")), (0, 0, 0));
    assert_eq!((again.present("files"), again.present("documentation")), (180, 20));
}
