//! What people do on pages: the forms, for those alone who may send them.

pub mod build;
pub mod index;
pub mod new_index;
pub mod new_user;
pub mod project;
pub mod release;
pub mod suggestions;
pub mod user;

use super::Visit;
use crate::access::{self, Decision, Need};
use crate::names::IndexName;

/// Whether the reader may send a form here: logged in on this page, with the right, and not to a backup.
pub fn may(ctx: &Visit, need: Need, index: Option<&IndexName>, project: Option<&str>) -> bool {
    let user = ctx.params.get("user");
    acts(ctx) && access::decide(&ctx.directory, &ctx.who, need, index, project, user) == Decision::Allowed
}

/// Whether the reader is somebody, and something can be changed here.
pub fn acts(ctx: &Visit) -> bool {
    ctx.who.user.is_some() && !ctx.app.config.read_only
}

/// Whether the reader may take back a quarantine: of one index, or, with none, of all.
pub fn may_release(ctx: &Visit, index: Option<&IndexName>) -> bool {
    may(ctx, Need::Operate, None, None)
        || index.is_some_and(|index| may(ctx, Need::ManageIndex, Some(index), None))
}
