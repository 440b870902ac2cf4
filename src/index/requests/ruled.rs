//! CurationRules are kept, tried and applied to requests.

use super::decide::Ruling;
use super::rules::{CurationRules, Rule};
use super::{RequestOutcome, Requests, title};
use crate::access::Who;
use crate::db::Tx;
use crate::db::approvals::StoredRules;
use crate::db::downloads::DAY;
use crate::db::events::NewEvent;
use crate::db::requests::StoredRequest;
use crate::error::{Error, Result};
use crate::index::curation;
use crate::names::{IndexName, ProjectName};
use crate::tools::time::now;
use crate::words::{EventKind, RequestState};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How far back a trial looks, in days.
const MONTH: i64 = 30;
/// Releases of one trial, those that were downloaded most first.
const MOST_TRIED: usize = 1000;

/// A project, and a canonical version.
type Release = (ProjectName, String);

/// What rules would have done with a release that was requested or downloaded.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleTrial {
    /// Its request, if there is one.
    pub request: Option<i64>,
    /// `six 1.16.0`
    pub release: String,
    /// How often it was downloaded.
    pub downloads: i64,
    /// What became of the request.
    pub state: Option<RequestState>,
    /// What the rules say; `None`: they leave it to an approver.
    pub decide: Option<RequestState>,
    /// The rule that says so.
    pub rule: Option<String>,
}

impl Requests {
    /// The rules of an index, as they were written.
    pub async fn rules(&self, index: &IndexName) -> Result<Option<StoredRules>> {
        self.0.db.rules(index).await
    }

    /// Replaces the rules of an index, and applies them to its open requests; how many they decided.
    ///
    /// # Errors
    /// `Bad` for a mistake in the rules: nothing is changed then.
    pub async fn set_rules(&self, who: &Who, index: &IndexName, text: &str) -> Result<usize> {
        self.may_approve(who, index, None)?;
        CurationRules::parse(text)?;
        let mut tx = Tx::begin(&self.0.db).await?;
        tx.set_rules(index, text, &who.label).await?;
        tx.commit(NewEvent::of(&who.label, EventKind::RulesChanged).on(index)).await?;
        self.refresh_advisories().await;
        self.rule_again(Some(index)).await
    }

    /// What rules would have done with what was requested of the index, or downloaded from its mirrors, in the last month.
    pub async fn try_rules(&self, who: &Who, index: &IndexName, text: &str) -> Result<Vec<RuleTrial>> {
        self.may_approve(who, index, None)?;
        let rules = CurationRules::parse(text)?;
        self.refresh_advisories().await;
        let mut trials = Vec::new();
        for ((project, version), known) in self.lately(index).await? {
            let facts = self.facts(index, (&project, &version), rules.ask_for_licences()).await?;
            let rule = facts.as_ref().and_then(|facts| rules.decide(facts, now()));
            let (decide, rule) = (rule.map(state), rule.map(|rule| rule.name.clone()));
            trials.push(RuleTrial { release: title(&project, &version), decide, rule, ..known });
        }
        Ok(trials)
    }

    /// The releases of the last month, those that were downloaded most first.
    async fn lately(&self, index: &IndexName) -> Result<Vec<(Release, RuleTrial)>> {
        let mut releases: BTreeMap<Release, RuleTrial> = BTreeMap::new();
        for request in self.list(Some(index), None, |_| true).await? {
            if request.last_at >= now() - MONTH * DAY {
                let known = releases.entry((request.project, request.version)).or_default();
                (known.request, known.state) = (Some(request.id), Some(request.state));
            }
        }
        let since = now() / DAY - MONTH;
        for mirror in curation::supplied(&self.0.indexes.directory(), index) {
            for fetched in self.0.db.fetched_since(Some(&mirror), since).await? {
                releases.entry((fetched.project, fetched.version)).or_default().downloads += fetched.count;
            }
        }
        let mut releases: Vec<_> = releases.into_iter().collect();
        releases.sort_by_key(|(_, known)| std::cmp::Reverse(known.downloads));
        releases.truncate(MOST_TRIED);
        Ok(releases)
    }

    /// A command that just began has read none yet.
    async fn refresh_advisories(&self) {
        if let Err(error) = self.0.advisories.refresh().await {
            tracing::warn!(%error, "the advisories are not up to date");
        }
    }

    /// Lets all rules look at all open requests.
    pub async fn rule_all_again(&self) -> Result<()> {
        self.rule_again(None).await.map(drop)
    }

    async fn rule_again(&self, index: Option<&IndexName>) -> Result<usize> {
        let mut decided = 0;
        for index in self.indexes(index).await? {
            let Some(rules) = self.parsed(&index).await? else { continue };
            let mut before = i64::MAX;
            loop {
                let open = self.0.db.requests(&index, Some(RequestState::Open), before).await?;
                let Some(last) = open.last() else { break };
                before = last.id;
                for request in &open {
                    match self.ruled_by(&rules, request).await {
                        Ok(outcome) => decided += usize::from(outcome.is_some()),
                        // The others go on.
                        Err(error) => tracing::error!(
                            request = request.id,
                            error = format!("{error:#}"),
                            "rules cannot decide a request"
                        ),
                    }
                }
            }
        }
        Ok(decided)
    }

    async fn parsed(&self, index: &IndexName) -> Result<Option<CurationRules>> {
        let stored = self.0.db.rules(index).await?;
        stored.map(|stored| CurationRules::parse(&stored.rules)).transpose()
    }

    /// Lets the rules of its index decide a request; `None`: none fits, a mirror does not tell what they ask for,
    /// or somebody decided meanwhile.
    pub(super) async fn ruled(&self, request: &StoredRequest) -> Result<Option<RequestOutcome>> {
        match self.parsed(&request.index).await? {
            Some(rules) => self.ruled_by(&rules, request).await,
            None => Ok(None),
        }
    }

    async fn ruled_by(
        &self,
        rules: &CurationRules,
        request: &StoredRequest,
    ) -> Result<Option<RequestOutcome>> {
        let release = (&request.project, request.version.as_str());
        let facts = match self.facts(&request.index, release, rules.ask_for_licences()).await {
            Err(error @ Error::Internal(_)) => return Err(error),
            Err(error) => {
                tracing::warn!(request = request.id, %error, "rules cannot look at a request; retrying in an hour");
                return Ok(None);
            }
            Ok(facts) => facts,
        };
        let Some(rule) = facts.as_ref().and_then(|facts| rules.decide(facts, now())) else { return Ok(None) };
        let (approves, reason, expires) = (rule.approves, rule.reason.clone(), rule.expires);
        let ruling = Ruling { approves, reason, expires, if_open: true, ..Ruling::default() };
        let release = [(request.project.clone(), format!("=={}", request.version))];
        let by = format!("rule:{}", rule.name);
        let decided = self.rule(&by, (&request.index, request.id), &release, &ruling).await?;
        Ok(decided.then_some(match approves {
            true => RequestOutcome::Approved,
            false => RequestOutcome::Refused(ruling.reason),
        }))
    }
}

fn state(rule: &Rule) -> RequestState {
    match rule.approves {
        true => RequestState::Approved,
        false => RequestState::Refused,
    }
}
