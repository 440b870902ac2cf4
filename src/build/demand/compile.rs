//! Requirements in, pinned requirements out. The resolver is uv; it sees one index of this server.

use super::Demand;
use super::failures::{self, LineFailures};
use super::older::ResolverOutcome;
use super::pin;
use super::url_line::{self, LineWheel};
use super::uv_program::UvProgram;
use crate::bad;
use crate::build::target::Target;
use crate::error::Result;
use crate::names::ProjectName;
use crate::packaging::filename::encode_segment;
use crate::packaging::lines::{self, Asks, DirectUrl, LogicalLine};
use crate::packaging::requirement::Requirement;
use crate::uv::{self, Question, Resolution};
use crate::words::OlderVersions;
use futures::FutureExt;
use std::fmt::Write as _;

/// The input of the resolver, and what its answer must get back.
pub struct ResolverInput {
    uv: UvProgram,
    requirements: String,
    /// Pins that the resolver keeps where it can.
    preferences: String,
    /// What a line of the answer that begins with `name @ ` becomes, by its name.
    url_lines: Vec<(ProjectName, String)>,
    /// Wheels that are on no page: the path at which the resolver expects each, and its sha256.
    pub wheels: Vec<(String, String)>,
    /// Those of its lines that are no URLs.
    own: Vec<Requirement>,
    /// Lines that have no meaning on a server.
    ignored: Vec<String>,
}

impl Demand<'_> {
    /// Reads a file of requirements, and makes wheels of its lines that are URLs.
    pub async fn read_requirements(&self, text: &str) -> Result<ResolverInput> {
        let lines = lines::read(text)?;
        let made = self.wheels_of_urls(&lines).await?;
        let mut input = ResolverInput {
            uv: self.uv().await?,
            preferences: lines::preferred(text),
            requirements: String::new(),
            url_lines: Vec::new(),
            own: Vec::new(),
            wheels: Vec::new(),
            ignored: Vec::new(),
        };
        for line in &lines {
            input.add(line, &made, self.target())?;
        }
        Ok(input)
    }

    /// Pins the requirements. `server` is the root under which the resolver reaches this server, `index` the
    /// index that it asks there.
    ///
    /// # Errors
    /// `Bad` with the resolver's explanation if there is no solution, or if there is but one with `older` versions.
    pub async fn compile(
        &self,
        input: &ResolverInput,
        server: &str,
        index: &str,
        older: OlderVersions,
    ) -> Result<String> {
        let requirements = input.requirements.replace(ROOT, server);
        let question = Question {
            program: &input.uv.program,
            requirements: &requirements,
            preferences: &input.preferences,
            index,
            markers: &self.target().markers,
            limits: uv::UvLimits::default(),
            folder: &self.config.data.join("compile"),
        };
        let turn = self.quota.resolvers.take(&self.asker()).await?;
        let answer = uv::compile(question).await?;
        drop(turn);
        match answer {
            Resolution::Pinned(pinned) => {
                let pins = pin::pins(&pinned);
                let passed = failures::passed_over(self, &pins).await?;
                if older == OlderVersions::Refuse {
                    let outcome = ResolverOutcome { own: &input.own, kept: &input.preferences, pins: &pins };
                    self.refuse_older(&outcome, &passed).await?;
                }
                let left_out = passed.iter().take(failures::NAMED).map(|one| one.line(self));
                Ok(input.answer(self, &left_out.collect::<Vec<_>>(), &pinned))
            }
            Resolution::Unsolved(why) => {
                let why = why.replace(index, &self.url).replace(server, &self.root);
                let failed = failures::of_explanation(self, &why).await?;
                let offline = match self.config.offline {
                    true => "\nThis server is offline: it resolves from the files that it has.",
                    false => "",
                };
                Err(bad!("{why}{failed}{offline}"))
            }
        }
    }

    /// The wheels of all lines that are URLs, with the numbers of these lines.
    async fn wheels_of_urls(&self, lines: &[LogicalLine]) -> Result<Vec<(usize, LineWheel)>> {
        let wanted = lines.iter().filter_map(|line| match &line.asks {
            Asks::Place(place) if url_line::applies(place, self.target()) => Some((line, place)),
            _ => None,
        });
        let wanted: Vec<(&LogicalLine, &DirectUrl)> = wanted.collect();
        let mut asked = Vec::with_capacity(wanted.len());
        for (line, place) in &wanted {
            asked.push(url_line::wheel(self, line, place).boxed());
        }
        let ended = futures::future::join_all(asked).await;
        let (mut made, mut failed) = (Vec::new(), LineFailures::default());
        for ((line, _), wheel) in wanted.iter().zip(ended) {
            match wheel? {
                Ok(wheel) => made.push((line.number, wheel)),
                Err(why) => failed.add(line.number, &line.text, why),
            }
        }
        match failed.is_empty() {
            true => Ok(made),
            false => Err(failed.into_error(self, lines.len()).await),
        }
    }
}

/// The command that compiles the same file again.
const AGAIN: &str = "wheelwright compile";

/// A placeholder for the root under which the resolver reaches this server.
const ROOT: &str = "http://gate.invalid";

impl ResolverInput {
    fn add(&mut self, line: &LogicalLine, made: &[(usize, LineWheel)], target: &Target) -> Result<()> {
        let (number, text) = (line.number, &line.text);
        match &line.asks {
            Asks::Project(hashed) => {
                // A String can be written to.
                let _ = writeln!(self.requirements, "{}", hashed.requirement);
                self.own.push(hashed.requirement.clone());
            }
            Asks::Place(place) => {
                let Some((_, wheel)) = made.iter().find(|(known, _)| known == &number) else {
                    debug_assert!(!url_line::applies(place, target));
                    return Ok(());
                };
                let extras: Vec<&str> = place.extras.iter().map(ProjectName::as_str).collect();
                let extras =
                    if extras.is_empty() { String::new() } else { format!("[{}]", extras.join(",")) };
                let file = format!("{}-{}-py2.py3-none-any.whl", wheel.name.escaped(), wheel.version);
                let path = format!("/+made/{number}/{}", encode_segment(&file));
                let _ = writeln!(self.requirements, "{}{extras} @ {ROOT}{path}", wheel.name);
                self.wheels.push((path, wheel.sha256.clone()));
                self.url_lines.push((wheel.name.clone(), with_egg(place, wheel)));
            }
            Asks::Local => {
                return Err(bad!(
                    "line {number}: {text} is on your machine, not on this server: send its requirements \
                     instead, as pip-reqs and `wheelwright compile` do"
                ));
            }
            Asks::Setting if refers_to_files(text) => {
                return Err(bad!(
                    "line {number}: {text} names a file that this server does not have: send the lines of \
                     that file"
                ));
            }
            Asks::Setting => self.ignored.push(text.clone()),
        }
        Ok(())
    }

    /// The resolver's answer with URLs as they were written, below a comment on its origin.
    fn answer(&self, demand: &Demand<'_>, left_out: &[String], pinned: &str) -> String {
        let (url, target, version) = (&demand.url, &demand.target().name, &self.uv.version);
        let mut text = format!(
            "# Compiled for {target} by wheelwright with uv {version}. Change requirements.in, then again:\n\
             #    {AGAIN} -w {url}\n"
        );
        for line in &self.ignored {
            let _ = writeln!(text, "# Ignored: {line}");
        }
        for line in left_out {
            let _ = writeln!(text, "# {line}");
        }
        text.push('\n');
        for line in pinned.lines() {
            let place = line.split_once(" @ ").and_then(|(name, rest)| {
                let name = ProjectName::new(name.split('[').next()?)?;
                let (_, place) = self.url_lines.iter().find(|(known, _)| *known == name)?;
                let comment = rest.split_once(" #").map(|(_, comment)| format!("    #{comment}"));
                Some(format!("{place}{}", comment.unwrap_or_default()))
            });
            let _ = writeln!(text, "{}", place.as_deref().unwrap_or(line));
        }
        text
    }
}

/// The URL with `#egg=name==version`, as `+resolve/` wants it.
fn with_egg(place: &DirectUrl, wheel: &LineWheel) -> String {
    let plain = place.without_egg();
    let divider = if plain.contains('#') { '&' } else { '#' };
    format!("{plain}{divider}egg={}=={}", wheel.name, wheel.version)
}

fn refers_to_files(option: &str) -> bool {
    let word = option.split(['=', ' ']).next().unwrap_or_default();
    ["--requirement", "--constraint"].contains(&word) || option.starts_with("-r") || option.starts_with("-c")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_names_other_files_is_told_from_other_options() {
        for text in ["-r other.txt", "-cother.txt", "--requirement=x", "--constraint x"] {
            assert!(refers_to_files(text), "{text}");
        }
        assert!(!refers_to_files("--index-url http://h/"));
    }
}
