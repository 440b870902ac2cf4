//! A whole server inside this process, for as long as one command takes.

use crate::access::tokens::{self, NewToken};
use crate::access::{COMMAND_LINE, Scope, Who, password};
use crate::app::App;
use crate::bad;
use crate::build::target::Target;
use crate::cli::installation;
use crate::cli::progress::Progress;
use crate::client::ServerClient;
use crate::config::Config;
use crate::config::load::ResolvedConfig;
use crate::error::Result;
use crate::tools::scratch::make_private;
use crate::tools::time::{Micros, now};
use crate::web::server;
use crate::worker::inner::Inner;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// Until the built-in worker says what it can build for: it asks every interpreter.
const WORKER_STARTS: Duration = Duration::from_secs(90);

/// The server, and the lock that keeps others from its folder meanwhile.
pub struct Local {
    pub server: ServerClient,
    app: App,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<Result<()>>,
    worker: Option<Inner>,
    token: String,
    started_at: Micros,
    /// `None`: the folder is that of a server, which may be running.
    lock: Option<File>,
}

/// The user's cache: `XDG_CACHE_HOME`, else what the system has for that; `None` without a home.
fn cache_folder() -> Option<PathBuf> {
    let given = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let home = || std::env::home_dir().filter(|home| home.is_absolute());
    let cache = given("XDG_CACHE_HOME").or_else(|| match std::env::consts::OS {
        "macos" => home().map(|home| home.join("Library/Caches")),
        _ => home().map(|home| home.join(".cache")),
    });
    cache.map(|cache| cache.join("wheelwright"))
}

/// The settings of a server for one command.
pub fn flags() -> Vec<(&'static str, String)> {
    let given =
        [("data", cache_folder().map(|folder| folder.display().to_string())), ("log.filter", log_filter())];
    given.into_iter().filter_map(|(key, value)| Some((key, value?))).collect()
}

/// A server's log would run through the progress; who sets a filter wants it.
pub fn log_filter() -> Option<String> {
    let is_set = |name: &str| std::env::var_os(name).is_some();
    let asked = is_set("WHEELWRIGHT_LOG") || is_set("WHEELWRIGHT_LOG__FILTER");
    (!asked).then(|| "error".to_owned())
}

impl Local {
    /// Starts it. Another command that uses the folder is waited for.
    pub async fn start(mut resolved: ResolvedConfig, progress: &Progress) -> Result<Self> {
        let data = resolved.config.data.clone();
        create_private(&data)?;
        let lock = lock(&data.join("build.lock"), progress).await?;
        make_private_server(&mut resolved.config);
        let app = installation::open(resolved).await?;
        // Of a command that was killed: nobody waits for it.
        app.db.forget_unfinished().await?;
        Self::serve(app, Some(lock)).await
    }

    /// Starts one on the data of a server, which may be running; nothing of what that does ends with this one.
    pub async fn beside(mut resolved: ResolvedConfig) -> Result<Self> {
        resolved.config.tls = Config::default().tls;
        resolved.config.public_url = None;
        resolved.config.build.prepare = false;
        Self::serve(installation::own(resolved).await?, None).await
    }

    async fn serve(app: App, lock: Option<File>) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let new = NewToken {
            owner: "root".into(),
            name: "wheelwright build".into(),
            scope: Scope::default(),
            expires: Some(86_400),
        };
        let (token, secret) = tokens::create(&app.db, COMMAND_LINE, &new).await?;
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = app.clone();
        let serving = tokio::spawn(async move {
            let limits =
                server::ServerLimits { drain: Duration::from_millis(200), ..server::ServerLimits::default() };
            let stopped = async {
                let _ = stopped.await;
            };
            server::serve_within(limits, serving, listener, stopped).await
        });
        let started_at = now();
        // A server that runs on these data has workers already.
        let has_own = lock.is_none() && !app.targets.offered().await?.is_empty();
        let worker = if has_own { None } else { Inner::start(&app, address) };
        let server = ServerClient::new(&format!("http://{address}"), Some(&secret))?;
        Ok(Self { server, app, stop, serving, worker, token, started_at, lock })
    }

    /// What the built-in worker can build for, once it said so.
    pub async fn targets(&self) -> Result<Vec<Target>> {
        let until = Instant::now() + WORKER_STARTS;
        loop {
            let targets = self.server.targets().await?;
            if !targets.is_empty() || self.worker.is_none() {
                return Ok(targets);
            }
            let workers = self.app.targets.workers().await?;
            // Of ours, not of an earlier command's.
            let mut new = workers.into_iter().filter(|worker| worker.seen_at >= self.started_at);
            if let Some(why) = new.find_map(|worker| worker.description.off) {
                return Err(bad!("this machine cannot build: {why}"));
            }
            if Instant::now() > until {
                return Err(bad!("the worker did not start in time: set WHEELWRIGHT_LOG=info to see why"));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Ends server, worker and what they run.
    pub async fn stop(self) {
        if let Some(worker) = self.worker {
            worker.stop().await;
        }
        // It expires in any case.
        let _ = tokens::revoke(&self.app.db, &Who::command_line(), &self.token).await;
        let _ = self.stop.send(());
        let _ = tokio::time::timeout(Duration::from_secs(10), self.serving).await;
        // What was asked for goes with who asked for it.
        if self.lock.is_some() {
            let _ = self.app.db.forget_unfinished().await;
        }
    }
}

/// Settings of a server for others do not count for this one.
fn make_private_server(config: &mut Config) {
    let own = Config::default();
    config.database = None;
    config.storage = None;
    config.tls = own.tls;
    config.public_url = None;
    config.default_index = own.default_index;
    config.default_upload_index = None;
    config.open_registration = false;
    config.build.enabled = true;
    // What it builds now is all that it builds.
    config.build.prepare = false;
    // Nobody signs in there: what this process needs, it has.
    config.root_password = Some(password::random());
}

fn create_private(folder: &Path) -> Result<()> {
    make_private(folder).map_err(|error| {
        bad!("cannot create {}: {error}. Choose another folder with --data", folder.display())
    })
}

/// Waits until no other command uses the folder.
async fn lock(path: &Path, progress: &Progress) -> Result<File> {
    let file = File::options().create(true).truncate(false).write(true).open(path)?;
    let mut is_said = false;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(std::fs::TryLockError::WouldBlock) => {}
            Err(std::fs::TryLockError::Error(error)) => return Err(error.into()),
        }
        if !is_said {
            progress.say("waiting for another wheelwright build to end …");
            is_said = true;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
