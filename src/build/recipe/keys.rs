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
    /// Names of projects.
    Names,
    /// Requirements (PEP 508).
    Requirements,
    /// One of them.
    Requirement,
    /// `2019-05-01`
    Day,
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

/// A table of keys: what each means, its path and its kind.
macro_rules! keys {
    ($($(#[doc = $about:literal])+ $path:literal: $kind:ident;)+) => {
        &[$(RecipeKey {
            path: $path,
            kind: KeyKind::$kind,
            about: concat!($($about),+).trim_ascii_start(),
        }),+]
    };
}

/// What belongs to a whole file.
pub const HEAD: &[RecipeKey] = keys! {
    /// the project that the recipe is for
    "name": Name;
    /// the versions that the recipe is for; default: all
    "versions": Versions;
};

/// What may stand in a recipe, in `_defaults.toml`, and in an `[[override]]`.
pub const KEYS: &[RecipeKey] = keys! {
    /// system packages for the build, by distribution (`debian`, `"debian 12"`); wheelwright unpacks them
    /// for the build and never installs them on the host
    "system": Packages;
    /// build requirements to add to those of the source
    "build.requires": Requirements;
    /// projects to leave out of the build requirements of the source; with `build.requires`, to replace them
    "build.without": Names;
    /// version limits for build requirements; they add none
    "build.constraints": Requirements;
    /// `true`: run `setup.py bdist_wheel` as a program, as before there were build backends
    "build.script": Flag;
    /// take the build requirements from the index as it was on this day: `"2019-05-01"`
    "build.as_of": Day;
    /// the generator that makes its files in the source again, from the sources beside them: `"Cython<3"`
    "build.regenerate": Requirement;
    /// `true`: adjust C sources that were written for an older Python (moved headers, changed arguments,
    /// C that Cython wrote) to the C API of Python 3.11 and newer
    "build.adjust_c_api": Flag;
    /// environment variables
    "build.env": Environment;
    /// config settings for the build backend
    "build.config_settings": Settings;
    /// unified diffs for the source (`-p1`): names of files beside the recipe, or the diff itself in
    /// `'''…'''`
    "build.patches": Patches;
    /// shell commands to run in the patched source, before wheelwright reads it; `build.requires` is
    /// installed where they run
    "build.before": Texts;
    /// `"platform"` or `"pure"`: the build fails if it makes the other kind of wheel
    "build.expect": Expect;
    /// `true`: build twice; the evidence says whether both wheels are the same
    "build.reproducible": Flag;
    /// the longest time of the whole build: `"10m"`
    "build.timeout": Time;
    /// the memory of all processes together: `"2 GiB"`
    "build.memory": Size;
    /// libraries not to copy into the wheel
    "repair.exclude": Texts;
    /// requirements of the tests, from the index
    "test.requires": Requirements;
    /// system packages for the tests only, written like `system`
    "test.packages": Packages;
    /// modules that the tests must be able to import
    "test.import": Modules;
    /// the parts of the source that the tests need (`["."]`: all); the tests run in a folder with only
    /// these, so that they import the wheel and not the source
    "test.sources": Paths;
    /// shell commands to run when the services are ready
    "test.before": Texts;
    /// a shell command that exits with 0 if the wheel works
    "test.command": Text;
    /// environment variables
    "test.env": Environment;
    /// programs that run during the tests, as `[[test.service]]`
    "test.service": Services;
};

/// What a `[[test.service]]` may hold.
pub const SERVICE: &[RecipeKey] = keys! {
    /// the name of the service; in the commands and variables of the tests, `{NAME.dir}` is its folder
    "name": Text;
    /// system packages that contain the service, written like `system`
    "packages": Packages;
    /// shell commands to run before the service starts; `{dir}` is its own empty folder
    "setup": Texts;
    /// the command that runs the service in the foreground
    "start": Text;
    /// a shell command that exits with 0 when the service is ready
    "ready": Text;
    /// how long to wait for `ready`; default: `"60s"`
    "patience": Time;
};

/// In an `[[override]]`, beside [`KEYS`].
pub const WHEN: &str = "when";

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
