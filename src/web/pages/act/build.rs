//! What people do with a build that ended: try another recipe on it, and store the one that works.

use super::super::Visit;
use super::super::call::ScriptCall;
use super::may;
use crate::access::Need;
use crate::build::view::BuildView;
use serde_json::json;

/// `templates/act/build.html`
pub struct BuildDeeds {
    pub id: String,
    /// Whether the reader may try and store recipes.
    pub may_try: bool,
    /// The recipe to begin with.
    pub draft: String,
    pub call: ScriptCall,
}

impl BuildDeeds {
    pub fn of(ctx: &Visit, view: &BuildView) -> Self {
        Self {
            id: view.id.to_string(),
            may_try: may(ctx, Need::Operate, None, None) && view.state.has_ended(),
            draft: view.recipe_draft.clone().unwrap_or_default(),
            call: ScriptCall::with("POST", format!("/+builds/{}/try", view.id), &json!({"text": "…"})),
        }
    }
}
