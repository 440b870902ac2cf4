//! `wheelwright import`: what another server, a folder or an index has moves in.

mod report;

use crate::app::App;
use crate::bad;
use crate::client::netrc;
use crate::config::secret_url::SecretUrl;
use crate::error::Result;
use crate::names::{IndexName, ProjectName};
use crate::transfer::devpi::{self, DevpiOrder};
use crate::transfer::{Destination, TransferReport, folder, remote};
use indicatif::{ProgressBar, ProgressStyle};
use parking_lot::Mutex;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Exits 0 if everything was taken, 1 if something was refused. Run it again to go on after a stop: what is
/// here already is skipped.
#[derive(clap::Subcommand, Debug)]
pub enum ImportCommand {
    /// Import a whole devpi server from what devpi-export wrote
    ///
    /// Users keep their passwords, files their hashes and upload times. What is here already stays as it is.
    Devpi {
        /// Folder with dataindex.json
        #[arg(value_name = "DIR")]
        folder: PathBuf,
        /// Leave out indexes of this type, which a plugin of devpi made
        #[arg(long = "skip-type", value_name = "TYPE")]
        skipped_types: Vec<String>,
        /// Give root the password that it has in the export
        #[arg(long)]
        root_password: bool,
        #[command(flatten)]
        how: How,
    },
    /// Import the wheels and sdists of a folder, such as one of pypiserver or of find-links
    Dir {
        /// Searched with all folders in it
        #[arg(value_name = "DIR")]
        folder: PathBuf,
        /// The index that takes them
        #[arg(long, value_name = "USER/INDEX", value_parser = super::index::parse)]
        into: IndexName,
        #[command(flatten)]
        how: How,
    },
    /// Import all projects of another index, or some
    ///
    /// A user and password in the URL, or else in ~/.netrc, go to that server only.
    Index {
        /// URL of a simple index or of a page of files: https://nexus.example/repository/pypi/simple/
        #[arg(value_parser = parse_url)]
        url: SecretUrl,
        /// Only these
        #[arg(value_name = "PROJECT", value_parser = parse_project)]
        projects: Vec<ProjectName>,
        /// File with the names of projects, one a line
        #[arg(long = "projects", value_name = "FILE")]
        list: Option<PathBuf>,
        /// The index that takes them
        #[arg(long, value_name = "USER/INDEX", value_parser = super::index::parse)]
        into: IndexName,
        #[command(flatten)]
        how: How,
    },
}

#[derive(clap::Args, Debug)]
pub struct How {
    /// Show what would be imported and what would be refused, but change nothing
    #[arg(long)]
    dry_run: bool,
    #[arg(long)]
    json: bool,
}

impl ImportCommand {
    pub async fn run(self, app: &App) -> Result<ExitCode> {
        let shown = Shown::new();
        let watch = |part: &str, done: u64, total: u64| shown.tell(part, done, total);
        let (how, report) = match self {
            Self::Devpi { folder, skipped_types, root_password, how } => {
                let order = DevpiOrder { folder, skipped_types, root_password };
                let report = devpi::import(how.target(app), order, &watch).await;
                (how, report)
            }
            Self::Dir { folder: from, into, how } => {
                let report = folder::import(how.target(app), &from, &into, &watch).await;
                (how, report)
            }
            Self::Index { url, mut projects, list, into, how } => {
                let listed = list.is_some();
                if let Some(list) = list {
                    projects.extend(read_list(&list)?);
                }
                if listed && projects.is_empty() {
                    return Err(bad!("the file of --projects has no names: write one a line"));
                }
                let url = with_login(url);
                let report = remote::import(how.target(app), &url, &projects, &into, &watch).await;
                (how, report)
            }
        };
        shown.bar.finish_and_clear();
        how.end(&report?)
    }
}

fn parse_url(text: &str) -> Result<SecretUrl> {
    text.parse().map_err(|why| bad!("this is not a URL: {why}. Write http://… or https://…"))
}

fn parse_project(text: &str) -> Result<ProjectName> {
    ProjectName::new(text)
        .ok_or_else(|| bad!("'{text}' is not a valid project name. Use letters, digits, '-', '_' and '.'."))
}

/// Names one a line; what follows `#` is a comment.
fn read_list(path: &Path) -> Result<Vec<ProjectName>> {
    let text = std::fs::read_to_string(path)
        .map_err(|why| bad!("cannot read the file of --projects, {}: {why}", path.display()))?;
    let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default().trim());
    lines.filter(|line| !line.is_empty()).map(parse_project).collect()
}

/// The URL with the login that `~/.netrc` has for its host, if it has none itself.
fn with_login(url: SecretUrl) -> SecretUrl {
    let plain = url.expose();
    let login = plain.host_str().filter(|_| plain.username().is_empty() && plain.password().is_none());
    let Some(login) = login.and_then(netrc::login) else { return url };
    let mut known = plain.clone();
    // Both fail only for URLs that cannot have a login.
    let _ = known.set_username(&login.user);
    let _ = known.set_password(Some(&login.password));
    known.into()
}

impl How {
    fn target<'a>(&self, app: &'a App) -> Destination<'a> {
        Destination {
            config: &app.config,
            db: &app.db,
            store: &app.store,
            indexes: &app.indexes,
            dry_run: self.dry_run,
        }
    }

    fn end(&self, report: &TransferReport) -> Result<ExitCode> {
        match self.json {
            true => super::table::json(report)?,
            false => report::print(report)?,
        }
        Ok(if report.is_whole() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

/// How far an import is: a bar on a terminal, elsewhere a line for each part that begins.
struct Shown {
    bar: ProgressBar,
    part: Mutex<String>,
}

impl Shown {
    fn new() -> Self {
        let style = ProgressStyle::with_template("{spinner} {wide_bar} {pos}/{len} {msg}");
        let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
        Self { bar: ProgressBar::new(0).with_style(style), part: Mutex::default() }
    }

    fn tell(&self, part: &str, done: u64, total: u64) {
        self.bar.set_length(total);
        self.bar.set_position(done);
        let mut known = self.part.lock();
        if *known != part {
            part.clone_into(&mut known);
            self.bar.set_message(part.to_owned());
            if self.bar.is_hidden() {
                eprintln!("{part}: {done} of {total}");
            }
        }
    }
}
