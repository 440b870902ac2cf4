//! Names that a form suggests: of what its reader may know of.

use super::super::{Visit, may_read};
use std::collections::BTreeSet;

/// Names of one list.
const MOST: usize = 500;

/// `templates/act/suggestions.html` writes them as `datalist` elements.
pub struct Suggestions {
    pub indexes: Vec<String>,
    /// As ACLs write them: accounts, and groups with a colon before them.
    pub people: Vec<String>,
}

impl Suggestions {
    pub fn new(ctx: &Visit) -> Self {
        let indexes = ctx.directory.indexes.keys().filter(|name| may_read(ctx, name));
        let own = ctx.who.user.as_ref().and_then(|user| ctx.directory.users.get(user));
        let groups: BTreeSet<&String> = match ctx.operates() {
            true => ctx.directory.users.values().flat_map(|user| &user.groups).collect(),
            false => own.into_iter().flat_map(|user| &user.groups).collect(),
        };
        let everybody = [":ANONYMOUS:".to_owned(), ":AUTHENTICATED:".to_owned()].into_iter();
        let groups = groups.into_iter().map(|group| format!(":{group}"));
        let users = ctx.directory.users.keys().map(ToString::to_string);
        Self {
            indexes: indexes.map(ToString::to_string).take(MOST).collect(),
            people: everybody.chain(groups).chain(users).take(MOST).collect(),
        }
    }
}
