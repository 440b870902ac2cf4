//! `/{user}`: the indexes of one user.

use super::act::new_index::NewIndexForm;
use super::act::user::UserDeeds;
use super::{Frame, Visit, answer, index_href, is_private, may_read};
use crate::directory::{Index, IndexKind};
use crate::error::Result;
use crate::missing;
use askama::Template;
use axum::response::Response;

/// The page.
#[derive(Template)]
#[template(path = "user.html")]
pub struct UserPage {
    pub frame: Frame,
    pub name: String,
    pub indexes: Vec<IndexView>,
    pub new_index: Option<NewIndexForm>,
    pub deeds: Option<UserDeeds>,
}

/// An index in a list, and on its own page.
pub struct IndexView {
    pub name: String,
    pub href: String,
    pub kind: &'static str,
    pub private: bool,
    /// Its title, else the host it mirrors; may be empty.
    pub about: String,
    pub bases: Vec<String>,
}

impl IndexView {
    pub fn new(ctx: &Visit, index: &Index) -> Self {
        let (about, bases) = match &index.kind {
            IndexKind::Stage(stage) => {
                let bases = stage.bases.iter().filter(|base| may_read(ctx, base));
                (None, bases.map(ToString::to_string).collect())
            }
            IndexKind::Mirror(mirror) => {
                let host = mirror.url.as_ref().and_then(|url| url.host());
                (host.map(|host| format!("mirrors {host}")), Vec::new())
            }
        };
        Self {
            name: index.name.to_string(),
            href: index_href(&index.name),
            kind: index.kind.name(),
            private: is_private(ctx, &index.name),
            about: index.title.clone().filter(|title| !title.is_empty()).or(about).unwrap_or_default(),
            bases,
        }
    }
}

/// Answers `/{user}` to a person. A user without an index that the asker may read is shown only
/// to those who are logged in.
pub async fn get(ctx: &Visit) -> Result<Response> {
    let name = ctx.param("user");
    let own = ctx.directory.indexes.values().filter(|index| index.name.user() == name);
    let indexes: Vec<IndexView> =
        own.filter(|index| may_read(ctx, &index.name)).map(|index| IndexView::new(ctx, index)).collect();
    let known = ctx.directory.users.contains_key(name) && ctx.who.user.is_some();
    if indexes.is_empty() && !known {
        return Err(missing!("user {name} does not exist, or has no index that you may read"));
    }
    let page = UserPage {
        frame: Frame::of(ctx, &[name]),
        name: name.to_owned(),
        indexes,
        new_index: NewIndexForm::of(ctx, name),
        deeds: UserDeeds::of(ctx, name),
    };
    answer(ctx, &page)
}
