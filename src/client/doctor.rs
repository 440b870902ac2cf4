//! Lock files that a server examines.

use super::ServerClient;
use crate::build::doctor::{Diagnosis, LockToExamine};
use crate::error::Result;
use crate::names::IndexName;
use http::Method;

impl ServerClient {
    /// Whether an index has what a lock file names.
    pub async fn examine(&self, index: &IndexName, lock: &LockToExamine) -> Result<Diagnosis> {
        self.result(self.request_with_json(Method::POST, &format!("{index}/+doctor"), lock)?).await
    }
}
