//! Settings of credentials for git, whose sections have names of the administrator's: `git.credentials.NAME.url`.

use super::kinds::{list, optional, optional_path, text};
use crate::config::Config;
use crate::config::git::{GitCredentialSettings, GitToken};
use url::Url;

const PREFIX: &str = "git.credentials.";

/// One setting of a credential.
struct CredentialSetting {
    key: &'static str,
    about: &'static str,
    set: fn(&mut GitCredentialSettings, &str) -> Result<(), String>,
    /// Secrets are masked.
    shown: fn(&GitCredentialSettings) -> Option<String>,
}

macro_rules! credential {
    ($($(#[doc = $about:literal])+ $name:ident: $kind:ident;)+) => {
        const CREDENTIAL_SETTINGS: &[CredentialSetting] = &[$(CredentialSetting {
            key: stringify!($name),
            about: concat!($($about),+).trim_ascii_start(),
            set: |credential, value| {
                credential.$name = $kind::parse(value)?;
                Ok(())
            },
            shown: |credential| $kind::show(&credential.$name),
        }),+];
    };
}

credential! {
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
}

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

/// The credential's name and the setting, if the key is one of these.
fn find(key: &str) -> Option<(&str, &'static CredentialSetting)> {
    let (name, key) = key.strip_prefix(PREFIX)?.split_once('.')?;
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let named = !name.is_empty() && name.len() <= 40 && name.bytes().all(fits);
    CREDENTIAL_SETTINGS.iter().find(|setting| named && setting.key == key).map(|setting| (name, setting))
}

/// Whether it is a setting of a credential.
pub fn is_one(key: &str) -> bool {
    find(key).is_some()
}

/// Reads a value; `None` if it is no setting of a credential.
pub fn set(config: &mut Config, key: &str, value: &str) -> Option<Result<(), String>> {
    let (name, setting) = find(key)?;
    Some((setting.set)(config.git.credentials.entry(name.to_owned()).or_default(), value))
}

/// The settings of all credentials, with secrets masked.
pub fn shown(config: &Config) -> Vec<(String, Option<String>)> {
    let of_one = |(name, credential): (&String, &GitCredentialSettings)| {
        let one = |setting: &CredentialSetting| {
            let value = (setting.shown)(credential).filter(|value| !value.is_empty());
            (format!("{PREFIX}{name}.{}", setting.key), value)
        };
        CREDENTIAL_SETTINGS.iter().map(one).collect::<Vec<_>>()
    };
    config.git.credentials.iter().flat_map(of_one).collect()
}

/// What no single value can tell.
pub fn check(config: &Config) -> Result<(), String> {
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

/// How a credential is written in a file, commented out.
pub fn example() -> String {
    let mut text = String::from(
        "\n# A credential for git repositories that are watched. Choose a name of letters and digits:\n#\n#   [git.credentials.corp]\n",
    );
    for setting in CREDENTIAL_SETTINGS {
        text.push_str(&format!("#   # {}\n#   {} = \"\"\n", setting.about, setting.key));
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
    fn a_credential_is_a_section_of_its_own_and_its_token_is_never_shown() {
        let text = "[git.credentials.corp]\nurl = \"https://git.example/team\"\n";
        let token = [("WHEELWRIGHT_GIT__CREDENTIALS__CORP__TOKEN", "hidden")];
        let found = resolved(text, &token).expect("resolves");
        let corp = &found.config.git.credentials["corp"];
        assert_eq!(corp.token.as_ref().map(GitToken::expose), Some("hidden"));
        let shown = format!("{:?} {:?} {:?}", shown(&found.config), found.config, corp);
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
