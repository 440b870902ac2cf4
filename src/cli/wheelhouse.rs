//! `wheelwright wheelhouse`: an index as static pages, in a folder or in a bucket.

use super::{signal, table};
use crate::app::App;
use crate::bad;
use crate::config::units;
use crate::error::Result;
use crate::names::{IndexName, ProjectName};
use crate::tools::time::now;
use crate::transfer::wheelhouse::{
    HouseSource, Presign, WheelhouseOrder, WheelhouseTally, WheelhouseTarget, WheelhouseView, export,
    target_of,
};
use crate::words::Moment;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;
use url::Url;

/// How often `publish` looks for changes.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// The exit status of a command that Ctrl-C ended.
const INTERRUPTED: u8 = 130;

#[derive(clap::Subcommand, Debug)]
pub enum WheelhouseCommand {
    /// Write an index as static pages and files, for any web server or `pip --find-links`
    ///
    /// DIR/index.html is a flat page for --find-links; DIR/simple/ has a page for each project, as HTML and JSON. A
    /// later export writes only what changed.
    Export {
        #[command(flatten)]
        what: WheelhouseSelection,
        /// The folder; it must be empty, new, or an earlier export of this index
        #[arg(short, long, value_name = "DIR")]
        output: PathBuf,
        /// Write absolute links below this URL [default: relative links]
        #[arg(long, value_name = "URL")]
        public_url: Option<Url>,
    },
    /// Publish an index to an S3 bucket
    Publish {
        #[command(flatten)]
        what: WheelhouseSelection,
        /// s3://BUCKET/PREFIX
        #[arg(long, value_name = "URL")]
        to: String,
        /// Sign links that are good for this time, at most 7d: nobody needs a credential for the files
        #[arg(long, value_name = "TIME", value_parser = time)]
        presign: Option<u64>,
        /// Sign links anew before one is good for less than this [default: half of --presign]
        #[arg(long, value_name = "TIME", value_parser = time, requires = "presign")]
        min_valid: Option<u64>,
        /// Stay, publish again after each change, and sign links anew in time
        #[arg(long)]
        keep: bool,
        /// Publish this project although a classifier says `Private ::`; may be repeated
        #[arg(long, value_name = "NAME", value_parser = project)]
        private: Vec<ProjectName>,
        /// Print a signed URL of the flat page
        #[arg(long, requires = "presign")]
        print_url: bool,
    },
    /// List the buckets that this installation publishes to, and how it went
    List {
        #[arg(long)]
        json: bool,
    },
}

#[derive(clap::Args, Debug)]
pub struct WheelhouseSelection {
    #[arg(value_name = "USER/INDEX", value_parser = super::index::parse)]
    index: IndexName,
    /// Only this project; may be repeated
    #[arg(long = "project", value_name = "NAME", value_parser = project)]
    projects: Vec<ProjectName>,
    /// Also what its bases have; of mirrors, the files that they keep
    #[arg(long)]
    inherited: bool,
    #[arg(long)]
    json: bool,
}

impl WheelhouseSelection {
    fn order(self) -> WheelhouseOrder {
        let Self { index, projects, inherited, json: _ } = self;
        WheelhouseOrder { index, projects, inherited, public_url: None, presign: None, private: None }
    }
}

fn time(text: &str) -> Result<u64> {
    units::seconds(text).ok_or_else(|| bad!("'{text}' is not a time: write it like 90m, 12h or 7d"))
}

fn project(text: &str) -> Result<ProjectName> {
    ProjectName::new(text).ok_or_else(|| bad!("'{text}' is not a valid project name"))
}

impl WheelhouseCommand {
    pub async fn run(self, app: &App) -> Result<ExitCode> {
        match self {
            Self::Export { what, output, public_url } => {
                let as_json = what.json;
                let order = WheelhouseOrder { public_url, ..what.order() };
                let source = HouseSource { indexes: &app.indexes, store: &app.store };
                let tally = export(source, &order, &output, now()).await?;
                told(&order, &output.display().to_string(), &tally, None, as_json)
            }
            Self::Publish { what, to, presign, min_valid, keep, private, print_url } => {
                let as_json = what.json;
                let presign = presign.map(|lasts| Presign::new(lasts, min_valid));
                let order = WheelhouseOrder { presign, private: Some(private), ..what.order() };
                let target = target_of(&app.wheelhouses, order, &to, &app.config.s3)?;
                let stop = signal::stop_signal()?;
                let work = async {
                    let first = publish(app, &target, print_url, as_json).await?;
                    if keep { keep_current(app, &target, print_url, as_json).await } else { Ok(first) }
                };
                tokio::select! {
                    done = work => done,
                    () = stop => Ok(if keep { ExitCode::SUCCESS } else { ExitCode::from(INTERRUPTED) }),
                }
            }
            Self::List { json } => list(&app.wheelhouses.views().await?, json),
        }
    }
}

async fn publish(app: &App, target: &WheelhouseTarget, print_url: bool, as_json: bool) -> Result<ExitCode> {
    let tally = app.wheelhouses.publish(target, now()).await?;
    report(app, target, &tally, print_url, as_json).await
}

/// Publishes whenever something changes.
async fn keep_current(
    app: &App,
    target: &WheelhouseTarget,
    print_url: bool,
    as_json: bool,
) -> Result<ExitCode> {
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        match app.wheelhouses.look(target, now()).await {
            Ok(None) => {}
            Ok(Some(tally)) => drop(report(app, target, &tally, print_url, as_json).await?),
            Err(error) => eprintln!("error: {error}. Retrying"),
        }
    }
}

async fn report(
    app: &App,
    target: &WheelhouseTarget,
    tally: &WheelhouseTally,
    print_url: bool,
    as_json: bool,
) -> Result<ExitCode> {
    let url = if print_url { Some(app.wheelhouses.page_url(target).await?) } else { None };
    told(&target.order, &target.to, tally, url, as_json)
}

fn told(
    order: &WheelhouseOrder,
    place: &str,
    tally: &WheelhouseTally,
    url: Option<String>,
    as_json: bool,
) -> Result<ExitCode> {
    let WheelhouseTally { projects, pages, files, removed, .. } = tally;
    let until = tally.links_until.map(Moment);
    let mut value = json!({
        "index": order.index, "place": place, "projects": projects, "pages": pages, "files": files,
        "removed": removed, "left_out": tally.left_out, "links_until": until,
    });
    if let Some(url) = &url {
        value["url"] = Value::from(url.as_str());
    }
    let mut said = format!(
        "{} to {place}: wrote {files} files and {pages} pages, removed {removed}; projects: {projects}",
        order.index
    );
    if let Some(until) = until {
        said.push_str(&format!("; links are good until {until}"));
    }
    table::done(&said, &value, as_json)?;
    if let (Some(url), false) = (url, as_json) {
        table::line(&url)?;
    }
    for name in &tally.left_out {
        eprintln!("left out: a classifier of {name} says 'Private ::'. To publish it, add --private {name}");
    }
    Ok(if tally.left_out.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn list(houses: &[WheelhouseView], as_json: bool) -> Result<ExitCode> {
    if as_json {
        table::json(&houses)?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut rows = vec![["PLACE", "INDEX", "PUBLISHED", "LINKS UNTIL", "STATE"].map(str::to_owned).to_vec()];
    for house in houses {
        let at = |moment: &Option<Moment>| moment.map_or("-".to_owned(), Moment::second);
        let state = house.error.clone().unwrap_or_else(|| match house.left_out.as_slice() {
            [] => "ok".to_owned(),
            names => format!("ok, left out: {}", names.join(", ")),
        });
        rows.push(vec![
            house.place.clone(),
            house.index.clone(),
            at(&house.published),
            at(&house.links_until),
            state,
        ]);
    }
    table::rows(&rows)?;
    Ok(ExitCode::SUCCESS)
}
