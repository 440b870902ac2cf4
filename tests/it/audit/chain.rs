//! What somebody with access to the database does to the log is found.

use crate::kit::Server;
use crate::kit::backend::on_both;
use crate::kit::packages::Package;
use crate::kit::stages::PASSWORD;
use sqlx::AnyPool;
use wheelwright::access::audit::{AuditReport, KnownEntry, trim, verify};
use wheelwright::tools::time::now;

/// The database past the server.
pub async fn database(server: &Server) -> AnyPool {
    sqlx::any::install_default_drivers();
    AnyPool::connect(&server.app.config.database_url()).await.expect("a connection")
}

async fn run(pool: &AnyPool, sql: &str) {
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql.to_owned())).execute(pool).await.expect(sql);
}

async fn report(server: &Server) -> AuditReport {
    verify(&server.app.db, &[]).await.expect("a report")
}

/// Some entries of alice's.
async fn busy(server: &Server) {
    server.make_stage().await;
    server.build_nothing_ahead("dev").await;
    for version in ["1.0", "2.0", "3.0"] {
        server.publish("alice/dev", &Package::new("demo", version).wheel()).await;
    }
    server.as_alice("PATCH", "/alice/dev/demo/1.0", r#"{"yanked": "broken"}"#).await;
}

on_both! {
    async fn a_changed_removed_added_or_cut_off_entry_is_found(server: Server) {
        busy(&server).await;
        let sound = report(&server).await;
        assert_eq!(sound.fault, None);
        let last = sound.newest;
        assert_eq!((sound.entries, sound.begins_behind), (last as u64, 0), "one entry for each serial");
        let pool = database(&server).await;
        run(&pool, "CREATE TABLE saved AS SELECT * FROM event").await;
        let middle = last - 2;
        for (sql, at) in [
            (format!("UPDATE event SET who = 'mallory' WHERE serial = {middle}"), middle),
            (format!("UPDATE event SET at = at + 1 WHERE serial = {middle}"), middle),
            (format!("UPDATE event SET address = '192.0.2.1' WHERE serial = {middle}"), middle),
            (format!("UPDATE event SET before = '{{}}' WHERE serial = {middle}"), middle),
            (format!("UPDATE event SET after = NULL WHERE serial = {last}"), last),
            (format!("UPDATE event SET hash = NULL WHERE serial = {middle}"), middle),
            (format!("DELETE FROM event WHERE serial = {middle}"), middle + 1),
            ("DELETE FROM event WHERE serial = 1".to_owned(), 2),
            (format!("DELETE FROM event WHERE serial = {last}"), last - 1),
            (format!("INSERT INTO event (serial, at, who, what) VALUES ({last} + 1, 1, 'eve', 'upload')"), last + 1),
            (format!("UPDATE clock SET sealed = {middle}"), middle + 1),
        ] {
            run(&pool, &sql).await;
            let found = report(&server).await.fault;
            assert_eq!(found.as_ref().map(|fault| fault.serial), Some(at), "{sql}: {found:?}");
            run(&pool, "DELETE FROM event").await;
            run(&pool, "INSERT INTO event SELECT * FROM saved").await;
            run(&pool, "UPDATE clock SET sealed = 0").await;
            assert_eq!(report(&server).await.fault, None, "{sql}");
        }
    }

    async fn a_log_that_was_written_anew_differs_from_what_was_written_down(server: Server) {
        busy(&server).await;
        let sound = report(&server).await;
        let known = KnownEntry { serial: sound.newest, hash: sound.hash };
        let pool = database(&server).await;
        run(&pool, "UPDATE event SET who = 'mallory' WHERE serial = 2").await;
        let mut head = String::new();
        for entry in server.app.db.audit_after(0, 1000).await.expect("entries") {
            head = entry.hash_behind(&head);
            run(&pool, &format!("UPDATE event SET hash = '{head}' WHERE serial = {}", entry.serial)).await;
        }
        run(&pool, &format!("UPDATE clock SET head = '{head}'")).await;
        assert_eq!(report(&server).await.fault, None);
        let found = verify(&server.app.db, std::slice::from_ref(&known)).await.expect("a report").fault;
        assert!(found.is_some_and(|fault| fault.serial == known.serial && fault.problem.contains("another hash")));
        let later = KnownEntry { serial: known.serial + 7, ..known };
        let found = verify(&server.app.db, &[later]).await.expect("a report").fault;
        assert!(found.is_some_and(|fault| fault.problem.contains("is missing")));
    }

    async fn entries_that_are_removed_by_age_leave_a_chain_that_can_be_verified(server: Server) {
        busy(&server).await;
        let db = &server.app.db;
        let before = report(&server).await;
        assert_eq!(trim(db, 0, false, i64::MAX).await.expect("trims"), 0, "0 keeps all");
        assert_eq!(trim(db, 3600, false, now()).await.expect("trims"), 0, "all are younger");
        let later = now() + 7200 * 1_000_000;
        assert_eq!(trim(db, 3600, true, later).await.expect("counts"), before.entries);
        assert_eq!(report(&server).await, before, "a dry run changes nothing");
        assert_eq!(trim(db, 3600, false, later).await.expect("trims"), before.entries);
        let after = report(&server).await;
        assert_eq!((after.fault.as_ref(), after.entries), (None, 1), "the removal is an entry");
        assert_eq!(after.begins_behind, before.newest);
        server.publish("alice/dev", &Package::new("demo", "4.0").wheel()).await;
        let longer = report(&server).await;
        assert_eq!((longer.fault.as_ref(), longer.entries), (None, 2));

        // Whoever removes more and moves the seal cannot say that the server did so.
        let pool = database(&server).await;
        let moved = format!("DELETE FROM event WHERE serial = {}", after.newest);
        run(&pool, &moved).await;
        run(&pool, &format!("UPDATE clock SET sealed = {}, seal = '{}'", after.newest, after.hash)).await;
        let fault = report(&server).await.fault.expect("a fault");
        assert!(fault.problem.contains("no entry tells"), "{fault:?}");
        let known = KnownEntry { serial: 1, hash: "0".repeat(64) };
        let fault = verify(db, &[known]).await.expect("a report").fault.expect("a fault");
        assert!(fault.problem.contains("not part of the chain any more"), "{fault:?}");
    }

    async fn the_chain_begins_behind_entries_of_a_version_that_had_none(server: Server) {
        busy(&server).await;
        let older = report(&server).await.newest;
        // As the migration leaves them.
        let pool = database(&server).await;
        run(&pool, "UPDATE event SET hash = NULL, token = NULL, address = NULL, before = NULL, after = NULL").await;
        run(&pool, "UPDATE clock SET head = '', seal = '', sealed = serial").await;
        server.publish("alice/dev", &Package::new("demo", "4.0").wheel()).await;
        let found = report(&server).await;
        assert_eq!((found.fault.as_ref(), found.entries, found.begins_behind), (None, 1, older));
        run(&pool, &format!("UPDATE event SET who = 'mallory' WHERE serial = {}", older + 1)).await;
        assert_eq!(report(&server).await.fault.map(|fault| fault.serial), Some(older + 1));
    }

    async fn what_was_there_before_and_after_is_told_without_secrets(server: Server) {
        server.make_stage().await;
        let url = "http://joe:hush@127.0.0.1:9/simple/";
        server.make_index("alice/mirror", serde_json::json!({"type": "mirror", "mirror_url": url})).await;
        server.as_alice("PATCH", "/alice", r#"{"password": "another-secret", "email": "a@example.com"}"#).await;
        let change = server.http.patch(server.url("/alice/dev")).basic_auth("alice", Some("another-secret"));
        let change = change.header("content-type", "application/json").body(r#"["title=Mine"]"#);
        assert_eq!(change.send().await.expect("an answer").status(), 200);
        let all = server.app.db.audit_after(0, 1000).await.expect("entries");
        let text = serde_json::to_string(&all).expect("JSON");
        for secret in ["hush", PASSWORD, "another-secret", "argon2"] {
            assert!(!text.contains(secret), "{secret}: {text}");
        }
        let changed = all.iter().find(|entry| entry.what == "user changed").expect("an entry");
        let (before, after) = (changed.before.as_deref().expect("JSON"), changed.after.as_deref().expect("JSON"));
        assert!(!before.contains("a@example.com") && after.contains("a@example.com"), "{before} {after}");
        assert!(after.contains(r#""password":"changed""#), "{after}");
        assert_eq!(changed.address.as_deref(), Some("127.0.0.1"));
        let changed = all.last().expect("an entry");
        assert!(changed.after.as_deref().is_some_and(|after| after.contains(r#""title":"Mine""#)), "{changed:?}");
        assert!(changed.before.as_deref().is_some_and(|before| !before.contains("Mine")), "{changed:?}");
    }
}

#[tokio::test]
async fn a_change_names_the_token_it_came_with() {
    let server = crate::kit::stages::stage().await;
    let token = server.make_token("alice", wheelwright::access::Scope::default()).await;
    let form = crate::kit::forms::Form::of(&Package::new("demo", "1.0").wheel());
    assert_eq!(server.post("/alice/dev/", form, "__token__", &token).await.status, 200);
    let all = server.app.db.audit_after(0, 1000).await.expect("entries");
    let made = all.iter().find(|entry| entry.what == "token created").expect("an entry");
    let id = made.detail.as_deref().and_then(|detail| detail.split(' ').next()).expect("an id");
    let uploaded = all.iter().find(|entry| entry.what == "upload").expect("an entry");
    assert_eq!(uploaded.token.as_deref(), Some(id));
    assert_eq!(uploaded.who, format!("token:{id} (alice)"));
    assert_eq!(made.token, None);
    assert_eq!(made.address, None, "it was made beside the server");
}
