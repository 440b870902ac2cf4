//! `POST /v1/{indexes}/{target}/+compile/`: requirements in, pinned requirements out.

use super::gate::{Extra, Gate};
use super::places::{self, Made};
use super::uniform::Uniform;
use super::{base, for_target, tool, troubles};
use crate::bad;
use crate::build::promise::ForTarget;
use crate::error::{Error, Result};
use crate::index::view::{Ask, Form};
use crate::missing;
use crate::names::ProjectName;
use crate::packaging::lines::{self, Asks, Line, Place};
use crate::uv::{self, Answer, Question};
use crate::web::http::Ctx;
use crate::web::router::Router;
use crate::web::simple;
use axum::response::Response;
use futures::FutureExt;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::Arc;

/// What the resolver is given, and what must be written back into its answer.
#[derive(Default)]
struct Input {
    requirements: String,
    /// Lines of the answer begin with `name @ `: what they become.
    places: Vec<(ProjectName, String)>,
    extra: Extra,
    /// Lines that say nothing here.
    ignored: Vec<String>,
}

/// `POST …/+compile/`
pub async fn compile(mut ctx: Ctx, router: Arc<Router>) -> Result<Response> {
    let asker = ctx.asker();
    let _held = base::held(&mut ctx).await?;
    let text = base::text(&mut ctx).await?;
    let ctx = ctx.without_body();
    let target = base::target(&ctx).await?;
    let lines = lines::read(&text)?;
    let made = make_places(&ctx, &lines, &target).await?;
    let tool = tool::uv(&ctx.app).await?;
    let mut input = Input::default();
    for line in &lines {
        input.add(line, &made, &target)?;
    }
    let gate = Gate::open(&ctx, router, std::mem::take(&mut input.extra)).await?;
    let preferences = lines::preferred(&text);
    let requirements = input.requirements.replace(ROOT, gate.root());
    let (indexes, name) = (encoded(ctx.param("indexes")), &target.offered.target.name);
    let index = format!("{}/v1/{indexes}/{}/+compile/", gate.root(), encoded(name));
    let question = Question {
        program: &tool.program,
        requirements: &requirements,
        preferences: &preferences,
        index: &index,
        markers: &target.offered.target.markers,
        limits: uv::Limits::default(),
        folder: &ctx.app.config.data.join("compile"),
    };
    let turn = ctx.app.quota.resolvers.take(&asker).await?;
    let answer = uv::compile(question).await?;
    drop(turn);
    match answer {
        Answer::Pinned(pinned) => {
            let left_out = troubles::left_out(&ctx, &target, &pinned).await?;
            Ok(base::plain(input.answer(&ctx, &target, (&tool.version, &left_out), &pinned)))
        }
        Answer::Unsolved(why) => {
            let why = why.replace(&index, &base::own_url(&ctx)).replace(gate.root(), &ctx.root());
            let failed = troubles::of_explanation(&ctx, &target, &why).await?;
            let offline = match ctx.app.config.offline {
                true => "\nThis server is offline: it resolves from the files that it has kept.",
                false => "",
            };
            Err(Error::Bad(format!("{why}{failed}{offline}")))
        }
    }
}

/// The command that compiles once more; a client that knows its files names them here.
pub const AGAIN: &str = "wheelwright compile";

/// Stands for the gate's root until that is known.
const ROOT: &str = "http://gate.invalid";

fn encoded(segment: &str) -> String {
    crate::packaging::filename::encode_segment(segment)
}

/// Wheels of all lines that are URLs.
async fn make_places(ctx: &Ctx<()>, lines: &[Line], target: &ForTarget) -> Result<Vec<(usize, Made)>> {
    let wanted = lines.iter().filter_map(|line| match &line.asks {
        Asks::Place(place) if places::applies(place, &target.offered.target) => Some((line, place)),
        _ => None,
    });
    let wanted: Vec<(&Line, &Place)> = wanted.collect();
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let context = places::context(ctx)?;
    let mut asked = Vec::with_capacity(wanted.len());
    for (line, place) in &wanted {
        asked.push(places::wheel(ctx, line, place, &context, &target.offered.target).boxed());
    }
    let ended = futures::future::join_all(asked).await;
    let (mut made, mut failed) = (Vec::new(), troubles::Troubles::default());
    for ((line, _), wheel) in wanted.iter().zip(ended) {
        match wheel? {
            Ok(wheel) => made.push((line.number, wheel)),
            Err(why) => failed.add(line.number, &line.text, why),
        }
    }
    match failed.is_empty() {
        true => Ok(made),
        false => Err(failed.told(ctx, &target.offered.target.name, lines.len()).await),
    }
}

impl Input {
    fn add(&mut self, line: &Line, made: &[(usize, Made)], target: &ForTarget) -> Result<()> {
        let (number, text) = (line.number, &line.text);
        match &line.asks {
            Asks::Project(hashed) => {
                // A String can be written to.
                let _ = writeln!(self.requirements, "{}", hashed.requirement);
            }
            Asks::Place(place) => {
                let Some((_, wheel)) = made.iter().find(|(known, _)| known == &number) else {
                    debug_assert!(!places::applies(place, &target.offered.target));
                    return Ok(());
                };
                let extras: Vec<&str> = place.extras.iter().map(ProjectName::as_str).collect();
                let extras =
                    if extras.is_empty() { String::new() } else { format!("[{}]", extras.join(",")) };
                let file = format!("{}-{}-py2.py3-none-any.whl", wheel.name.escaped(), wheel.version);
                let path = format!("/+made/{number}/{}", encoded(&file));
                let _ = writeln!(self.requirements, "{}{extras} @ {ROOT}{path}", wheel.name);
                self.extra.push((path, wheel.sha256.clone()));
                self.places.push((wheel.name.clone(), with_egg(place, wheel)));
            }
            Asks::Local => {
                return Err(bad!(
                    "line {number}: {text} is on your machine, not on this server: send what it requires in \
                     its place, as pip-reqs and `wheelwright compile` do"
                ));
            }
            Asks::Setting if refers_to_files(text) => {
                return Err(bad!(
                    "line {number}: {text} names a file that this server does not have: send its lines"
                ));
            }
            Asks::Setting => self.ignored.push(text.clone()),
        }
        Ok(())
    }

    /// The resolver's answer with URLs as they were written, below a word on where it came from.
    fn answer(
        &self,
        ctx: &Ctx<()>,
        target: &ForTarget,
        (version, left_out): (&str, &[String]),
        pinned: &str,
    ) -> String {
        let (url, target) = (base::own_url(ctx), &target.offered.target.name);
        let mut text = format!(
            "# Compiled for {target} by wheelwright with uv {version}. Change requirements.in, then again:\n\
             #    {AGAIN} -w {url}\n"
        );
        for line in &self.ignored {
            let _ = writeln!(text, "# Not regarded: {line}");
        }
        for line in left_out {
            let _ = writeln!(text, "# {line}");
        }
        text.push('\n');
        for line in pinned.lines() {
            let place = line.split_once(" @ ").and_then(|(name, rest)| {
                let name = ProjectName::new(name.split('[').next()?)?;
                let (_, place) = self.places.iter().find(|(known, _)| *known == name)?;
                let comment = rest.split_once(" #").map(|(_, comment)| format!("    #{comment}"));
                Some(format!("{place}{}", comment.unwrap_or_default()))
            });
            let _ = writeln!(text, "{}", place.as_deref().unwrap_or(line));
        }
        text
    }
}

/// The URL with `#egg=name==version`, as `+resolve/` wants it.
fn with_egg(place: &Place, wheel: &Made) -> String {
    let plain = place.without_egg();
    let divider = if plain.contains('#') { '&' } else { '#' };
    format!("{plain}{divider}egg={}=={}", wheel.name, wheel.version)
}

fn refers_to_files(option: &str) -> bool {
    let word = option.split(['=', ' ']).next().unwrap_or_default();
    ["--requirement", "--constraint"].contains(&word) || option.starts_with("-r") || option.starts_with("-c")
}

/// `GET …/+compile/{project}/`: the page as the resolver reads it.
pub async fn page(ctx: Ctx) -> Result<Response> {
    let ctx = ctx.without_body();
    let name = ProjectName::new(ctx.param("project"))
        .ok_or_else(|| missing!("{:?} is not a valid project name", ctx.param("project")))?;
    let target = for_target(&ctx).await?.ok_or_else(|| missing!("name the target instead of auto"))?;
    let uniform = Uniform::new(target);
    let indexes = ctx.indexes()?;
    let set = &indexes[..];
    let asks = indexes.iter().map(|index| simple::ask(&ctx, &name, index, Form::Json, false));
    let asks: Vec<Ask<'_>> =
        asks.map(|ask| Ok(Ask { amend: Some(&uniform), set, ..ask? })).collect::<Result<_>>()?;
    let prepared = super::pages::first(&ctx.app.indexes.views, &asks).await?;
    Ok(simple::answer(&ctx, &prepared, simple::BY_ACCEPT))
}

/// Every name in an explanation that could be a project's. Its sentences change from one resolver to the
/// next; that it names the projects that it could not use does not.
pub(super) fn named(explanation: &str) -> BTreeSet<ProjectName> {
    let apart = |c: char| !(c.is_ascii_alphanumeric() || "-_.".contains(c));
    explanation.split(apart).filter_map(|word| ProjectName::new(word.trim_matches(['.', '-', '_']))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_explanation_names_its_projects_whatever_its_sentences_are() {
        for text in [
            "Because all versions of docopt have no usable wheels and markupsafe<=2.0.1 has no usable wheels, …",
            "Because only docopt==0.6.2 is available and MarkupSafe==2.0.1 cannot be used, we can conclude …",
            "no candidate: `docopt`, (markupsafe[extra]>=2).",
        ] {
            let names = named(text);
            let has = |name: &str| names.iter().any(|known| known.as_str() == name);
            assert!(has("docopt") && has("markupsafe"), "{text}: {names:?}");
        }
    }

    #[test]
    fn what_names_other_files_is_told_from_other_options() {
        for text in ["-r other.txt", "-cother.txt", "--requirement=x", "--constraint x"] {
            assert!(refers_to_files(text), "{text}");
        }
        assert!(!refers_to_files("--index-url http://h/"));
    }
}
