//! Every route that changes something leaves exactly one entry: walked along the route table.

use super::chain::database;
use crate::kit::Server;
use crate::kit::fake_worker::built;
use crate::kit::forms::{BOUNDARY, Form};
use crate::kit::git_host::Repository;
use crate::kit::issuer::{OidcIssuer, workflow};
use crate::kit::names::{index_name, project_name};
use crate::kit::packages::Package;
use crate::kit::script::Auth;
use crate::kit::stages::{PASSWORD, stage_with};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use wheelwright::access::audit::verify;
use wheelwright::access::tokens::form_token;
use wheelwright::build::job::{Job, JobOutcome};
use wheelwright::web::routes;
use wheelwright::words::{EventKind, Evidence};

/// Routes that change nothing which the log tells of, and that no request here is sent to.
const NOT_SENT: &[(&str, &str, &str)] = &[
    ("POST", "/v1/{indexes}/{target}/+compile", "asks for builds, which leave their own entries"),
    ("POST", "/v1/{indexes}/{target}/+resolve", "asks for builds, which leave their own entries"),
    ("POST", "/+builds/{id}/next", "a worker asks what to try next: an answer is computed"),
    ("POST", "/{user}/{index}/+rebuild", "each build that it begins leaves its own entry"),
    ("POST", "/+recipes/check", "says what is wrong with a recipe"),
    ("POST", "/{user}/{index}/+preview", "says what other options would hide"),
    ("XML-RPC", "/{user}", "reads"),
    ("XML-RPC", "/{user}/{index}", "reads"),
];

/// What a request carries.
enum Body {
    Nothing,
    Json(Value),
    Bytes(String, Vec<u8>),
}

use Body::*;

/// What a request leaves in the log.
enum Leaves {
    One(EventKind),
    /// And why.
    None(&'static str),
}

use Leaves::One;

struct Walk {
    server: Server,
    walked: BTreeSet<(String, String)>,
}

impl Walk {
    /// Sends a request to `path`, which belongs to `route`, and counts the entries that it leaves.
    async fn go(
        &mut self,
        (method, route): (&str, &str),
        path: &str,
        auth: &Auth,
        body: Body,
        leaves: Leaves,
    ) -> Value {
        let server = &self.server;
        let before = server.app.db.serial().await.expect("a serial");
        let request = server.http.request(method.parse().expect("a method"), server.url(path));
        let request = auth.on(request.header("accept", "application/json"));
        let request = match body {
            Nothing => request,
            Json(body) => request.header("content-type", "application/json").body(body.to_string()),
            Bytes(media_type, bytes) => request.header("content-type", media_type).body(bytes),
        };
        let answer = request.send().await.expect("an answer");
        let status = answer.status().as_u16();
        let text = answer.text().await.expect("a body");
        assert!(status < 400, "{method} {path}: {status} {text}");
        let entries = server.app.db.audit_after(before, 100).await.expect("entries");
        let whats: Vec<&str> = entries.iter().map(|entry| &*entry.what).collect();
        match leaves {
            One(kind) => {
                assert_eq!(whats, [kind.name()], "{method} {path}");
                assert_eq!(entries[0].address.as_deref(), Some("127.0.0.1"), "{method} {path}");
                assert!(entries[0].request.is_some(), "{method} {path}: logs name the request by it");
            }
            Leaves::None(why) => assert!(whats.is_empty(), "{method} {path} ({why}): {whats:?}"),
        }
        self.walked.insert((method.to_owned(), route.to_owned()));
        serde_json::from_str(&text).unwrap_or(Value::Null)
    }

    /// The rows of the table that may change something and were not walked.
    fn left(&self) -> Vec<String> {
        let rows = routes::table().rows.into_iter();
        let all = rows.flat_map(|row| row.methods.iter().map(move |method| (*method, row.path)));
        let all: BTreeSet<(&str, &str)> = all
            .filter(|(method, _)| *method != "GET")
            .map(|(method, path)| (method, path.strip_suffix('/').unwrap_or(path)))
            .collect();
        let known = |(method, path): &(&str, &str)| {
            self.walked.contains(&((*method).to_owned(), (*path).to_owned()))
                || NOT_SENT.iter().any(|(m, p, _)| m == method && p == path)
        };
        all.iter().filter(|row| !known(row)).map(|(method, path)| format!("{method} {path}")).collect()
    }
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_that_changes_something_leaves_exactly_one_entry() {
    let server = stage_with(|config| {
        config.private_hosts = vec!["127.0.0.1".into()];
        config.default_upload_index = Some("alice/dev".into());
        config.webhooks.timeout = 60;
    })
    .await;
    server.build_nothing_ahead("dev").await;
    let mut walk = Walk { server, walked: BTreeSet::new() };
    people(&mut walk).await;
    publishers(&mut walk).await;
    webhooks_and_watches(&mut walk).await;
    contents(&mut walk).await;
    builds(&mut walk).await;
    curation(&mut walk).await;
    quarantine(&mut walk).await;
    assert_eq!(walk.left(), Vec::<String>::new(), "routes that this story does not know");
    let report = verify(&walk.server.app.db, &[]).await.expect("a report");
    assert_eq!(report.fault, None);
    let pool = database(&walk.server).await;
    let without: i64 = sqlx::query_scalar("SELECT count(*) FROM event WHERE hash IS NULL")
        .fetch_one(&pool)
        .await
        .expect("a number");
    assert_eq!(without, 0);
}

async fn people(walk: &mut Walk) {
    let (root, alice) = (Auth::root(), Auth::basic("alice", PASSWORD));
    let login = json!({"user": "alice", "password": PASSWORD});
    let session =
        walk.go(("POST", "/+login"), "/+login", &Auth::None, Json(login), One(EventKind::Login)).await;
    let session = text(&session["result"]["password"]);
    let before = walk.server.app.db.serial().await.expect("a serial");
    let out = walk.server.http.post(walk.server.url("/+logout"));
    let out = out.header("cookie", format!("wheelwright_session={session}"));
    let out = out.header("x-csrf-token", form_token(&session));
    let out = out.header("origin", walk.server.url("")).send().await.expect("an answer");
    assert!(out.status().as_u16() < 400);
    let left = walk.server.app.db.audit_after(before, 10).await.expect("entries");
    assert_eq!(left.iter().map(|entry| &*entry.what).collect::<Vec<_>>(), ["logout"]);
    walk.walked.insert(("POST".into(), "/+logout".into()));

    let made = json!({"name": "t"});
    let made =
        walk.go(("POST", "/+tokens"), "/+tokens", &alice, Json(made), One(EventKind::TokenCreated)).await;
    let path = format!("/+tokens/{}", text(&made["result"]["id"]));
    walk.go(("DELETE", "/+tokens/{id}"), &path, &alice, Nothing, One(EventKind::TokenRevoked)).await;
    let user = "/{user}";
    let carol = json!({"password": "carol-secret"});
    walk.go(("PUT", user), "/carol", &root, Json(carol), One(EventKind::UserCreated)).await;
    let email = json!({"email": "carol@example.com"});
    walk.go(("PATCH", user), "/carol", &root, Json(email), One(EventKind::UserChanged)).await;
    let index = "/{user}/{index}";
    own_account(walk).await;
    walk.go(("PUT", index), "/carol/dev", &root, Json(json!({})), One(EventKind::IndexCreated)).await;
    let title = json!(["title=Hers"]);
    walk.go(("PATCH", index), "/carol/dev", &root, Json(title), One(EventKind::IndexChanged)).await;
    walk.go(("DELETE", index), "/carol/dev", &root, Nothing, One(EventKind::IndexDeleted)).await;
    walk.go(("DELETE", user), "/carol", &root, Nothing, One(EventKind::UserDeleted)).await;
    let recipe = json!({"text": "name = \"demo\"\n"});
    let recipes = "/+recipes/{name}";
    walk.go(("PUT", recipes), "/+recipes/demo", &root, Json(recipe), One(EventKind::RecipeStored)).await;
    walk.go(("DELETE", recipes), "/+recipes/demo", &root, Nothing, One(EventKind::RecipeDeleted)).await;
}

/// What carol does on her account page, and what root does to her account.
async fn own_account(walk: &mut Walk) {
    let (root, carol) = (Auth::root(), Auth::basic("carol", "carol-secret"));
    let form = |fields: &str| Bytes("application/x-www-form-urlencoded".into(), fields.as_bytes().to_vec());
    let tokens = ("POST", "/+account/tokens");
    walk.go(tokens, tokens.1, &carol, form("name=t"), One(EventKind::TokenCreated)).await;
    let (_, account) = walk.server.ask("GET", "/+account", &carol, None).await;
    let id = format!("id={}", text(&account["result"]["tokens"][0]["id"]));
    let revoke = ("POST", "/+account/revoke");
    walk.go(revoke, revoke.1, &carol, form(&id), One(EventKind::TokenRevoked)).await;
    let logout = ("POST", "/+account/logout");
    walk.go(logout, logout.1, &carol, Nothing, One(EventKind::SessionsEnded)).await;
    let begin = ("POST", "/+device");
    let name = json!({"name": "a program"});
    let waits = Leaves::None("nothing happened yet");
    let begun = walk.go(begin, begin.1, &Auth::None, Json(name), waits).await;
    let yes = form(&format!("code={}&answer=yes", text(&begun["result"]["code"])));
    let confirm = ("POST", "/+device/confirm");
    walk.go(confirm, confirm.1, &carol, yes, Leaves::None("the token that comes of it leaves one")).await;
    let secret = json!({"secret": begun["result"]["secret"]});
    let token = ("POST", "/+device/token");
    walk.go(token, token.1, &Auth::None, Json(secret), One(EventKind::TokenCreated)).await;
    for (kind, added, removed) in [
        ("groups/team", EventKind::GroupJoined, EventKind::GroupLeft),
        ("roles/builder", EventKind::RoleGiven, EventKind::RoleTaken),
    ] {
        let route = format!("/{{user}}/+{}/{{name}}", kind.split('/').next().unwrap_or_default());
        let path = format!("/carol/+{kind}");
        walk.go(("PUT", &route), &path, &root, Nothing, One(added)).await;
        walk.go(("DELETE", &route), &path, &root, Nothing, One(removed)).await;
    }
    let sessions = ("DELETE", "/{user}/+sessions");
    walk.go(sessions, "/carol/+sessions", &root, Nothing, One(EventKind::SessionsEnded)).await;
    let password = json!({"old": "carol-secret", "new": "another-secret"});
    let change = ("POST", "/+account/password");
    walk.go(change, change.1, &carol, Json(password), One(EventKind::UserChanged)).await;
}

async fn curation(walk: &mut Walk) {
    let alice = Auth::basic("alice", PASSWORD);
    walk.server.make_index("alice/safe", json!({"bases": ["root/pypi"], "curated": true})).await;
    for (how, kind) in [("approve", EventKind::Approved), ("refuse", EventKind::Refused)] {
        let wanted = json!({"index": "alice/safe", "requirement": format!("{how}==1.0")});
        let route = ("POST", "/+requests");
        let made = walk.go(route, "/+requests", &alice, Json(wanted), One(EventKind::RequestMade)).await;
        let path = format!("/+requests/{}/{how}", text(&made["result"]["id"]));
        let said = json!({"reason": "seen"});
        let route = format!("/+requests/{{id}}/{how}");
        walk.go(("POST", &route), &path, &alice, Json(said), One(kind)).await;
    }
    let rules = Bytes("text/plain".into(), b"[[rule]]\nname = 'none'\ndecide = 'refuse'\n".to_vec());
    let route = ("PUT", "/{user}/{index}/+rules");
    walk.go(route, "/alice/safe/+rules", &alice, rules, One(EventKind::RulesChanged)).await;
}

async fn quarantine(walk: &mut Walk) {
    let (root, route) = (Auth::root(), "/+quarantine");
    let bad = json!({"what": "bad", "why": "it steals"});
    let placed = walk.go(("POST", route), route, &root, Json(bad), One(EventKind::Quarantined)).await;
    let path = format!("{route}/{}", text(&placed["result"]["id"]));
    let route = ("DELETE", "/+quarantine/{id}");
    walk.go(route, &path, &root, Nothing, One(EventKind::QuarantineReleased)).await;
    let (route, lock) =
        ("/+locks", json!({"name": "shop", "file": "requirements.txt", "text": "bad==1.0\n"}));
    walk.go(("POST", route), route, &root, Json(lock), One(EventKind::LockWatched)).await;
    let route = ("DELETE", "/+locks/{name}");
    walk.go(route, "/+locks/shop", &root, Nothing, One(EventKind::LockRemoved)).await;
    let lock = json!({"file": "requirements.txt", "text": "bad==1.0\n", "targets": []});
    let route = ("POST", "/{user}/{index}/+doctor");
    walk.go(route, "/alice/safe/+doctor", &root, Json(lock), Leaves::None("it looks only")).await;
}

async fn publishers(walk: &mut Walk) {
    let root = Auth::root();
    let issuer = OidcIssuer::start().await;
    let route = "/{user}/{index}/+publishers";
    let new = json!({"issuer": issuer.url(), "claims": {"repository": "org/demo"}});
    let path = "/alice/dev/+publishers";
    let added = walk.go(("POST", route), path, &root, Json(new), One(EventKind::PublisherAdded)).await;
    let (_, audience) = walk.server.ask("GET", "/_/oidc/audience", &Auth::None, None).await;
    let mut claims = workflow();
    claims["aud"] = audience["audience"].clone();
    for (number, route) in ["/_/oidc/mint-token", "/_/oidc/github/mint-token"].into_iter().enumerate() {
        claims["jti"] = format!("number-{number}").into();
        let token = json!({"token": issuer.token(claims.clone())});
        let minted =
            walk.go(("POST", route), route, &Auth::None, Json(token), One(EventKind::TokenCreated)).await;
        let burn = "/_/oidc/burn-token";
        let token = json!({"token": minted["token"]});
        walk.go(("POST", burn), burn, &Auth::None, Json(token), One(EventKind::TokenRevoked)).await;
    }
    let path = format!("{path}/{}", text(&added["result"]["id"]));
    let removed = One(EventKind::PublisherRemoved);
    walk.go(("DELETE", "/{user}/{index}/+publishers/{id}"), &path, &root, Nothing, removed).await;
    let path = "/alice/dev/+publishers";
    let new = json!({"issuer": issuer.url(), "claims": {"repository": "org/other"}});
    let added = walk.go(("POST", route), path, &root, Json(new), One(EventKind::PublisherAdded)).await;
    let path = format!("/+publishers/{}", text(&added["result"]["id"]));
    let removed = One(EventKind::PublisherRemoved);
    walk.go(("DELETE", "/+publishers/{id}"), &path, &root, Nothing, removed).await;
}

async fn webhooks_and_watches(walk: &mut Walk) {
    let root = Auth::root();
    for (route, path) in [("", ""), ("/{user}/{index}", "/alice/dev")] {
        let (route, path) = (format!("{route}/+webhooks"), format!("{path}/+webhooks"));
        let new = json!({"url": "http://127.0.0.1:9/hook", "on": ["register"]});
        let added = walk.go(("POST", &route), &path, &root, Json(new), One(EventKind::WebhookAdded)).await;
        let path = format!("{path}/{}", added["result"]["id"]);
        let why = Leaves::None("sends a ping: the log of deliveries tells");
        walk.go(("POST", &format!("{route}/{{id}}/try")), &format!("{path}/try"), &root, Nothing, why).await;
        let removed = One(EventKind::WebhookRemoved);
        walk.go(("DELETE", &format!("{route}/{{id}}")), &path, &root, Nothing, removed).await;
    }
    let repository = Repository::new();
    repository.tag("v1.0");
    let host = crate::kit::git_host::GitHost::start(repository.path(), None).await;
    let new = json!({"index": "alice/dev", "url": host.url(".git"), "targets": ["cp312-test"]});
    let added =
        walk.go(("POST", "/+watches"), "/+watches", &root, Json(new), One(EventKind::WatchAdded)).await;
    let path = format!("/+watches/{}", added["result"]["id"]);
    let why = || Leaves::None("makes the next look due: a release leaves its own entry");
    walk.go(("POST", "/+watches/{id}/look"), &format!("{path}/look"), &root, Nothing, why()).await;
    let before = walk.server.app.db.serial().await.expect("a serial");
    let secret = text(&added["result"]["secret"]);
    let hook = walk.server.http.post(walk.server.url(&format!("{path}/hook")));
    let hook = hook.header("x-gitlab-token", secret).body("{}").send().await.expect("an answer");
    assert!(hook.status().as_u16() < 400, "{}", hook.status());
    assert_eq!(walk.server.app.db.serial().await.expect("a serial"), before);
    walk.walked.insert(("POST".into(), "/+watches/{id}/hook".into()));
    walk.go(("DELETE", "/+watches/{id}"), &path, &root, Nothing, One(EventKind::WatchRemoved)).await;
}

async fn contents(walk: &mut Walk) {
    let alice = Auth::basic("alice", PASSWORD);
    walk.server.make_index("alice/prod", json!({"bases": [], "build_ahead": "never"})).await;
    let index = "/{user}/{index}";
    let upload = |version: &str| {
        let form = Form::of(&Package::new("demo", version).wheel());
        Bytes(format!("multipart/form-data; boundary={BOUNDARY}"), form.finish())
    };
    walk.go(("POST", index), "/alice/dev/", &alice, upload("1.0"), One(EventKind::Upload)).await;
    walk.go(("POST", "/legacy"), "/legacy/", &alice, upload("2.0"), One(EventKind::Upload)).await;
    walk.go(("POST", index), "/alice/dev/", &alice, upload("3.0"), One(EventKind::Upload)).await;
    let project = "/{user}/{index}/{project}";
    let release = "/{user}/{index}/{project}/{version}";
    let status = json!({"status": "archived"});
    walk.go(("PATCH", project), "/alice/dev/demo", &alice, Json(status), One(EventKind::ProjectStatus)).await;
    let status = json!({"status": "active"});
    walk.go(("PATCH", project), "/alice/dev/demo", &alice, Json(status), One(EventKind::ProjectStatus)).await;
    let yank = json!({"yanked": "broken"});
    walk.go(("PATCH", release), "/alice/dev/demo/1.0", &alice, Json(yank), One(EventKind::Yank)).await;
    let push = json!({"name": "demo", "version": "2.0", "targetindex": "alice/prod"});
    walk.go(("PUSH", index), "/alice/dev", &alice, Json(push), One(EventKind::Push)).await;
    let why = Leaves::None("asks the upstream again: what it says is not a change of somebody's");
    let refresh = "/{user}/{index}/+simple/{project}/refresh";
    walk.go(("POST", refresh), "/alice/dev/+simple/demo/refresh", &alice, Nothing, why).await;

    let (dev, demo) = (index_name("alice/dev"), project_name("demo"));
    let files = walk.server.app.db.project_files(&dev, &demo).await.expect("files");
    let file = files.into_iter().find(|file| file.version == "1.0").expect("a file");
    let (head, tail) = (&file.sha256[..3], &file.sha256[3..16]);
    let path = format!("/alice/dev/+f/{head}/{tail}/{}", file.filename);
    let route = "/{user}/{index}/+f/{head}/{tail}/{filename}";
    let result =
        json!({"testenvs": {"py312": {"test": [{"command": ["pytest"], "retcode": "0", "output": ""}]}}});
    walk.go(("POST", route), &path, &alice, Json(result), One(EventKind::TestResult)).await;
    walk.go(("DELETE", route), &path, &alice, Nothing, One(EventKind::FileDeleted)).await;
    walk.go(("DELETE", release), "/alice/dev/demo/2.0", &alice, Nothing, One(EventKind::ReleaseDeleted))
        .await;
    walk.go(("DELETE", project), "/alice/dev/demo", &alice, Nothing, One(EventKind::ProjectDeleted)).await;
}

async fn builds(walk: &mut Walk) {
    let root = Auth::root();
    let of_worker = || Leaves::None("a worker reports about itself or its job");
    let auth = walk.server.worker("carl", "one").await.auth;
    let described = json!({
        "targets": [crate::kit::fake_worker::target("cp312-test")],
        "slots": 1, "isolation": "bubblewrap", "version": "0",
    });
    let worker = "/+workers/{name}";
    walk.go(("PUT", worker), "/+workers/two", &auth, Json(described), of_worker()).await;
    walk.go(("DELETE", worker), "/+workers/two", &auth, Nothing, of_worker()).await;

    let sources = ("POST", "/+builds/sources");
    let source = Package::new("demo", "9.0").sdist();
    let bytes = Bytes("application/octet-stream".into(), source.bytes.clone());
    let path = format!("/+builds/sources?filename={}", source.filename);
    walk.go(sources, &path, &root, bytes, One(EventKind::SourceUploaded)).await;

    let sdist = Package::new("built", "1.0").sdist();
    walk.server.host_file("alice/dev", "built", "1.0", &sdist.filename, &sdist.bytes).await;
    let order = json!({"requirement": "built==1.0", "index": "alice/dev", "targets": ["cp312-test"]});
    let asked =
        walk.go(("POST", "/+builds"), "/+builds", &root, Json(order), One(EventKind::BuildAsked)).await;
    let id = asked["result"][0]["id"].clone();
    let claimed = "/+workers/{name}/claim";
    let claim = async |walk: &mut Walk| -> Job {
        let job = walk.go(("POST", claimed), "/+workers/one/claim", &auth, Nothing, of_worker()).await;
        serde_json::from_value(job).expect("a job")
    };
    let job = claim(walk).await;
    let fence = format!("fence={}", job.fence);
    let of = |what: &str| (format!("/+builds/{{id}}/{what}"), format!("/+builds/{id}/{what}?{fence}"));
    let (route, path) = of("release");
    walk.go(("POST", &route), &path, &auth, Json(Value::Null), of_worker()).await;
    let job = claim(walk).await;
    let fence = format!("fence={}", job.fence);
    let of = |what: &str| (format!("/+builds/{{id}}/{what}"), format!("/+builds/{id}/{what}?{fence}"));
    let (route, path) = of("beat");
    let beat = json!({"fence": job.fence, "step": "build"});
    walk.go(("POST", &route), &path, &auth, Json(beat), of_worker()).await;
    let (route, path) = of("log");
    let line = Bytes("text/plain".into(), b"a line\n".to_vec());
    walk.go(("POST", &route), &format!("{path}&at=0"), &auth, line, of_worker()).await;
    let wheel = Package::new("built", "1.0").wheel();
    let path = format!("/+builds/{id}/wheel/{}?{fence}", wheel.filename);
    let bytes = Bytes("application/octet-stream".into(), wheel.bytes.clone());
    walk.go(("PUT", "/+builds/{id}/wheel/{filename}"), &path, &auth, bytes, of_worker()).await;
    let (route, path) = of("outcome");
    let found = json!({"packages": ["libfoo-dev"]});
    let outcome = match built(&wheel.filename) {
        JobOutcome::Built { wheel, .. } => {
            let evidence = Box::new(Evidence { found: Some(found), ..Evidence::default() });
            json!(JobOutcome::Built { wheel, evidence })
        }
        other => json!(other),
    };
    walk.go(("POST", &route), &path, &auth, Json(outcome), One(EventKind::Built)).await;
    let learned = "/{user}/{index}/+learned/{project}";
    let forgotten = One(EventKind::LearnedForgotten);
    walk.go(("DELETE", learned), "/alice/dev/+learned/built", &root, Nothing, forgotten).await;
    let again = One(EventKind::BuildAskedAgain);
    let path = format!("/+builds/{id}/rebuild");
    walk.go(("POST", "/+builds/{id}/rebuild"), &path, &root, Nothing, again).await;
    let path = format!("/+builds/{id}/cancel");
    walk.go(("POST", "/+builds/{id}/cancel"), &path, &root, Nothing, One(EventKind::BuildCancelled)).await;
    let recipe = json!({"text": "name = \"built\"\n"});
    let path = format!("/+builds/{id}/try");
    walk.go(("POST", "/+builds/{id}/try"), &path, &root, Json(recipe), One(EventKind::BuildAsked)).await;

    let ready = "/{user}/{index}/+ready/{target}";
    let list = json!({"list": "lock", "releases": ["built==1.0"]});
    let path = "/alice/dev/+ready/cp312-test/";
    walk.go(("POST", ready), path, &root, Json(list), One(EventKind::ReadinessListed)).await;
    let why = Leaves::None("notes what is there; a build that it asks for leaves its own entry");
    let look = json!({"release": "built==1.0"});
    walk.go(("POST", &format!("{ready}/+look")), &format!("{path}+look"), &root, Json(look), why).await;
}
