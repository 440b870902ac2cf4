//! Settings of wheelhouses, whose sections have names of the operator's: `wheelhouse.NAME.to`.

use super::kinds::{flag, list, optional, optional_time, text};
use crate::config::Config;
use crate::config::wheelhouse::WheelhouseSettings;
use crate::names::{IndexName, ProjectName};

const PREFIX: &str = "wheelhouse.";

/// One setting of a wheelhouse.
pub struct WheelhouseSetting {
    pub key: &'static str,
    pub about: &'static str,
    is_secret: bool,
    set: fn(&mut WheelhouseSettings, &str) -> Result<(), String>,
    get: fn(&WheelhouseSettings) -> Option<String>,
}

macro_rules! wheelhouse {
    ($($(#[doc = $about:literal])+ $name:ident: $kind:ident, $secret:literal;)+) => {
        pub const WHEELHOUSE_SETTINGS: &[WheelhouseSetting] = &[$(WheelhouseSetting {
            key: stringify!($name),
            about: concat!($($about),+).trim_ascii_start(),
            is_secret: $secret,
            set: |house, value| {
                house.$name = $kind::parse(value)?;
                Ok(())
            },
            get: |house| $kind::show(&house.$name),
        }),+];
    };
}

wheelhouse! {
    /// The index to publish.
    index: text, false;
    /// The bucket: s3://BUCKET/PREFIX.
    to: text, false;
    /// Also publish what the bases of the index have. Mirrors give the files that they keep.
    inherited: flag, false;
    /// How long links are signed for, at most 7d. Not set: links are relative and not signed.
    presign: optional_time, false;
    /// How long each link on a page is good for at least. Not set: half of `presign`.
    min_valid: optional_time, false;
    /// The projects to publish although a classifier says `Private ::`, separated by commas.
    private: list, false;
    /// The URL of an S3 store other than AWS. Not set: `s3.endpoint`.
    endpoint: optional, false;
    /// The region. Not set: `s3.region`.
    region: optional, false;
    /// The access key. Not set: `s3.access_key_id`.
    access_key_id: optional, true;
    /// The secret key. Not set: `s3.secret_access_key`.
    secret_access_key: optional, true;
}

/// The wheelhouse's name and the setting, if the key is one of these.
fn find(key: &str) -> Option<(&str, &'static WheelhouseSetting)> {
    let (name, key) = key.strip_prefix(PREFIX)?.split_once('.')?;
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let named = !name.is_empty() && name.len() <= 40 && name.bytes().all(fits);
    WHEELHOUSE_SETTINGS.iter().find(|setting| named && setting.key == key).map(|setting| (name, setting))
}

/// Whether it is a setting of a wheelhouse.
pub fn is_one(key: &str) -> bool {
    find(key).is_some()
}

/// Reads a value; `None` if it is no setting of a wheelhouse.
pub fn set(config: &mut Config, key: &str, value: &str) -> Option<Result<(), String>> {
    let (name, setting) = find(key)?;
    Some((setting.set)(config.wheelhouse.entry(name.to_owned()).or_default(), value))
}

/// The settings of all wheelhouses, with secrets masked.
pub fn shown(config: &Config) -> Vec<(String, Option<String>)> {
    let of_house = |(name, house): (&String, &WheelhouseSettings)| {
        let one = |setting: &WheelhouseSetting| {
            let value = (setting.get)(house).filter(|value| !value.is_empty());
            let value = value.map(|value| if setting.is_secret { "****".to_owned() } else { value });
            (format!("{PREFIX}{name}.{}", setting.key), value)
        };
        WHEELHOUSE_SETTINGS.iter().map(one).collect::<Vec<_>>()
    };
    config.wheelhouse.iter().flat_map(of_house).collect()
}

/// What no single value can tell.
pub fn check(config: &Config) -> Result<(), String> {
    let mut places = Vec::new();
    for (name, house) in &config.wheelhouse {
        let of = |key: &str| format!("{PREFIX}{name}.{key}");
        if IndexName::parse(&house.index).is_none() {
            return Err(format!("{} must be an index like alice/prod", of("index")));
        }
        if !house.to.starts_with("s3://") {
            return Err(format!("{} must be s3://BUCKET or s3://BUCKET/PREFIX", of("to")));
        }
        let place = house.to.trim_end_matches('/');
        if places.contains(&place) {
            return Err(format!("{} is the place of another wheelhouse: choose another prefix", of("to")));
        }
        places.push(place);
        if house.min_valid.is_some() && house.presign.is_none() {
            return Err(format!(
                "{} needs {}: links that are not signed do not end",
                of("min_valid"),
                of("presign")
            ));
        }
        if let Some(other) = house.private.iter().find(|name| ProjectName::new(name).is_none()) {
            return Err(format!("{} must be names of projects, not {other}", of("private")));
        }
        if house.access_key_id.is_some() != house.secret_access_key.is_some() {
            return Err(format!(
                "{} and {} belong together: set both or neither",
                of("access_key_id"),
                of("secret_access_key")
            ));
        }
    }
    Ok(())
}

/// How a wheelhouse is written in a file, commented out.
pub fn example() -> String {
    let mut text = String::from(
        "\n# An index that the server publishes to a bucket. Choose a name of letters and digits:\n#\n#   \
         [wheelhouse.public]\n",
    );
    let defaults = WheelhouseSettings::default();
    for setting in WHEELHOUSE_SETTINGS {
        let value = (setting.get)(&defaults).unwrap_or_default();
        let quote = if value == "false" { "" } else { "\"" };
        text.push_str(&format!("#   # {}\n#   {} = {quote}{value}{quote}\n", setting.about, setting.key));
    }
    text
}

#[cfg(test)]
mod tests {
    use crate::config::load::SettingSources;

    fn resolved(text: &str) -> Result<crate::config::Config, String> {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("wheelwright.toml");
        std::fs::write(&file, text).expect("a file");
        let sources = SettingSources { file: Some(file), ..SettingSources::default() };
        sources.resolve().map(|resolved| resolved.config).map_err(|error| error.to_string())
    }

    #[test]
    fn a_wheelhouse_is_a_section_of_its_own() {
        let text = "[wheelhouse.public]\nindex = \"alice/prod\"\nto = \"s3://b/p\"\npresign = \"12h\"\ninherited = true\n";
        let house = &resolved(text).expect("resolves").wheelhouse["public"];
        assert_eq!((house.presign, house.min_valid, house.inherited), (Some(43_200), None, true));
    }

    #[test]
    fn a_wheelhouse_that_cannot_be_is_refused() {
        let good = "[wheelhouse.a]\nindex = \"alice/prod\"\nto = \"s3://b/p\"\n";
        for (text, words) in [
            ("[wheelhouse.a]\nto = \"s3://b/p\"\n".to_owned(), "wheelhouse.a.index must be an index"),
            (
                "[wheelhouse.a]\nindex = \"alice/prod\"\nto = \"/srv\"\n".to_owned(),
                "a.to must be s3://BUCKET",
            ),
            (format!("{good}min_valid = \"1h\"\n"), "needs wheelhouse.a.presign"),
            (format!("{good}private = [\"-x\"]\n"), "must be names of projects"),
            (format!("{good}access_key_id = \"x\"\n"), "belong together"),
            (
                format!("{good}[wheelhouse.b]\nindex = \"alice/dev\"\nto = \"s3://b/p/\"\n"),
                "another wheelhouse",
            ),
            (format!("{good}too = 1\n"), "wheelhouse.a.too is not a setting"),
        ] {
            let refused = resolved(&text).err().unwrap_or_else(|| panic!("{words}"));
            assert!(refused.contains(words), "{refused}");
        }
    }
}
