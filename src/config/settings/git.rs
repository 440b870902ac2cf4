//! Settings of credentials for git, whose sections have names of the administrator's: `git.credentials.NAME.url`.

use super::kinds::{list, optional, optional_path, text};
use super::sections::{SectionKind, section_settings};
use crate::config::Config;
use crate::config::git::{GitCredentialSettings, GitToken};
use url::Url;

const PREFIX: &str = "git.credentials.";

pub(super) static CREDENTIALS: SectionKind<GitCredentialSettings> = SectionKind {
    prefix: PREFIX,
    about: "A credential for git repositories that are watched",
    example: "corp",
    behind: "watch",
    settings: section_settings! {
        /// The URL below which it is used: https://HOST/TEAM for a token, ssh://HOST for a key.
        url: text;
        /// The user name that is sent with the token. Not set: git.
        user: optional;
        /// The token or password.
        token: token;
        /// The file with the private key.
        ssh_key: optional_path;
        /// The file with the public keys of hosts. Not set: the one of the account that runs the server.
        known_hosts: optional_path;
        /// The indexes whose watches may use it (names, `*` for any text), separated by commas. Root's watches always may.
        indexes: list;
    },
    all: |config| &config.git.credentials,
    all_mut: |config| &mut config.git.credentials,
    check,
};

mod token {
    use super::GitToken;
    #[expect(clippy::unnecessary_wraps, reason = "the kinds share one signature")]
    pub fn parse(text: &str) -> Result<Option<GitToken>, String> {
        Ok(Some(text).filter(|text| !text.is_empty()).map(GitToken::new))
    }
    pub fn show(value: &Option<GitToken>) -> Option<String> {
        value.as_ref().map(|_| "****".to_owned())
    }
}

/// What no single value can tell.
fn check(config: &Config) -> Result<(), String> {
    for (name, credential) in &config.git.credentials {
        let must = |key: &str, must: &str| Err(format!("{PREFIX}{name}.{key} must be {must}"));
        let url =
            Url::parse(&credential.url).ok().filter(|url| url.host_str().is_some_and(|h| !h.is_empty()));
        let Some(url) = url.filter(|url| url.password().is_none() && url.query().is_none()) else {
            return must("url", "a URL without a password: https://HOST/TEAM or ssh://HOST");
        };
        let odd = |path: &std::path::Path| path.to_str().is_none_or(|text| text.contains(['\'', '\n']));
        let paths = [("ssh_key", &credential.ssh_key), ("known_hosts", &credential.known_hosts)];
        if let Some((key, _)) = paths.iter().find(|(_, path)| path.as_deref().is_some_and(odd)) {
            return must(key, "a path without quotes");
        }
        match url.scheme() {
            "https" | "http" if credential.token.is_none() => return must("token", "set for this URL"),
            "ssh" if credential.ssh_key.is_none() => return must("ssh_key", "set for this URL"),
            "https" | "http" | "ssh" => {}
            _ => return must("url", "a URL of https, http or ssh"),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::settings::sections::{NamedSections, resolved};

    #[test]
    fn a_credential_is_a_section_of_its_own_and_its_token_is_never_shown() {
        let text = "[git.credentials.corp]\nurl = \"https://git.example/team\"\n";
        let token = [("WHEELWRIGHT_GIT__CREDENTIALS__CORP__TOKEN", "hidden")];
        let found = resolved(text, &token).expect("resolves");
        let corp = &found.config.git.credentials["corp"];
        assert_eq!(corp.token.as_ref().map(GitToken::expose), Some("hidden"));
        let shown = format!("{:?} {:?} {:?}", CREDENTIALS.shown(&found.config), found.config, corp);
        assert!(!shown.contains("hidden") && shown.contains("****"), "{shown}");
    }

    #[test]
    fn an_incomplete_or_misspelled_credential_is_refused() {
        for (text, words) in [
            ("[git.credentials.corp]\ntoken = \"x\"\n", "corp.url must be a URL"),
            ("[git.credentials.corp]\nurl = \"https://h\"\n", "corp.token must be set"),
            ("[git.credentials.corp]\nurl = \"ssh://h\"\n", "corp.ssh_key must be set"),
            ("[git.credentials.corp]\nurl = \"ftp://h\"\n", "must be a URL of https"),
            ("[git.credentials.corp]\nurl = \"https://a:b@h\"\ntoken = \"x\"\n", "without a password"),
            ("[git.credentials.corp]\nurl = \"ssh://h\"\nssh_key = \"a'b\"\n", "without quotes"),
            ("[git.credentials.corp]\ntokn = \"x\"\n", "git.credentials.corp.tokn is not a setting"),
        ] {
            let refused = resolved(text, &[]).expect_err(words);
            assert!(refused.contains(words), "{refused}");
        }
    }
}
