//! `wheelwright serve`: runs the whole system until it is told to stop.

use super::{installation, signal};
use crate::app::{App, create_private_folder};
use crate::config::Config;
use crate::config::load::ResolvedConfig;
use crate::db::Db;
use crate::error::Result;
use crate::replica;
use crate::tools::claim::claim;
use crate::web::http::connections;
use crate::web::server;
use crate::web::starting::Starting;
use crate::worker::inner::Inner;
use crate::{bad, conflict};
use std::io::{Read, Seek, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::net::TcpListener;

#[derive(clap::Args, Debug)]
pub struct ServeCommand {
    /// Address and port; port 0 picks a free one [default: 127.0.0.1:3141]
    #[arg(long, value_name = "ADDR")]
    listen: Option<String>,
    /// The simple index that root/pypi mirrors, stored for later starts [default: the stored one; at the
    /// first start what pip on this machine would use]
    #[arg(long, value_name = "URL")]
    upstream: Option<String>,
    /// Send nothing to the network: mirrors serve what they have
    #[arg(long)]
    offline: bool,
    /// Copy this server: answer reads from this disk, hand everything else on to it
    #[arg(long, value_name = "URL")]
    replica_of: Option<String>,
    /// A token of that server, made with `wheelwright token create root --action read,replicate`
    #[arg(long, value_name = "TOKEN", env = "WHEELWRIGHT_REPLICA__TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// Make a replica a server of its own, once its primary is gone for good
    #[arg(long, conflicts_with = "replica_of")]
    promote: bool,
}

impl ServeCommand {
    pub fn flags(&self) -> Vec<(&'static str, String)> {
        let offline = self.offline.then(|| "true".to_owned());
        let all = [
            ("listen", self.listen.clone()),
            ("upstream", self.upstream.clone()),
            ("offline", offline),
            ("replica.of", self.replica_of.clone()),
            ("replica.token", self.token.clone()),
        ];
        all.into_iter().filter_map(|(key, value)| Some((key, value?))).collect()
    }

    pub async fn run(self, resolved: ResolvedConfig) -> Result<ExitCode> {
        // Before anything else, so that a signal during a slow start ends it in order, too.
        let stop = signal::stop_signal()?;
        let descriptors = connections::raise_descriptors();
        let listen = resolved.config.listen.clone();
        let running = Running::claim(&resolved.config.data)?;
        if self.promote {
            promote(&resolved.config).await?;
        }
        let early = match resolved.config.answer_while_starting {
            true => {
                let listener = bind(&listen).await?;
                running.note(&format!("{}://{}", resolved.config.scheme(), listener.local_addr()?));
                Some(Starting::begin(listener, &resolved.config)?)
            }
            false => None,
        };
        let app = installation::open(resolved).await?;
        if app.replica.is_none() {
            replica::refuse_on_replica(&app.db).await?;
        }
        let listener = match early {
            Some(early) => early.end().await?,
            None => bind(&listen).await?,
        };
        let scheme = app.config.scheme();
        let most = app.config.limits.connections;
        if descriptors / 2 < most {
            tracing::info!(
                "the system allows {descriptors} file descriptors (ulimit -n): the server accepts {} \
                 connections at once, not {most}",
                descriptors / 2
            );
        }
        let mut out = std::io::stdout();
        let address = format!("{scheme}://{}", listener.local_addr()?);
        running.note(&address);
        writeln!(out, "listening on {address}")?;
        out.flush()?;
        app.keep_advisories();
        app.keep_measures();
        app.finder.begin();
        let served = app.clone();
        let ended = serve_and_build(app, listener, stop).await;
        let counted = served.downloads.flush().await;
        served.take_leave().await;
        ended.and(counted)?;
        tracing::info!("stopped");
        drop(running);
        Ok(ExitCode::SUCCESS)
    }
}

async fn bind(listen: &str) -> Result<TcpListener> {
    TcpListener::bind(listen)
        .await
        .map_err(|e| bad!("cannot listen on {listen}: {e}. Choose another address with --listen"))
}

/// Makes the data folder of a replica one of a server of its own, before anything opens it as what it was.
async fn promote(config: &Config) -> Result<()> {
    if config.replica.of.is_some() {
        return Err(bad!(
            "replica.of is still set: remove it from wheelwright.toml and from the environment, then use --promote"
        ));
    }
    replica::promote(&Db::open(&config.database_url()).await?).await
}

/// A lock on the data folder, for as long as this process serves it. Other commands may work beside it;
/// a second server would clear away what this one is writing.
struct Running(std::fs::File);

impl Running {
    /// # Errors
    /// `Conflict` if another server runs on this folder.
    fn claim(data: &Path) -> Result<Self> {
        create_private_folder(data)?;
        let path = data.join("serving");
        let file = std::fs::File::options().create(true).truncate(false).read(true).write(true).open(&path);
        let mut file = file.map_err(|error| bad!("cannot write {}: {error}", path.display()))?;
        match claim(&file) {
            Ok(()) => Ok(Self(file)),
            Err(std::fs::TryLockError::WouldBlock) => {
                let mut said = String::new();
                let _ = file.read_to_string(&mut said);
                Err(conflict!(
                    "another server uses {} ({}): stop it, or choose another folder with --data",
                    data.display(),
                    said.trim()
                ))
            }
            // A file system without locks.
            Err(std::fs::TryLockError::Error(error)) => {
                tracing::warn!(%error, "cannot lock {}: make sure that no other server uses it", path.display());
                Ok(Self(file))
            }
        }
    }

    /// Tells who looks at the file which server this is.
    fn note(&self, address: &str) {
        let mut file = &self.0;
        let text = format!("process {}, {address}\n", std::process::id());
        let written =
            file.set_len(0).and_then(|()| file.rewind()).and_then(|()| file.write_all(text.as_bytes()));
        if let Err(error) = written {
            tracing::debug!(%error, "serving");
        }
    }
}

/// Serves with a worker beside it, which asks this very server like any other.
async fn serve_and_build(app: App, listener: TcpListener, stop: impl Future<Output = ()>) -> Result<()> {
    let mut own = own_address(listener.local_addr()?);
    let (ended, end) = tokio::sync::oneshot::channel::<()>();
    // Without a certificate to check: what stays on this machine needs no TLS.
    let builds = app.config.build.enabled && app.replica.is_none();
    let plain = match app.config.tls.is_on() && builds {
        true => Some(TcpListener::bind("127.0.0.1:0").await?),
        false => None,
    };
    if let Some(plain) = &plain {
        own = plain.local_addr()?;
    }
    let inner = if builds { Inner::start(&app, own) } else { None };
    let beside = app.clone();
    let plain = async move {
        match plain {
            Some(plain) => {
                let stop = async { drop(end.await) };
                server::serve_plainly(beside, plain, stop).await
            }
            None => Ok(()),
        }
    };
    let (stopping, drain) = (app.clone(), Duration::from_secs(app.config.limits.drain));
    let stop = async move {
        stop.await;
        stopping.is_stopping.store(true, Ordering::Relaxed);
        if !drain.is_zero() {
            tracing::info!("/+health answers 503 from now on; stopping in {} s", drain.as_secs());
            tokio::time::sleep(drain).await;
        }
        drop(stopping);
        tracing::info!(
            "stopping: the server accepts no new connections, finishes running requests, and returns builds \
             to the queue"
        );
        if let Some(inner) = inner {
            inner.stop().await;
        }
        drop(ended);
    };
    tokio::try_join!(server::serve(app, listener, stop), plain)?;
    Ok(())
}

/// Where this process answers itself.
fn own_address(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(match address {
            SocketAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    address
}
