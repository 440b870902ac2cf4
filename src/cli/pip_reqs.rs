//! The command line of pip-reqs, for those who have it in their Dockerfiles: this program answers to that
//! name too.

use super::client::{self, Input, Shown, Through};
use super::compile::compile;
use super::progress::Progress;
use crate::client::WheelsProxy;
use crate::error::Result;
use crate::words::OlderVersions;
use clap::{CommandFactory, Parser, Subcommand};
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Pins requirements and finds their wheels on a wheels proxy.
#[derive(Debug, Parser)]
#[command(name = "pip-reqs", version, max_term_width = 100)]
struct PipReqs {
    /// Address of the wheels proxy: http://HOST/v1/INDEXES/TARGET/
    #[arg(
        short = 'w',
        long,
        value_name = "URL",
        global = true,
        env = "WHEELSPROXY_URL",
        hide_env_values = true
    )]
    wheelsproxy: Option<String>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Pin requirements and all that they need
    Compile {
        #[arg(default_value = "requirements.in")]
        infile: PathBuf,
        #[arg(default_value = "requirements.txt")]
        outfile: PathBuf,
    },
    /// Find a wheel for each pinned requirement
    Resolve {
        #[arg(default_value = "requirements.txt")]
        infile: PathBuf,
        #[arg(default_value = "requirements.urls")]
        outfile: PathBuf,
    },
}

/// Whether the program was called by that name.
pub fn is_called(program: Option<&OsStr>) -> bool {
    program.and_then(|program| Path::new(program).file_stem()).is_some_and(|name| name == "pip-reqs")
}

/// Runs the command line of this process.
pub fn run() -> ExitCode {
    let arguments = PipReqs::parse();
    if arguments.wheelsproxy.as_deref().is_none_or(str::is_empty) {
        let text = "either --wheelsproxy or the environment variable WHEELSPROXY_URL must be given";
        let error = PipReqs::command().error(clap::error::ErrorKind::MissingRequiredArgument, text);
        error.exit();
    }
    // Fails only if one is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let done = match runtime {
        Ok(runtime) => runtime.block_on(arguments.run()),
        Err(error) => Err(error.into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // What a proxy says is for the reader as it is.
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

impl PipReqs {
    async fn run(self) -> Result<()> {
        let token = std::env::var("WHEELWRIGHT_TOKEN").ok().filter(|token| !token.is_empty());
        let through = Through { wheelsproxy: self.wheelsproxy.clone(), token, ..Through::default() };
        let proxy = through.open().await?;
        match &self.command {
            Command::Compile { infile, outfile } => {
                let input = Input::read(infile, &BTreeSet::new(), &[])?;
                let compiled = compile(&proxy, None, &input, &[], OlderVersions::default()).await?;
                client::write(outfile, &compiled.to_text())
            }
            Command::Resolve { infile, outfile } => resolve(&proxy, infile, outfile).await,
        }
    }
}

/// The file goes to the proxy as it is, and what the proxy says comes back as it is.
async fn resolve(proxy: &WheelsProxy, infile: &Path, outfile: &Path) -> Result<()> {
    let text = std::fs::read_to_string(infile)
        .map_err(|error| crate::bad!("cannot read {}: {error}", infile.display()))?;
    let progress = Progress::new();
    let answer = Shown::new(proxy, &progress).resolve_file(&text).await?;
    client::write(outfile, &answer)
}
