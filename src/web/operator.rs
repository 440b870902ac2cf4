//! What `/+status` tells those who keep the server running, and nobody else.

use super::http::Ctx;
use super::http::slow_requests::SlowRequest;
use super::pages::status::NodeState;
use super::router::Router;
use crate::app::health::PartHealth;
use crate::app::measures::Sample;
use crate::db::measures::Measure;
use crate::error::Result;
use crate::words::Moment;
use serde::Serialize;

/// The state of an installation.
#[derive(Serialize)]
pub struct Overview {
    pub health: Vec<PartHealth>,
    pub servers: Vec<NodeState>,
    #[serde(rename = "slow-requests")]
    pub slow: Vec<SlowRequest>,
}

/// How all is, as of now.
pub async fn overview(ctx: &Ctx<()>, router: &Router) -> Result<Overview> {
    let nodes = ctx.app.db.newest_measures().await.unwrap_or_default();
    Ok(Overview {
        health: ctx.app.health().await,
        servers: nodes.into_iter().map(node).filter(|node| !node.sample.stopped).collect(),
        slow: router.slow_requests(),
    })
}

fn node(measure: Measure) -> NodeState {
    let sample = Sample::of(&measure);
    NodeState { name: measure.node, at: Moment(measure.at), sample }
}
