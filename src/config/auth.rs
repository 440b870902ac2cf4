//! Who else may say who somebody is: LDAP, providers of OpenID Connect, a proxy in front of us.

use std::collections::BTreeMap;
use std::path::PathBuf;

/// Without `Debug`, like all below: they hold secrets.
#[derive(Clone)]
pub struct AuthSettings {
    /// Seconds until a login ends.
    pub session: u64,
    /// Characters that a new password must have.
    pub password_length: u64,
    /// Seconds before its end at which webhooks tell of a token; 0: they do not.
    pub token_notice: u64,
    pub ldap: LdapSettings,
    pub proxy: UserHeaderSettings,
    /// By name: lower-case letters and digits.
    pub oidc: BTreeMap<String, OidcSettings>,
}

impl Default for AuthSettings {
    fn default() -> Self {
        Self {
            // devpi's ten hours.
            session: 36_000,
            password_length: 1,
            token_notice: 7 * 86_400,
            ldap: LdapSettings::default(),
            proxy: UserHeaderSettings::default(),
            oidc: BTreeMap::new(),
        }
    }
}

#[derive(Clone)]
pub struct LdapSettings {
    /// `ldap://HOST` or `ldaps://HOST`; not set: LDAP is not asked.
    pub url: Option<String>,
    pub start_tls: bool,
    /// The certificates of who signs the server's; default: the system's.
    pub ca: Option<PathBuf>,
    /// Who searches; default: nobody in particular.
    pub bind_dn: Option<String>,
    pub bind_password: Option<String>,
    pub user_base: Option<String>,
    pub user_filter: String,
    /// Instead of a search: the DN of a user.
    pub user_dn: Option<String>,
    pub group_base: Option<String>,
    pub group_filter: String,
    /// The attribute with a group's name.
    pub group_name: String,
    /// Only its members may log in.
    pub require_group: Option<String>,
    /// Seconds that the server has to answer.
    pub timeout: u64,
}

impl Default for LdapSettings {
    fn default() -> Self {
        Self {
            url: None,
            start_tls: false,
            ca: None,
            bind_dn: None,
            bind_password: None,
            user_base: None,
            user_filter: "(uid={user})".into(),
            user_dn: None,
            group_base: None,
            group_filter: "(member={dn})".into(),
            group_name: "cn".into(),
            require_group: None,
            timeout: 10,
        }
    }
}

/// A header by which a trusted proxy says who sends a request.
#[derive(Clone, Debug, Default)]
pub struct UserHeaderSettings {
    pub user_header: Option<String>,
    /// With names of groups, separated by commas.
    pub groups_header: Option<String>,
    /// Make the account of a name that has none.
    pub create: bool,
}

/// A provider of OpenID Connect that people log in with.
#[derive(Clone, PartialEq, Eq)]
pub struct OidcSettings {
    pub issuer: String,
    pub client_id: String,
    pub client_secret: Option<String>,
    /// Separated by blanks.
    pub scopes: String,
    /// Has the name of a new account.
    pub user_claim: String,
    pub groups_claim: Option<String>,
    /// On the button; default: its name.
    pub label: Option<String>,
}

impl Default for OidcSettings {
    fn default() -> Self {
        Self {
            issuer: String::new(),
            client_id: String::new(),
            client_secret: None,
            scopes: "openid profile email".into(),
            user_claim: "preferred_username".into(),
            groups_claim: None,
            label: None,
        }
    }
}
