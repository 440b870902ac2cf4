//! Where a request leads: its path made canonical, its row in the table, and what the path's parameters are.

use super::http::path::{self, Refusal};
use super::http::{Params, Route, XML_RPC, called};
use crate::error::{Error, Result};
use crate::packaging::filename::decode_once;
use crate::{bad, missing};
use http::{HeaderValue, Uri};
use std::borrow::Cow;

/// All paths of a table.
pub struct Places {
    paths: matchit::Router<PathRows>,
    routes: Vec<Route>,
}

/// What a path answers to: rows by number.
#[derive(Default)]
struct PathRows {
    rows: Vec<usize>,
    allow: String,
}

/// Why a request leads nowhere.
pub enum Unrouted {
    /// The path exists; with its `Allow`.
    Method(Option<HeaderValue>),
    Error(Error),
}

impl Places {
    /// # Panics
    /// If two paths contradict each other: a mistake in the table, found at the first start.
    pub fn of(routes: &[Route]) -> Self {
        let mut paths: Vec<(&'static str, PathRows)> = Vec::new();
        for (row, route) in routes.iter().enumerate() {
            let known = paths.iter().position(|(path, _)| *path == route.path);
            let at = known.unwrap_or_else(|| {
                paths.push((route.path, PathRows::default()));
                paths.len() - 1
            });
            if let Some((_, place)) = paths.get_mut(at) {
                place.rows.push(row);
            }
        }
        let mut places = matchit::Router::new();
        for (path, mut place) in paths {
            place.allow = allow(place.rows.iter().filter_map(|row| routes.get(*row)));
            if let Err(error) = places.insert(path, place) {
                panic!("the route table contradicts itself at {path}: {error}");
            }
        }
        Self { paths: places, routes: routes.to_vec() }
    }

    /// The row and the parameters; makes the URI canonical.
    pub fn find(&self, parts: &mut http::request::Parts, prefix: &str) -> Result<(usize, Params), Unrouted> {
        let rewritten = match path::canonical(parts.uri.path(), prefix) {
            Ok(Cow::Borrowed(path)) if path.len() == parts.uri.path().len() => None,
            Ok(path) => Some(path.into_owned()),
            Err(Refusal::Bad) => return Err(Unrouted::Error(bad!("the path of this URL is not valid"))),
            Err(Refusal::NoSuchThing) => return Err(Unrouted::Error(missing!("this page does not exist"))),
        };
        if let Some(path) = rewritten {
            parts.uri = with_path(&parts.uri, path).map_err(Unrouted::Error)?;
        }
        let nothing = || Unrouted::Error(missing!("this page does not exist"));
        let matched = self.paths.at(parts.uri.path()).map_err(|_| nothing())?;
        let place = matched.value;
        let routes = place.rows.iter().filter_map(|row| Some((*row, *self.routes.get(*row)?)));
        // Words that begin with `+` are ours: never a user, an index or a project.
        let reserved = |(key, value): (&str, &str)| {
            value.starts_with('+') && matches!(key, "user" | "index" | "project")
        };
        if matched.params.iter().any(reserved) {
            return Err(nothing());
        }
        let find = |method: &str| routes.clone().find(|(_, route)| route.takes(method));
        let found = find(called(&parts.method, &parts.headers)).or_else(|| find(parts.method.as_str()));
        let (row, route) = found.ok_or_else(|| Unrouted::Method(HeaderValue::from_str(&place.allow).ok()))?;
        let mut params = Vec::with_capacity(matched.params.len());
        for (key, value) in matched.params.iter() {
            let key = route.parameter(key).ok_or_else(nothing)?;
            let value = match value.contains('%') {
                true => decode_once(value).ok_or_else(nothing)?.into(),
                false => value.into(),
            };
            params.push((key, value));
        }
        Ok((row, Params(params)))
    }
}

fn allow<'a>(rows: impl Iterator<Item = &'a Route>) -> String {
    let named = |method: &&'static str| if *method == XML_RPC { "POST" } else { *method };
    let mut methods: Vec<&str> = rows.flat_map(|route| route.methods.iter().map(named)).collect();
    if methods.contains(&"GET") {
        methods.push("HEAD");
    }
    methods.sort_unstable();
    methods.dedup();
    methods.join(", ")
}

fn with_path(uri: &Uri, mut path: String) -> Result<Uri> {
    if let Some(query) = uri.query() {
        path.push('?');
        path.push_str(query);
    }
    let mut parts = uri.clone().into_parts();
    let path = path.parse().map_err(|_| bad!("the path of this URL is not valid"))?;
    parts.path_and_query = Some(path);
    Uri::from_parts(parts).map_err(|_| bad!("this URL is not valid"))
}
