//! What a handler is given, and what it can ask of it.

use super::audience::Audience;
use super::{drain, slow, whence};
use crate::access::quota::Quota;
use crate::access::turns::{Turn, Turns};
use crate::access::{self, Decision, Need, Who};
use crate::app::App;
use crate::bad;
use crate::config::base_url::BaseUrl;
use crate::directory::reference::IndexReference;
use crate::directory::{Directory, Index};
use crate::error::{Error, Result};
use crate::missing;
use crate::names::IndexName;
use axum::body::Body;
use http::{HeaderMap, Method, Uri, header};
use std::net::SocketAddr;
use std::sync::Arc;

/// Marks a request that is a part of another one, which counts for both.
#[derive(Clone, Copy, Debug)]
pub struct PartOfAnother;

/// Whom a request of the server's own is made for: no credential is asked then. It never comes from outside.
#[derive(Clone, Debug)]
pub struct ActingFor(pub Arc<Who>);

/// What a handler is given: the request, taken apart once, after the permission was granted.
pub struct Ctx<B = Body> {
    pub app: App,
    pub who: Arc<Who>,
    pub directory: Arc<Directory>,
    pub method: Method,
    /// As routed: normalised, without the public path prefix.
    pub uri: Uri,
    pub headers: HeaderMap,
    /// The client: who is connected, or for whom the trusted proxy that is connected asks.
    pub peer: SocketAddr,
    /// This server's root as trusted proxies name it.
    pub outside: Option<Box<str>>,
    /// Whether it is [`PartOfAnother`]: a resolver asks, for a request that its asker has open.
    pub is_part: bool,
    pub acting: Option<ActingFor>,
    pub params: Params,
    /// The index that the path names, or the default one of its kind.
    pub named: Option<IndexName>,
    /// Of routes that are about several indexes: in the path's order.
    pub several: Vec<IndexReference>,
    pub body: B,
}

impl<B> Ctx<B> {
    /// Whether the asker keeps this server running: root, with a credential that is limited to nothing less.
    pub fn operates(&self) -> bool {
        access::decide(&self.directory, &self.who, Need::Operate, None, None, None) == Decision::Allowed
    }

    /// A path parameter, percent-decoded; empty if the route has none of that name.
    pub fn param(&self, name: &str) -> &str {
        self.params.get(name).unwrap_or_default()
    }

    /// The index of the path, or the default one of routes without (`/simple/`, `/legacy/`).
    pub fn index(&self) -> Result<&Index> {
        let name = self.named.as_ref().ok_or_else(|| missing!("this page does not belong to an index"))?;
        self.directory.index(name)
    }

    /// The index of a path that names one; `None` for the same path of the whole server (`/+webhooks`).
    pub fn index_if_named(&self) -> Result<Option<&Index>> {
        self.params.get("index").map(|_| self.index()).transpose()
    }

    /// The indexes of a path that names several (`alice.dev+pypi`), in its order; the asker may read
    /// all of them.
    ///
    /// # Errors
    /// `Missing` if one of them can not be told.
    pub fn indexes(&self) -> Result<Vec<&Index>> {
        self.several.iter().map(|reference| reference.index(&self.directory)).collect()
    }

    /// Where the asker sees this server; see [`BaseUrl`].
    pub fn base_url(&self) -> BaseUrl<'_> {
        let host = whence::written_host(&self.headers, &self.uri);
        BaseUrl::new(&self.app.config, self.outside.as_deref(), host)
    }

    /// Where the asker sees this server's root, without a slash at its end.
    pub fn root(&self) -> String {
        self.base_url().root()
    }

    /// For whom the answer is; see [`Audience`].
    pub fn audience(&self) -> Audience {
        Audience::of(&self.headers)
    }

    /// Whether the client takes this media type by name (`application/json`).
    pub fn accepts(&self, media_type: &str) -> bool {
        let accept = self.headers.get_all(header::ACCEPT);
        accept.iter().filter_map(|v| v.to_str().ok()).any(|v| v.contains(media_type))
    }

    /// Whether the body is said to be of this media type.
    pub fn is_of(&self, media_type: &str) -> bool {
        let mut said = self.headers.get_all(header::CONTENT_TYPE).iter();
        let (Some(said), None) = (said.next(), said.next()) else { return false };
        let said = said.to_str().unwrap_or_default().split(';').next().unwrap_or_default();
        said.trim().eq_ignore_ascii_case(media_type)
    }

    /// A parameter of the query string, decoded; `Some("")` for a bare `?force`.
    pub fn query(&self, name: &str) -> Option<String> {
        let query = self.uri.query()?;
        url::form_urlencoded::parse(query.as_bytes()).find(|(k, _)| k == name).map(|(_, v)| v.into_owned())
    }

    /// Whom the request counts for: an account, or a stranger's network.
    pub fn asker(&self) -> String {
        self.who.asker().unwrap_or_default()
    }

    /// The same without the body: can be shared while something is awaited.
    pub fn without_body(self) -> Ctx<()> {
        Ctx {
            body: (),
            app: self.app,
            who: self.who,
            directory: self.directory,
            method: self.method,
            uri: self.uri,
            headers: self.headers,
            peer: self.peer,
            outside: self.outside,
            is_part: self.is_part,
            acting: self.acting,
            params: self.params,
            named: self.named,
            several: self.several,
        }
    }
}

impl Ctx {
    /// Counts the request among those that the asker may have under way, before a body is read that may be large. If
    /// there are too many, what comes of it is read on for a while, so that the client sees why.
    ///
    /// # Errors
    /// As turns are refused.
    pub async fn turn_before_body(&mut self, of: impl Fn(&Quota) -> &Turns) -> Result<Turn> {
        let turn = of(&self.app.quota).take(&self.asker()).await;
        if turn.is_err() {
            let body = std::mem::take(&mut self.body);
            drain::behind_the_answer(&self.headers, body.into_data_stream());
        }
        turn
    }

    /// The body as JSON, at most 1 MiB; only under its own type, which no form of another site's page
    /// can send.
    pub async fn json<T: serde::de::DeserializeOwned>(&mut self) -> Result<T> {
        self.json_within(1 << 20).await
    }

    /// The same of a client that need not name the type: where the method is one that no page can send, or
    /// another check keeps pages out.
    pub async fn json_of_any_type<T: serde::de::DeserializeOwned>(&mut self, limit: usize) -> Result<T> {
        let body = std::mem::take(&mut self.body);
        read_json(body, limit).await
    }

    /// The same of at most `limit` bytes.
    pub async fn json_within<T: serde::de::DeserializeOwned>(&mut self, limit: usize) -> Result<T> {
        if !self.is_of("application/json") {
            return Err(Error::WrongType(
                "the body must be JSON: send it with the header Content-Type: application/json".into(),
            ));
        }
        let body = std::mem::take(&mut self.body);
        read_json(body, limit).await
    }
}

async fn read_json<T: serde::de::DeserializeOwned>(body: Body, limit: usize) -> Result<T> {
    let bytes = slow::whole(body, limit, "the JSON body").await?;
    serde_json::from_slice(&bytes).map_err(|e| bad!("Bad request: could not decode json: {e}"))
}

/// The decoded parameters of a path: at most five, so a search is the quickest map.
#[derive(Default)]
pub struct Params(pub Vec<(&'static str, Box<str>)>);

impl Params {
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| *key == name).map(|(_, value)| value.as_ref())
    }
}
