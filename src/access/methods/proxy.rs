//! The header in which a proxy in front of us names the user. The router drops it when anybody else sends it.

use crate::bad;
use crate::config::Config;
use crate::error::{Error, Result};
use http::{HeaderMap, HeaderName};
use std::collections::BTreeSet;

/// The headers of the trusted proxies.
pub struct UserHeader {
    user: HeaderName,
    groups: Option<HeaderName>,
    /// Accounts are made for those who have none.
    pub create: bool,
}

/// Whom a proxy names.
#[derive(Debug, PartialEq, Eq)]
pub struct NamedUser {
    pub name: String,
    pub groups: BTreeSet<String>,
}

impl UserHeader {
    /// `None` if it is not configured.
    ///
    /// # Errors
    /// `Bad` for settings that contradict each other.
    pub fn new(config: &Config) -> Result<Option<Self>> {
        let settings = &config.auth.proxy;
        let name = |key: &str, text: &String| {
            text.parse::<HeaderName>().map_err(|_| bad!("auth.proxy.{key} must be the name of a header"))
        };
        let groups = settings.groups_header.as_ref().map(|text| name("groups_header", text)).transpose()?;
        let Some(user) = &settings.user_header else { return Ok(None) };
        if config.trusted_proxies.is_empty() {
            return Err(bad!("auth.proxy.user_header needs trusted_proxies: add the proxy that sends it"));
        }
        Ok(Some(Self { user: name("user_header", user)?, groups, create: settings.create }))
    }

    /// Whom the headers name, if anybody.
    ///
    /// # Errors
    /// `Unauthenticated` if they are there twice: the proxy let one of the client's pass.
    pub fn named(&self, headers: &HeaderMap) -> Result<Option<NamedUser>> {
        let Some(name) = self.only(headers, &self.user)?.filter(|name| !name.is_empty()) else {
            return Ok(None);
        };
        let groups = match &self.groups {
            Some(header) => self.only(headers, header)?.unwrap_or_default(),
            None => "",
        };
        let groups = groups.split(',').map(str::trim).filter(|group| !group.is_empty());
        Ok(Some(NamedUser { name: name.to_owned(), groups: groups.map(str::to_owned).collect() }))
    }

    fn only<'a>(&self, headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>> {
        let mut values = headers.get_all(name).iter();
        match (values.next().map(http::HeaderValue::to_str), values.next()) {
            (None, _) => Ok(None),
            (Some(Ok(text)), None) => Ok(Some(text.trim())),
            _ => Err(Error::Unauthenticated(format!(
                "the proxy sends {name} twice, or not as plain text: an administrator must let it replace the \
                 client's"
            ))),
        }
    }
}

/// Marks what a replica or a shadow hands on for a client of its own: such a request may tell the client's address, never
/// a user's name.
pub const HANDED_ON: HeaderName = HeaderName::from_static("x-wheelwright-handed-on");

/// Takes the headers away that only trusted proxies may send.
pub fn drop_names(config: &Config, headers: &mut HeaderMap) {
    let settings = &config.auth.proxy;
    for name in settings.user_header.iter().chain(&settings.groups_header) {
        headers.remove(name.as_str());
    }
}
