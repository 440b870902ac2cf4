//! What people do with an index: uploads to it, and the pages for those who tend it.

use super::super::call::ScriptCall;
use super::super::{Visit, index_href};
use super::{acts, may};
use crate::access::Need;
use crate::directory::Index;
use serde_json::json;

/// `templates/act/index.html`
pub struct IndexDeeds {
    pub name: String,
    /// From the root.
    pub href: String,
    pub may_upload: bool,
    pub may_manage: bool,
    pub may_approve: bool,
    /// Whether one asks here for what is not listed.
    pub may_ask: bool,
    pub ask: ScriptCall,
}

impl IndexDeeds {
    pub fn of(ctx: &Visit, index: &Index) -> Self {
        let may = |need| may(ctx, need, Some(&index.name), None);
        Self {
            name: index.name.to_string(),
            href: index_href(&index.name),
            ask: ScriptCall::with("POST", "/+requests", &json!({"index": index.name, "requirement": "…"})),
            may_upload: index.is_stage() && may(Need::Upload),
            may_manage: may(Need::ManageIndex),
            may_approve: index.is_curated() && may(Need::Approve),
            may_ask: index.is_curated() && acts(ctx),
        }
    }
}
