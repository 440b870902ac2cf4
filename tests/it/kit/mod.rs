//! The harness: a real server on a free port, and what talks to it.

pub mod backend;
pub mod browser;
pub mod clients;
pub mod desk;
pub mod fake_worker;
pub mod forms;
pub mod hired;
pub mod host;
pub mod nginx;
pub mod packages;
pub mod postgres;
pub mod s3;
pub mod script;
pub mod sources;
pub mod stages;
pub mod tls;
pub mod upstream;
pub mod workbench;
pub mod worker;

use std::net::SocketAddr;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use wheelwright::app::App;
use wheelwright::config::Config;
use wheelwright::web::server;

/// A running wheelwright with a data directory of its own; stops when dropped.
pub struct Server {
    pub app: App,
    pub address: SocketAddr,
    pub http: reqwest::Client,
    pub data: tempfile::TempDir,
    /// Postgres and S3, if it runs on those.
    pub company: Option<backend::Company>,
    stop: Option<oneshot::Sender<()>>,
}

/// What every test server has as root's password.
pub const ROOT_PASSWORD: &str = "root-secret";

impl Server {
    /// SQLite and a folder, no upstream.
    pub async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    /// The same with changed settings.
    pub async fn start_with(change: impl FnOnce(&mut Config)) -> Self {
        Self::start_within(server::Limits::default(), change).await
    }

    /// The same within other limits.
    pub async fn start_within(limits: server::Limits, change: impl FnOnce(&mut Config)) -> Self {
        Self::start_table(limits, wheelwright::web::routes::table(), change).await
    }

    /// The same with other routes.
    pub async fn start_table(
        limits: server::Limits,
        table: wheelwright::web::router::Table,
        change: impl FnOnce(&mut Config),
    ) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let data = tempfile::tempdir().expect("a temporary directory");
        let mut config = Config { data: data.path().to_owned(), ..Config::default() };
        config.root_password = Some(ROOT_PASSWORD.into());
        change(&mut config);
        let app = App::open(config).await.expect("the app opens");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = app.clone();
        tokio::spawn(async move {
            let stopped = async {
                let _ = stopped.await;
            };
            server::serve_table(limits, table, serving, listener, stopped)
                .await
                .expect("the server ends well");
        });
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy().build();
        Self { app, address, http: http.expect("a client"), data, company: None, stop: Some(stop) }
    }

    /// `server.url("/+health")`
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub async fn get(&self, path: &str) -> reqwest::Response {
        self.http.get(self.url(path)).send().await.expect("an answer")
    }
}

impl Server {
    /// Tells it to stop; what runs goes on.
    pub fn stop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}
