//! The form that creates an index.

use super::super::Visit;
use super::super::call::ScriptCall;
use super::acts;
use super::suggestions::Suggestions;
use crate::names::IndexName;
use serde_json::json;

/// `templates/act/new_index.html`
pub struct NewIndexForm {
    /// For whom it can be: one, or all if root asks.
    pub owners: Vec<String>,
    /// The default index, if it is readable: most new indexes show it below their own files.
    pub base: String,
    pub suggestions: Suggestions,
    pub call: ScriptCall,
}

impl NewIndexForm {
    /// For indexes of `owner`; nothing for those who may create none.
    pub fn of(ctx: &Visit, owner: &str) -> Option<Self> {
        let user = ctx.who.user.as_deref().filter(|_| acts(ctx))?;
        let scope = ctx.who.scope.is_some();
        if scope || owner != user && !ctx.who.is_root() || !ctx.directory.users.contains_key(owner) {
            return None;
        }
        let mut owners = vec![owner.to_owned()];
        // On the page of all, root chooses.
        if ctx.who.is_root() && ctx.params.get("user").is_none() {
            let others = ctx.directory.users.keys().filter(|name| **name != *owner);
            owners.extend(others.map(ToString::to_string));
        }
        let default = IndexName::parse(&ctx.app.config.default_index);
        let base = default.filter(|name| super::super::may_read(ctx, name)).map(|name| name.to_string());
        let base = base.unwrap_or_default();
        let body =
            json!({"type": "stage", "bases": [base], "acl_read": [":ANONYMOUS:"], "acl_upload": [owner]});
        Some(Self {
            call: ScriptCall::with(
                "PUT",
                format!("/{}/NAME", crate::packaging::filename::encode_segment(owner)),
                &body,
            ),
            owners,
            base,
            suggestions: Suggestions::new(ctx),
        })
    }
}
