//! Requests are approved and refused.

use super::closure::{Closure, NeededRelease};
use super::{Requests, title};
use crate::access::{self, Decision, Need, Who};
use crate::db::Tx;
use crate::db::approvals::Approval;
use crate::db::events::NewEvent;
use crate::db::requests::{RequestEnd, StoredRequest};
use crate::error::Result;
use crate::index::curation::{self, Standing};
use crate::names::{IndexName, ProjectName};
use crate::packaging::version::{self, VersionSpecifiers};
use crate::tools::time::{SECOND, now};
use crate::words::{EventKind, RequestState};
use crate::{bad, conflict, forbidden};
use std::str::FromStr;

/// Characters of a reason.
const LONGEST_REASON: usize = 1000;
/// Releases that are decided at once.
const MOST_RELEASES: usize = 1000;

/// What an approver says.
#[derive(Clone, Debug, Default)]
pub struct Ruling {
    pub approves: bool,
    pub reason: String,
    /// Seconds until it ends; `None`: never.
    pub expires: Option<u64>,
    /// All that the installation needs, too.
    pub with_closure: bool,
    /// Other versions of the project than the requested one: `>=2,<3`.
    pub specifier: Option<String>,
    /// Only if nobody decided meanwhile: a rule's.
    pub if_open: bool,
}

impl Requests {
    /// Whether `who` may approve what an index lists, of one project or of all.
    ///
    /// # Errors
    /// `Forbidden` if not.
    pub fn may_approve(&self, who: &Who, index: &IndexName, project: Option<&ProjectName>) -> Result<()> {
        let directory = self.0.indexes.directory();
        match access::decide(
            &directory,
            who,
            Need::Approve,
            Some(index),
            project.map(ProjectName::as_str),
            None,
        ) {
            Decision::Allowed => Ok(()),
            _ => Err(forbidden!(
                "{} may not decide what {index} lists: the option acl_approve names who may",
                who.label
            )),
        }
    }

    /// Decides a request; open ones that this answers, too, end with it.
    ///
    /// # Errors
    /// `Bad` for what cannot be decided so, `Conflict` if the closure is not known or refused in part. Nothing is decided then.
    pub async fn decide(&self, who: &Who, id: i64, ruling: &Ruling) -> Result<StoredRequest> {
        let request = self.get(id).await?;
        self.may_approve(who, &request.index, Some(&request.project))?;
        let decided = self.decided(&request, ruling).await?;
        decided.iter().try_for_each(|(project, _)| self.may_approve(who, &request.index, Some(project)))?;
        self.rule(&who.label, (&request.index, id), &decided, ruling).await?;
        self.get(id).await
    }

    /// Projects and specifiers that a ruling on a request is about.
    async fn decided(&self, request: &StoredRequest, ruling: &Ruling) -> Result<Vec<(ProjectName, String)>> {
        let own = match &ruling.specifier {
            None => exactly(&request.version),
            Some(text) => VersionSpecifiers::from_str(text)
                .map_err(|_| bad!("'{text}' is not a version specifier: write it like >=2,<3"))?
                .to_string(),
        };
        let mut decided = vec![(request.project.clone(), own)];
        if ruling.with_closure {
            let undecided = self.undecided_closure(request, ruling).await?;
            decided.extend(undecided.into_iter().map(|one| {
                let specifier = exactly(&one.version);
                (one.project, specifier)
            }));
        }
        match decided.len() > MOST_RELEASES {
            true => Err(bad!("its closure has more than {MOST_RELEASES} releases: approve them one by one")),
            false => Ok(decided),
        }
    }

    /// What else a request needs that nobody decided about yet.
    async fn undecided_closure(
        &self,
        request: &StoredRequest,
        ruling: &Ruling,
    ) -> Result<Vec<NeededRelease>> {
        if !ruling.approves {
            return Err(bad!(
                "a refusal is about one release: refuse what it needs one by one, without closure"
            ));
        }
        let what = title(&request.project, &request.version);
        if request.version.is_empty() {
            return Err(bad!(
                "what {what} needs depends on its version: approve a request for one, like {what}==1.0"
            ));
        }
        let closure = Closure::of(request).ok_or_else(|| {
            conflict!(
                "what {what} needs is not resolved yet: the server does that while it runs (wheelwright serve); try again"
            )
        })?;
        if let Some(error) = closure.error {
            return Err(conflict!("what {what} needs cannot be resolved: {error}"));
        }
        let directory = self.0.indexes.directory();
        let index = directory.index(&request.index)?;
        let (mut undecided, mut refused) = (Vec::new(), Vec::new());
        for one in closure.releases.into_iter().filter(|one| one.project != request.project) {
            let version = version::parse(&one.version);
            match self.standing(index, &one.project, version.as_ref()).await? {
                Standing::Approved => {}
                Standing::Undecided | Standing::Late(_) => undecided.push(one),
                Standing::Refused(why) => refused.push(format!("{} {} ({why})", one.project, one.version)),
            }
        }
        match refused.is_empty() {
            true => Ok(undecided),
            false => Err(conflict!(
                "{what} needs what is refused on {}: {}. Approve that first, or approve {what} without its closure",
                index.name,
                refused.join(", ")
            )),
        }
    }

    /// Writes decisions of one index, all with one reason, and ends the request that they are about, and the open ones that
    /// they answer. A rule decides open requests only: whether it did.
    pub(super) async fn rule(
        &self,
        by: &str,
        (index, own): (&IndexName, i64),
        decided: &[(ProjectName, String)],
        ruling: &Ruling,
    ) -> Result<bool> {
        let reason = reason(ruling)?;
        let at = now();
        let expires_at = ruling.expires.map(|seconds| {
            at.saturating_add(i64::try_from(seconds).unwrap_or(i64::MAX).saturating_mul(SECOND))
        });
        let (state, kind) = match ruling.approves {
            true => (RequestState::Approved, EventKind::Approved),
            false => (RequestState::Refused, EventKind::Refused),
        };
        let mut answered = Vec::new();
        for (project, specifier) in decided {
            let known = self.0.db.requests_for(index, project).await?;
            let ends = |one: &&StoredRequest| {
                one.id == own
                    || one.state == RequestState::Open && answers(specifier, ruling.approves, &one.version)
            };
            answered.push(known.iter().filter(ends).map(|one| one.id).collect());
        }
        let answered: Vec<Vec<i64>> = answered;
        let Some(last) = decided.len().checked_sub(1) else { return Err(bad!("there is nothing to decide")) };
        let mut tx = Tx::begin(&self.0.db).await?;
        // Somebody may have decided while the rule looked: people go before rules.
        if ruling.if_open && !tx.is_open(own).await? {
            return Ok(false);
        }
        for (at, ((project, specifier), requests)) in decided.iter().zip(&answered).enumerate() {
            let approval = Approval {
                id: 0,
                index: index.clone(),
                project: project.clone(),
                specifier: specifier.clone(),
                approves: ruling.approves,
                reason: reason.clone(),
                made_by: by.to_owned(),
                made_at: 0,
                expires_at,
            };
            tx.decide(&approval).await?;
            tx.end_requests(requests, own, RequestEnd { state, by, reason: &reason }).await?;
            let numbers: Vec<String> = requests.iter().map(|id| format!(", request {id}")).collect();
            let detail = format!("{project}{specifier}: {reason}{}", numbers.concat());
            let event = NewEvent::of(by, kind).on(index).about(project).saying(&detail);
            match at < last {
                true => tx.step(event).await?,
                false => {
                    tx.commit(event).await?;
                    break;
                }
            }
        }
        decided.iter().for_each(|(project, _)| self.0.indexes.changed(index, project));
        Ok(true)
    }
}

fn exactly(version: &str) -> String {
    if version.is_empty() { String::new() } else { format!("=={version}") }
}

/// Whether a decision on `specifier` answers a request for `version`.
fn answers(specifier: &str, approves: bool, version: &str) -> bool {
    let specifiers = VersionSpecifiers::from_str(specifier);
    match (specifier, version::parse(version), specifiers) {
        ("", _, _) => true,
        (_, Some(version), Ok(specifiers)) => curation::fits(&specifiers, approves, &version),
        // Who asked for the project takes any version: one that is approved will do, but one that is refused says nothing
        // of the others.
        (_, None, _) => approves && version.is_empty(),
        (_, _, Err(_)) => false,
    }
}

fn reason(ruling: &Ruling) -> Result<String> {
    let plain: String = ruling.reason.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let plain = plain.trim();
    if plain.chars().count() > LONGEST_REASON {
        return Err(bad!("the reason has more than {LONGEST_REASON} characters"));
    }
    match (plain, ruling.approves) {
        ("", false) => Err(bad!("a refusal needs a reason: installers show it")),
        _ => Ok(plain.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decision_answers_requests_for_the_versions_that_it_is_about() {
        for approves in [true, false] {
            let answers = |specifier, version| answers(specifier, approves, version);
            assert!(answers("", "1.0") && answers("", "") && answers("==1.0", "1.0"));
            assert!(answers(">=2,<3", "2.5") && !answers("==1.0", "1.1") && !answers(">=2", "1"));
            assert_eq!(answers("==1.0", ""), approves, "another version may do");
            assert_eq!(answers("==1.0", "1.0+cpu"), !approves);
        }
    }

    #[test]
    fn a_refusal_without_a_reason_is_none() {
        let refusal = |reason: &str| reason_of(false, reason);
        assert!(refusal(" ").is_err() && refusal(&"x".repeat(2000)).is_err());
        assert_eq!(refusal("a\nb").unwrap(), "a b");
        assert_eq!(reason_of(true, "").unwrap(), "");
    }

    fn reason_of(approves: bool, text: &str) -> Result<String> {
        reason(&Ruling { approves, reason: text.into(), ..Ruling::default() })
    }
}
