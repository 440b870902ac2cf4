//! What the program said that imports a wheel's modules: which it could import, and what was in the way.

use std::collections::BTreeSet;

use crate::worker::check::modules::Modules;

/// Where it unpacks the wheel.
pub(super) const SITE: &str = "/out/site";
/// How its lines begin.
pub(super) const MARK: &str = "wheelwright-check\t";
/// Modules that come with setuptools, which every environment once had.
const SETUPTOOLS: [&str; 3] = ["pkg_resources", "setuptools", "distutils"];

/// What the program in the sandbox said. The modules can write such lines too; they only speak for
/// themselves.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Report {
    pub(super) imported: BTreeSet<String>,
    pub(super) broken: Vec<Broken>,
    /// Under way when the interpreter died, with its exit code.
    pub(super) died: Option<(String, i32)>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Broken {
    pub(super) module: String,
    /// The exception's class.
    pub(super) kind: String,
    /// The module that could not be found.
    pub(super) missing: String,
    /// The file that could not be loaded, as far as the exception tells.
    pub(super) path: String,
    pub(super) message: String,
}

impl Report {
    pub(super) fn read(printed: &str, code: i32) -> Self {
        let mut report = Self::default();
        let mut trying = None;
        let mut ended = false;
        for line in printed.lines().filter_map(|line| line.split_once(MARK)).map(|(_, rest)| rest) {
            let fields: Vec<&str> = line.split('\t').map(str::trim).collect();
            match fields.as_slice() {
                ["trying", module] => trying = Some((*module).to_owned()),
                ["imported", module] => drop(report.imported.insert((*module).to_owned())),
                ["failed", module, kind, missing, path, message] => {
                    let [module, kind, missing, path, message] =
                        [module, kind, missing, path, message].map(|text| (*text).to_owned());
                    report.broken.push(Broken { module, kind, missing, path, message });
                }
                ["end"] => ended = true,
                _ => {}
            }
        }
        if !ended {
            report.died = Some((trying.unwrap_or_default(), code));
        }
        report
    }

    pub(super) fn of(&self, modules: &[String]) -> Vec<&Broken> {
        self.broken.iter().filter(|broken| modules.contains(&broken.module)).collect()
    }

    pub(super) fn is_broken(&self, module: &str) -> bool {
        self.broken.iter().any(|broken| broken.module == module)
    }

    pub(super) fn wants_setuptools(&self) -> bool {
        self.broken.iter().any(|broken| SETUPTOOLS.contains(&broken.first_missing()))
    }
}

impl Broken {
    /// The first part of the missing module's name.
    pub(super) fn first_missing(&self) -> &str {
        self.missing.split('.').next().unwrap_or_default()
    }

    pub(super) fn line(&self) -> String {
        format!("{}: {}", self.kind, self.message)
    }

    /// Whether what it needs is another project's, or the interpreter's.
    pub(super) fn is_foreign(&self, modules: &Modules) -> bool {
        !self.missing.is_empty() && !modules.own.contains(self.first_missing())
    }

    /// Whether machine code of the wheel cannot be loaded, wherever it is used. What a module loads for
    /// itself (by ctypes, as an `OSError`) may be a library that only the system of the wheel's user has.
    pub(super) fn is_of_the_loader(&self) -> bool {
        // The last two are musl's words.
        let signs = [
            "undefined symbol",
            "cannot open shared object",
            "wrong ELF class",
            "invalid ELF header",
            "Error relocating ",
            "Error loading shared library ",
        ];
        if !signs.iter().any(|sign| self.message.contains(sign)) {
            return false;
        }
        let named = self.message.split(": ").next().filter(|text| text.starts_with('/'));
        let file = Some(self.path.as_str()).filter(|path| !path.is_empty()).or(named);
        match file {
            Some(file) => file.starts_with(SITE),
            None => self.kind != "OSError",
        }
    }
}
