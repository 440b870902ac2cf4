//! What root changes of a user: groups, and whether they may log in. What users change of themselves is elsewhere.

use super::super::Visit;
use super::super::call::ScriptCall;
use super::may;
use crate::access::Need;
use crate::packaging::filename::encode_segment;
use serde_json::json;

/// `templates/act/user.html`
pub struct UserDeeds {
    pub name: String,
    pub href: String,
    pub groups: String,
    pub disabled: bool,
    pub indexes: usize,
    pub change: ScriptCall,
    pub delete: ScriptCall,
}

impl UserDeeds {
    /// Nothing for those who may not change the user.
    pub fn of(ctx: &Visit, name: &str) -> Option<Self> {
        let user = ctx.directory.users.get(name)?;
        if !may(ctx, Need::ManageUser, None, None) || !ctx.who.is_root() || name == "root" {
            return None;
        }
        let path = format!("/{}", encode_segment(name));
        Some(Self {
            name: name.to_owned(),
            href: encode_segment(name),
            groups: user.groups.iter().cloned().collect::<Vec<_>>().join("\n"),
            disabled: user.disabled,
            indexes: ctx.directory.indexes.keys().filter(|index| index.user() == name).count(),
            change: ScriptCall::with(
                "PATCH",
                path.clone(),
                &json!({"groups": user.groups, "disabled": user.disabled}),
            ),
            delete: ScriptCall::new("DELETE", path),
        })
    }
}
