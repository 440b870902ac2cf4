//! Every route with every kind of credential: what the table says is what happens.

use crate::kit::Server;
use crate::kit::script::Auth;
use serde_json::{Value, json};
use wheelwright::access::tokens::{self, NewToken};
use wheelwright::access::{Action, Need, Scope, accounts};
use wheelwright::web::http::Route;
use wheelwright::web::routes;
use wheelwright::words::Role;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asker {
    Anonymous,
    WrongSecret,
    /// May read the index.
    Reader,
    /// May read it and upload to it.
    Uploader,
    /// The owner's token for uploading one project.
    ProjectToken,
    /// The owner's token for another project of the index.
    OtherProjectToken,
    /// The owner's token for reading.
    ReadToken,
    /// The owner's token for another index.
    ElsewhereToken,
    /// The owner's token for building; the owner has the role `builder`.
    BuildToken,
    /// Another user without any right here.
    Other,
    Expired,
    Revoked,
    /// A token of a disabled user who had every right.
    Disabled,
    Owner,
    Root,
}

use Asker::*;

const ASKERS: [Asker; 15] = [
    Anonymous,
    WrongSecret,
    Reader,
    Uploader,
    ProjectToken,
    OtherProjectToken,
    ReadToken,
    ElsewhereToken,
    BuildToken,
    Other,
    Expired,
    Revoked,
    Disabled,
    Owner,
    Root,
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// The handler answers, whatever it says.
    Passes,
    /// 401
    Asks,
    /// 403
    Refuses,
    /// 404, as if it did not exist.
    Hides,
}

use Verdict::*;

/// The expected table. A need without an arm does not compile.
fn expected(route: Route, asker: Asker) -> Verdict {
    let invalid = matches!(asker, Anonymous | WrongSecret | Expired | Revoked | Disabled);
    let names_project = route.path.contains("{project}");
    match (route.need, asker) {
        // Who asks with a credential that is wrong is not told that there is less.
        (Need::Search, _) if invalid && asker != Anonymous => Asks,
        (Need::Nothing | Need::Search, _) => Passes,
        (Need::Greet, _) if !route.path.contains("{index}") => Passes,
        (_, Root) => Passes,
        (_, _) if invalid => Asks,
        (Need::Work, BuildToken) => Passes,
        (Need::Replicate, _) => Refuses,
        (Need::Login, BuildToken) | (Need::Work, _) => Refuses,
        (Need::Login, _) => Passes,
        (Need::Greet | Need::Read | Need::ReadEach, Reader | Uploader | ReadToken | Owner) => Passes,
        (Need::Greet | Need::Read | Need::ReadEach, _) => Hides,
        // Whoever reads may, by the index's option.
        (Need::TestResult, Reader | Uploader | ReadToken | Owner) => Passes,
        (Need::Upload, Uploader | ProjectToken | Owner) => Passes,
        (Need::Upload, OtherProjectToken) if !names_project => Passes,
        (Need::Manage, Uploader | Owner) => Passes,
        (Need::Approve, Owner) => Passes,
        (Need::Upload | Need::TestResult | Need::Manage | Need::Approve, Other | ElsewhereToken) => Hides,
        (Need::Upload | Need::TestResult | Need::Manage | Need::Approve, _) => Refuses,
        (Need::ManageIndex | Need::ManageUser, Owner) => Passes,
        (Need::ManageToken, Reader | Uploader | Other | Owner) => Passes,
        (Need::ManageIndex | Need::ManageUser | Need::ManageToken | Need::CreateUser | Need::Operate, _) => {
            Refuses
        }
    }
}

struct House {
    server: Server,
    secrets: Vec<(Asker, Auth)>,
}

async fn token(server: &Server, owner: &str, scope: Scope, expires: Option<u64>) -> (String, String) {
    let new = NewToken { owner: owner.into(), name: "test".into(), scope, expires };
    tokens::create(&server.app.db, "root", &new).await.expect("a token")
}

impl House {
    async fn build() -> Self {
        let server = Server::start_with(|config| {
            config.default_index = "alice/dev".into();
            config.default_upload_index = Some("alice/dev".into());
        })
        .await;
        for user in ["reader", "uploader", "other", "gone"] {
            server.have_index(&format!("{user}/own"), json!({})).await;
        }
        let people = ["reader", "uploader", "gone"];
        // Not volatile, so that the owner's own requests do not end the story.
        let private =
            json!({"acl_read": people, "acl_upload": ["uploader", "alice", "gone"], "volatile": false});
        server.have_index("alice/dev", private).await;
        server.have_index("alice/open", json!({})).await;
        accounts::role(&server.app.db, "root", Role::Builder, "alice", true).await.expect("a role");
        accounts::disable(&server.app.db, "root", "gone", true).await.expect("is disabled");
        server.app.indexes.refresh().await.expect("refreshes");
        let secrets = Self::secrets(&server).await;
        Self { server, secrets }
    }

    async fn secrets(server: &Server) -> Vec<(Asker, Auth)> {
        let all = Scope::default;
        let dev = |project: Option<&str>, actions: &[Action]| Scope {
            index: Some("alice/dev".into()),
            project: project.map(str::to_owned),
            actions: actions.to_vec(),
            ..Scope::default()
        };
        let elsewhere = Scope { index: Some("alice/open".into()), ..Scope::default() };
        let revoked = token(server, "alice", all(), None).await;
        let alice = wheelwright::access::Who::person("alice");
        tokens::revoke(&server.app.db, &alice, &revoked.0).await.expect("is revoked");
        let upload = [Action::Upload];
        let build = Scope { actions: vec![Action::Build], ..Scope::default() };
        let tokens = [
            (Reader, token(server, "reader", all(), None).await.1),
            (Uploader, token(server, "uploader", all(), None).await.1),
            (ProjectToken, token(server, "alice", dev(Some("Demo"), &upload), None).await.1),
            (OtherProjectToken, token(server, "alice", dev(Some("else"), &upload), None).await.1),
            (ReadToken, token(server, "alice", dev(None, &[Action::Read]), None).await.1),
            (ElsewhereToken, token(server, "alice", elsewhere, None).await.1),
            (BuildToken, token(server, "alice", build, None).await.1),
            (Other, token(server, "other", all(), None).await.1),
            (Expired, token(server, "alice", all(), Some(0)).await.1),
            (Revoked, revoked.1),
            (Disabled, token(server, "gone", all(), None).await.1),
            (Owner, token(server, "alice", all(), Some(600)).await.1),
        ];
        server.app.indexes.refresh().await.expect("refreshes");
        let mut secrets = vec![
            (Anonymous, Auth::None),
            (WrongSecret, Auth::basic("alice", &format!("ww_{}", "A".repeat(43)))),
            (Root, Auth::root()),
        ];
        secrets.extend(tokens.into_iter().map(|(asker, secret)| (asker, Auth::basic("__token__", &secret))));
        secrets
    }

    fn auth(&self, asker: Asker) -> &Auth {
        &self.secrets.iter().find(|(known, _)| *known == asker).expect("every asker has a credential").1
    }

    /// Status and body of a route's request, about `alice/{index}`.
    async fn try_route(&self, route: Route, method: &str, index: &str, asker: Asker) -> (u16, Value) {
        let path = path(route.path, index);
        let body = (method != "GET").then(|| json!({}));
        // A wrong password each time would be throttled; a wrong token is not.
        self.server.ask(method, &path, self.auth(asker), body).await
    }
}

fn path(template: &str, index: &str) -> String {
    let mut path = String::new();
    let several = format!("alice.{index}");
    for part in template.split_inclusive('/') {
        let (name, slash) = part.strip_suffix('/').map_or((part, ""), |name| (name, "/"));
        path.push_str(match name {
            "{user}" => "alice",
            "{index}" => index,
            "{indexes}" => &several,
            "{project}" => "demo",
            "{version}" => "1.0",
            "{date}" => "2026-05-03",
            "{filename}" => "demo-1.0-py3-none-any.whl",
            name if name.starts_with('{') => "abc",
            name => name,
        });
        path.push_str(slash);
    }
    path
}

fn verdict(status: u16, body: &Value) -> Verdict {
    let message = body["message"].as_str().unwrap_or_default();
    match status {
        401 if message.starts_with("log in or send a token") => Asks,
        401 if message.starts_with("the credential is invalid") => Asks,
        403 if message.contains("is not allowed to do this") => Refuses,
        404 if message.starts_with("The stage alice/dev could not be found") => Hides,
        404 if message.starts_with("this server has no index alice.dev") => Hides,
        _ => Passes,
    }
}

#[tokio::test]
async fn every_route_treats_every_credential_as_its_need_says() {
    let house = House::build().await;
    let mut wrong = Vec::new();
    for route in routes::table().rows {
        for method in route.methods {
            for asker in ASKERS {
                let (status, body) = house.try_route(route, method, "dev", asker).await;
                let (is, should) = (verdict(status, &body), expected(route, asker));
                if is != should {
                    wrong.push(format!(
                        "{method} {} as {asker:?}: {is:?} ({status} {body}), should be {should:?}",
                        route.path
                    ));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What is wrong with how an answer may be kept; `strangers` may read what was asked for.
fn kept_wrongly(route: Route, headers: &reqwest::header::HeaderMap, strangers: bool) -> Option<String> {
    let text = |name: &str| headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let (cache, vary) = (text("cache-control"), text("vary"));
    let has = |word: &str| cache.split(", ").any(|part| part == word);
    let for_all = strangers || route.path.starts_with("/+static/");
    let by_asker = ["Authorization", "Cookie", "X-Devpi-Auth"];
    let says = by_asker.iter().all(|name| vary.split(", ").any(|part| part == *name));
    let own = has("private") || has("no-store");
    let kept_well = if has("public") { for_all && !own } else { own };
    let sound = text("x-content-type-options") == "nosniff"
        && !text("content-security-policy").is_empty()
        && headers.get_all("vary").iter().count() <= 1;
    let well = kept_well && (says || has("public") && has("immutable")) && sound;
    (!well).then(|| format!("{headers:?}"))
}

#[tokio::test]
async fn no_answer_that_depends_on_the_asker_may_be_kept_for_others() {
    let house = House::build().await;
    let mut wrong = Vec::new();
    for route in routes::table().rows {
        for method in route.methods {
            for (index, asker) in [("dev", Anonymous), ("dev", Owner), ("dev", Other), ("open", Anonymous)] {
                for accept in ["application/json", "text/html,application/xhtml+xml", "image/png"] {
                    let path = path(route.path, index);
                    let request = house.auth(asker).on(house
                        .server
                        .http
                        .request(method.parse().expect("a method"), house.server.url(&path))
                        .header("accept", accept));
                    let answer = request.send().await.expect("an answer");
                    let open = index == "open" && matches!(route.need, Need::Read | Need::ReadEach);
                    if let Some(why) = kept_wrongly(route, answer.headers(), open) {
                        wrong.push(format!("{method} {} {accept} as {asker:?}: {why}", route.path));
                    }
                }
            }
        }
    }
    for path in ["/+nope", "/%zz", "/alice/%2e%2e/x", "//alice//dev/", "/+static/0/nope.css"] {
        let answer = house.server.http.get(house.server.url(path)).send().await.expect("an answer");
        let route = Route { methods: &["GET"], path: "unrouted", need: Need::Nothing };
        wrong.extend(kept_wrongly(route, answer.headers(), false).map(|why| format!("{path}: {why}")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn no_page_of_another_site_changes_anything_on_any_route() {
    let house = House::build().await;
    let before = house.server.app.db.serial().await.expect("a serial");
    let mut wrong = Vec::new();
    for route in routes::table().rows {
        for method in route.methods {
            for asker in [Anonymous, Owner, Root] {
                for (name, value) in [
                    ("origin", "https://evil.example"),
                    ("origin", "null"),
                    ("sec-fetch-site", "cross-site"),
                    ("sec-fetch-site", "same-site"),
                ] {
                    let url = house.server.url(&path(route.path, "dev"));
                    let request = house.server.http.request(method.parse().expect("a method"), url);
                    let request = house.auth(asker).on(request).header(name, value);
                    let request = request.header("content-type", "application/json").body("{}");
                    let status = request.send().await.expect("an answer").status().as_u16();
                    let changes = *method != "GET" || route.path.contains("/+w/");
                    if changes && status != 403 {
                        wrong.push(format!(
                            "{method} {} as {asker:?} with {name}: {value}: {status}",
                            route.path
                        ));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let after = house.server.app.db.serial().await.expect("a serial");
    assert_eq!(after, before, "GET changed something");
}

#[tokio::test]
async fn a_hidden_index_looks_like_one_that_never_was() {
    let house = House::build().await;
    let mut wrong = Vec::new();
    for route in routes::table().rows.into_iter().filter(|route| route.path.contains("{index")) {
        for method in route.methods {
            for asker in [Anonymous, Other, ElsewhereToken, Disabled] {
                let (status, hidden) = house.try_route(route, method, "dev", asker).await;
                let (other_status, missing) = house.try_route(route, method, "nope", asker).await;
                let missing =
                    missing.to_string().replace("alice/nope", "alice/dev").replace("alice.nope", "alice.dev");
                if (status, hidden.to_string()) != (other_status, missing.clone()) {
                    wrong.push(format!(
                        "{method} {} as {asker:?}: {status} {hidden}, but {missing}",
                        route.path
                    ));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn lists_leave_out_what_the_asker_may_not_read() {
    let house = House::build().await;
    for (asker, sees) in [(Anonymous, false), (Other, false), (Reader, true), (Owner, true), (Root, true)] {
        let (_, user) = house.server.ask("GET", "/alice", house.auth(asker), None).await;
        assert_eq!(user["result"]["indexes"].get("dev").is_some(), sees, "{asker:?}");
        let (_, all) = house.server.ask("GET", "/", house.auth(asker), None).await;
        assert_eq!(all["result"]["alice"]["indexes"].get("dev").is_some(), sees, "{asker:?}");
    }
}

#[tokio::test]
async fn an_index_that_one_may_not_read_can_not_become_a_base() {
    let house = House::build().await;
    let bases = json!({"bases": "alice/dev"});
    let (status, body) = house.server.ask("PATCH", "/other/own", house.auth(Other), Some(bases)).await;
    assert_eq!((status, &body["message"]), (400, &json!("base index 'alice/dev' does not exist")));
}
