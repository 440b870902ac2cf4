//! All targets that are known, at one moment: found by name, or by what an installer says of itself.

use super::fit;
use super::offered::Offered;
use crate::build::target::{self, Target};
use crate::error::Result;
use crate::missing;
use crate::packaging::user_agent::UserAgent;
use moka::sync::Cache;
use std::sync::Arc;

/// Bytes of remembered `User-Agent` headers.
const AGENTS: u64 = 2 << 20;
/// Remembered names of targets; the rest is looked for.
const NAMES: u64 = 1000;

/// Who sends a `User-Agent`.
#[derive(Clone)]
struct Caller {
    offered: Arc<Offered>,
    is_for_one_environment: bool,
}

/// All targets that are known, at one moment.
pub struct Offers {
    all: Vec<Arc<Offered>>,
    /// By `User-Agent`.
    agents: Cache<Arc<str>, Option<Caller>>,
    /// By what was asked for and meant exactly one.
    names: Cache<Box<str>, Arc<Offered>>,
}

impl Offers {
    pub(super) fn new(open: Vec<Target>, known: &[Target]) -> Self {
        let away: Vec<Target> =
            known.iter().filter(|one| !open.iter().any(|other| other.name == one.name)).cloned().collect();
        let open = open.into_iter().map(|target| Offered::new(target, true));
        let away = away.into_iter().map(|target| Offered::new(target, false));
        let weigh = |header: &Arc<str>, _: &Option<_>| u32::try_from(header.len() + 100).unwrap_or(u32::MAX);
        Self {
            all: open.chain(away).map(Arc::new).collect(),
            agents: Cache::builder().max_capacity(AGENTS).weigher(weigh).build(),
            names: Cache::new(NAMES),
        }
    }

    pub(super) fn same(&self, open: &[Target], known: &[Target]) -> bool {
        let (now, rest): (Vec<_>, Vec<_>) = self.all.iter().partition(|one| one.open);
        let away = known.iter().filter(|one| !open.iter().any(|other| other.name == one.name));
        now.iter().map(|one| &one.target).eq(open) && rest.iter().map(|one| &one.target).eq(away)
    }

    pub(super) fn is_open(&self) -> bool {
        self.all.iter().any(|one| one.open)
    }

    /// The target of whoever sends this `User-Agent`; `None` for clients that do not tell, and where
    /// no target fits.
    pub fn of_agent(&self, header: &str) -> Option<Arc<Offered>> {
        self.caller(header).map(|caller| caller.offered)
    }

    /// The same for pages that locks for every platform are made from: `None` also for who may write one.
    pub fn of_one_environment(&self, header: &str) -> Option<Arc<Offered>> {
        self.caller(header).filter(|caller| caller.is_for_one_environment).map(|caller| caller.offered)
    }

    fn caller(&self, header: &str) -> Option<Caller> {
        if self.all.is_empty() || !fit::tells(header) {
            return None;
        }
        if let Some(known) = self.agents.get(header) {
            return known;
        }
        let found = UserAgent::parse(header).and_then(|agent| {
            let is_for_one_environment = agent.is_for_one_environment();
            Some(Caller { offered: fit::best(&agent, &self.all)?, is_for_one_environment })
        });
        self.agents.insert(header.into(), found.clone());
        found
    }

    /// The target with this name, whole or abbreviated.
    ///
    /// # Errors
    /// `Missing` with the names there are, if none or more than one is meant.
    pub fn named(&self, asked: &str) -> Result<Arc<Offered>> {
        if let Some(known) = self.names.get(asked) {
            return Ok(known);
        }
        let found = self.meant(asked)?;
        self.names.insert(asked.into(), found.clone());
        Ok(found)
    }

    fn meant(&self, asked: &str) -> Result<Arc<Offered>> {
        if let Some(exact) = self.all.iter().find(|one| one.target.name.eq_ignore_ascii_case(asked)) {
            return Ok(exact.clone());
        }
        let meant: Vec<&Arc<Offered>> = self.all.iter().filter(|one| one.target.matches(asked)).collect();
        // As [`target::find`] has it, and those that somebody builds for before the others.
        let rank = |one: &Offered| (!one.open, one.target.is_cross());
        let best = meant.iter().map(|one| rank(one)).min();
        let found: Vec<_> = meant.into_iter().filter(|one| Some(rank(one)) == best).collect();
        match found[..] {
            [one] => Ok(one.clone()),
            [] => {
                let all: Vec<Target> = self.all.iter().map(|one| one.target.clone()).collect();
                target::find(asked, &all)?;
                Err(missing!("target {asked} does not exist"))
            }
            _ => {
                let names: Vec<&str> = found.iter().map(|one| one.target.name.as_str()).collect();
                Err(missing!("target {asked} is ambiguous: use one of {}", names.join(", ")))
            }
        }
    }
}
