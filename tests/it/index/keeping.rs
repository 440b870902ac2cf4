//! Stories of a project's keepers: yanks, statuses, deletions, tokens for one project.

use crate::kit::Server;
use crate::kit::forms::Form;
use crate::kit::names::{index_name, project_name};
use crate::kit::packages::{Dist, Package};
use crate::kit::stages::{PASSWORD, stage};
use serde_json::json;
use wheelwright::access::{Action, Scope};
use wheelwright::words::ProjectStatus;

const DEV: &str = "alice/dev";

async fn put(server: &Server, dist: &Dist) -> u16 {
    server.post("/alice/dev/", Form::of(dist), "alice", PASSWORD).await.status
}

#[tokio::test]
async fn a_release_is_yanked_with_a_reason_and_taken_back() {
    let server = stage().await;
    put(&server, &Package::new("demo", "1.0").wheel()).await;
    let yanked = || async {
        server
            .app
            .db
            .releases(&index_name(DEV), &project_name("demo"))
            .await
            .unwrap()
            .pop()
            .expect("a release")
    };
    for (path, change, reason) in [
        ("/alice/dev/demo/1.0", json!({"yanked": " broken "}), Some("broken")),
        ("/alice/dev/Demo/1.0.0", json!({"yanked": true}), None),
    ] {
        let (status, text) = server.as_alice("PATCH", path, &change.to_string()).await;
        assert_eq!(status, 200, "{text}");
        let release = yanked().await;
        assert!(release.yanked_at.is_some());
        assert_eq!(release.yanked_reason.as_deref(), reason);
    }
    server.as_alice("PATCH", "/alice/dev/demo/1.0", "{\"yanked\": false}").await;
    assert_eq!((yanked().await.yanked_at, yanked().await.yanked_reason), (None, None));
}

#[tokio::test]
async fn a_yank_survives_the_next_file_of_its_release() {
    let server = stage().await;
    put(&server, &Package::new("demo", "1.0").wheel()).await;
    server.as_alice("PATCH", "/alice/dev/demo/1.0", "{\"yanked\": \"broken\"}").await;
    put(&server, &Package::new("demo", "1.0").sdist()).await;
    let release = server
        .app
        .db
        .releases(&index_name(DEV), &project_name("demo"))
        .await
        .unwrap()
        .pop()
        .expect("a release");
    assert_eq!(release.yanked_reason.as_deref(), Some("broken"));
}

#[tokio::test]
async fn changes_that_make_no_sense_are_refused() {
    let server = stage().await;
    put(&server, &Package::new("demo", "1.0").wheel()).await;
    for (path, change, status) in [
        ("/alice/dev/demo/1.0", "{\"yanked\": 1}", 400),
        ("/alice/dev/demo/1.0", "{\"yanked\": \"a\\nb\"}", 400),
        ("/alice/dev/demo/1.0", "{\"jerked\": true}", 400),
        ("/alice/dev/demo/1.0", "yanked", 400),
        ("/alice/dev/demo/2.0", "{\"yanked\": true}", 404),
        ("/alice/dev/other/1.0", "{\"yanked\": true}", 404),
        ("/alice/dev/demo", "{\"status\": \"retired\"}", 400),
        ("/alice/dev/other", "{\"status\": \"archived\"}", 404),
        ("/root/pypi/demo", "{\"status\": \"archived\"}", 403),
    ] {
        let (answered, text) = server.as_alice("PATCH", path, change).await;
        assert_eq!(answered, status, "{path} {change}: {text}");
    }
}

#[tokio::test]
async fn an_archived_project_takes_no_new_files_until_it_is_active_again() {
    let server = stage().await;
    let (old, new) = (Package::new("demo", "1.0").wheel(), Package::new("demo", "2.0").wheel());
    put(&server, &old).await;
    let set = |change: &'static str| server.as_alice("PATCH", "/alice/dev/demo", change);
    assert_eq!(set("{\"status\": \"archived\", \"reason\": \"moved\"}").await.0, 200);
    let project =
        server.app.db.project(&index_name(DEV), &project_name("demo")).await.unwrap().expect("a project");
    assert_eq!((project.status, project.status_reason.as_deref()), (ProjectStatus::Archived, Some("moved")));
    let refused = server.post("/alice/dev/", Form::of(&new), "alice", PASSWORD).await;
    assert_eq!(refused.status, 403);
    assert!(refused.text.contains("Project 'demo' is archived (moved)"), "{}", refused.text);
    assert_eq!(put(&server, &old).await, 200, "what is there already is no new file");
    set("{\"status\": \"active\"}").await;
    assert_eq!(put(&server, &new).await, 200);
}

#[tokio::test]
async fn a_deleted_file_is_gone_and_its_name_is_never_used_again() {
    let server = stage().await;
    let wheel = Package::new("demo", "1.0").wheel();
    put(&server, &wheel).await;
    let path = format!("/alice/dev/{}", wheel.path());
    assert_eq!(server.as_alice("DELETE", &path, "").await.0, 200);
    assert_eq!(server.app.db.project_files(&index_name(DEV), &project_name("demo")).await.unwrap(), []);
    assert_eq!(server.as_alice("DELETE", &path, "").await.0, 410);
    for again in [wheel, Package::new("demo", "1.0").description("other bytes").wheel()] {
        let answer = server.post("/alice/dev/", Form::of(&again), "alice", PASSWORD).await;
        assert_eq!(answer.status, 400);
        assert!(
            answer.text.contains("previously used by a file that has since been deleted"),
            "{}",
            answer.text
        );
    }
}

#[tokio::test]
async fn deleting_the_last_release_deletes_the_project() {
    let server = stage().await;
    for version in ["1.0", "2.0"] {
        put(&server, &Package::new("demo", version).wheel()).await;
    }
    let (status, text) = server.as_alice("DELETE", "/alice/dev/demo/1.0", "").await;
    assert_eq!(status, 200);
    assert!(text.contains("project 'demo' version '1.0' deleted"), "{text}");
    assert!(server.app.db.stage_has(&index_name(DEV), &project_name("demo")).await.unwrap());
    server.as_alice("DELETE", "/alice/dev/demo/2.0", "").await;
    assert!(!server.app.db.stage_has(&index_name(DEV), &project_name("demo")).await.unwrap());
    assert_eq!(server.as_alice("DELETE", "/alice/dev/demo", "").await.0, 404);
}

#[tokio::test]
async fn a_non_volatile_index_lets_go_of_nothing_unless_forced() {
    let server = stage().await;
    server.make_index("alice/prod", json!({"bases": [], "volatile": false})).await;
    let wheel = Package::new("demo", "1.0").wheel();
    server.post("/alice/prod/", Form::of(&wheel), "alice", PASSWORD).await;
    let file = format!("/alice/prod/{}", wheel.path());
    for path in ["/alice/prod/demo", "/alice/prod/demo/1.0", &file] {
        let (status, text) = server.as_alice("DELETE", path, "").await;
        assert_eq!(status, 403, "{text}");
        assert!(text.contains("non-volatile index"), "{text}");
    }
    assert_eq!(server.as_alice("DELETE", &format!("{file}?force"), "").await.0, 200);
    assert_eq!(server.as_alice("DELETE", "/alice/prod/demo?force", "").await.0, 200);
}

#[tokio::test]
async fn a_token_for_one_project_uploads_that_project_and_no_other() {
    let server = stage().await;
    let scope = Scope {
        index: Some(DEV.into()),
        project: Some("demo".into()),
        actions: vec![Action::Read, Action::Upload],
        ..Scope::default()
    };
    let token = server.make_token("alice", scope).await;
    let (demo, other) = (Package::new("Demo", "1.0").wheel(), Package::new("other", "1.0").wheel());
    for user in ["__token__", "alice", "anybody"] {
        assert_eq!(server.post("/alice/dev/", Form::of(&demo), user, &token).await.status, 200, "{user}");
    }
    let refused = server.post("/alice/dev/", Form::of(&other), "__token__", &token).await;
    assert_eq!(refused.status, 403);
    assert!(refused.text.contains("isn't allowed to upload to project 'other'"), "{}", refused.text);
    let delete = server.http.delete(server.url(&format!("/alice/dev/{}", demo.path()))).bearer_auth(&token);
    assert_eq!(delete.send().await.expect("an answer").status(), 403);
}

#[tokio::test]
async fn a_project_and_its_releases_are_told_as_json() {
    let server = stage().await;
    let wheel = Package::new("My.Demo", "1.0").requires("x>=1").wheel();
    put(&server, &wheel).await;
    put(&server, &Package::new("My.Demo", "2.0").sdist()).await;
    let (status, text) = server.as_alice("GET", "/alice/dev/my-demo", "").await;
    assert_eq!(status, 200, "{text}");
    let answer: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(answer["type"], "projectconfig");
    assert_eq!(answer["result"]["2.0"]["version"], "2.0");
    let release = &answer["result"]["1.0"];
    assert_eq!((&release["name"], &release["requires_dist"]), (&json!("My.Demo"), &json!(["x>=1"])));
    let link = &release["+links"][0];
    assert_eq!(link["href"], server.url(&format!("/alice/dev/{}", wheel.path())));
    assert_eq!(link["hash_spec"], format!("sha256={}", wheel.sha256()));
    assert_eq!((&link["log"][0]["who"], &link["log"][0]["what"]), (&json!("alice"), &json!("upload")));
    let (_, text) = server.as_alice("GET", "/alice/dev/my-demo/1.0.0", "").await;
    let one: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!((&one["type"], &one["result"]), (&json!("versiondata"), release));
    for path in ["/alice/dev/my-demo/3.0", "/alice/dev/other"] {
        assert_eq!(server.as_alice("GET", path, "").await.0, 404, "{path}");
    }
}
