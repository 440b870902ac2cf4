//! The layers: flag > environment > file > default, and where each value came from.

use super::Config;
use super::settings::{self, NAMED, SETTINGS};
use crate::bad;
use crate::error::Result;
use crate::tools::nearest::nearest;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use toml::de::{DeTable, DeValue};

/// A configuration, and the origin of every value that is no default.
#[derive(Debug)]
pub struct ResolvedConfig {
    pub config: Config,
    origins: BTreeMap<String, String>,
}

/// What was written where. The environment is a parameter, so that tests can hold it still.
#[derive(Debug, Default)]
pub struct SettingSources {
    /// Settings given as flags, by key.
    pub flags: Vec<(&'static str, String)>,
    /// `--config`
    pub file: Option<PathBuf>,
    pub environment: Vec<(String, String)>,
}

/// Variables with our prefix that are no settings.
const OTHER_VARIABLES: [&str; 5] = [
    "WHEELWRIGHT_CONFIG",
    "WHEELWRIGHT_KEY_PASSWORD",
    "WHEELWRIGHT_LOG",
    "WHEELWRIGHT_SERVER",
    "WHEELWRIGHT_TOKEN",
];

impl SettingSources {
    /// Flags and the environment of this process.
    pub fn of_process(flags: Vec<(&'static str, String)>, file: Option<PathBuf>) -> Self {
        let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        Self { flags, file, environment: std::env::vars_os().filter_map(text).collect() }
    }

    fn variable(&self, name: &str) -> Option<&str> {
        self.environment.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// `--config`, else `./wheelwright.toml`, else the one in the data folder.
    fn config_file(&self) -> Option<(PathBuf, bool)> {
        let named = self.file.clone().or_else(|| self.variable("WHEELWRIGHT_CONFIG").map(PathBuf::from));
        if let Some(file) = named {
            return Some((file, true));
        }
        let flag = self.flags.iter().find(|(key, _)| *key == "data").map(|(_, value)| value.as_str());
        let data = flag.or_else(|| self.variable("WHEELWRIGHT_DATA")).map(PathBuf::from);
        let data = data.unwrap_or_else(|| Config::default().data);
        let places = [PathBuf::from("wheelwright.toml"), data.join("wheelwright.toml")];
        places.into_iter().find(|place| place.is_file()).map(|place| (place, false))
    }

    /// Resolves all layers.
    pub fn resolve(&self) -> Result<ResolvedConfig> {
        let mut resolved = ResolvedConfig { config: Config::default(), origins: BTreeMap::new() };
        if let Some((file, _named)) = self.config_file() {
            let text = std::fs::read_to_string(&file)
                .map_err(|e| bad!("cannot read the configuration file {}: {e}", file.display()))?;
            resolved.take_file(&file, &text)?;
        }
        self.take_environment(&mut resolved)?;
        for (key, value) in &self.flags {
            resolved.set(key, value, format!("flag --{}", key.replace('_', "-")))?;
        }
        resolved.check()?;
        Ok(resolved)
    }

    fn take_environment(&self, resolved: &mut ResolvedConfig) -> Result<()> {
        for (name, value) in &self.environment {
            if !name.starts_with("WHEELWRIGHT_") {
                continue;
            }
            let setting = SETTINGS.iter().find(|setting| setting.variable() == *name);
            match setting {
                Some(setting) => resolved.set(setting.key, value, format!("environment {name}"))?,
                None if name == "WHEELWRIGHT_LOG" => {
                    resolved.set("log.filter", value, format!("environment {name}"))?;
                }
                None if is_named(&key_of(name)) => {
                    resolved.set(&key_of(name), value, format!("environment {name}"))?;
                }
                None if OTHER_VARIABLES.contains(&name.as_str()) => {}
                None => {
                    let hint = settings::find(nearest(&key_of(name), known_keys()).unwrap_or_default());
                    let hint =
                        hint.map(|near| format!(": did you mean {}?", near.variable())).unwrap_or_default();
                    return Err(bad!("the environment variable {name} is not a setting{hint}"));
                }
            }
        }
        Ok(())
    }
}

impl ResolvedConfig {
    /// `default`, `flag --listen`, `environment WHEELWRIGHT_LISTEN` or `wheelwright.toml:3`.
    pub fn origin(&self, key: &str) -> &str {
        self.origins.get(key).map_or("default", String::as_str)
    }

    /// Whether somebody wrote where an installation of this machine is: in a file, or by its folder or database.
    pub fn names_an_installation(&self) -> bool {
        let by_file = |origin: &String| !origin.starts_with("flag ") && !origin.starts_with("environment ");
        ["data", "database", "storage"].iter().any(|key| self.origins.contains_key(*key))
            || self.origins.values().any(by_file)
    }

    fn set(&mut self, key: &str, value: &str, origin: String) -> Result<()> {
        let set = match settings::find(key) {
            Some(setting) => (setting.set)(&mut self.config, value),
            None => NAMED
                .iter()
                .find_map(|kind| kind.set(&mut self.config, key, value))
                .ok_or_else(|| bad!("{origin}: {key} is not a setting"))?,
        };
        set.map_err(|must| bad!("{origin}: {key} {must}"))?;
        self.origins.insert(key.to_owned(), origin);
        Ok(())
    }

    fn take_file(&mut self, file: &Path, text: &str) -> Result<()> {
        let table = DeTable::parse(text).map_err(|e| {
            let line = e.span().map_or(1, |span| line_of(text, span.start));
            bad!("{}:{line}: {}", file.display(), e.message())
        })?;
        self.take_table(&File { file, text }, "", table.get_ref())
    }

    fn take_table(&mut self, file: &File<'_>, prefix: &str, table: &DeTable<'_>) -> Result<()> {
        for (name, value) in table {
            let key = format!("{prefix}{}", name.get_ref());
            let place = file.place(name.span().start);
            if let DeValue::Table(inner) = value.get_ref() {
                self.take_table(file, &format!("{key}."), inner)?;
                continue;
            }
            if settings::find(&key).is_none() && !is_named(&key) {
                let hint = nearest(&key, known_keys()).map(|near| format!(": did you mean {near}?"));
                return Err(bad!("{place}: {key} is not a setting{}", hint.unwrap_or_default()));
            }
            let value = match value.get_ref() {
                DeValue::String(text) => text.to_string(),
                DeValue::Boolean(flag) => flag.to_string(),
                DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
                    .map_err(|e| bad!("{place}: {key}: {e}"))?
                    .to_string(),
                DeValue::Array(items) => {
                    let texts: Option<Vec<&str>> = items.iter().map(|item| item.get_ref().as_str()).collect();
                    texts.ok_or_else(|| bad!("{place}: {key} must be a list of texts"))?.join(",")
                }
                _ => {
                    return Err(bad!(
                        "{place}: {key} must be text, a number, true, false or a list of texts"
                    ));
                }
            };
            self.set(&key, &value, place)?;
        }
        Ok(())
    }

    /// What no single value can tell.
    fn check(&self) -> Result<()> {
        self.check_places()?;
        NAMED.iter().try_for_each(|kind| kind.check(&self.config)).map_err(|must| bad!("{must}"))?;
        let tls = &self.config.tls;
        if tls.certificate.is_some() != tls.key.is_some() {
            return Err(bad!("tls.certificate and tls.key belong together: set both or neither"));
        }
        Ok(())
    }
}

impl ResolvedConfig {
    /// What would fail only after something was made.
    fn check_places(&self) -> Result<()> {
        let refuse = |key: &str, must: &str| Err(bad!("{}: {key} must be {must}", self.origin(key)));
        let port = self.config.listen.rsplit_once(':').filter(|(host, _)| !host.is_empty());
        if port.is_none_or(|(_, port)| port.parse::<u16>().is_err()) {
            return refuse("listen", "ADDRESS:PORT like 127.0.0.1:3141 or [::]:3141");
        }
        let starts = |url: &Option<String>, with: &[&str]| {
            url.as_ref().is_none_or(|url| with.iter().any(|scheme| url.starts_with(scheme)))
        };
        if !starts(&self.config.database, &["sqlite:", "postgres://", "postgresql://"]) {
            return refuse("database", "sqlite://PATH or postgres://USER@HOST/NAME");
        }
        if !starts(&self.config.storage, &["s3://"]) {
            return refuse("storage", "s3://BUCKET or s3://BUCKET/PREFIX");
        }
        Ok(())
    }
}

struct File<'a> {
    file: &'a Path,
    text: &'a str,
}

impl File<'_> {
    fn place(&self, offset: usize) -> String {
        format!("{}:{}", self.file.display(), line_of(self.text, offset))
    }
}

/// The setting that an environment variable is meant for.
fn key_of(variable: &str) -> String {
    variable.trim_start_matches("WHEELWRIGHT_").to_ascii_lowercase().replace("__", ".")
}

/// Whether it is a setting in a section that has a name of the operator's.
fn is_named(key: &str) -> bool {
    NAMED.iter().any(|kind| kind.has(key))
}

fn known_keys() -> impl Iterator<Item = &'static str> {
    SETTINGS.iter().map(|setting| setting.key)
}

fn line_of(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sources(file: &Path, flags: &[(&'static str, &str)], environment: &[(&str, &str)]) -> SettingSources {
        let text = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        SettingSources {
            flags: flags.iter().map(|(key, value)| (*key, (*value).to_owned())).collect(),
            file: Some(file.to_owned()),
            environment: environment.iter().map(text).collect(),
        }
    }

    fn file(text: &str) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("wheelwright.toml");
        std::fs::write(&path, text).expect("a file");
        (folder, path)
    }

    #[test]
    fn a_flag_beats_the_environment_which_beats_the_file() {
        let (_folder, path) =
            file("listen = \"1.1.1.1:1\"\noffline = true\n\n[limits]\nupload = \"2 GiB\"\npage_cache = 7\n");
        let environment =
            [("WHEELWRIGHT_LISTEN", "2.2.2.2:2"), ("WHEELWRIGHT_LIMITS__UPLOAD", "1 MiB"), ("HOME", "x")];
        let found = sources(&path, &[("listen", "3.3.3.3:3")], &environment).resolve().expect("resolves");
        assert_eq!(found.config.listen, "3.3.3.3:3");
        assert_eq!(found.config.limits.upload, 1 << 20);
        assert_eq!(found.config.limits.page_cache, 7);
        assert!(found.config.offline);
        assert_eq!(found.origin("listen"), "flag --listen");
        assert_eq!(found.origin("limits.upload"), "environment WHEELWRIGHT_LIMITS__UPLOAD");
        assert_eq!(found.origin("limits.page_cache"), format!("{}:6", path.display()));
        assert_eq!(found.origin("storage"), "default");
    }

    #[test]
    fn an_unknown_key_is_refused_with_its_line_and_the_nearest_known_one() {
        let (_folder, path) = file("offline = true\n[limits]\nuplod = 3\n");
        let error = sources(&path, &[], &[]).resolve().expect_err("is refused").to_string();
        assert_eq!(
            error,
            format!("{}:3: limits.uplod is not a setting: did you mean limits.upload?", path.display())
        );
        let (_folder, path) = file("");
        let error = sources(&path, &[], &[("WHEELWRIGHT_LISTN", "x")]).resolve().expect_err("is refused");
        assert_eq!(
            error.to_string(),
            "the environment variable WHEELWRIGHT_LISTN is not a setting: did you mean WHEELWRIGHT_LISTEN?"
        );
    }

    #[test]
    fn a_wrong_value_is_refused_where_it_was_written() {
        let (_folder, path) = file("\nmirror.timeout = \"soon\"\n");
        let error = sources(&path, &[], &[]).resolve().expect_err("is refused").to_string();
        assert!(
            error.ends_with(
                "wheelwright.toml:2: mirror.timeout must be a time like 90s, 10m or 7d, or seconds"
            ),
            "{error}"
        );
        let (_folder, path) = file("listen = [\n");
        let error = sources(&path, &[], &[]).resolve().expect_err("is refused").to_string();
        assert!(error.contains("wheelwright.toml:"), "{error}");
    }

    #[test]
    fn half_of_tls_is_refused() {
        let (_folder, path) = file("[tls]\nkey = \"key.pem\"\n");
        assert!(sources(&path, &[], &[]).resolve().is_err());
    }

    #[test]
    fn the_example_file_holds_the_defaults() {
        let example = include_str!("../../docs/wheelwright.example.toml");
        assert_eq!(example, settings::example(), "write `wheelwright config example` to the file");
        let is_setting = |line: &str| {
            line.starts_with("# ") && line.split_once(" = ").is_some_and(|(key, _)| !key[2..].contains(' '))
        };
        let bare: String = example
            .lines()
            .map(|line| if is_setting(line) { &line[2..] } else { line })
            .map(|line| format!("{line}\n"))
            .collect();
        let (_folder, path) = file(&bare);
        let found = sources(&path, &[], &[]).resolve().expect("resolves");
        for setting in SETTINGS {
            assert_eq!((setting.get)(&found.config), (setting.get)(&Config::default()), "{}", setting.key);
            assert_ne!(found.origin(setting.key), "default", "{} is in the example", setting.key);
        }
    }

    #[test]
    fn secrets_are_masked() {
        let (_folder, path) = file("root_password = \"hidden\"\ndatabase = \"postgres://u:pw@h/d\"\n");
        let found = sources(&path, &[], &[]).resolve().expect("resolves");
        let shown = |key| settings::find(key).and_then(|setting| setting.shown(&found.config));
        assert_eq!(shown("root_password").as_deref(), Some("****"));
        assert_eq!(shown("database").as_deref(), Some("postgres://****@h/d"));
    }
}
