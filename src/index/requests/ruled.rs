//! Rules are kept, tried and applied to requests.

use super::decide::Ruling;
use super::rules::{Rule, Rules};
use super::{Asked, Requests, title};
use crate::access::Who;
use crate::db::Tx;
use crate::db::approvals::StoredRules;
use crate::db::events::NewEvent;
use crate::db::requests::StoredRequest;
use crate::error::{Error, Result};
use crate::names::IndexName;
use crate::tools::time::{SECOND, now};
use crate::words::{EventKind, RequestState};
use serde::Serialize;

/// How far back a trial looks.
const MONTH: i64 = 30 * 86_400 * SECOND;

/// What rules would have done with a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RuleTrial {
    pub request: i64,
    /// `six 1.16.0`
    pub release: String,
    /// What became of it.
    pub state: RequestState,
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
        Rules::parse(text)?;
        let mut tx = Tx::begin(&self.0.db).await?;
        tx.set_rules(index, text, &who.label).await?;
        tx.commit(NewEvent::of(&who.label, EventKind::RulesChanged).on(index)).await?;
        self.rule_again(Some(index)).await
    }

    /// What rules would do with the requests of the last month.
    pub async fn try_rules(&self, who: &Who, index: &IndexName, text: &str) -> Result<Vec<RuleTrial>> {
        self.may_approve(who, index, None)?;
        let rules = Rules::parse(text)?;
        let mut trials = Vec::new();
        for request in self.list(Some(index), None).await? {
            if request.last_at < now() - MONTH {
                continue;
            }
            let facts = self.facts(&request, rules.ask_for_licences()).await?;
            let rule = facts.as_ref().and_then(|facts| rules.decide(facts, now()));
            trials.push(RuleTrial {
                request: request.id,
                release: title(&request.project, &request.version),
                state: request.state,
                decide: rule.map(state),
                rule: rule.map(|rule| rule.name.clone()),
            });
        }
        Ok(trials)
    }

    /// Lets all rules look at all open requests.
    pub async fn rule_all_again(&self) -> Result<()> {
        self.rule_again(None).await.map(drop)
    }

    async fn rule_again(&self, index: Option<&IndexName>) -> Result<usize> {
        let mut decided = 0;
        for request in self.list(index, Some(RequestState::Open)).await? {
            decided += usize::from(self.ruled(&request).await?.is_some());
        }
        Ok(decided)
    }

    /// Lets the rules of its index decide a request; `None`: none fits, or a mirror does not tell what they ask for.
    pub(super) async fn ruled(&self, request: &StoredRequest) -> Result<Option<Asked>> {
        let Some(stored) = self.0.db.rules(&request.index).await? else { return Ok(None) };
        let rules = Rules::parse(&stored.rules)?;
        let facts = match self.facts(request, rules.ask_for_licences()).await {
            Err(error @ Error::Internal(_)) => return Err(error),
            Err(error) => {
                tracing::warn!(request = request.id, %error, "rules cannot look at a request; retrying in an hour");
                return Ok(None);
            }
            Ok(facts) => facts,
        };
        let Some(rule) = facts.as_ref().and_then(|facts| rules.decide(facts, now())) else { return Ok(None) };
        let (approves, reason, expires) = (rule.approves, rule.reason.clone(), rule.expires);
        let ruling = Ruling { approves, reason, expires, ..Ruling::default() };
        let release = [(request.project.clone(), format!("=={}", request.version))];
        self.rule(&format!("rule:{}", rule.name), &request.index, &release, &ruling).await?;
        Ok(Some(match approves {
            true => Asked::Approved,
            false => Asked::Refused(ruling.reason),
        }))
    }
}

fn state(rule: &Rule) -> RequestState {
    match rule.approves {
        true => RequestState::Approved,
        false => RequestState::Refused,
    }
}
