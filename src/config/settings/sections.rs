//! Sections whose names the operator chooses, any number of each kind: `auth.oidc.NAME.issuer`.

use crate::config::Config;
use std::collections::BTreeMap;
use std::fmt::Write;

/// Bytes of the longest name.
const LONGEST_NAME: usize = 40;

/// One setting of such a section.
pub(super) struct SectionSetting<T> {
    pub key: &'static str,
    pub about: &'static str,
    pub is_secret: bool,
    /// Written without quotes in TOML.
    pub bare: bool,
    pub set: fn(&mut T, &str) -> Result<(), String>,
    pub get: fn(&T) -> Option<String>,
}

/// What each setting means, its key, which is also its place in the section, and its kind.
macro_rules! section_settings {
    ($($(#[doc = $about:literal])+ $name:ident: $kind:ident$(, $secret:ident)?;)+) => {
        &[$($crate::config::settings::sections::SectionSetting {
            key: stringify!($name),
            about: concat!($($about),+).trim_ascii_start(),
            is_secret: section_settings!(@secret $($secret)?),
            bare: $crate::config::settings::kinds::is_bare(stringify!($kind)),
            set: |section, value| {
                section.$name = $kind::parse(value)?;
                Ok(())
            },
            get: |section| $kind::show(&section.$name),
        }),+]
    };
    (@secret) => { false };
    (@secret Whole) => { true };
}
pub(super) use section_settings;

/// One kind of section.
pub(super) struct SectionKind<T: 'static> {
    /// `auth.oidc.`
    pub prefix: &'static str,
    /// What the example file says of it, with this name, behind this other section.
    pub about: &'static str,
    pub example: &'static str,
    pub behind: &'static str,
    pub settings: &'static [SectionSetting<T>],
    pub all: fn(&Config) -> &BTreeMap<String, T>,
    pub all_mut: fn(&mut Config) -> &mut BTreeMap<String, T>,
    /// What no single value can tell.
    pub check: fn(&Config) -> Result<(), String>,
}

/// A kind of section, whatever it holds.
pub trait NamedSections: Sync {
    /// Whether it has a setting of this key.
    fn has(&self, key: &str) -> bool;
    /// Reads a value; `None` if it has no such setting.
    fn set(&self, config: &mut Config, key: &str, value: &str) -> Option<Result<(), String>>;
    /// The settings of all its sections, with secrets masked.
    fn shown(&self, config: &Config) -> Vec<(String, Option<String>)>;
    /// The secrets of all its sections, as far as their kinds tell them.
    fn secrets(&self, config: &Config) -> Vec<String>;
    /// What no single value can tell.
    fn check(&self, config: &Config) -> Result<(), String>;
    /// The section of the example file that it follows there.
    fn behind(&self) -> &'static str;
    /// How one is written in a file, commented out.
    fn example(&self) -> String;
}

impl<T: Default> SectionKind<T> {
    /// The section's name and the setting, if the key is one of these.
    fn find<'a>(&self, key: &'a str) -> Option<(&'a str, &'static SectionSetting<T>)> {
        let (name, key) = key.strip_prefix(self.prefix)?.split_once('.')?;
        let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let is_name = !name.is_empty() && name.len() <= LONGEST_NAME && name.bytes().all(fits);
        self.settings.iter().find(|setting| is_name && setting.key == key).map(|setting| (name, setting))
    }
}

impl<T: Default> NamedSections for SectionKind<T> {
    fn has(&self, key: &str) -> bool {
        self.find(key).is_some()
    }

    fn set(&self, config: &mut Config, key: &str, value: &str) -> Option<Result<(), String>> {
        let (name, setting) = self.find(key)?;
        Some((setting.set)((self.all_mut)(config).entry(name.to_owned()).or_default(), value))
    }

    fn shown(&self, config: &Config) -> Vec<(String, Option<String>)> {
        let of_one = |(name, section): (&String, &T)| {
            let one = |setting: &SectionSetting<T>| {
                let value = (setting.get)(section).filter(|value| !value.is_empty());
                let value = value.map(|value| if setting.is_secret { "****".to_owned() } else { value });
                (format!("{}{name}.{}", self.prefix, setting.key), value)
            };
            self.settings.iter().map(one).collect::<Vec<_>>()
        };
        (self.all)(config).iter().flat_map(of_one).collect()
    }

    fn secrets(&self, config: &Config) -> Vec<String> {
        let secret = self.settings.iter().filter(|setting| setting.is_secret);
        let of_all = secret.flat_map(|setting| (self.all)(config).values().filter_map(setting.get));
        of_all.collect()
    }

    fn check(&self, config: &Config) -> Result<(), String> {
        (self.check)(config)
    }

    fn behind(&self) -> &'static str {
        self.behind
    }

    fn example(&self) -> String {
        let Self { about, prefix, example, .. } = self;
        let mut text = format!(
            "\n# {about}. Choose a name of lower-case letters and digits:\n#\n#   [{prefix}{example}]\n"
        );
        let defaults = T::default();
        for setting in self.settings {
            let value = (setting.get)(&defaults).unwrap_or_default();
            let quote = if setting.bare { "" } else { "\"" };
            let _ = write!(text, "#   # {}\n#   {} = {quote}{value}{quote}\n", setting.about, setting.key);
        }
        text
    }
}

/// What a file and an environment come to, for tests of each kind.
#[cfg(test)]
pub(super) fn resolved(
    text: &str,
    environment: &[(&str, &str)],
) -> Result<crate::config::load::ResolvedConfig, String> {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("wheelwright.toml");
    std::fs::write(&file, text).expect("a file");
    let environment = environment.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    let sources = crate::config::load::SettingSources { flags: Vec::new(), file: Some(file), environment };
    sources.resolve().map_err(|error| error.to_string())
}
