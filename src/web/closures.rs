//! Beside the server: finds out what requested releases need, with the resolver that compiles requirements, and lets
//! rules look at open requests again.

use super::proxy::Gate;
use super::router::Router;
use crate::access::Who;
use crate::app::App;
use crate::build::demand::Demand;
use crate::build::promise::ForTarget;
use crate::build::targets::Offered;
use crate::db::requests::StoredRequest;
use crate::error::{Error, Result};
use crate::index::curation;
use crate::index::requests::{Closure, NeededRelease};
use crate::missing;
use crate::names::ProjectName;
use crate::packaging::filename::encode_segment;
use crate::packaging::version;
use crate::tools::failing::Failing;
use crate::tools::panics;
use crate::tools::time::{Micros, SECOND, now};
use crate::words::OlderVersions;
use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

/// How often new requests are looked for.
const EVERY: Duration = Duration::from_secs(1);
/// How often rules look at open requests again: releases get older, and vulnerabilities become known.
const RULES_EVERY: i64 = 3600 * SECOND;
/// Characters of why there is no solution.
const LONGEST: usize = 2000;

/// Works until the router is gone.
pub async fn run(app: App, router: Weak<Router>) {
    if app.replica.is_some() {
        return;
    }
    let mut failing = Failing::default();
    let mut ruled_at = now();
    let mut tried = HashMap::new();
    loop {
        tokio::time::sleep(EVERY).await;
        let Some(router) = router.upgrade() else { return };
        failing.note(&panics::caught(next(&app, router, &mut tried)).await, "cannot resolve requests");
        if now() - ruled_at > RULES_EVERY {
            ruled_at = now();
            let ruled = panics::caught(app.requests.rule_all_again()).await;
            failing.note(&ruled, "cannot apply rules to requests");
        }
    }
}

/// Resolves one request: the one that was tried longest ago, so that none which fails keeps others waiting. `tried`: when,
/// by number.
async fn next(app: &App, router: Arc<Router>, tried: &mut HashMap<i64, Micros>) -> Result<()> {
    let open = app.requests.unresolved().await?;
    tried.retain(|id, _| open.binary_search(id).is_ok());
    let Some(id) = longest_ago(&open, tried) else { return Ok(()) };
    tried.insert(id, now());
    let request = app.requests.get(id).await?;
    let closure = match resolved(app, router, &request).await {
        Ok(closure) => closure,
        // Another time it may go well.
        Err(error @ Error::Busy(_)) => return Err(error),
        Err(error) => {
            let said = match &error {
                Error::Internal(chain) => {
                    tracing::error!(
                        request = request.id,
                        error = format!("{chain:#}"),
                        "cannot resolve a request"
                    );
                    "internal error: see the server's log".to_owned()
                }
                other => other.to_string(),
            };
            let error = Some(said.chars().take(LONGEST).collect());
            Closure { target: request.target.clone(), error, ..Closure::default() }
        }
    };
    app.requests.resolved(request.id, &closure).await
}

fn longest_ago(open: &[i64], tried: &HashMap<i64, Micros>) -> Option<i64> {
    open.iter().copied().min_by_key(|id| tried.get(id).copied())
}

async fn resolved(app: &App, router: Arc<Router>, request: &StoredRequest) -> Result<Closure> {
    let directory = app.indexes.directory();
    let curator = directory.index(&request.index)?;
    if curation::supplied(&directory, &curator.name).is_empty() {
        return Err(missing!("{} has no mirror among its bases that its owner may read", request.index));
    }
    let offered = target(app, &request.target).await?;
    let name = offered.target.name.clone();
    // The index itself, so that its own files, private and reserved names and refusals count as for installers.
    let who = Who::behind(&curator.name);
    let text = curator.name.as_str().replace('/', ".");
    let path = format!("/v1/{}/{}/", encode_segment(&text), encode_segment(&name));
    let demand = Demand {
        config: &app.config,
        queue: &app.queue,
        quota: &app.quota,
        directory: &directory,
        who: &who,
        indexes: vec![curator],
        target: ForTarget { promises: app.promises.clone(), offered },
        root: String::new(),
        url: path.clone(),
    };
    let input = demand.read_requirements(&format!("{}=={}\n", request.project, request.version)).await?;
    let gate = Gate::open_as(app, router, who.clone()).await?;
    let index = format!("{}{path}+compile/", gate.root());
    let pinned = demand.compile(&input, gate.root(), &index, OlderVersions::Accept).await?;
    let mut releases = Vec::new();
    for one in pinned.lines().filter_map(release) {
        // What is on the index itself needs no approval.
        if !app.indexes.views.mirrors_of(&directory, curator, &one.project).await?.is_empty() {
            releases.push(one);
        }
    }
    Ok(Closure { target: name, releases, error: None })
}

/// The target of a request, or the newest that somebody builds for: most releases need the same on all.
async fn target(app: &App, name: &str) -> Result<Arc<Offered>> {
    let offers = app.targets.offers().await?;
    if let Ok(known) = offers.named(name) {
        return Ok(known);
    }
    let offered = app.targets.offered().await?.into_iter();
    let newest = offered.max_by_key(|target| (!target.is_cross(), version::parse(&target.version)));
    let newest = newest.ok_or_else(|| missing!("no worker offers a target to resolve for: start one"))?;
    offers.named(&newest.name)
}

/// `six==1.16.0    # via demo`
fn release(line: &str) -> Option<NeededRelease> {
    let line = line.split([' ', ';', '#']).next().unwrap_or_default();
    let (name, version) = line.split_once("==")?;
    let name = name.split('[').next().unwrap_or_default();
    Some(NeededRelease { project: ProjectName::new(name)?, version: version.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_that_fails_again_and_again_keeps_no_other_waiting() {
        let mut tried = HashMap::new();
        let mut next = |open: &[i64], at| {
            let id = longest_ago(open, &tried)?;
            tried.insert(id, at);
            Some(id)
        };
        assert_eq!([next(&[3, 5, 8], 1), next(&[3, 5, 8], 2), next(&[3, 8], 3)], [Some(3), Some(5), Some(8)]);
        assert_eq!([next(&[3, 8], 4), next(&[3, 8, 9], 5), next(&[], 6)], [Some(3), Some(9), None]);
    }

    #[test]
    fn pins_of_the_resolver_are_read_and_comments_are_not() {
        let read = |line| release(line).map(|one| format!("{} {}", one.project, one.version));
        assert_eq!(read("Six[extra]==1.16.0 ; python_version > '3'").as_deref(), Some("six 1.16.0"));
        assert_eq!(read("six==1.16.0    # via demo").as_deref(), Some("six 1.16.0"));
        for line in ["# six==1.0", "    # via six==1", "", "six @ http://h/six.whl"] {
            assert_eq!(read(line), None, "{line}");
        }
    }
}
