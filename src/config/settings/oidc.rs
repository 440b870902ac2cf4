//! Settings of providers, whose sections have names of the operator's: `auth.oidc.NAME.issuer`.

use super::kinds::{optional, text};
use crate::config::Config;
use crate::config::auth::OidcSettings;

const PREFIX: &str = "auth.oidc.";

/// One setting of a provider.
pub struct OidcSetting {
    pub key: &'static str,
    pub about: &'static str,
    is_secret: bool,
    set: fn(&mut OidcSettings, &str) -> Result<(), String>,
    get: fn(&OidcSettings) -> Option<String>,
}

macro_rules! provider {
    ($($(#[doc = $about:literal])+ $name:ident: $kind:ident, $secret:literal;)+) => {
        pub const OIDC_SETTINGS: &[OidcSetting] = &[$(OidcSetting {
            key: stringify!($name),
            about: concat!($($about),+).trim_ascii_start(),
            is_secret: $secret,
            set: |provider, value| {
                provider.$name = $kind::parse(value)?;
                Ok(())
            },
            get: |provider| $kind::show(&provider.$name),
        }),+];
    };
}

provider! {
    /// The provider's issuer URL. wheelwright finds everything else below it.
    issuer: text, false;
    /// The name under which the provider knows this server.
    client_id: text, false;
    /// The secret that belongs to it. Not set: this server is a public client.
    client_secret: optional, true;
    /// What to ask for, separated by blanks.
    scopes: text, false;
    /// The claim with the name of a new account.
    user_claim: text, false;
    /// The claim with the names of groups. Not set: no groups.
    groups_claim: optional, false;
    /// The text of the button on the login page. Not set: the section's name.
    label: optional, false;
}

/// The provider's name and the setting, if the key is one of these.
fn find(key: &str) -> Option<(&str, &'static OidcSetting)> {
    let (name, key) = key.strip_prefix(PREFIX)?.split_once('.')?;
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let named = !name.is_empty() && name.len() <= 40 && name.bytes().all(fits);
    OIDC_SETTINGS.iter().find(|setting| named && setting.key == key).map(|setting| (name, setting))
}

/// Whether it is a setting of a provider.
pub fn is_one(key: &str) -> bool {
    find(key).is_some()
}

/// Reads a value; `None` if it is no setting of a provider.
pub fn set(config: &mut Config, key: &str, value: &str) -> Option<Result<(), String>> {
    let (name, setting) = find(key)?;
    Some((setting.set)(config.auth.oidc.entry(name.to_owned()).or_default(), value))
}

/// The settings of all providers, with secrets masked.
pub fn shown(config: &Config) -> Vec<(String, Option<String>)> {
    let of_provider = |(name, provider): (&String, &OidcSettings)| {
        let one = |setting: &OidcSetting| {
            let value = (setting.get)(provider).filter(|value| !value.is_empty());
            let value = value.map(|value| if setting.is_secret { "****".to_owned() } else { value });
            (format!("{PREFIX}{name}.{}", setting.key), value)
        };
        OIDC_SETTINGS.iter().map(one).collect::<Vec<_>>()
    };
    config.auth.oidc.iter().flat_map(of_provider).collect()
}

/// What no single value can tell.
pub fn check(config: &Config) -> Result<(), String> {
    for (name, provider) in &config.auth.oidc {
        for (key, value) in [("issuer", &provider.issuer), ("client_id", &provider.client_id)] {
            if value.is_empty() {
                return Err(format!("{PREFIX}{name}.{key} is missing: set it"));
            }
        }
        let url = url::Url::parse(&provider.issuer).ok();
        if !url.is_some_and(|url| matches!(url.scheme(), "https" | "http") && url.has_host()) {
            return Err(format!("{PREFIX}{name}.issuer must be a URL (https://…)"));
        }
    }
    Ok(())
}

/// How a provider is written in a file, commented out.
pub fn example() -> String {
    let mut text = String::from(
        "\n# A provider of OpenID Connect on the login page. Choose a name of letters and digits:\n#\n#   [auth.oidc.corp]\n",
    );
    let defaults = OidcSettings::default();
    for setting in OIDC_SETTINGS {
        let value = (setting.get)(&defaults).unwrap_or_default();
        text.push_str(&format!("#   # {}\n#   {} = \"{value}\"\n", setting.about, setting.key));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::load::{ResolvedConfig, SettingSources};

    fn resolved(text: &str, environment: &[(&str, &str)]) -> Result<ResolvedConfig, String> {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("wheelwright.toml");
        std::fs::write(&file, text).expect("a file");
        let environment = environment.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        let sources = SettingSources { flags: Vec::new(), file: Some(file), environment };
        sources.resolve().map_err(|error| error.to_string())
    }

    #[test]
    fn a_provider_is_a_section_of_its_own_and_its_secret_comes_from_the_environment() {
        let text = "[auth.oidc.corp]\nissuer = \"https://login.example\"\nclient_id = \"ww\"\n";
        let secret = [("WHEELWRIGHT_AUTH__OIDC__CORP__CLIENT_SECRET", "hidden")];
        let found = resolved(text, &secret).expect("resolves");
        let corp = &found.config.auth.oidc["corp"];
        assert_eq!((corp.client_id.as_str(), corp.client_secret.as_deref()), ("ww", Some("hidden")));
        let shown = shown(&found.config);
        assert!(shown.contains(&("auth.oidc.corp.client_secret".into(), Some("****".into()))), "{shown:?}");
        assert!(found.origin("auth.oidc.corp.issuer").ends_with("wheelwright.toml:2"));
    }

    #[test]
    fn an_incomplete_or_misspelled_provider_is_refused() {
        for (text, words) in [
            ("[auth.oidc.corp]\nissuer = \"https://login.example\"\n", "auth.oidc.corp.client_id is missing"),
            ("[auth.oidc.corp]\nclient_id = \"x\"\n", "auth.oidc.corp.issuer is missing"),
            ("[auth.oidc.corp]\nissuer = \"login\"\nclient_id = \"x\"\n", "issuer must be a URL"),
            (
                "[auth.oidc.Corp]\nissuer = \"https://login.example\"\n",
                "auth.oidc.Corp.issuer is not a setting",
            ),
            (
                "[auth.oidc.corp]\nisuer = \"https://login.example\"\n",
                "auth.oidc.corp.isuer is not a setting",
            ),
        ] {
            let refused = resolved(text, &[]).expect_err(words);
            assert!(refused.contains(words), "{refused}");
        }
    }
}
