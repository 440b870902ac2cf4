//! The form that creates a user: root's, or everybody's where the server is open to new users.

use super::super::Visit;
use super::super::call::ScriptCall;
use super::may;
use crate::access::Need;
use serde_json::json;

/// The call that `templates/act/new_user.html` makes; nothing for those who may not.
pub fn call(ctx: &Visit) -> Option<ScriptCall> {
    let body = json!({"password": "…", "email": "…"});
    may(ctx, Need::CreateUser, None, None).then(|| ScriptCall::with("PUT", "/NAME", &body))
}
