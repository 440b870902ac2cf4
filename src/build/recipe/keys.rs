//! The table of what a recipe may hold: every key, what it means, how its value is read.

/// One key of a recipe.
#[derive(Clone, Copy, Debug)]
pub struct RecipeKey {
    /// With the table it stands in: `build.constraints`.
    pub path: &'static str,
    pub kind: KeyKind,
    pub about: &'static str,
}

/// What a value must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// A project's name.
    Name,
    /// Version specifiers (PEP 440).
    Versions,
    Text,
    Texts,
    /// Requirements (PEP 508).
    Requirements,
    /// A table from names of environment variables to texts.
    Environment,
    /// A table from names to a text or a list of texts.
    Settings,
    /// A table from a distribution to a list of package names, or a list for any distribution.
    Packages,
    /// Dotted names of modules.
    Modules,
    /// Paths below the source.
    Paths,
    /// Names of files beside the recipe, or diffs themselves.
    Patches,
    /// `platform` or `pure`.
    Expect,
    /// `true` or `false`.
    Flag,
    /// `10m`; kept as seconds.
    Time,
    /// `2 GiB`; kept as bytes.
    Size,
    /// A list of tables with the keys of [`SERVICE`].
    Services,
}

const fn key(path: &'static str, kind: KeyKind, about: &'static str) -> RecipeKey {
    RecipeKey { path, kind, about }
}

/// What belongs to a whole file.
pub const HEAD: &[RecipeKey] = &[
    key("name", KeyKind::Name, "the project that the recipe is for"),
    key("versions", KeyKind::Versions, "the versions that the recipe is for; default: all"),
];

/// What may stand in a recipe, in `_defaults.toml`, and in an `[[override]]`.
pub const KEYS: &[RecipeKey] = &[
    key(
        "system",
        KeyKind::Packages,
        "system packages for the build, by distribution (`debian`, `\"debian 12\"`); wheelwright unpacks \
         them for the build and never installs them on the host",
    ),
    key("build.requires", KeyKind::Requirements, "build requirements to add to those of the source"),
    key("build.constraints", KeyKind::Requirements, "version limits for build requirements; they add none"),
    key("build.env", KeyKind::Environment, "environment variables"),
    key("build.config_settings", KeyKind::Settings, "config settings for the build backend"),
    key(
        "build.patches",
        KeyKind::Patches,
        "unified diffs for the source (`-p1`): names of files beside the recipe, or the diff itself in \
         `'''…'''`",
    ),
    key(
        "build.before",
        KeyKind::Texts,
        "shell commands to run in the patched source before the build backend",
    ),
    key(
        "build.expect",
        KeyKind::Expect,
        "`\"platform\"` or `\"pure\"`: the build fails if it makes the other kind of wheel",
    ),
    key(
        "build.reproducible",
        KeyKind::Flag,
        "`true`: build twice; the evidence says whether both wheels are the same",
    ),
    key("build.timeout", KeyKind::Time, "the longest time of the whole build: `\"10m\"`"),
    key("build.memory", KeyKind::Size, "the memory of all processes together: `\"2 GiB\"`"),
    key("repair.exclude", KeyKind::Texts, "libraries not to copy into the wheel"),
    key("test.requires", KeyKind::Requirements, "requirements of the tests, from the index"),
    key("test.packages", KeyKind::Packages, "system packages for the tests only, written like `system`"),
    key("test.import", KeyKind::Modules, "modules that the tests must be able to import"),
    key(
        "test.sources",
        KeyKind::Paths,
        "the parts of the source that the tests need (`[\".\"]`: all); the tests run in a folder with only \
         these, so that they import the wheel and not the source",
    ),
    key("test.before", KeyKind::Texts, "shell commands to run when the services are ready"),
    key("test.command", KeyKind::Text, "a shell command that exits with 0 if the wheel works"),
    key("test.env", KeyKind::Environment, "environment variables"),
    key("test.service", KeyKind::Services, "programs that run during the tests, as `[[test.service]]`"),
];

/// What a `[[test.service]]` may hold.
pub const SERVICE: &[RecipeKey] = &[
    key(
        "name",
        KeyKind::Text,
        "the name of the service; in the commands and variables of the tests, `{NAME.dir}` is its folder",
    ),
    key("packages", KeyKind::Packages, "system packages that contain the service, written like `system`"),
    key(
        "setup",
        KeyKind::Texts,
        "shell commands to run before the service starts; `{dir}` is its own empty folder",
    ),
    key("start", KeyKind::Text, "the command that runs the service in the foreground"),
    key("ready", KeyKind::Text, "a shell command that exits with 0 when the service is ready"),
    key("patience", KeyKind::Time, "how long to wait for `ready`; default: `\"60s\"`"),
];

/// In an `[[override]]`, beside [`KEYS`].
pub const WHEN: &str = "when";

/// The known key that an unknown one was probably meant to be.
pub fn nearest<'a>(key: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let last = |path: &'a str| path.rsplit('.').next().unwrap_or_default();
    let own = key.rsplit('.').next().unwrap_or_default();
    let score = |path: &'a str| {
        let same_name = strsim::jaro_winkler(own, last(path)) * 0.99;
        strsim::jaro_winkler(key, path).max(same_name)
    };
    let scored = known.map(|path| (score(path), path)).filter(|(score, _)| *score > 0.75);
    scored.max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, path)| path)
}

/// The table of keys as the reference documents it.
#[cfg(test)]
pub(super) fn reference() -> String {
    let row = |prefix: &str, key: &RecipeKey| format!("| `{prefix}{}` | {} |\n", key.path, key.about);
    let mut text = String::from("| key | meaning |\n|---|---|\n");
    text.extend(HEAD.iter().chain(KEYS).map(|key| row("", key)));
    text.extend(SERVICE.iter().map(|key| row("test.service.", key)));
    text.push_str(
        "| `override.when` | the condition of an `[[override]]`: a marker (PEP 508), version specifiers, or \
         a list that must all be true. An override can have every key from `system` on |\n",
    );
    text
}
