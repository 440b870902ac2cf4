//! Stories of devpi's client: the JSON it sends and the JSON it is answered.

use crate::kit::Server;
use crate::kit::script::Auth;
use serde_json::{Value, json};

async fn with_ann() -> (Server, Auth) {
    let server = Server::start().await;
    let given = json!({"password": "annpw", "email": "ann@example.org"});
    assert_eq!(server.ask("PUT", "/ann", &Auth::root(), Some(given)).await.0, 201);
    let ann = Auth::devpi("ann", "annpw");
    assert_eq!(server.ask("PUT", "/ann/dev", &ann, Some(json!({}))).await.0, 200);
    (server, ann)
}

fn message(answer: (u16, Value)) -> (u16, String) {
    (answer.0, answer.1["message"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn a_session_begins_with_the_api_and_its_headers() {
    let (server, ann) = with_ann().await;
    let answer = server.send("GET", "/ann/dev/+api", &ann, None).await;
    assert_eq!(answer.headers()["content-type"], "application/json");
    assert_eq!(answer.headers()["x-devpi-api-version"], "2");
    assert_eq!(answer.headers()["x-devpi-server-version"], "6.20.3");
    assert!(answer.headers().contains_key("x-devpi-serial"));
    let text = answer.text().await.expect("text");
    assert!(text.starts_with("{\n  \"") && text.ends_with("}\n"), "{text}");
    let body: Value = serde_json::from_str(&text).expect("JSON");
    let result = &body["result"];
    assert_eq!(body["type"], "apiconfig");
    assert_eq!(result["login"], server.url("/+login"));
    assert_eq!(result["index"], server.url("/ann/dev"));
    assert_eq!(result["simpleindex"], server.url("/ann/dev/+simple/"));
    assert_eq!(result["pypisubmit"], server.url("/ann/dev/"));
    assert_eq!(result["authstatus"], json!(["ok", "ann", []]));
    let (_, mirror) = server.ask("GET", "/root/pypi/+api", &Auth::None, None).await;
    assert!(mirror["result"].get("pypisubmit").is_none());
    let missing = message(server.ask("GET", "/ann/nope/+api", &ann, None).await);
    assert_eq!(missing, (404, "The stage ann/nope could not be found.".into()));
}

#[tokio::test]
async fn a_login_says_what_is_wrong_with_it() {
    let (server, _) = with_ann().await;
    let login = async |body: Value| message(server.ask("POST", "/+login", &Auth::None, Some(body)).await);
    let wrong = login(json!({"user": "root", "password": "nope"})).await;
    assert_eq!(wrong, (401, "user 'root' could not be authenticated".into()));
    let half = login(json!({"user": "root"})).await;
    assert_eq!(half, (400, "Bad request: no user/password specified".into()));
    assert!(login(json!([1])).await.1.starts_with("Bad request: could not decode json"));
    assert_eq!(login(json!({"user": "ann", "password": "annpw"})).await, (200, "login successful".into()));
}

#[tokio::test]
async fn users_are_made_listed_changed_and_deleted() {
    let (server, ann) = with_ann().await;
    let root = Auth::root();
    let put = async |path: &str, body: Value| message(server.ask("PUT", path, &root, Some(body)).await);
    assert_eq!(put("/ann", json!({"password": "x"})).await, (409, "user already exists".into()));
    assert_eq!(put("/bob", json!({"email": "x"})).await, (400, "password needs to be set".into()));
    let unknown = put("/bob", json!({"password": "x", "foo": "bar"})).await;
    assert_eq!(unknown, (400, "Unknown keys in user config: foo".into()));
    let blocked =
        "username 'b ob' contains characters that aren't allowed. Any ascii symbol besides -.@_ is blocked.";
    assert_eq!(put("/b%20ob", json!({"password": "x"})).await, (400, blocked.into()));
    assert_eq!(put("/packages", json!({"password": "x"})).await.0, 400);
    let (status, user) = server.ask("GET", "/ann", &ann, None).await;
    assert_eq!((status, &user["type"]), (200, &json!("userconfig")));
    assert_eq!(user["result"]["email"], "ann@example.org");
    assert_eq!(user["result"]["username"], "ann");
    assert!(user["result"]["indexes"]["dev"].get("projects").is_none());
    assert!(user["result"].get("modified").is_none());
    let sent_back = json!({"title": "Ann", "email": "", "created": "2026", "modified": "x", "indexes": {}});
    assert_eq!(
        message(server.ask("PATCH", "/ann", &ann, Some(sent_back)).await),
        (200, "user updated".into())
    );
    let (_, user) = server.ask("GET", "/ann", &ann, None).await;
    assert_eq!((&user["result"]["title"], user["result"].get("email")), (&json!("Ann"), None));
    assert!(user["result"]["modified"].is_string());
    let (_, all) = server.ask("GET", "/", &Auth::None, None).await;
    assert_eq!(all["type"], "list:userconfig");
    assert_eq!(all["result"]["root"]["indexes"]["pypi"]["type"], "mirror");
    let nobody = message(server.ask("PATCH", "/nobody", &root, Some(json!({"password": "1"}))).await);
    assert_eq!(nobody, (404, "no user 'nobody'".into()));
    server.ask("PATCH", "/ann/dev", &ann, Some(json!({"volatile": "False"}))).await;
    let kept = message(server.ask("DELETE", "/ann", &ann, None).await);
    assert_eq!(kept, (403, "user 'ann' has non-volatile index: dev".into()));
    server.ask("PATCH", "/ann/dev", &ann, Some(json!({"volatile": "yes"}))).await;
    assert_eq!(message(server.ask("DELETE", "/ann", &ann, None).await), (200, "user 'ann' deleted".into()));
    assert_eq!(server.ask("GET", "/ann", &root, None).await.0, 404);
    assert_eq!(server.ask("DELETE", "/root", &root, None).await.0, 403);
}

#[tokio::test]
async fn strangers_register_only_where_that_is_allowed() {
    let (server, ann) = with_ann().await;
    let given = || Some(json!({"password": "x"}));
    assert_eq!(server.ask("PUT", "/eve", &Auth::None, given()).await.0, 401);
    assert_eq!(server.ask("PUT", "/eve", &ann, given()).await.0, 403);
    let open = Server::start_with(|config| config.open_registration = true).await;
    assert_eq!(open.ask("PUT", "/eve", &Auth::None, given()).await.0, 201);
}

#[tokio::test]
async fn an_index_has_its_defaults_and_takes_everything_as_text() {
    let (server, ann) = with_ann().await;
    let (_, index) = server.ask("GET", "/ann/dev?no_projects=", &ann, None).await;
    let defaults = json!({
        "volatile": true, "bases": [], "acl_upload": ["ann"], "acl_toxresult_upload": [":ANONYMOUS:"],
        "mirror_whitelist_inheritance": "intersection", "mirror_whitelist": [], "type": "stage",
    });
    assert_eq!(index, json!({"result": defaults, "type": "indexconfig"}));
    let (_, index) = server.ask("GET", "/ann/dev/", &ann, None).await;
    assert_eq!(index["result"]["projects"], json!([]));
    let text = json!({"volatile": "False", "bases": "root/pypi,/ann/dev", "mirror_whitelist": "He_llo,*",
        "acl_upload": "ann,:authenticated:", "title": "t"});
    let (status, index) = server.ask("PUT", "/ann/prod", &ann, Some(text)).await;
    assert_eq!(status, 200);
    let result = &index["result"];
    assert_eq!(result["volatile"], json!(false));
    assert_eq!(result["bases"], json!(["root/pypi", "ann/dev"]));
    assert_eq!(result["mirror_whitelist"], json!(["he-llo", "*"]));
    assert_eq!(result["acl_upload"], json!(["ann", ":AUTHENTICATED:"]));
}

#[tokio::test]
async fn a_wrong_index_is_refused_in_the_words_of_devpi() {
    let (server, ann) = with_ann().await;
    let put = async |path: &str, body: Value| message(server.ask("PUT", path, &ann, Some(body)).await);
    assert_eq!(put("/ann/dev", json!({})).await, (409, "index 'ann/dev' exists".into()));
    let bad = |text: &str| (400, text.to_owned());
    let base = put("/ann/x", json!({"bases": ["not/exists"]})).await;
    assert_eq!(base, bad("base index 'not/exists' does not exist"));
    assert_eq!(put("/ann/x", json!({"type": "foo"})).await, bad("unknown index type 'foo'"));
    let unknown = put("/ann/x", json!({"foo": "bar"})).await;
    assert_eq!(unknown, bad("indexconfig got unexpected keyword arguments: foo=bar"));
    let url = put("/ann/x", json!({"type": "mirror", "mirror_url": "foo"})).await;
    assert_eq!(url, bad("'mirror_url' option must be a URL."));
    assert_eq!(put("/ann/x", json!({"volatile": "x"})).await, bad("Unknown boolean value 'x'."));
    let name = put("/ann/x%20y", json!({})).await.1;
    assert!(name.starts_with("indexname 'x y' contains characters that aren't allowed."), "{name}");
    assert_eq!(put("/root/x", json!({})).await.0, 403);
    assert_eq!(put("/nobody/x", json!({})).await.0, 404);
}

#[tokio::test]
async fn operations_change_single_values() {
    let (server, ann) = with_ann().await;
    let patch = async |body: Value| server.ask("PATCH", "/ann/dev", &ann, Some(body)).await;
    let (_, index) =
        patch(json!(["acl_upload+=bob", "bases=root/pypi", "title=Dev index", "custom_data=xyz"])).await;
    assert_eq!(index["result"]["acl_upload"], json!(["ann", "bob"]));
    assert_eq!(index["result"]["title"], "Dev index");
    let (_, index) = patch(json!(["acl_upload-=bob", "title-="])).await;
    assert_eq!(index["result"]["acl_upload"], json!(["ann"]));
    assert_eq!(index["result"].get("title"), None);
    assert_eq!(index["result"]["custom_data"], "xyz");
    let refused = async |body: Value| message(patch(body).await);
    assert_eq!(refused(json!(["volatile-="])).await, (400, "Default values can't be removed.".into()));
    let not_there = "The 'acl_upload' setting doesn't have value 'zzz'";
    assert_eq!(refused(json!(["acl_upload-=zzz"])).await, (400, not_there.into()));
    let kind = refused(json!({"type": "mirror"})).await;
    assert_eq!(kind, (400, "the 'type' of an index can't be changed".into()));
    assert_eq!(refused(json!(["foo=bar"])).await.0, 400);
    let (status, index) =
        patch(json!({"type": "indexconfig", "result": {"bases": [], "projects": ["ignored"]}})).await;
    assert_eq!((status, &index["result"]["bases"]), (200, &json!([])));
    let noop = server.ask("PATCH", "/ann/dev?error_on_noop", &ann, Some(json!({"volatile": true}))).await;
    assert_eq!(message(noop), (400, "The requested modifications resulted in no changes".into()));
}

#[tokio::test]
async fn the_credentials_of_an_upstream_are_never_shown_again() {
    let (server, ann) = with_ann().await;
    let given =
        json!({"type": "mirror", "mirror_url": "http://u:hidden@h.invalid:9/simple/", "min_age": "7d"});
    let (status, made) = server.ask("PUT", "/ann/m", &ann, Some(given)).await;
    assert_eq!(status, 200, "{made}");
    let (_, shown) = server.ask("GET", "/ann/m?no_projects=", &ann, None).await;
    let (_, user) = server.ask("GET", "/ann", &ann, None).await;
    let (_, all) = server.ask("GET", "/", &Auth::root(), None).await;
    for told in [&made, &shown, &user, &all] {
        assert!(!told.to_string().contains("hidden"), "{told}");
    }
    assert_eq!(shown["result"]["mirror_url"], "http://****@h.invalid:9/simple/");
    // Sending back what was read keeps them.
    server.ask("PATCH", "/ann/m", &ann, Some(shown["result"].clone())).await;
    let directory = server.app.indexes.directory();
    let index = directory.indexes.values().find(|index| index.name.as_str() == "ann/m").expect("the index");
    let wheelwright::directory::IndexKind::Mirror(mirror) = &index.kind else { panic!("a mirror") };
    assert_eq!(mirror.url.as_ref().and_then(|url| url.expose().password()), Some("hidden"));
    assert_eq!(mirror.min_age, Some(604_800));
}

#[tokio::test]
async fn only_a_volatile_index_can_be_deleted() {
    let (server, ann) = with_ann().await;
    let gone = message(server.ask("DELETE", "/ann/dev", &ann, None).await);
    assert_eq!(gone, (201, "index ann/dev deleted".into()));
    assert_eq!(server.ask("GET", "/ann/dev", &ann, None).await.0, 404);
    let kept = message(server.ask("DELETE", "/root/pypi", &Auth::root(), None).await);
    assert_eq!(kept, (403, "index root/pypi non-volatile, cannot delete".into()));
}

#[tokio::test]
async fn the_status_tells_strangers_no_paths() {
    let (server, _) = with_ann().await;
    let (_, status) = server.ask("GET", "/+status", &Auth::None, None).await;
    assert_eq!((&status["type"], &status["result"]["role"]), (&json!("status"), &json!("MASTER")));
    let data = server.data.path().display().to_string();
    assert!(!status.to_string().contains(&data));
    let (_, status) = server.ask("GET", "/+status", &Auth::root(), None).await;
    assert_eq!(status["result"]["serverdir"], data);
}

#[tokio::test]
async fn metrics_count_requests_by_route() {
    let (server, _) = with_ann().await;
    let text = server.get("/metrics").await.text().await.expect("text");
    let line = "wheelwright_requests_total{method=\"PUT\",route=\"/{user}/{index}\",status=\"2xx\"} 1";
    assert!(text.contains(line), "{text}");
}
