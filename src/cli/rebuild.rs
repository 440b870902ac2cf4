//! `wheelwright rebuild`: what was built against another version of a build requirement is built again, as one set.

use super::follow::{BuildFollower, lasted};
use super::progress::Progress;
use super::remote::RemoteIndex;
use super::table;
use crate::build::order::RebuildOrder;
use crate::build::rebuild::{RebuildView, RebuiltView};
use crate::client::ServerClient;
use crate::error::Result;
use crate::words::SetState;
use futures::future::join_all;
use serde_json::json;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// How long a set whose builds have ended may take to be published.
const PUBLICATION: Duration = Duration::from_secs(60);
/// How often it is looked at.
const LOOK: Duration = Duration::from_millis(300);

/// Build again what was built against another version of a build requirement.
///
/// The wheels that the server built for the index tell what they were built with. Those that used another version of
/// the project than the given one are built again against it, and the index gets all new wheels together. If one
/// build fails, the index gets none.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  wheelwright rebuild --because numpy==2.5 --dry-run
  wheelwright rebuild --because numpy --target cp313 --server http://host:3141 --index alice/dev")]
pub struct RebuildCommand {
    /// numpy==2.5, 'numpy>=2.5', or numpy: the newest version that there is
    #[arg(long, value_name = "REQUIREMENT")]
    because: String,
    /// cp313, cp313-linux, or a full name; may be repeated [default: all targets]
    #[arg(long = "target", value_name = "NAME")]
    targets: Vec<String>,
    /// Publish what is built even if something fails
    #[arg(long)]
    keep_going: bool,
    /// Show what would be built, and build nothing
    #[arg(long)]
    dry_run: bool,
    /// One JSON document with every build
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    at: RemoteIndex,
}

impl RebuildCommand {
    pub async fn run(self) -> Result<ExitCode> {
        let server = self.at.open()?;
        let order = RebuildOrder {
            because: self.because.clone(),
            targets: self.targets.clone(),
            keep_going: self.keep_going,
            dry_run: self.dry_run,
        };
        let asked = server.order_rebuild(&self.at.index, &order).await?;
        let view = match asked.id {
            Some(id) => RebuildView {
                left_alone: asked.left_alone.clone(),
                ..self.follow(&server, &asked, id).await?
            },
            None => asked,
        };
        let all_well = view.members.iter().all(|member| member.published) || view.id.is_none();
        let page = view.id.map(|id| server.rebuild_url(&self.at.index, id));
        if self.json {
            table::json(&json!({ "ok": all_well, "page": page, "rebuild": view }))?;
        } else {
            show(&view)?;
            page.map_or(Ok(()), |page| table::line(&page))?;
        }
        Ok(if all_well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    /// Until all builds have ended, and their wheels are published or withheld.
    async fn follow(&self, server: &ServerClient, asked: &RebuildView, id: i64) -> Result<RebuildView> {
        let progress = Progress::new();
        let each = asked.members.iter().map(async |member| {
            if let Err(error) = watch(server, member, &progress).await {
                progress.say(&format!("{}: {error}", label(member)));
            }
        });
        join_all(each).await;
        let since = Instant::now();
        loop {
            let view = server.rebuild_of(&self.at.index, id).await?;
            let is_done = match view.state {
                Some(SetState::Published) => {
                    view.members.iter().all(|member| member.published || member.trouble.is_some())
                }
                state => state == Some(SetState::Withheld),
            };
            if is_done || since.elapsed() > PUBLICATION {
                return Ok(view);
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}

fn show(view: &RebuildView) -> Result<()> {
    let is_plan = view.id.is_none();
    let mut lines =
        vec![["PROJECT", "VERSION", "TARGET", "WAS", "NOW", "BUILD", "WHY NOT"].map(str::to_owned).to_vec()];
    lines.extend(view.members.iter().map(line));
    if lines.len() > 1 {
        table::rows(&lines)?;
    }
    for left in &view.left_alone {
        let (project, version, target) = (&left.project, &left.version, &left.target);
        let was = left.was.as_ref().map(|was| format!(", built against {was}")).unwrap_or_default();
        let why = left.why.lines().next().unwrap_or_default();
        table::line(&format!("left alone: {project} {version} {target}{was}: {why}"))?;
    }
    let (count, index) = (view.members.len(), &view.index);
    let published = view.members.iter().filter(|member| member.published).count();
    let failed = view.members.iter().filter(|member| member.trouble.is_some()).count();
    table::line(&match view.state {
        _ if count == 0 => {
            format!("no wheel that was built for {index} used another version than {} means", view.because)
        }
        _ if is_plan => format!("{count} wheels of {index} would be built again"),
        Some(SetState::Published) if published == count => format!("{index} has {count} new wheels"),
        Some(SetState::Published) => {
            format!("{index} has {published} new wheels, {failed} of {count} failed")
        }
        Some(SetState::Withheld) => format!(
            "nothing is published: {failed} of {count} builds failed. Mend them and run the command again, or \
             publish the others with --keep-going"
        ),
        _ => "the builds have not ended".to_owned(),
    })
}

fn label(member: &RebuiltView) -> String {
    let project = member.project.as_ref().map(ToString::to_string).unwrap_or_default();
    format!("{project} {} {}", member.version.as_deref().unwrap_or_default(), member.target)
}

async fn watch(server: &ServerClient, member: &RebuiltView, progress: &Progress) -> Result<()> {
    let Some(id) = member.build else { return Ok(()) };
    let line = progress.begin(&label(member), "build");
    let build = BuildFollower { server, progress }.watch(server.build(id).await?, &line).await?;
    let lasted = lasted(&build, line.seconds());
    match &build.failure {
        Some(failure) => line.end(&format!("failed {lasted}: {}", failure.in_short())),
        None => line.end(&format!("{} {lasted}", build.state)),
    }
    Ok(())
}

fn line(member: &RebuiltView) -> Vec<String> {
    let why = member.trouble.as_deref().unwrap_or_default().lines().next().unwrap_or_default();
    let now =
        member.against.as_deref().and_then(|pin| pin.split_once("==")).map_or("", |(_, version)| version);
    vec![
        member.project.as_ref().map(ToString::to_string).unwrap_or_default(),
        member.version.clone().unwrap_or_default(),
        member.target.clone(),
        member.was.clone(),
        now.to_owned(),
        member.build.map(|id| id.to_string()).unwrap_or_default(),
        why.to_owned(),
    ]
}
