//! Stories of people whose passwords and groups a real LDAP server keeps.

use crate::kit::Server;
use crate::kit::backend::Backend;
use crate::kit::forms::Form;
use crate::kit::packages::Package;
use crate::kit::script::Auth;
use crate::kit::slapd::Slapd;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use wheelwright::access::Scope;
use wheelwright::access::accounts;
use wheelwright::access::methods::vouched;
use wheelwright::config::auth::LdapSettings;

async fn server(slapd: &Slapd) -> Server {
    server_with(slapd.settings_of_client()).await
}

async fn server_with(settings: LdapSettings) -> Server {
    Server::start_with(|config| config.auth.ldap = settings).await
}

/// What `+api` says of a login.
async fn status(server: &Server, auth: &Auth) -> Value {
    server.ask("GET", "/+api", auth, None).await.1["result"]["authstatus"].clone()
}

/// What a request that needs a login is answered.
async fn answer(server: &Server, auth: &Auth) -> (u16, String) {
    let (status, body) = server.ask("GET", "/+tokens", auth, None).await;
    (status, body["message"].as_str().unwrap_or_default().to_owned())
}

fn alice() -> Auth {
    Auth::basic("alice", "alice-secret")
}

#[tokio::test]
async fn a_person_of_ldap_gets_an_account_at_the_first_login_with_the_groups_of_ldap() {
    let slapd = Slapd::start();
    let server = server(&slapd).await;
    assert_eq!(status(&server, &alice()).await, json!(["ok", "alice", ["dev", "ops"]]));
    server.make_user("local", "local-secret").await;
    let open_to_dev = json!({"bases": [], "acl_read": [":dev"], "acl_upload": [":dev"]});
    server.make_index("local/dev", open_to_dev).await;
    let login = json!({"user": "bob", "password": "bob-secret"});
    let (_, session) = server.ask("POST", "/+login", &Auth::None, Some(login)).await;
    let bob = Auth::devpi("bob", session["result"]["password"].as_str().expect("a session"));
    let reads = async |auth: Auth| server.ask("GET", "/local/dev", &auth, None).await.0;
    assert_eq!(reads(bob).await, 200, "his session knows his groups");
    assert_eq!(reads(Auth::basic("carol", "carol-secret")).await, 404);
    let demo = Package::new("demo", "1.0").wheel();
    let sent = server.post("/local/dev/", Form::of(&demo), "alice", "alice-secret").await;
    assert_eq!(sent.status, 200, "{}", sent.text);
}

#[tokio::test]
async fn a_first_login_of_many_requests_at_once_makes_one_account() {
    let slapd = Slapd::start();
    let server = server(&slapd).await;
    let alice = alice();
    let all = futures::future::join_all((0..20).map(|_| answer(&server, &alice))).await;
    assert!(all.iter().all(|(code, _)| *code == 200), "{all:?}");
}

#[tokio::test]
async fn what_is_wrong_is_answered_as_always_and_what_is_here_is_checked_here() {
    let slapd = Slapd::start();
    let server = server(&slapd).await;
    server.make_user("bob", "another-secret").await;
    let wrong = answer(&server, &Auth::basic("alice", "bob-secret")).await;
    assert_eq!(wrong.0, 401);
    for (user, password) in [
        ("alice", ""),
        ("nobody", "x"),
        ("*", "alice-secret"),
        ("alice)(uid=*", "alice-secret"),
        // He has a password here: LDAP's is not his.
        ("bob", "bob-secret"),
        ("reader", "reader-secret"),
    ] {
        assert_eq!(answer(&server, &Auth::basic(user, password)).await, wrong, "{user} {password}");
    }
    assert_eq!(status(&server, &Auth::basic("bob", "another-secret")).await, json!(["ok", "bob", []]));
    for guess in 0..9 {
        answer(&server, &Auth::basic("carol", &format!("guess {guess}"))).await;
    }
    assert_eq!(answer(&server, &Auth::basic("carol", "guess")).await.0, 401);
    assert_eq!(answer(&server, &Auth::basic("carol", "carol-secret")).await.0, 429);
}

#[tokio::test]
async fn groups_follow_ldap_at_each_login_and_what_an_administrator_gave_stays() {
    for backend in [Backend::Laptop, Backend::Company] {
        groups_follow(backend).await;
    }
}

async fn groups_follow(backend: Backend) {
    let slapd = Slapd::start();
    let ldap = slapd.settings_of_client();
    let server = Server::start_on_with(backend, |config| config.auth.ldap = ldap).await;
    assert_eq!(status(&server, &alice()).await[2], json!(["dev", "ops"]));
    for group in ["given", "ops"] {
        accounts::group(&server.app.db, "root", group, "alice", true).await.expect("joins");
    }
    server.app.indexes.refresh().await.expect("refreshes");
    // A client sends back what it read: that makes no group hers for good.
    let (code, _) =
        server.ask("PATCH", "/alice", &alice(), Some(json!({"groups": ["dev", "given", "ops"]}))).await;
    assert_eq!(code, 200);
    slapd.change(
        "dn: cn=dev,ou=groups,dc=example\nchangetype: modify\ndelete: member\nmember: uid=alice,ou=people,dc=example\n\n\
         dn: cn=ops,ou=groups,dc=example\nchangetype: delete\n",
    );
    server.app.indexes.refresh().await.expect("refreshes");
    assert_eq!(status(&server, &alice()).await[2], json!(["given", "ops"]));
    let serial = server.app.db.serial().await.expect("a serial");
    let login = json!({"user": "alice", "password": "alice-secret"});
    assert_eq!(server.ask("POST", "/+login", &Auth::None, Some(login)).await.0, 200);
    assert_eq!(server.app.db.serial().await.expect("a serial"), serial + 1, "a login and no more");
}

#[tokio::test]
async fn a_server_that_is_down_or_silent_is_told_of_and_tokens_still_work() {
    let mut slapd = Slapd::start();
    let server = server(&slapd).await;
    assert_eq!(status(&server, &alice()).await[0], "ok");
    let token = Auth::Bearer(server.make_token("alice", Scope::default()).await);
    slapd.stop();
    for _ in 0..12 {
        let (code, message) = answer(&server, &Auth::basic("bob", "bob-secret")).await;
        assert_eq!(code, 503);
        let begin = format!("the LDAP server {} does not answer: ", slapd.url());
        assert!(message.starts_with(&begin) && message.ends_with("tokens still work"), "{message}");
    }
    assert_eq!(answer(&server, &token).await.0, 200);
    assert_eq!(answer(&server, &Auth::root()).await.0, 200, "and so do passwords of this server");
    let health = server.ask("GET", "/+health", &Auth::basic("bob", "bob-secret"), None).await;
    assert_eq!(health.0, 200, "what anybody may see");
    slapd.go_on();
    let again = answer(&server, &Auth::basic("bob", "bob-secret")).await;
    assert_eq!(again, (200, String::new()), "nothing counted as a guess");

    let silent = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = Some(format!("ldap://{}", silent.local_addr().expect("an address")));
    let server = server_with(LdapSettings { url, timeout: 1, ..slapd.settings_of_client() }).await;
    let (code, message) = answer(&server, &alice()).await;
    assert!(code == 503 && message.contains("did not answer in time"), "{code} {message}");
}

#[tokio::test]
async fn tls_is_checked_against_the_companys_own_authority() {
    let slapd = Slapd::start();
    let (ca, other) = (Some(slapd.ca()), Slapd::start());
    let tls = LdapSettings { url: Some(slapd.tls_url()), ca: ca.clone(), ..slapd.settings_of_client() };
    let start_tls = LdapSettings {
        url: Some(slapd.url().replace("127.0.0.1", "localhost")),
        start_tls: true,
        ca,
        ..slapd.settings_of_client()
    };
    for settings in [tls, start_tls] {
        let trusted = server_with(settings.clone()).await;
        assert_eq!(status(&trusted, &alice()).await[0], "ok");
        for ca in [Some(other.ca()), None] {
            let wrong = server_with(LdapSettings { ca, ..settings.clone() }).await;
            let (code, message) = answer(&wrong, &alice()).await;
            assert!(code == 503 && message.contains("certificate"), "{code} {message}");
        }
    }
}

#[tokio::test]
async fn a_template_finds_people_without_a_search_and_only_those_of_a_group() {
    let slapd = Slapd::start();
    let settings = LdapSettings {
        user_base: None,
        user_dn: Some("uid={user},ou=people,dc=example".into()),
        require_group: Some("ops".into()),
        ..slapd.settings_of_client()
    };
    let server = server_with(settings).await;
    assert_eq!(status(&server, &alice()).await, json!(["ok", "alice", ["dev", "ops"]]));
    let (code, message) = answer(&server, &Auth::basic("bob", "bob-secret")).await;
    assert_eq!(code, 403);
    assert!(message.contains("'bob' is not in the LDAP group 'ops'"), "{message}");
    let elsewhere = Auth::basic("alice,ou=people,dc=example", "alice-secret");
    assert_eq!(answer(&server, &elsewhere).await.0, 401);
    assert_eq!(answer(&server, &Auth::basic("bob", "wrong")).await.0, 401);
}

#[tokio::test]
async fn names_that_cannot_be_accounts_are_refused_by_name_after_the_password() {
    let slapd = Slapd::start();
    for name in ["simple", "a b", "old"] {
        slapd.hire(name);
    }
    let settings =
        LdapSettings { user_filter: "(|(uid={user})(mail={user}))".into(), ..slapd.settings_of_client() };
    let server = server_with(settings).await;
    server.make_user("old", "x").await;
    accounts::delete(&server.app.db, "root", "old").await.expect("deleted");
    assert_eq!(status(&server, &alice()).await[0], "ok");
    for (user, password, words) in [
        ("simple", "simple-secret", "'simple' is reserved"),
        ("a b", "a b-secret", "characters that aren't allowed"),
        ("old", "old-secret", "belonged to a deleted account"),
        ("Bob", "bob-secret", "log in as 'bob'"),
        ("ALICE", "alice-secret", "log in as 'alice'"),
        ("alice@example.org", "alice-secret", "is an alias: log in as 'alice'"),
        ("root", "root-secret", ""),
    ] {
        let (code, message) = answer(&server, &Auth::basic(user, password)).await;
        let right = if user == "root" { code == 200 } else { code == 403 && message.contains(words) };
        assert!(right, "{user}: {code} {message}");
        let wrong = answer(&server, &Auth::basic(user, "wrong")).await;
        assert_eq!(wrong.0, 401, "nothing is told to those who do not know the password: {wrong:?}");
    }
}

#[tokio::test]
async fn more_than_one_entry_is_refused() {
    let slapd = Slapd::start();
    let settings =
        LdapSettings { user_filter: "(|(uid={user})(uid=bob))".into(), ..slapd.settings_of_client() };
    let (code, message) = answer(&server_with(settings).await, &alice()).await;
    assert!(code == 403 && message.contains("more than one entry for the user 'alice'"), "{code} {message}");
}

#[tokio::test]
async fn a_wrong_search_account_and_a_wrong_filter_are_told_as_the_operators() {
    let slapd = Slapd::start();
    let bad_bind = LdapSettings { bind_password: Some("secret!".into()), ..slapd.settings_of_client() };
    let bad_filter = LdapSettings { user_filter: "(uid={user}".into(), ..slapd.settings_of_client() };
    let bad_base = LdapSettings { user_base: Some("ou=nowhere".into()), ..slapd.settings_of_client() };
    for (settings, word) in
        [(bad_bind, "auth.ldap.bind_dn"), (bad_filter, "user_filter"), (bad_base, "result code")]
    {
        let (code, message) = answer(&server_with(settings).await, &alice()).await;
        assert!(code == 503 && message.contains(word) && !message.contains("secret!"), "{code} {message}");
    }
}

#[tokio::test]
async fn a_disabled_account_stays_out_and_its_password_stays_where_it_is() {
    let slapd = Slapd::start();
    let server = server(&slapd).await;
    assert_eq!(status(&server, &alice()).await[0], "ok");
    let (code, body) = server.ask("PATCH", "/alice", &alice(), Some(json!({"password": "mine"}))).await;
    assert_eq!(code, 403);
    assert_eq!(body["message"], "the password of 'alice' is kept by ldap: change it there");
    accounts::disable(&server.app.db, "root", "alice", true).await.expect("disabled");
    server.app.indexes.refresh().await.expect("refreshes");
    assert_eq!(answer(&server, &alice()).await.0, 401);
    accounts::disable(&server.app.db, "root", "alice", false).await.expect("enabled");
    // An administrator may take her out of LDAP, and let her in again.
    let own = json!({"password": "own"});
    assert_eq!(server.ask("PATCH", "/alice", &Auth::root(), Some(own)).await.0, 200);
    assert_eq!(answer(&server, &alice()).await.0, 401);
    assert_eq!(status(&server, &Auth::basic("alice", "own")).await, json!(["ok", "alice", []]));
    vouched::set_source(&server.app.db, "root", "alice", Some("ldap")).await.expect("is set");
    server.app.indexes.refresh().await.expect("refreshes");
    assert_eq!(answer(&server, &Auth::basic("alice", "own")).await.0, 401);
    assert_eq!(status(&server, &alice()).await, json!(["ok", "alice", ["dev", "ops"]]));
}
