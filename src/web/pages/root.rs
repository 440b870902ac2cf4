//! `/`: the indexes the asker may read, and what to type first.

use super::act::new_index::NewIndexForm;
use super::act::new_user;
use super::call::ScriptCall;
use super::lines::{self, CopyableLine};
use super::user::IndexView;
use super::{Frame, Visit, answer, may_read};
use crate::error::Result;
use crate::names::IndexName;
use askama::Template;
use axum::response::Response;
use std::collections::BTreeMap;

/// The page.
#[derive(Template)]
#[template(path = "root.html")]
pub struct RootPage {
    pub frame: Frame,
    /// How to install from the default index; empty if the asker may not.
    pub lines: Vec<CopyableLine>,
    pub owners: Vec<Owner>,
    pub first_steps: Vec<CopyableLine>,
    /// Whoever may create indexes and users.
    pub new_index: Option<NewIndexForm>,
    pub new_user: Option<ScriptCall>,
}

/// A user with those of their indexes that the asker may read.
pub struct Owner {
    pub name: String,
    pub href: String,
    pub indexes: Vec<IndexView>,
}

/// Answers `/` to a person.
pub async fn get(ctx: &Visit) -> Result<Response> {
    let server = ctx.root();
    let mut owners: BTreeMap<&str, Vec<IndexView>> = BTreeMap::new();
    for index in ctx.directory.indexes.values().filter(|index| may_read(ctx, &index.name)) {
        owners.entry(index.name.user()).or_default().push(IndexView::new(ctx, index));
    }
    let owners = owners.into_iter().map(|(name, indexes)| Owner {
        name: name.to_owned(),
        href: crate::packaging::filename::encode_segment(name),
        indexes,
    });
    let default = IndexName::parse(&ctx.app.config.default_index);
    let default = default.filter(|name| ctx.directory.indexes.contains_key(name) && may_read(ctx, name));
    let install = default.as_ref().map(|_| lines::install(&server, &format!("{server}/simple/"), "flask"));
    let base = default.map_or_else(|| ctx.app.config.default_index.clone(), |name| name.to_string());
    let page = RootPage {
        frame: Frame::of(ctx, &[]),
        lines: install.unwrap_or_default(),
        owners: owners.collect(),
        first_steps: lines::first_steps(&server, &base),
        new_index: NewIndexForm::of(ctx, ctx.who.user.as_deref().unwrap_or_default()),
        new_user: new_user::call(ctx),
    };
    answer(ctx, &page)
}
