//! What people do with a build that ended: try another recipe on it, and store the one that works.

use super::super::Visit;
use super::super::call::ScriptCall;
use super::may;
use crate::access::Need;
use crate::build::view::BuildView;
use crate::db::builds::Build;
use crate::words::BuildState;
use serde_json::json;

/// `templates/act/build.html`
pub struct BuildDeeds {
    pub id: String,
    /// Whether the reader may try and store recipes.
    pub may_try: bool,
    /// The recipe to begin with: what was tried, or what the failure asks for.
    pub draft: String,
    pub call: ScriptCall,
    /// The recipe that was tried and gave a wheel.
    pub works: Option<WorkingRecipe>,
}

/// A recipe that was tried and works, to be stored.
pub struct WorkingRecipe {
    /// To begin with: the project's.
    pub name: String,
    pub text: String,
    pub store: ScriptCall,
}

impl BuildDeeds {
    pub fn of(ctx: &Visit, build: &Build, view: &BuildView) -> Self {
        // The text of a recipe may hold what only they should know.
        let may_try = may(ctx, Need::Operate, None, None) && view.state.has_ended();
        let tried = build.tried.clone().filter(|_| may_try);
        let is_built = view.state == BuildState::Built;
        let works = |text: &String| WorkingRecipe {
            name: view.project.as_ref().map(ToString::to_string).unwrap_or_default(),
            text: text.clone(),
            store: ScriptCall::with("PUT", "/+recipes/NAME", &json!({"text": "…"})),
        };
        Self {
            id: view.id.to_string(),
            may_try,
            works: tried.as_ref().filter(|_| is_built).map(works),
            draft: tried.or_else(|| view.recipe_draft.clone()).unwrap_or_default(),
            call: ScriptCall::with("POST", format!("/+builds/{}/try", view.id), &json!({"text": "…"})),
        }
    }
}
