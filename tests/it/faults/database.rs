//! What every database must do, told on SQLite and on Postgres.

use crate::kit::Server;
use crate::kit::backend::{Backend, on_both};
use std::collections::BTreeSet;
use wheelwright::db::events::NewEvent;
use wheelwright::db::{Db, Tx};
use wheelwright::words::EventKind;

fn said<'a>(what: EventKind, detail: &'a str) -> NewEvent<'a> {
    NewEvent::of(":server", what).saying(detail)
}

on_both! {
    async fn writers_queue_and_none_fails(server: Server) {
        let db = &server.app.db;
        let start = db.serial().await.unwrap();
        let writers = (0..32).map(|writer| {
            let db = db.clone();
            tokio::spawn(async move {
                for round in 0..4 {
                    let tx = Tx::begin(&db).await.unwrap();
                    tx.commit(said(EventKind::Upload, &format!("{writer} {round}"))).await.unwrap();
                    db.set_fact("somebody", "wrote").await.unwrap();
                }
            })
        });
        for writer in futures::future::join_all(writers).await {
            writer.unwrap();
        }
        let events = db.events_after(start, 1000).await.unwrap();
        let serials: Vec<i64> = events.iter().map(|event| event.serial).collect();
        assert_eq!(serials, (start + 1..=start + 128).collect::<Vec<_>>());
        assert_eq!(events.iter().filter_map(|event| event.detail.clone()).collect::<BTreeSet<_>>().len(), 128);
        assert_eq!(db.serial().await.unwrap(), start + 128);
    }

    async fn a_follower_never_misses_an_event(server: Server) {
        let db = server.app.db.clone();
        let start = db.serial().await.unwrap();
        let writers: Vec<_> = (0..4)
            .map(|_| {
                let db = db.clone();
                tokio::spawn(async move {
                    for _ in 0..25 {
                        Tx::begin(&db).await.unwrap().commit(said(EventKind::Upload, "")).await.unwrap();
                    }
                })
            })
            .collect();
        let (mut seen, mut last) = (0, start);
        while seen < 100 {
            for event in db.events_after(last, 7).await.unwrap() {
                assert_eq!(event.serial, last + 1);
                last = event.serial;
                seen += 1;
            }
            tokio::task::yield_now().await;
        }
        for writer in writers {
            writer.await.unwrap();
        }
    }

    async fn a_transaction_that_is_dropped_leaves_no_trace(server: Server) {
        let db = &server.app.db;
        let before = db.serial().await.unwrap();
        let tx = Tx::begin(db).await.unwrap();
        assert_eq!(tx.serial, before + 1);
        drop(tx);
        let next = Tx::begin(db).await.unwrap().commit(said(EventKind::Upload, "after")).await.unwrap();
        assert_eq!(next, before + 1);
    }

    async fn readers_do_not_wait_for_a_writer(server: Server) {
        let db = &server.app.db;
        db.set_fact("colour", "blue").await.unwrap();
        let tx = Tx::begin(db).await.unwrap();
        assert_eq!(db.fact("colour").await.unwrap().as_deref(), Some("blue"));
        assert_eq!(db.serial().await.unwrap(), tx.serial - 1);
    }

    async fn a_fact_is_kept_replaced_and_settled_once(server: Server) {
        let db = &server.app.db;
        assert_eq!(db.fact("colour").await.unwrap(), None);
        db.set_fact("colour", "blue").await.unwrap();
        db.set_fact("colour", "green").await.unwrap();
        assert_eq!(db.fact("colour").await.unwrap().as_deref(), Some("green"));
        assert_eq!(db.settle_fact("colour", "red").await.unwrap(), "green");
        let answers = futures::future::join_all(["a", "b", "c"].map(|value| db.settle_fact("uuid", value))).await;
        let answers: BTreeSet<String> = answers.into_iter().map(|answer| answer.unwrap()).collect();
        assert_eq!(answers.len(), 1, "{answers:?}");
    }

    async fn a_newer_schema_is_refused_once_something_was_taken_away(server: Server) {
        let url = server.app.config.database_url();
        sqlx::any::install_default_drivers();
        let pool = sqlx::AnyPool::connect(&url).await.unwrap();
        sqlx::query(
            "INSERT INTO _sqlx_migrations (version, description, installed_on, success, checksum, execution_time) \
             SELECT 9999, description, installed_on, success, checksum, execution_time \
             FROM _sqlx_migrations WHERE version = 1",
        )
        .execute(&pool)
        .await
        .unwrap();
        let beside = Db::open(&url).await.unwrap();
        assert!(beside.schema().await.unwrap().is_newer());
        beside.set_fact("schema needs", "9998").await.unwrap();
        assert_eq!(server.get("/+health").await.status(), 503);
        let error = Db::open(&url).await.err().expect("refused").to_string();
        assert!(error.contains("newer wheelwright") && error.contains("step 9998"), "{error}");
        // A step of another branch, below the last one here, is no newer version's.
        beside.forget_fact("schema needs").await.unwrap();
        sqlx::query("UPDATE _sqlx_migrations SET version = 8 WHERE version = 9999").execute(&pool).await.unwrap();
        let error = Db::open(&url).await.err().expect("refused").to_string();
        assert!(error.contains("step 8 of the database schema differs"), "{error}");
    }
}

#[tokio::test]
async fn many_may_open_a_new_sqlite_file_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("data/new.db").display());
    opened_by_eight(&url).await;
}

#[tokio::test]
async fn many_may_open_a_new_postgres_database_at_once() {
    let server = Server::start_on(Backend::Company).await;
    let fresh = tokio::task::spawn_blocking(crate::kit::postgres::Database::fresh).await.unwrap();
    opened_by_eight(&fresh.url).await;
    drop(server);
}

async fn opened_by_eight(url: &str) {
    let opening = (0..8).map(|_| {
        let url = url.to_owned();
        tokio::spawn(async move {
            let db = Db::open(&url).await.unwrap();
            Tx::begin(&db).await.unwrap().commit(said(EventKind::Register, "")).await.unwrap();
        })
    });
    for opened in futures::future::join_all(opening).await {
        opened.unwrap();
    }
    assert_eq!(Db::open(url).await.unwrap().serial().await.unwrap(), 8);
}
