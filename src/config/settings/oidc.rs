//! Settings of providers, whose sections have names of the operator's: `auth.oidc.NAME.issuer`.

use super::kinds::{optional, text};
use super::sections::{SectionKind, section_settings};
use crate::config::Config;
use crate::config::auth::OidcSettings;

const PREFIX: &str = "auth.oidc.";

pub(super) static PROVIDERS: SectionKind<OidcSettings> = SectionKind {
    prefix: PREFIX,
    about: "A provider of OpenID Connect on the login page",
    example: "corp",
    behind: "auth.proxy",
    settings: section_settings! {
        /// The provider's issuer URL. wheelwright finds everything else below it.
        issuer: text;
        /// The name under which the provider knows this server.
        client_id: text;
        /// The secret that belongs to it. Not set: this server is a public client.
        client_secret: optional, Whole;
        /// What to ask for, separated by blanks.
        scopes: text;
        /// The claim with the name of a new account.
        user_claim: text;
        /// The claim with the names of groups. Not set: no groups.
        groups_claim: optional;
        /// The text of the button on the login page. Not set: the section's name.
        label: optional;
    },
    all: |config| &config.auth.oidc,
    all_mut: |config| &mut config.auth.oidc,
    check,
};

/// What no single value can tell.
fn check(config: &Config) -> Result<(), String> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::settings::sections::{NamedSections, resolved};

    #[test]
    fn a_provider_is_a_section_of_its_own_and_its_secret_comes_from_the_environment() {
        let text = "[auth.oidc.corp]\nissuer = \"https://login.example\"\nclient_id = \"ww\"\n";
        let secret = [("WHEELWRIGHT_AUTH__OIDC__CORP__CLIENT_SECRET", "hidden")];
        let found = resolved(text, &secret).expect("resolves");
        let corp = &found.config.auth.oidc["corp"];
        assert_eq!((corp.client_id.as_str(), corp.client_secret.as_deref()), ("ww", Some("hidden")));
        let shown = PROVIDERS.shown(&found.config);
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
