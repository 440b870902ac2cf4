//! Requests of curated indexes, quarantine, and who has what.

use super::CommandPlace;
use crate::access::Who;
use crate::bad;
use crate::client::{ApiAnswer, ServerClient};
use crate::error::Result;
use crate::index::quarantine::{NewQuarantine, QuarantineView, quarantine_of};
use crate::index::requests::{NewRequest, RequestOutcome, RequestView, RuleTrial, Ruling};
use crate::index::who_has::{WhoHas, who_has};
use crate::names::IndexName;
use crate::packaging::filename::encode_segment;
use crate::words::RequestState;
use http::Method;
use serde_json::json;

#[derive(serde::Deserialize)]
struct DecidedRequests {
    decided: usize,
}

impl CommandPlace {
    /// Requests of one index or all, in one state or all.
    pub async fn requests(
        &self,
        index: Option<&IndexName>,
        state: Option<RequestState>,
    ) -> Result<Vec<RequestView>> {
        match self {
            Self::Here(app) => {
                let all = app.requests.list(index, state, |_| true).await?;
                Ok(all.into_iter().map(RequestView::from).collect())
            }
            Self::There(server) => {
                let index = index.map(ToString::to_string).unwrap_or_default();
                let state = state.map(RequestState::name).unwrap_or_default();
                server.get(&format!("+requests?index={}&state={state}", encode_segment(&index))).await
            }
        }
    }

    pub async fn request(&self, id: i64) -> Result<RequestView> {
        match self {
            Self::Here(app) => Ok(app.requests.get(id).await?.into()),
            Self::There(server) => server.get(&format!("+requests/{id}")).await,
        }
    }

    /// Asks for a release; the number of the request, or nothing if it is approved already.
    pub async fn ask_for(&self, index: &IndexName, requirement: &str, target: &str) -> Result<Option<i64>> {
        match self {
            Self::Here(app) => {
                let new = NewRequest::parse(index.clone(), requirement, target.to_owned())?;
                match app.requests.ask(&Who::command_line(), new).await? {
                    RequestOutcome::Open(id) => Ok(Some(id)),
                    RequestOutcome::Approved => Ok(None),
                    RequestOutcome::Refused(why) => Err(bad!("{requirement} is refused: {why}")),
                }
            }
            Self::There(server) => {
                let body = json!({"index": index, "requirement": requirement, "target": target});
                let answer: ApiAnswer<Option<RequestView>> =
                    server.call(Method::POST, "+requests", &body).await?;
                Ok(answer.result.map(|request| request.id))
            }
        }
    }

    /// Approves a request, or refuses it.
    pub async fn decide(&self, id: i64, ruling: &Ruling) -> Result<RequestView> {
        match self {
            Self::Here(app) => Ok(app.requests.decide(&Who::command_line(), id, ruling).await?.into()),
            Self::There(server) => {
                let verb = if ruling.approves { "approve" } else { "refuse" };
                let expires = ruling.expires.map(|seconds| format!("{seconds}s"));
                let body = json!({
                    "reason": ruling.reason, "expires": expires, "with_closure": ruling.with_closure,
                    "specifier": ruling.specifier,
                });
                Ok(server.call(Method::POST, &format!("+requests/{id}/{verb}"), &body).await?.result)
            }
        }
    }

    /// The rules of an index, as they were written.
    pub async fn rules(&self, index: &IndexName) -> Result<String> {
        match self {
            Self::Here(app) => {
                Ok(app.requests.rules(index).await?.map(|stored| stored.rules).unwrap_or_default())
            }
            Self::There(server) => server.get_text(&format!("{index}/+rules")).await,
        }
    }

    /// What rules would have done.
    pub async fn try_rules(&self, index: &IndexName, text: &str) -> Result<Vec<RuleTrial>> {
        match self {
            Self::Here(app) => app.requests.try_rules(&Who::command_line(), index, text).await,
            Self::There(server) => {
                server.put_text(&format!("{index}/+rules?dry_run="), text.to_owned()).await
            }
        }
    }

    /// Replaces the rules; how many open requests they decided.
    pub async fn set_rules(&self, index: &IndexName, text: &str) -> Result<usize> {
        match self {
            Self::Here(app) => app.requests.set_rules(&Who::command_line(), index, text).await,
            Self::There(server) => {
                let path = format!("{index}/+rules");
                let DecidedRequests { decided } = server.put_text(&path, text.to_owned()).await?;
                Ok(decided)
            }
        }
    }

    /// What is quarantined.
    pub async fn quarantines(&self) -> Result<Vec<QuarantineView>> {
        match self {
            Self::Here(app) => app.indexes.quarantines(&Who::command_line(), false).await,
            Self::There(server) => held_there(server).await,
        }
    }

    pub async fn quarantine(&self, new: &NewQuarantine) -> Result<QuarantineView> {
        match self {
            Self::Here(app) => app.indexes.quarantine(&Who::command_line(), new).await,
            Self::There(server) => Ok(server.call(Method::POST, "+quarantine", new).await?.result),
        }
    }

    /// Gives back what was quarantined in these words.
    pub async fn release(&self, what: &str, index: Option<&IndexName>) -> Result<QuarantineView> {
        let known = quarantine_of(self.quarantines().await?, what, index)?;
        match self {
            Self::Here(app) => app.indexes.release(&Who::command_line(), &known.id).await,
            Self::There(server) => {
                let path = format!("+quarantine/{}", encode_segment(&known.id));
                Ok(server.call(Method::DELETE, &path, &json!({})).await?.result)
            }
        }
    }

    /// Who fetched it, and which lock files name it.
    pub async fn who_has(&self, what: &str) -> Result<WhoHas> {
        match self {
            Self::Here(app) => who_has(&app.db, &app.downloads, what).await,
            Self::There(server) => server.get(&format!("+who-has?what={}", encode_segment(what))).await,
        }
    }
}

async fn held_there(server: &ServerClient) -> Result<Vec<QuarantineView>> {
    server.get("+quarantine").await
}
