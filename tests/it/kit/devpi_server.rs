//! A real devpi-server.

use super::clients::Client;
use super::forms::{BOUNDARY, Form};
use serde_json::Value;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A running devpi-server; ended when dropped.
pub struct Devpi {
    child: Child,
    pub url: String,
    pub http: reqwest::Client,
}

impl Devpi {
    /// Makes its folder, `server` in the client's home.
    pub async fn init(devpi: &Client) {
        let folder = Self::folder(devpi);
        let arguments = ["--serverdir", &folder, "--root-passwd=rootpw", "--no-root-pypi"];
        devpi.run("devpi-init", &arguments).await.succeeded();
    }

    pub fn folder(devpi: &Client) -> String {
        devpi.home.path().join("server").display().to_string()
    }

    /// Runs it on that folder.
    pub async fn start(devpi: &Client) -> Self {
        let folder = Self::folder(devpi);
        let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = free.local_addr().expect("an address").port();
        drop(free);
        let mut command = Command::new(devpi.program("devpi-server"));
        command.args(["--serverdir", &folder, "--host=127.0.0.1", &format!("--port={port}")]);
        command.env_clear().env("HOME", devpi.home.path()).env("PATH", "/usr/bin:/bin");
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        crate::kit::tls::ready();
        let http = reqwest::Client::builder().no_proxy().build().expect("a client");
        let started =
            Self { child: child.expect("it starts"), url: format!("http://127.0.0.1:{port}"), http };
        for _ in 0..600 {
            if started.http.get(format!("{}/+api", started.url)).send().await.is_ok() {
                return started;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("devpi-server does not answer");
    }

    pub async fn post(&self, path: &str, form: Form) {
        let request = self.http.post(format!("{}{path}", self.url)).basic_auth("ann", Some("annpw"));
        let request = request.header("content-type", format!("multipart/form-data; boundary={BOUNDARY}"));
        let answer = request.body(form.finish()).send().await.expect("an answer");
        assert_eq!(answer.status(), 200, "{path}");
    }

    pub async fn json(&self, method: &str, path: &str, body: &Value) {
        let request = self.http.request(method.parse().expect("a method"), format!("{}{path}", self.url));
        let request = request.basic_auth("ann", Some("annpw")).header("content-type", "application/json");
        let answer = request.body(body.to_string()).send().await.expect("an answer");
        let status = answer.status();
        assert!(status.is_success(), "{status}: {}", answer.text().await.unwrap_or_default());
    }
}

impl Drop for Devpi {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
