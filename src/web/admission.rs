//! Asks `access` about every request before its handler runs.

use super::http::{Ctx, Route, form_token, origin};
use crate::access::{self, Decision, Need, Who};
use crate::db::Caller;
use crate::directory::no_index;
use crate::directory::reference::{self, IndexReference};
use crate::error::{Error, Result};
use crate::names::IndexName;
use crate::{forbidden, missing};
use http::Method;

/// Finds out who sends the request (`ctx.who` is a stranger until a credential proves more) and whether they
/// may. Before it refuses, it catches up with other processes.
pub async fn admit(route: Route, ctx: &mut Ctx) -> Result<()> {
    if changes(route, &ctx.method) {
        let outside = ctx.outside.as_deref();
        origin::check(&ctx.app.config, &ctx.method, &ctx.headers, &ctx.uri, outside)?;
    }
    if of_nobody(ctx) {
        ctx.app.indexes.refresh().await?;
        ctx.directory = ctx.app.indexes.directory();
        if of_nobody(ctx) {
            return Err(match route.need {
                Need::ManageIndex => missing!("no user '{}'", ctx.param("user")),
                _ => missing!("The stage {}/{} could not be found.", ctx.param("user"), ctx.param("index")),
            });
        }
    }
    let serial = ctx.app.db.newest_serial();
    if let Some(acting) = ctx.acting.take() {
        ctx.who = acting.0;
        return permit(route, ctx).await;
    }
    match ctx.app.people.who(&ctx.directory, &ctx.headers, ctx.peer.ip()).await {
        Err(Error::Unauthenticated(_) | Error::Busy(_)) if route.need.forgives() => {}
        // What anybody may see does not need who knows the password.
        Err(Error::Unavailable(_)) if route.need == Need::Nothing => {}
        known => {
            let known = known?;
            if known.user.is_some() {
                // A login may make the account, or change its groups.
                if ctx.app.db.newest_serial() != serial {
                    ctx.app.indexes.refresh().await?;
                    ctx.directory = ctx.app.indexes.directory();
                }
                known.token.iter().for_each(|token| Caller::came_with(token));
                ctx.who = known;
            }
        }
    }
    form_token::check(route, ctx).await?;
    permit(route, ctx).await
}

/// Lets `access` decide about who sends the request.
async fn permit(route: Route, ctx: &mut Ctx) -> Result<()> {
    let mut decision = decide(route, ctx);
    if decision != Decision::Allowed {
        ctx.app.indexes.refresh().await?;
        ctx.directory = ctx.app.indexes.directory();
        decision = decide(route, ctx);
    }
    match decision {
        Decision::Allowed => Ok(()),
        Decision::AskCredential => Err(unauthenticated(route, ctx)),
        Decision::Refused => {
            Err(may_not_upload(route, ctx).unwrap_or_else(|| access::refusal(&ctx.who, route.need)))
        }
        Decision::Hidden if route.need == Need::ReadEach => Err(not_all_known(ctx)),
        Decision::Hidden => Err(match &ctx.named {
            Some(index) => no_index(index),
            None if route.need == Need::Upload => {
                missing!(
                    "this server has no default index for uploads: set default_upload_index, or upload to \
                     /USER/INDEX/"
                )
            }
            None => missing!("this page does not exist"),
        }),
    }
}

/// The refusal of an upload where not the token is too small, but the account has not the right.
fn may_not_upload(route: Route, ctx: &Ctx) -> Option<Error> {
    let (index, user) = (ctx.named.as_ref()?, ctx.who.user.as_ref()?);
    let whole = Who { scope: None, ..(*ctx.who).clone() };
    if route.need != Need::Upload || decide_for(&whole, route, ctx) == Decision::Allowed {
        return None;
    }
    Some(forbidden!(
        "{} is not allowed to do this: {user} may not upload to {index}. Its owner can add {user} to acl_upload",
        ctx.who.label
    ))
}

/// Whether the path names an index of an account that does not exist. Accounts are no secret, so this is told to
/// everybody, and whatever credential comes along.
fn of_nobody(ctx: &Ctx) -> bool {
    match (ctx.params.get("user"), ctx.params.get("index")) {
        (Some(user), Some(_)) => !ctx.directory.users.contains_key(user),
        _ => false,
    }
}

/// Whether a request may change something: by its method, or because a build begins when somebody
/// asks for its wheel.
fn changes(route: Route, method: &Method) -> bool {
    origin::changes(method) || route.path.contains("/+w/")
}

fn decide(route: Route, ctx: &mut Ctx) -> Decision {
    if route.need == Need::ReadEach {
        let aliases = &ctx.app.config.aliases;
        ctx.several = reference::parse_all(ctx.param("indexes"), aliases, &ctx.directory);
    }
    decide_for(&ctx.who, route, ctx)
}

fn decide_for(who: &Who, route: Route, ctx: &Ctx) -> Decision {
    if route.need == Need::ReadEach {
        let meant = ctx.several.iter().map(|reference| &reference.meant[..]);
        return access::decide_each(&ctx.directory, who, meant);
    }
    let (project, user) = (ctx.params.get("project"), ctx.params.get("user"));
    access::decide(&ctx.directory, who, route.need, ctx.named.as_ref(), project, user)
}

/// Whether anonymous askers get what this route gives, so that a shared cache may keep it.
pub fn strangers_read(route: Route, ctx: &Ctx) -> bool {
    match route.need {
        // The asker is one, and was let in.
        Need::Read | Need::ReadEach if ctx.who.user.is_none() => true,
        Need::Read | Need::ReadEach => decide_for(&Who::default(), route, ctx) == Decision::Allowed,
        Need::Nothing => route.path.starts_with("/+static/"),
        _ => false,
    }
}

/// The 401 for an index that is private or does not exist: both look the same.
fn unauthenticated(route: Route, ctx: &Ctx) -> Error {
    let to_do = "log in or send a token";
    let about_index = matches!(
        route.need,
        Need::Greet
            | Need::Read
            | Need::ReadEach
            | Need::Upload
            | Need::Manage
            | Need::Approve
            | Need::ManageIndex
    );
    let named = ctx.named.as_ref().map(ToString::to_string);
    let named = named.unwrap_or_else(|| ctx.param("indexes").to_owned());
    Error::Unauthenticated(match about_index && !named.is_empty() {
        true => format!("{to_do}: {named} does not exist, or it is private"),
        false => to_do.into(),
    })
}

/// The 404 for a known asker who names several indexes: which names are known, and which are not.
fn not_all_known(ctx: &Ctx) -> Error {
    let reads = |reference: &&IndexReference| {
        let mut meant = reference.meant.iter().filter_map(|name| ctx.directory.indexes.get(name));
        reference.meant.len() == 1 && meant.all(|index| access::may_read(&ctx.directory, &ctx.who, index))
    };
    let (understood, rest): (Vec<&IndexReference>, Vec<&IndexReference>) =
        ctx.several.iter().partition(reads);
    let understood: Vec<String> = understood
        .iter()
        .map(|known| format!("{} ({})", known.text, known.meant.first().map_or("", IndexName::as_str)))
        .collect();
    let rest: Vec<&str> = rest.iter().map(|reference| &*reference.text).collect();
    let aliases: Vec<&str> = ctx.app.config.aliases.iter().map(|(alias, _)| alias.as_str()).collect();
    missing!(
        "this server has no index {}{}. Write user.index or an alias ({}), joined by +",
        rest.join(" or "),
        match understood.is_empty() {
            true => String::new(),
            false => format!("; it has {}", understood.join(", ")),
        },
        aliases.join(", ")
    )
}
