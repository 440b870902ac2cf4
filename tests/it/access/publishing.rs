//! Stories of programs that publish without a secret: an issuer vouches for them.

use crate::kit::Server;
use crate::kit::backend::Backend;
use crate::kit::clients::Client;
use crate::kit::forms::Form;
use crate::kit::issuer::{Documents, Forge, OidcIssuer, RUNNER, SigningKey, seconds, workflow};
use crate::kit::names::index_name;
use crate::kit::packages::Package;
use crate::kit::script::Auth;
use crate::kit::stages::{PASSWORD, stage, stage_with};
use crate::kit::tls;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use wheelwright::access::Who;
use wheelwright::access::publishers::NewPublisher;

fn publisher(issuer: &OidcIssuer, claims: &[(&str, &str)], project: Option<&str>) -> NewPublisher {
    let claims = claims.iter().map(|(name, pattern)| ((*name).to_owned(), (*pattern).to_owned()));
    NewPublisher {
        index: index_name("alice/dev"),
        project: project.map(str::to_owned),
        issuer: issuer.url().to_owned(),
        claims: claims.collect(),
    }
}

const RELEASE: [(&str, &str); 2] =
    [("repository", "org/demo"), ("workflow_ref", "org/demo/.github/workflows/release.yml@*")];

/// A stage that takes what releases of `org/demo` bring.
async fn trusting(issuer: &OidcIssuer) -> Server {
    let server = stage_with(|config| config.mirror.timeout = 5).await;
    server.app.publishers.add(&Who::command_line(), publisher(issuer, &RELEASE, None)).await.expect("added");
    server
}

async fn audience(server: &Server) -> String {
    let (status, body) = server.ask("GET", "/_/oidc/audience", &Auth::None, None).await;
    assert_eq!(status, 200, "{body}");
    body["audience"].as_str().expect("text").to_owned()
}

/// What the workflow says, for this server.
async fn claims(server: &Server) -> Value {
    let mut claims = workflow();
    claims["aud"] = audience(server).await.into();
    claims
}

async fn mint(server: &Server, token: &str) -> (u16, Value) {
    server.ask("POST", "/_/oidc/mint-token", &Auth::None, Some(json!({ "token": token }))).await
}

/// The code and the description of a refusal, which has PyPI's form.
async fn refusal(server: &Server, token: &str) -> (String, String) {
    let (status, body) = mint(server, token).await;
    assert_eq!((status, &body["message"]), (422, &json!("Token request failed")), "{body}");
    let text = |key: &str| body["errors"][0][key].as_str().expect("text").to_owned();
    (text("code"), text("description"))
}

#[tokio::test]
async fn a_workflow_gets_a_token_for_its_index_alone_and_for_a_quarter_of_an_hour() {
    for key in [SigningKey::rsa(), SigningKey::p256(), SigningKey::ed25519()] {
        let issuer = OidcIssuer::with(key).await;
        let server = trusting(&issuer).await;
        let (status, minted) = mint(&server, &issuer.token(claims(&server).await)).await;
        assert_eq!((status, &minted["success"]), (200, &json!(true)), "{minted}");
        let left = minted["expires"].as_u64().expect("a time") - seconds();
        assert!((850..=900).contains(&left), "{left}");
        let token = minted["token"].as_str().expect("a token");
        server.make_index("alice/other", json!({"bases": []})).await;
        let demo = Package::new("demo", "1.0").wheel();
        let upload = async |index: &str| server.post(index, Form::of(&demo), "__token__", token).await.status;
        assert_eq!(upload("/alice/other/").await, 403);
        assert_eq!(upload("/alice/dev/").await, 200);
        let auth = Auth::Bearer(token.to_owned());
        assert_eq!(server.ask("DELETE", "/alice/dev/demo", &auth, None).await.0, 403, "it only uploads");
        let (status, _) =
            server.ask("POST", "/_/oidc/burn-token", &Auth::None, Some(json!({ "token": token }))).await;
        assert_eq!(status, 202);
        assert_eq!(upload("/alice/dev/").await, 401);
    }
}

#[tokio::test]
async fn a_publisher_of_a_project_uploads_no_other_and_the_trail_names_it() {
    let issuer = OidcIssuer::start().await;
    let server = stage().await;
    let new = publisher(&issuer, &RELEASE, Some("Demo"));
    let id = server.app.publishers.add(&Who::command_line(), new).await.expect("added");
    let (_, minted) = mint(&server, &issuer.token(claims(&server).await)).await;
    let token = minted["token"].as_str().expect("a token");
    for (project, expected) in [("demo", 200), ("other", 403)] {
        let wheel = Package::new(project, "1.0").wheel();
        assert_eq!(server.post("/alice/dev/", Form::of(&wheel), "__token__", token).await.status, expected);
    }
    let events = server.app.db.events_after(0, 1000).await.expect("events");
    let said: Vec<String> = events.iter().map(|event| format!("{} {}", event.who, event.what)).collect();
    assert!(said.contains(&format!("publisher:{id} token created")), "{said:?}");
    assert!(said.contains(&format!("publisher:{id} (alice) upload")), "{said:?}");
    server.app.publishers.remove(&Who::command_line(), None, &id).await.expect("removed");
    server.app.indexes.refresh().await.expect("refreshes");
    let wheel = Package::new("demo", "2.0").wheel();
    assert_eq!(server.post("/alice/dev/", Form::of(&wheel), "__token__", token).await.status, 401);
}

#[tokio::test]
async fn a_token_is_taken_once() {
    for backend in [Backend::Laptop, Backend::Company] {
        taken_once(backend).await;
    }
}

async fn taken_once(backend: Backend) {
    let issuer = OidcIssuer::start().await;
    let server = Server::start_on(backend).await;
    server.make_stage().await;
    server.app.publishers.add(&Who::command_line(), publisher(&issuer, &RELEASE, None)).await.expect("added");
    let mut named = claims(&server).await;
    named["jti"] = json!("one");
    for claims in [claims(&server).await, named] {
        let token = issuer.token(claims.clone());
        assert_eq!(mint(&server, &token).await.0, 200);
        let (code, description) = refusal(&server, &token).await;
        assert_eq!(code, "invalid-reuse-token");
        assert_eq!(description, "the token was used before: get a new one");
        if claims.get("jti").is_some() {
            let again = issuer.token(claims);
            assert_eq!(refusal(&server, &again).await.0, "invalid-reuse-token", "another token with its id");
        }
    }
}

#[tokio::test]
async fn every_lie_about_a_token_is_refused_by_name() {
    let issuer = OidcIssuer::start().await;
    let server = trusting(&issuer).await;
    let honest = claims(&server).await;
    let now = seconds();
    for (lie, words) in [
        (json!({"aud": "another"}), "for the audience \"another\", not for"),
        (json!({"aud": ["another", "third"]}), "for the audience [\"another\",\"third\"]"),
        (json!({"aud": null}), "no claim 'aud'"),
        (json!({"exp": now - 120}), "expired at"),
        (json!({"exp": null}), "no claim 'exp'"),
        (json!({"exp": "soon"}), "exp"),
        (json!({"nbf": now + 120}), "not valid before"),
        (json!({"iat": now + 120}), "issued in the future"),
    ] {
        issuer.claims(lie);
        let (code, description) = refusal(&server, &issuer.token(honest.clone())).await;
        assert!(code == "invalid-token" && description.contains(words), "{code} {description}");
    }
    issuer.claims(json!({"exp": now - 30, "nbf": now + 30, "iat": now + 30}));
    assert_eq!(mint(&server, &issuer.token(honest.clone())).await.0, 200, "clocks differ by a minute");
    issuer.claims(json!({}));
    for (forge, words) in [
        (Forge::AlgNone, "the algorithm 'none', which is not accepted"),
        (Forge::HmacByPublicKey, "the algorithm 'HS256', which is not accepted"),
        (Forge::OtherKey, "of no key of"),
        (Forge::Changed, "of no key of"),
        (Forge::UnknownKey, "with the id 'nobody's'"),
        (Forge::Critical, "extensions (crit)"),
    ] {
        issuer.forge(forge);
        let (code, description) = refusal(&server, &issuer.token(honest.clone())).await;
        assert!(code == "invalid-token" && description.contains(words), "{forge:?}: {code} {description}");
    }
    issuer.forge(Forge::Honest);
    issuer.claims(json!({"iss": "https://evil.example"}));
    let (code, description) = refusal(&server, &issuer.token(honest.clone())).await;
    assert_eq!(code, "invalid-payload");
    assert!(
        description.contains("no trusted publisher of this server has the issuer 'https://evil.example'")
    );
    issuer.claims(json!({"repository": "org/other"}));
    let (code, description) = refusal(&server, &issuer.token(honest)).await;
    assert!(
        code == "invalid-publisher" && description.contains("repository=org/other"),
        "{code} {description}"
    );
    for token in ["", "x", "a.b", "a.b.c", "a.b.c.d", &"x".repeat(60_000)] {
        assert_eq!(refusal(&server, token).await.0, "invalid-payload", "{token}");
    }
    let (status, body) = server.ask("POST", "/_/oidc/mint-token", &Auth::None, Some(json!([1]))).await;
    assert_eq!((status, &body["errors"][0]["code"]), (422, &json!("invalid-payload")));
    assert_eq!(issuer.asked_for_keys(), 1, "an unknown key is looked for once a minute at most");
}

#[tokio::test]
async fn an_issuer_that_cannot_be_asked_is_told_of_and_bounded() {
    for (documents, expected, words) in [
        (Documents::Huge, 502, "is longer than"),
        (Documents::Garbage, 502, "is not a set of keys"),
        (Documents::OfAnotherIssuer, 502, "is of another issuer"),
        (Documents::Fail, 502, "answered 500"),
        (Documents::Hang, 504, "did not answer"),
    ] {
        let issuer = OidcIssuer::start().await;
        let server = trusting(&issuer).await;
        issuer.documents(documents);
        let (status, body) = mint(&server, &issuer.token(claims(&server).await)).await;
        let said = body["errors"][0]["description"].as_str().unwrap_or_default();
        assert!(status == expected && said.contains(words), "{documents:?}: {status} {body}");
    }
}

#[tokio::test]
async fn the_most_exact_publisher_counts_and_those_of_administrators_first() {
    let issuer = OidcIssuer::start().await;
    let server = stage().await;
    server.make_user("bob", "bob-secret").await;
    server.make_index("bob/dev", json!({"bases": []})).await;
    let root = Who::command_line();
    let of_bob = |claims: &[(&str, &str)]| {
        let mut new = publisher(&issuer, claims, Some("demo"));
        new.index = index_name("bob/dev");
        new
    };
    server.app.publishers.add(&root, of_bob(&[("repository", "org/*")])).await.expect("added");
    server.app.publishers.add(&root, publisher(&issuer, &RELEASE, Some("demo"))).await.expect("added");
    let (_, minted) = mint(&server, &issuer.token(claims(&server).await)).await;
    let token = minted["token"].as_str().expect("a token");
    let wheel = Package::new("demo", "1.0").wheel();
    assert_eq!(server.post("/alice/dev/", Form::of(&wheel), "__token__", token).await.status, 200);
}

#[tokio::test]
async fn publishers_that_would_let_in_everybody_or_look_inside_are_refused() {
    let issuer = OidcIssuer::start().await;
    let server = stage().await;
    assert_eq!(server.ask("GET", "/_/oidc/audience", &Auth::None, None).await.0, 404);
    let (status, body) = mint(&server, "a.b.c").await;
    assert_eq!((status, &body["errors"][0]["code"]), (422, &json!("not-enabled")));
    let alice = Auth::basic("alice", PASSWORD);
    let add = async |body: Value| {
        let (status, answer) = server.ask("POST", "/alice/dev/+publishers", &alice, Some(body)).await;
        (status, answer["message"].as_str().unwrap_or_default().to_owned())
    };
    let good = json!({"repository": "org/demo"});
    for (body, status, words) in [
        (json!({"issuer": "https://issuer.example", "claims": {}}), 400, "at least one claim"),
        (
            json!({"issuer": "https://issuer.example", "claims": {"repository": "**"}}),
            400,
            "at least one claim",
        ),
        (json!({"issuer": "https://issuer.example", "claims": {"": "x"}}), 400, "the name of a claim"),
        (json!({"issuer": "https://issuer.example", "claims": good, "project": "-"}), 400, "project name"),
        (json!({"issuer": "https://issuer.example?x", "claims": good}), 400, "must be a URL"),
        (json!({"issuer": "ftp://issuer.example", "claims": good}), 400, "https://"),
        (json!({"issuer": issuer.url(), "claims": good}), 400, "only root may name another one"),
        (json!({"issuer": "https://127.0.0.1", "claims": good}), 403, "internal network"),
        (json!({"issuer": "https://169.254.169.254", "claims": good}), 403, "internal network"),
        (json!({"issuer": "https://issuer.example", "claims": good, "x": 1}), 400, "unknown field"),
    ] {
        let answer = add(body.clone()).await;
        assert!(answer.0 == status && answer.1.contains(words), "{body}: {answer:?}");
    }
    let mut of_mirror = publisher(&issuer, &RELEASE, None);
    of_mirror.index = index_name("root/pypi");
    let refused = server.app.publishers.add(&Who::command_line(), of_mirror).await.expect_err("is refused");
    assert!(refused.to_string().contains("root/pypi is a mirror"), "{refused}");
    let (status, message) = add(json!({"issuer": "https://8.8.8.8", "claims": good})).await;
    assert_eq!(status, 201, "{message}");
    let (_, listed) = server.ask("GET", "/alice/dev/+publishers", &alice, None).await;
    assert_eq!(listed["result"][0]["claims"], good);
    let path = format!("/alice/dev/+publishers/{}", listed["result"][0]["id"].as_str().expect("an id"));
    server.make_index("alice/other", json!({"bases": []})).await;
    assert_eq!(server.ask("DELETE", &path.replace("dev", "other"), &alice, None).await.0, 404);
    assert_eq!(server.ask("DELETE", &path, &alice, None).await.0, 200);
    assert_eq!(server.ask("DELETE", &path, &alice, None).await.0, 404);
}

#[tokio::test]
async fn uv_publishes_from_a_runner_without_any_secret_and_others_install_it() {
    let issuer = OidcIssuer::start().await;
    let folder = tempfile::tempdir().expect("a folder");
    let certified = tls::certificate(folder.path());
    let server = stage_with(|config| config.tls = certified.clone()).await;
    let claims: BTreeMap<String, String> =
        RELEASE.iter().map(|(name, pattern)| ((*name).to_owned(), (*pattern).to_owned())).collect();
    let new = NewPublisher {
        index: index_name("alice/dev"),
        project: Some("demo".into()),
        issuer: issuer.url().to_owned(),
        claims,
    };
    server.app.publishers.add(&Who::command_line(), new).await.expect("added");
    let certificate = certified.certificate.expect("a certificate").display().to_string();
    let client = Client::new("uv")
        .set("SSL_CERT_FILE", certificate.as_str())
        .set("GITHUB_ACTIONS", "true")
        .set("ACTIONS_ID_TOKEN_REQUEST_URL", issuer.runner_url())
        .set("ACTIONS_ID_TOKEN_REQUEST_TOKEN", RUNNER);
    let wheel = Package::new("demo", "1.0").wheel().save(folder.path()).display().to_string();
    let root = format!("https://{}/alice/dev/", server.address);
    let publish = ["publish", "--publish-url", &root, "--trusted-publishing", "always", &wheel];
    client.run("uv", &publish).await.succeeded();
    let target = folder.path().join("installed").display().to_string();
    let index = format!("{root}+simple/");
    let install = ["pip", "install", "--target", &target, "--index-url", &index, "demo"];
    client.run("uv", &install).await.succeeded().says("demo==1.0");
    let tokens = server.app.db.api_tokens(None).await.expect("tokens");
    assert!(tokens.len() <= 1, "uv burns its token when it is done, if it knows how: {tokens:?}");
}
