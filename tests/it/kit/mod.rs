//! The kit: a real server on a free port, and all that talks to it.
//!
//! A story starts a server, does what its people do, and says what they see. Its name is a sentence that is true:
//!
//! ```ignore
//! #[tokio::test]
//! async fn what_alice_publishes_stands_on_her_index() {
//!     let server = stage().await; // user alice, her index alice/dev
//!     let demo = Package::new("demo", "1.0").requires("lib>=2").wheel();
//!     server.publish("alice/dev", &demo).await;
//!     let page = server.get("/alice/dev/+simple/demo/").await.text().await.expect("a page");
//!     assert!(page.contains(&demo.filename), "{page}");
//! }
//! ```
//!
//! | to have | take |
//! |---|---|
//! | a server in this process | [`Server::start`], `start_with` other settings; [`stages::stage`] with alice and `alice/dev` |
//! | the same on SQLite and a folder, then on Postgres and S3 | [`backend::on_both`] |
//! | the real program in a process of its own, to be killed | [`program::Program`] |
//! | wheels and sdists | [`packages::Package`]; [`sources::Tree`] for sources that really build |
//! | an upload | `server.publish`; [`forms::Form`] for a form that is wrong |
//! | files that are simply there | `server.host` in [`host`] |
//! | users, indexes, tokens | `server.make_user`, `make_index`, `make_token` in [`stages`] |
//! | JSON requests as somebody | `server.ask` with an [`script::Auth`] |
//! | raw bytes on a connection | `server.raw` in [`stages`] |
//! | an upstream that logs, lies and fails | [`upstream::Upstream`]; [`origin::Origin`] for many files |
//! | a builder | [`worker`]: hands in what it is given; [`fake_worker`]: over HTTP, says what the story wants; [`hired`]: the real one; [`workbench`]: a real one without a queue |
//! | a Python for musl, or for another processor | [`guests`] |
//! | targets and uv, for compile and resolve | [`resolving`] |
//! | a real devpi-server | [`devpi_server::Devpi`] |
//! | pip, uv, twine and others | [`clients::Client`]; [`desk::Desk`] for our own command line |
//! | our command line on a machine of its own, with logins | [`laptop::Laptop`] |
//! | a distribution of Debian packages, for apt | [`distribution::Distribution`] |
//! | somebody who hears of events | [`receiver::Receiver`] |
//! | a wire between two servers that can be cut | [`wire::Wire`] |
//! | a browser, nginx, a certificate | [`browser`], [`nginx`], [`tls`] |
//! | git repositories, and a host that serves them | [`git_host`]; [`sshd::Sshd`] over ssh |
//! | a company with an LDAP server | [`slapd::Slapd`] |
//! | a provider of OpenID Connect, and its lies | [`issuer::OidcIssuer`] |

pub mod backend;
pub mod browser;
pub mod clients;
pub mod desk;
pub mod devpi_server;
pub mod distribution;
pub mod fake_worker;
pub mod folder;
pub mod forms;
pub mod git_host;
pub mod guests;
pub mod hired;
pub mod host;
pub mod issuer;
pub mod laptop;
pub mod names;
pub mod nginx;
pub mod origin;
pub mod packages;
pub mod postgres;
pub mod program;
pub mod receiver;
pub mod resolving;
pub mod s3;
pub mod script;
pub mod slapd;
pub mod sources;
pub mod sshd;
pub mod stages;
pub mod tls;
pub mod upstream;
pub mod wire;
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
        Self::start_within(server::ServerLimits::default(), change).await
    }

    /// The same within other limits.
    pub async fn start_within(limits: server::ServerLimits, change: impl FnOnce(&mut Config)) -> Self {
        Self::start_table(limits, wheelwright::web::routes::table(), change).await
    }

    /// The same with other routes.
    pub async fn start_table(
        limits: server::ServerLimits,
        table: wheelwright::web::router::Table,
        change: impl FnOnce(&mut Config),
    ) -> Self {
        crate::kit::tls::ready();
        let data = tempfile::tempdir().expect("a temporary directory");
        let mut config = Config { data: data.path().to_owned(), ..Config::default() };
        config.root_password = Some(ROOT_PASSWORD.into());
        // Stories that are not about this count what is asked of an upstream.
        config.build.prepare = false;
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
