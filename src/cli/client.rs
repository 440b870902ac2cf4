//! What `compile`, `resolve` and `install` share: which server, which indexes, for which target.

mod input;
mod install;
mod local;
mod lock;
mod output;
mod python;
mod show;
#[cfg(test)]
mod tests;

pub use self::input::{Input, LocalPath, LocalSource, WantedLine};
pub use self::install::{InstallPlan, Installer, Tool};
pub use self::local::requires;
pub use self::lock::lock;
pub use self::output::{refuse_overwriting, write};
pub use self::python::Python;
pub use self::show::{Shown, failed_builds};

use super::place;
use crate::bad;
use crate::client::{ProxyAddress, WheelsProxy};
use crate::error::Result;
use crate::names::ProjectName;
use std::path::PathBuf;

/// Which server, which indexes there, and what is installed into.
#[derive(clap::Args, Clone, Debug, Default)]
#[command(next_help_heading = "Server")]
pub struct Through {
    /// Server, indexes and target in one: http://HOST/v1/alice.dev+pypi/cp312-linux/ [env: WHEELSPROXY_URL]
    #[arg(short = 'w', long, value_name = "URL")]
    pub wheelsproxy: Option<String>,
    /// The server [default: WHEELWRIGHT_SERVER, else that of wheelwright login, else http://127.0.0.1:3141]
    #[arg(long, value_name = "URL", conflicts_with = "wheelsproxy")]
    pub server: Option<String>,
    /// An index there; may be repeated, the first that has a project decides [default: pypi]
    #[arg(long = "index", value_name = "USER/INDEX")]
    pub indexes: Vec<String>,
    /// cp312, cp27-linux, a full name, or auto: the target of the Python at hand [default: auto]
    #[arg(long, value_name = "NAME")]
    pub target: Option<String>,
    /// The Python to install into: 3.12, a program, an environment [default: that of VIRTUAL_ENV, else python3 on the PATH]
    #[arg(long, value_name = "PYTHON")]
    pub python: Option<PathBuf>,
    /// An API token of that server [default: that of wheelwright login, else ~/.netrc]
    #[arg(long, env = "WHEELWRIGHT_TOKEN", hide_env_values = true)]
    pub token: Option<String>,
}

/// The name of an extra, for the command line.
pub fn extra(name: &str) -> Result<ProjectName> {
    ProjectName::new(name).ok_or_else(|| bad!("{name:?} is not a valid name of an extra"))
}

impl Through {
    /// The address that is meant: `--wheelsproxy`, else `--server`, else the variable, else the server of
    /// `WHEELWRIGHT_SERVER` or of the login, else one on this machine; with other indexes and another target where they are given.
    ///
    /// # Errors
    /// `Bad` if it is no address.
    pub fn address(&self, variable: Option<String>) -> Result<ProxyAddress> {
        let of_server =
            |server: &str| ProxyAddress::parse(&format!("{}/v1/pypi/auto/", server.trim_end_matches('/')));
        let mut address = match (&self.wheelsproxy, &self.server, variable.filter(|text| !text.is_empty())) {
            (Some(whole), ..) => ProxyAddress::parse(whole)?,
            (None, Some(server), _) => of_server(server)?,
            (None, None, Some(whole)) => {
                ProxyAddress::parse(&whole).map_err(|error| bad!("WHEELSPROXY_URL: {error}"))?
            }
            (None, None, None) => of_server(&place::default_server()?)?,
        };
        if !self.indexes.is_empty() {
            let written = self.indexes.iter().map(|name| name.trim_matches('/').replacen('/', ".", 1));
            address.indexes = written.collect::<Vec<_>>().join("+");
        }
        if let Some(target) = &self.target {
            address.target.clone_from(target);
        }
        Ok(address)
    }

    /// The server, ready to be asked; for `auto` with what is known of the Python at hand.
    ///
    /// # Errors
    /// `Bad` if the address is none; `Missing` if a Python is needed and there is none.
    pub async fn open(&self) -> Result<WheelsProxy> {
        let address = self.address(std::env::var("WHEELSPROXY_URL").ok())?;
        let python = match address.target.as_str() {
            "auto" => Some(Python::find(self.python.as_deref()).await?),
            _ => None,
        };
        let auto = python.map(|python| (python.target.name.clone(), python.user_agent()));
        WheelsProxy::new(address, self.token.clone(), auto)
    }
}
