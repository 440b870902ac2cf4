//! `PUSH I` (or `POST` of JSON): a release to another index of this server, or to a server elsewhere.

use super::http::{Ctx, respond};
use crate::access::{self, Decision, Need};
use crate::directory::no_index;
use crate::error::{Error, Result};
use crate::index::push::{PushOrder, PushedRelease, SentElsewhere, SentWhat};
use crate::names::{IndexName, ProjectName};
use crate::packaging::page::FilePlace;
use crate::upstream::client::{Trust, UpstreamSource, shown};
use crate::{bad, forbidden};
use axum::response::Response;
use http::StatusCode;
use serde_json::{Map, Value, json};
use url::Url;

/// What a client asks for.
struct PushRequest {
    project: ProjectName,
    version: String,
    no_docs: bool,
    only_docs: bool,
    /// It may leave although it says `Private ::`.
    private: bool,
    target: Target,
}

enum Target {
    Index(IndexName),
    Elsewhere {
        /// With the credentials.
        url: Url,
        register: bool,
    },
}

impl PushRequest {
    fn from_json(mut given: Map<String, Value>) -> Result<Self> {
        let mut text = |key: &str| match given.remove(key) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(bad!("'{key}' must be text")),
        };
        let (name, version) = (text("name")?, text("version")?);
        let (to, elsewhere) = (text("targetindex")?, text("posturl")?);
        let (user, password) = (text("username")?, text("password")?);
        let private = text("private")?;
        let mut flag = |key: &str| given.remove(key).is_some_and(|value| value != Value::Bool(false));
        let (no_docs, only_docs) = (flag("no_docs"), flag("only_docs"));
        let register = flag("register_project");
        if !given.is_empty() {
            let unknown: Vec<String> = given.into_iter().map(|(key, _)| key).collect();
            return Err(bad!("unknown additional options: {}", unknown.join(", ")));
        }
        if no_docs && only_docs {
            return Err(bad!("can't use 'no_docs' and 'only_docs' together"));
        }
        let name = name.ok_or_else(|| bad!("the push has no 'name': send name, version and targetindex"))?;
        let project = ProjectName::new(&name).ok_or_else(|| bad!("'{name}' is not a valid project name"))?;
        let version = version.ok_or_else(|| bad!("the push has no 'version'"))?;
        let target = match (to, elsewhere) {
            (Some(to), None) => Target::Index(
                IndexName::parse(&to).ok_or_else(|| bad!("targetindex not in format user/index"))?,
            ),
            (None, Some(url)) => {
                let mut url = Url::parse(&url).map_err(|why| bad!("posturl is not a URL: {why}"))?;
                if !matches!(url.scheme(), "http" | "https") {
                    return Err(bad!("posturl must begin with http:// or https://"));
                }
                let set = url.set_username(user.as_deref().unwrap_or_default());
                set.and_then(|()| url.set_password(password.as_deref()))
                    .map_err(|()| bad!("posturl must begin with http:// or https://"))?;
                Target::Elsewhere { url, register }
            }
            _ => return Err(bad!("the push needs 'targetindex' or 'posturl'")),
        };
        let private = private.and_then(|name| ProjectName::new(&name)).as_ref() == Some(&project);
        Ok(Self { project, version, no_docs, only_docs, private, target })
    }

    fn order(&self) -> PushOrder<'_> {
        PushOrder {
            project: &self.project,
            version: &self.version,
            files: !self.only_docs,
            documentation: !self.no_docs,
        }
    }
}

/// Pushes and tells what was done, step by step.
pub async fn push(mut ctx: Ctx) -> Result<Response> {
    let asked = PushRequest::from_json(ctx.json_of_any_type(64 << 10).await?)?;
    let ctx = ctx.without_body();
    let (index, directory) = (ctx.index()?, &ctx.directory);
    let name = match &asked.target {
        Target::Index(name) => name,
        Target::Elsewhere { url, register } => return elsewhere(&ctx, &asked, url, *register).await,
    };
    let need =
        |need| access::decide(directory, &ctx.who, need, Some(name), Some(asked.project.as_str()), None);
    let target = match (need(Need::Read), need(Need::Upload)) {
        (_, Decision::Allowed) | (Decision::Allowed, _) => directory.index(name)?,
        _ => return Err(no_index(name)),
    };
    if need(Need::Upload) != Decision::Allowed && target.is_stage() {
        let who = ctx.who.user.as_deref().unwrap_or(":anonymous");
        return Err(match ctx.who.user {
            None => Error::Unauthenticated(format!("user '{who}' cannot upload to '{name}'")),
            Some(_) => forbidden!("user '{who}' cannot upload to '{name}'"),
        });
    }
    let indexes = &ctx.app.indexes;
    let release = indexes.to_push(directory, &ctx.who, index, &asked.order()).await?;
    indexes.push(directory, &ctx.who, index, target, &asked.project, &release).await?;
    respond::devpi(StatusCode::OK, "actionlog", steps(name, &asked, &release), None)
}

/// Sends the release to another server. Only who keeps the index may: a reader could make this server send
/// anything anywhere.
async fn elsewhere(ctx: &Ctx<()>, asked: &PushRequest, url: &Url, register: bool) -> Result<Response> {
    let index = ctx.index()?;
    let project = Some(asked.project.as_str());
    match access::decide(&ctx.directory, &ctx.who, Need::Manage, Some(&index.name), project, None) {
        Decision::Allowed => {}
        Decision::AskCredential => return Err(Error::Unauthenticated("log in or send a token".into())),
        _ => return Err(access::refusal(&ctx.who, Need::Manage)),
    }
    let indexes = &ctx.app.indexes;
    indexes.mirrors.client().may_send(url).await?;
    let release = indexes.to_push(&ctx.directory, &ctx.who, index, &asked.order()).await?;
    if !asked.private && indexes.is_private(index, &asked.project, &release).await? {
        return Err(forbidden!(
            "a classifier of {} says 'Private ::', so it is not pushed to another server. To push it all the same, \
             send \"private\": \"{0}\"",
            asked.project
        ));
    }
    let to = UpstreamSource::new(url, Trust::Account);
    let sent = indexes.push_elsewhere(&asked.project, &release, &to, register).await?;
    let went_well = sent.last().is_some_and(|last| matches!(last.status, Some(200 | 201)));
    let step = |sent: &SentElsewhere| match (sent.status, &sent.what) {
        (None, _) => json!([-1, format!("exception on {}:", shown(&to.url)), sent.said]),
        (Some(status), SentWhat::Registration) => json!([status, "register", asked.project, release.version]),
        (Some(status), SentWhat::File(name)) => json!([status, "upload", name, sent.said]),
        (Some(status), SentWhat::Documentation(name)) => json!([status, "docfile", name]),
    };
    let steps: Vec<Value> = sent.iter().map(step).collect();
    let status = if went_well { StatusCode::OK } else { StatusCode::BAD_GATEWAY };
    respond::devpi(status, "actionlog", steps.into(), None)
}

/// What was done, as devpi tells it.
fn steps(to: &IndexName, asked: &PushRequest, release: &PushedRelease) -> Value {
    let (project, version) = (&asked.project, &release.version);
    let mut steps = vec![json!([200, "register", project, version, "->", to])];
    let place = FilePlace::Hosted(to.clone());
    for file in &release.files {
        let path = |name: &str| place.href(name, Some(&file.sha256), "").to_string();
        steps.push(json!([200, "store_releasefile", path(&file.filename)]));
        let results = release.results_of(&file.filename);
        steps.extend(results.map(|known| json!([200, "store_toxresult", path(&known.name)])));
    }
    if release.documentation().is_some() {
        steps.push(json!([200, "store_doczip", project, version, "->", to]));
    }
    steps.into()
}
