//! Counts that wait, are written, and are forgotten.

use super::*;

#[test]
fn installers_are_known_by_name_and_version_and_strangers_invent_none() {
    let real = include_str!("../../packaging/vectors/user_agents.txt");
    let read: Vec<_> = real.lines().filter_map(installer).collect();
    let expected =
        [("pip", "20.3.4"), ("pip", "21.3.1"), ("pip", "23.2.1"), ("pip", "26.3"), ("uv", "0.13.9")];
    assert_eq!(read, expected);
    assert_eq!(installer("poetry/2.1.1 CPython/3.12"), Some(("poetry", "2.1.1")));
    for other in ["", "Mozilla/5.0 (X11)", "pip", "pip/<script>", "pip/1.1111111111111111111111111"] {
        assert_eq!(installer(other), None, "{other}");
    }
}

#[tokio::test]
async fn what_strangers_say_is_bounded_and_downloads_add_up_over_flushes() {
    let folder = tempfile::tempdir().unwrap();
    let db = Db::open(&format!("sqlite://{}/w.db", folder.path().display())).await.unwrap();
    let downloads = DownloadCounts::new(&Config::default(), db.clone());
    let (index, project) = ("root/pypi".parse().unwrap(), "demo".parse().unwrap());
    let version = crate::packaging::version::parse("1.0");
    let file =
        FetchedFile { index: &index, project: &project, version: version.as_ref(), filename: "demo-1.0.zip" };
    for round in 0..2 {
        for number in 0..MOST_INSTALLERS + 100 {
            let agent = format!("pip/{number}").parse().unwrap();
            downloads.note(file, &Who::person("alice"), &HeaderMap::from_iter([(header::USER_AGENT, agent)]));
        }
        let from = Some("10.1.2.3".parse().unwrap());
        downloads.note(file, &Who { from, ..Who::default() }, &HeaderMap::new());
        downloads.flush().await.unwrap();
        let rows = db.fetchers(&project, "1.0", 10_000).await.unwrap();
        assert_eq!(rows.len(), MOST_INSTALLERS + 2);
        assert_eq!(rows.iter().map(|row| row.count).sum::<i64>(), (round + 1) * 601);
        let anonymous: Vec<_> = rows.iter().filter(|row| row.asker.is_empty()).collect();
        assert_eq!((anonymous.len(), anonymous[0].count), (1, round + 1), "without an address");
    }
    assert_eq!(db.fetched_files(&index, &project).await.unwrap()["demo-1.0.zip"], 1202);
    assert_eq!(db.fetched_since(Some(&index), 0).await.unwrap()[0].count, 1202);
    db.forget_fetched(i64::MAX).await.unwrap();
    assert!(db.fetchers(&project, "1.0", 10).await.unwrap().is_empty());
    assert_eq!(db.fetched_files(&index, &project).await.unwrap()["demo-1.0.zip"], 1202, "the sum stays");
}

async fn counting(folder: &tempfile::TempDir) -> (Db, DownloadCounts) {
    let db = Db::open(&format!("sqlite://{}/w.db", folder.path().display())).await.unwrap();
    let downloads = DownloadCounts::new(&Config::default(), db.clone());
    (db, downloads)
}

fn fetched(filename: &str, asker: &str) -> Fetched {
    Fetched {
        day: now().div_euclid(DAY),
        index: "root/pypi".parse().unwrap(),
        filename: filename.to_owned(),
        asker: asker.to_owned(),
        installer: String::new(),
        project: "demo".parse().unwrap(),
        version: "1.0".to_owned(),
        count: 1,
        last_at: now(),
    }
}

#[tokio::test]
async fn what_a_flush_did_not_write_is_counted_again_within_the_bound() {
    let folder = tempfile::tempdir().unwrap();
    let (db, downloads) = counting(&folder).await;
    for number in 0..3 * AT_ONCE {
        downloads.0.add(fetched(&format!("demo-{number}.zip"), "alice"));
    }
    // Nobody waits for the end: the future is dropped at its first wait for the database.
    assert!(futures::FutureExt::now_or_never(downloads.flush()).is_none());
    downloads.0.add(fetched("demo-0.zip", "alice"));
    downloads.flush().await.unwrap();
    let rows = db.fetchers(&"demo".parse().unwrap(), "1.0", 10_000).await.unwrap();
    assert_eq!(rows.len(), 3 * AT_ONCE);
    assert_eq!(rows.iter().map(|row| row.count).sum::<i64>(), 3 * 500 + 1);

    downloads.0.add(fetched("late.zip", "alice"));
    let taken = downloads.0.take();
    for number in 0..MOST_WAITING {
        downloads.0.add(fetched(&format!("demo-{number}.zip"), "alice"));
    }
    drop(taken);
    assert_eq!(downloads.0.counts.lock().len(), MOST_WAITING);
    assert_eq!(downloads.0.uncounted.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_flush_waits_for_the_one_before_it() {
    let folder = tempfile::tempdir().unwrap();
    let (_, downloads) = counting(&folder).await;
    let first = downloads.0.writing.lock().await;
    assert!(futures::FutureExt::now_or_never(downloads.flush()).is_none());
    drop(first);
    downloads.flush().await.unwrap();
}

#[tokio::test]
async fn addresses_go_once_they_are_no_longer_wanted_and_the_counts_stay() {
    let folder = tempfile::tempdir().unwrap();
    let (db, downloads) = counting(&folder).await;
    let known = ["@10.1.2.3", "@10.9.9.9", "", "alice"].map(|asker| fetched("demo-1.0.zip", asker));
    db.add_fetched(&known, true).await.unwrap();
    downloads.flush().await.unwrap();
    let rows = db.fetchers(&"demo".parse().unwrap(), "1.0", 10).await.unwrap();
    let mut told: Vec<_> = rows.iter().map(|row| (row.asker.as_str(), row.count)).collect();
    told.sort_unstable();
    assert_eq!(told, [("", 3), ("alice", 1)]);
}

#[tokio::test]
async fn a_new_day_tells_new_installers_apart() {
    let folder = tempfile::tempdir().unwrap();
    let (_, downloads) = counting(&folder).await;
    let agent = |number: usize| {
        HeaderMap::from_iter([(header::USER_AGENT, format!("pip/{number}").parse().unwrap())])
    };
    for number in 0..MOST_INSTALLERS {
        downloads.installer(&agent(number), 1);
    }
    assert_eq!(downloads.installer(&agent(9999), 1), "pip");
    assert_eq!(downloads.installer(&agent(9999), 2), "pip 9999");
}
