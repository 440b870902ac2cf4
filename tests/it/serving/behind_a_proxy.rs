//! Behind a reverse proxy: who asks, and under which URL, is what trusted proxies say, and nobody else.

use crate::kit::Server;
use crate::kit::script::Auth;
use serde_json::{Value, json};

async fn with_alice(proxies: &[&str]) -> Server {
    let proxies = proxies.iter().map(|text| text.parse().expect("a network")).collect();
    let server = Server::start_with(|config| config.trusted_proxies = proxies).await;
    server.ask("PUT", "/alice", &Auth::root(), Some(json!({"password": "right"}))).await;
    server
}

/// The status of a request with alice's name, sent by a proxy for somebody.
async fn tries(server: &Server, password: &str, headers: &[(&str, &str)]) -> u16 {
    let request = server.http.get(server.url("/+tokens")).basic_auth("alice", Some(password));
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    request.send().await.expect("an answer").status().as_u16()
}

async fn guess(server: &Server, headers: &[(&str, &str)]) {
    for guess in 0..10 {
        assert_eq!(tries(server, &format!("guess {guess}"), headers).await, 401);
    }
}

#[tokio::test]
async fn a_strangers_guesses_lock_out_the_stranger_and_nobody_else() {
    let server = with_alice(&["127.0.0.1"]).await;
    guess(&server, &[("x-forwarded-for", "203.0.113.6")]).await;
    assert_eq!(tries(&server, "right", &[("x-forwarded-for", "203.0.113.6")]).await, 429);
    assert_eq!(tries(&server, "right", &[("x-forwarded-for", "203.0.113.7")]).await, 200);
    // What the stranger writes in front of what the proxy wrote helps nothing.
    let spoofed = [("x-forwarded-for", "198.51.100.1, 203.0.113.6")];
    assert_eq!(tries(&server, "another", &spoofed).await, 429);
    let spoofed = [("forwarded", "for=198.51.100.1"), ("x-forwarded-for", "203.0.113.6")];
    assert_eq!(tries(&server, "another", &spoofed).await, 401, "it counts as the proxy itself");
    assert_eq!(tries(&server, "right", &[("forwarded", "for=203.0.113.8;proto=https")]).await, 200);
}

#[tokio::test]
async fn who_is_no_trusted_proxy_speaks_for_nobody() {
    let server = with_alice(&["10.0.0.0/8"]).await;
    for guess in 0..10 {
        let line = format!("198.51.100.{guess}");
        assert_eq!(tries(&server, "wrong", &[("x-forwarded-for", &line)]).await, 401);
    }
    assert_eq!(tries(&server, "right", &[("x-forwarded-for", "198.51.100.77")]).await, 429);
}

#[tokio::test]
async fn a_password_that_was_right_before_passes_although_all_have_one_address() {
    let server = with_alice(&[]).await;
    let login = |password: &str| Some(json!({"user": "alice", "password": password}));
    assert_eq!(server.ask("POST", "/+login", &Auth::None, login("right")).await.0, 200);
    guess(&server, &[]).await;
    assert_eq!(server.ask("POST", "/+login", &Auth::None, login("right")).await.0, 200);
    assert_eq!(server.ask("POST", "/+login", &Auth::None, login("wrong")).await.0, 429);
}

#[tokio::test]
async fn the_servers_own_url_is_what_trusted_proxies_say() {
    let login_url = async |server: &Server, headers: &[(&str, &str)]| -> String {
        let request = server.http.get(server.url("/+api")).header("accept", "application/json");
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        let text = request.send().await.expect("an answer").text().await.expect("a body");
        let json: Value = serde_json::from_str(&text).expect("JSON");
        json["result"]["login"].as_str().expect("a URL").to_owned()
    };
    let said = [("x-forwarded-proto", "https"), ("x-forwarded-host", "pkg.example.org")];
    let devpi = [("x-outside-url", "https://pkg.example.org/")];
    let trusting = with_alice(&["127.0.0.1"]).await;
    let wary = with_alice(&[]).await;
    for headers in [&said[..], &devpi[..]] {
        assert_eq!(login_url(&trusting, headers).await, "https://pkg.example.org/+login");
        assert_eq!(login_url(&wary, headers).await, wary.url("/+login"));
    }
    let hostile = [("host", "a/\"><script>x")];
    assert_eq!(login_url(&wary, &hostile).await, format!("http://{}/+login", wary.app.config.listen));
}
