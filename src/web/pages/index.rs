//! `/{user}/{index}`: what an index is, how to use it, and the projects it has.

use super::act::index::IndexDeeds;
use super::facts::{Fact, FactItem, FactList};
use super::lines::{self, CopyableLine};
use super::user::IndexView;
use super::words;
use super::{Frame, Visit, answer, index_href, may_read};
use crate::access::{self, Decision, Need};
use crate::db::browse::ChangedProject;
use crate::db::sets::BuildSet;
use crate::directory::{Index, IndexKind, Mirror, Stage};
use crate::error::Result;
use crate::index::admin;
use crate::names::IndexName;
use crate::names::{NameList, ProjectName};
use crate::packaging::filename::encode_segment;
use crate::words::{Moment, SetState};
use askama::Template;
use axum::response::Response;
use std::sync::Arc;

/// Names on one page.
const NAMES: usize = 200;
/// Projects that changed most recently.
const RECENT: i64 = 8;
/// The newest rebuilds.
const REBUILDS: i64 = 5;

/// The page.
#[derive(Template)]
#[template(path = "index.html")]
pub struct IndexPage {
    pub frame: Frame,
    pub index: IndexView,
    pub deeds: IndexDeeds,
    pub title: String,
    pub description: String,
    pub bases: Vec<Base>,
    pub facts: Vec<Fact>,
    pub install: Vec<CopyableLine>,
    /// Empty if the asker may not upload here.
    pub upload: Vec<CopyableLine>,
    pub recent: Vec<Recent>,
    /// Targets that lock files were sent for.
    pub ready: Vec<ReadyTarget>,
    pub rebuilds: Vec<Rebuild>,
    pub count: String,
    /// Why the list of names is not there.
    pub trouble: Option<String>,
    /// Then the name that was searched for, to be opened unseen.
    pub open: Option<String>,
    /// What was searched for, as typed.
    pub q: String,
    pub names: Vec<String>,
    /// Links to other parts of the list; empty where there is none.
    pub back: String,
    pub next: String,
    pub last_name: String,
    /// Indexes below, for a search that found nothing here.
    pub elsewhere: Vec<Base>,
}

/// An index below this one.
#[derive(Clone)]
pub struct Base {
    pub name: String,
    /// Empty if the asker may not read it, or it is not there.
    pub href: String,
    pub about: String,
}

/// A project that changed recently.
pub struct Recent {
    pub name: String,
    pub href: String,
    pub version: String,
    pub at: Moment,
}

/// A target for which the index shows how far it is.
pub struct ReadyTarget {
    pub name: String,
    pub href: String,
}

/// Wheels that were built again because of a requirement.
pub struct Rebuild {
    pub because: String,
    pub href: String,
    pub state: SetState,
    pub at: Moment,
}

/// Answers `/{user}/{index}` to a person.
pub async fn get(ctx: &Visit) -> Result<Response> {
    let index = ctx.index()?;
    let server = ctx.root();
    let simple = lines::simple(&server, &index.name);
    let mut install = lines::install(&server, &simple, "PACKAGE");
    install.extend(lines::configure(&server, &simple));
    let q = ctx.query("q").unwrap_or_default();
    let (all, trouble) = names(ctx, index).await?;
    let part = Part::of(&all, &q, ctx.query("after").as_deref());
    let bases = match &index.kind {
        IndexKind::Stage(stage) => bases(ctx, index, stage),
        IndexKind::Mirror(_) => Vec::new(),
    };
    let page = IndexPage {
        frame: Frame::of(ctx, &[index.name.user(), index.name.name()]),
        index: IndexView::new(ctx, index),
        deeds: IndexDeeds::of(ctx, index),
        title: index.title.clone().unwrap_or_default(),
        description: index.description.clone().unwrap_or_default(),
        facts: match &index.kind {
            IndexKind::Mirror(mirror) => mirror_facts(mirror),
            IndexKind::Stage(_) => Vec::new(),
        },
        install,
        upload: upload(ctx, index, &server),
        recent: recent(ctx, index).await?,
        ready: ready(ctx, index).await?,
        rebuilds: rebuilds(ctx, index).await?,
        count: if trouble.is_some() { "not known".to_owned() } else { words::count(all.len()) },
        open: trouble.as_ref().and_then(|_| ProjectName::new(q.trim())).map(String::from),
        trouble,
        q,
        names: part.names,
        back: part.back,
        next: part.next,
        last_name: part.last,
        elsewhere: bases.iter().filter(|base| !base.href.is_empty()).cloned().collect(),
        bases,
    };
    answer(ctx, &page)
}

/// How to upload, for those who may and while nobody is logged in.
fn upload(ctx: &Visit, index: &Index, server: &str) -> Vec<CopyableLine> {
    let may = access::decide(&ctx.directory, &ctx.who, Need::Upload, Some(&index.name), None, None);
    let is_stage = matches!(index.kind, IndexKind::Stage(_));
    if !is_stage || ctx.who.user.is_some() && may != Decision::Allowed {
        return Vec::new();
    }
    let user = ctx.who.user.as_deref().unwrap_or(index.name.user());
    lines::upload(server, &index.name, user)
}

fn bases(ctx: &Visit, index: &Index, stage: &Stage) -> Vec<Base> {
    // A base that the asker may not know of is named to those only who could have named it.
    let manages = admin::manages(&ctx.directory, &ctx.who, &index.name);
    let known = stage.bases.iter().filter(|base| manages || may_read(ctx, base));
    let base = |name: &IndexName| match ctx.directory.indexes.get(name).filter(|_| may_read(ctx, name)) {
        Some(index) => {
            let about = match (&index.kind, &index.title) {
                (_, Some(title)) if !title.is_empty() => title.clone(),
                (IndexKind::Stage(_), _) => "a stage".to_owned(),
                (IndexKind::Mirror(mirror), _) => match mirror.url.as_ref().and_then(|url| url.host()) {
                    Some(host) => format!("a mirror of {host}"),
                    None => "a mirror".to_owned(),
                },
            };
            Base { name: name.to_string(), href: index_href(name), about }
        }
        // Hidden or lost: which of the two is not told.
        None => Base {
            name: name.to_string(),
            href: String::new(),
            about: "it does not exist, or you may not see it".to_owned(),
        },
    };
    known.map(base).collect()
}

/// What restricts and refreshes a mirror.
fn mirror_facts(mirror: &Mirror) -> Vec<Fact> {
    let mut facts = FactList::default();
    if let Some(url) = &mirror.url {
        // Neither credentials nor a query, where tokens are put, are shown.
        let shown = url.plain();
        facts.add("Upstream", [FactItem::link(shown.as_str(), shown.as_str())]);
    }
    facts.text("Refreshes after", mirror.cache_expiry.map(seconds).as_deref());
    facts.text(
        "Files younger than",
        mirror.min_age.map(|age| format!("{} are not listed", seconds(age))).as_deref(),
    );
    facts.add("Allows only", mirror.allow.iter().map(|pattern| FactItem::text(pattern.as_str())));
    facts.add("Denies", mirror.deny.iter().map(|pattern| FactItem::text(pattern.as_str())));
    facts.0
}

fn seconds(seconds: u64) -> String {
    let told = |number: u64, unit: &str| format!("{number} {unit}{}", if number == 1 { "" } else { "s" });
    match seconds {
        0 => "0 seconds".to_owned(),
        s if s.is_multiple_of(86_400) => told(s / 86_400, "day"),
        s if s.is_multiple_of(3600) => told(s / 3600, "hour"),
        s if s.is_multiple_of(60) => told(s / 60, "minute"),
        s => told(s, "second"),
    }
}

/// The names of an index's own projects, or why they are not known.
async fn names(ctx: &Visit, index: &Index) -> Result<(Arc<NameList>, Option<String>)> {
    match super::gather::names(ctx, index).await {
        Ok(names) => Ok((names, None)),
        Err(error) if matches!(index.kind, IndexKind::Mirror(_)) => {
            let trouble = format!(
                "The list of projects is not available yet ({error}). You can open a project by its name."
            );
            Ok((Arc::default(), Some(trouble)))
        }
        Err(error) => Err(error),
    }
}

async fn recent(ctx: &Visit, index: &Index) -> Result<Vec<Recent>> {
    if matches!(index.kind, IndexKind::Mirror(_)) {
        return Ok(Vec::new());
    }
    let changed = ctx.app.db.recently_changed(&index.name, RECENT).await?;
    let entry = |changed: ChangedProject| Recent {
        href: format!("{}/{}", index_href(&index.name), changed.name),
        version: changed.version.unwrap_or_default(),
        at: Moment(changed.at),
        name: changed.name.into(),
    };
    Ok(changed.into_iter().map(entry).collect())
}

async fn ready(ctx: &Visit, index: &Index) -> Result<Vec<ReadyTarget>> {
    let targets = ctx.app.db.readiness_targets(&index.name).await?;
    let entry = |name: String| ReadyTarget {
        href: format!("{}/+ready/{}/", index_href(&index.name), encode_segment(&name)),
        name,
    };
    Ok(targets.into_iter().map(entry).collect())
}

async fn rebuilds(ctx: &Visit, index: &Index) -> Result<Vec<Rebuild>> {
    let sets = ctx.app.db.build_sets(&index.name, REBUILDS).await?;
    let entry = |set: BuildSet| Rebuild {
        href: format!("{}/+rebuild/{}", index_href(&index.name), set.id),
        because: set.because,
        state: set.state,
        at: Moment(set.ended_at.unwrap_or(set.created_at)),
    };
    Ok(sets.into_iter().map(entry).collect())
}

/// A part of a list of names.
#[derive(Debug, Default, PartialEq, Eq)]
struct Part {
    names: Vec<String>,
    back: String,
    next: String,
    last: String,
}

impl Part {
    /// Of the names that begin with `q` (in any spelling) those that follow `after`.
    fn of(all: &NameList, q: &str, after: Option<&str>) -> Self {
        let prefix = normalise(q);
        let after = after.filter(|after| !after.is_empty());
        let from = after.map_or(prefix.as_str(), |after| after.max(prefix.as_str()));
        let fitting = all.starting_at(from).filter(|name| after.is_none_or(|after| *name > after));
        let mut names: Vec<String> =
            fitting.take_while(|name| name.starts_with(&prefix)).take(NAMES + 1).map(str::to_owned).collect();
        let more = names.len() > NAMES;
        names.truncate(NAMES);
        let last = names.last().cloned().unwrap_or_default();
        let query = |after: Option<&str>| {
            let mut query = url::form_urlencoded::Serializer::new(String::new());
            if !q.is_empty() {
                query.append_pair("q", q);
            }
            if let Some(after) = after {
                query.append_pair("after", after);
            }
            format!("?{}#projects", query.finish())
        };
        Self {
            next: if more { query(Some(&last)) } else { String::new() },
            back: after.map(|_| query(None)).unwrap_or_default(),
            last,
            names,
        }
    }
}

/// The beginning of a name as normalised names are written; a separator at its end stays one.
fn normalise(q: &str) -> String {
    let mut name = String::new();
    for c in q.trim().chars() {
        match c {
            '-' | '_' | '.' if name.ends_with('-') => {}
            '-' | '_' | '.' => name.push('-'),
            c => name.extend(c.to_lowercase()),
        }
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_finds_names_by_their_beginning_in_any_spelling() {
        let all: NameList = ["acme-a", "acme-b", "acmex", "zope"].into_iter().collect();
        assert_eq!(Part::of(&all, "ACME_", None).names, ["acme-a", "acme-b"]);
        assert_eq!(Part::of(&all, "", None).names.len(), 4);
        assert_eq!(Part::of(&all, "acme", Some("acme-a")).names, ["acme-b", "acmex"]);
        assert_eq!(Part::of(&all, "q", None), Part::default());
    }

    #[test]
    fn a_long_list_is_told_in_parts() {
        let names: Vec<String> = (0..450).map(|number| format!("p{number:03}")).collect();
        let all: NameList = names.iter().map(String::as_str).collect();
        let first = Part::of(&all, "p", None);
        assert_eq!((first.names.len(), first.next.as_str()), (NAMES, "?q=p&after=p199#projects"));
        let last = Part::of(&all, "p", Some("p399"));
        assert_eq!((last.names.len(), last.next.as_str(), last.back.as_str()), (50, "", "?q=p#projects"));
    }
}
