//! One run from its start to the death of its last process.

use super::{Ended, Plan, Sandbox};
use crate::bad;
use crate::error::Result;
use crate::worker::log::Log;

pub(super) async fn run(sandbox: &Sandbox, plan: &Plan, log: &Log) -> Result<Ended> {
    let _ = (&sandbox.bwrap, &sandbox.program, plan, log);
    Err(bad!("sandboxes cannot run anything yet"))
}
