//! A replica under load while its primary comes and goes.

use super::{caught_up, cut, mend, pair};
use crate::kit::packages::Package;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

#[tokio::test]
async fn readers_notice_nothing_while_the_primary_comes_and_goes() {
    let (primary, replica, wire) = pair().await;
    let demo = Package::new("demo", "1.0").wheel();
    primary.publish("alice/dev", &demo).await;
    caught_up(&primary, &replica).await;
    let (over, read) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let readers: Vec<_> = (0..8)
        .map(|_| {
            let (over, read, http) = (over.clone(), read.clone(), replica.http.clone());
            let (page, file) = (
                replica.url("/alice/dev/+simple/demo/"),
                replica.url(&format!("/alice/dev/{}", demo.path())),
            );
            let bytes = demo.bytes.clone();
            tokio::spawn(async move {
                while !over.load(Ordering::Relaxed) {
                    let answer = http.get(&page).header("user-agent", PIP).send().await.expect("an answer");
                    assert_eq!(answer.status(), 200, "{page}");
                    assert!(answer.text().await.expect("a page").contains("demo-1.0"));
                    let answer = http.get(&file).send().await.expect("an answer");
                    assert_eq!(answer.bytes().await.expect("whole").as_ref(), bytes.as_slice());
                    read.fetch_add(1, Ordering::Relaxed);
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            })
        })
        .collect();
    for round in 0..4 {
        cut(&wire, &replica).await;
        for version in 0..5 {
            let version = format!("{round}.{version}");
            primary.publish("alice/dev", &Package::new("busy", &version).wheel()).await;
        }
        let before = read.load(Ordering::Relaxed);
        super::until("somebody reads meanwhile", async || read.load(Ordering::Relaxed) > before + 20).await;
        mend(&wire, &replica).await;
    }
    caught_up(&primary, &replica).await;
    over.store(true, Ordering::Relaxed);
    for reader in readers {
        reader.await.expect("it read on");
    }
    cut(&wire, &replica).await;
    let page = replica.get("/alice/dev/+simple/busy/").await.text().await.expect("a page");
    assert_eq!(page.matches("<a ").count(), 20, "{page}");
}

/// A client that may be promised wheels: its pages are the primary's, while there is one.
const PIP: &str = r#"pip/26.3 {"cpu":"x86_64","distro":{"libc":{"lib":"glibc","version":"2.36"},"name":"Debian GNU/Linux","version":"12"},"implementation":{"name":"CPython","version":"3.12.1"},"installer":{"name":"pip","version":"26.3"},"python":"3.12.1","system":{"name":"Linux","release":"6.1"}}"#;
