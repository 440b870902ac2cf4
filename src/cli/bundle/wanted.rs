//! What a bundle is made of: requirements, lock files, and requests from the other side.

use crate::bad;
use crate::build::target::{self, Target};
use crate::cli::client::Input;
use crate::cli::ready::locks;
use crate::config::secret_url::masked;
use crate::error::Result;
use crate::names::ProjectName;
use crate::packaging::bundle::RefusedRequest;
use crate::packaging::bundle::request::BundleRequest;
use crate::packaging::requirement::Requirement;
use crate::packaging::{lockhash, pylock};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Lock files that are taken as they are.
const LOCKS: [&str; 4] = ["uv.lock", "poetry.lock", "pdm.lock", "Pipfile.lock"];

/// All that is wanted, for every target.
#[derive(Debug, Default)]
pub struct BundleWishes {
    /// Requirements as written.
    pub lines: Vec<String>,
    pub constraints: Vec<Requirement>,
    /// Lock files; what they pin depends on the target.
    pub locks: Vec<PathBuf>,
    /// The sha256 that lock files give for files, by file name.
    pub hashes: BTreeMap<String, String>,
    pub request: BundleRequest,
    /// The projects that the lines name themselves.
    pub named: BTreeSet<ProjectName>,
    pub warnings: Vec<String>,
}

/// What is wanted for one target.
#[derive(Debug, Default)]
pub struct TargetWishes {
    pub lines: Vec<String>,
    /// Pinned by lock files.
    pub pins: Vec<String>,
    /// By the other side, which may be refused.
    pub asked: Vec<String>,
}

impl BundleWishes {
    /// Reads what was typed, the files of `-r`, and a request.
    ///
    /// # Errors
    /// `Bad` with the file and what is wrong in it.
    pub fn read(typed: &[String], files: &[PathBuf], request: Option<&Path>) -> Result<Self> {
        let mut all = Self { lines: typed.to_vec(), ..Self::default() };
        for file in files {
            let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if pylock::is_name(name) || LOCKS.contains(&name) {
                all.locks.push(file.clone());
                all.hashes.extend(lock_hashes(file)?);
                continue;
            }
            let input = Input::read(file, &BTreeSet::new(), &[])?;
            if let Some(local) = input.locals.first() {
                let path = local.source.path().display();
                return Err(bad!(
                    "{}: {path} is on this machine only: upload it to the index first",
                    file.display()
                ));
            }
            all.lines.extend(input.pinned());
            all.constraints.extend(input.constraints);
            all.warnings.extend(input.warnings);
        }
        if let Some(file) = request {
            let shown = file.display();
            let text = std::fs::read_to_string(file).map_err(|error| bad!("cannot read {shown}: {error}"))?;
            all.request = BundleRequest::parse(&text).map_err(|error| bad!("{shown}: {error}"))?;
        }
        for line in &all.lines {
            let plain = line.split(" --hash").next().unwrap_or_default();
            let requirement = Requirement::parse(plain).map_err(|_| {
                bad!("{:?} is not a requirement. A bundle takes projects of an index", masked(line))
            })?;
            all.named.insert(requirement.name);
        }
        match all.lines.is_empty() && all.locks.is_empty() && all.request.wanted.is_empty() {
            true => Err(bad!("nothing is wanted: name projects, or files with -r or --request")),
            false => Ok(all),
        }
    }

    /// What of it is for a target.
    ///
    /// # Errors
    /// `Bad` with the lock file that cannot be read.
    pub fn of(&self, target: &Target) -> Result<TargetWishes> {
        let pins = match self.locks.is_empty() {
            true => Vec::new(),
            false => locks::read(&self.locks, target)?.releases,
        };
        let asked = self.request.wanted.iter().filter(|(name, _)| name.is_empty() || target.matches(name));
        let asked: BTreeSet<String> = asked.flat_map(|(_, wanted)| wanted.iter().cloned()).collect();
        Ok(TargetWishes { lines: self.lines.clone(), pins, asked: asked.into_iter().collect() })
    }

    /// The targets that are meant: those that were named, and those that the request names. What the request wants for
    /// a target that nobody here builds for is refused.
    ///
    /// # Errors
    /// `Missing` if there is none of a name that was given.
    pub fn targets(
        &self,
        named: &[String],
        offered: &[Target],
    ) -> Result<(Vec<Target>, Vec<RefusedRequest>)> {
        if offered.is_empty() {
            return Err(bad!("no worker offers a target now: start one with wheelwright worker"));
        }
        let (mut chosen, mut refused) = (BTreeMap::new(), Vec::new());
        let mut take = |asked: &str| -> Result<()> {
            let found = target::find(asked, offered)?.into_iter();
            chosen.extend(found.map(|target| (target.name.clone(), target.clone())));
            Ok(())
        };
        named.iter().try_for_each(|asked| take(asked))?;
        for (asked, wanted) in self.request.wanted.iter().filter(|(asked, _)| !asked.is_empty()) {
            if let Err(why) = take(asked) {
                let (why, target) = (why.to_string(), asked.clone());
                let refuse = |requirement: &String| RefusedRequest {
                    requirement: requirement.clone(),
                    target: target.clone(),
                    why: why.clone(),
                };
                refused.extend(wanted.iter().map(refuse));
            }
        }
        match chosen.is_empty() && refused.is_empty() {
            true => {
                Err(bad!("name the targets of the bundle with --target: wheelwright target list shows them"))
            }
            false => Ok((chosen.into_values().collect(), refused)),
        }
    }

    /// The lines as they may be shown to anybody.
    pub fn shown(&self) -> Vec<String> {
        let asked = self.request.wanted.values().flatten();
        let all: BTreeSet<String> = self.lines.iter().chain(asked).map(|line| masked(line)).collect();
        all.into_iter().collect()
    }
}

fn lock_hashes(file: &Path) -> Result<BTreeMap<String, String>> {
    let shown = file.display();
    // Other kinds are refused, with a way out, by whoever reads what they pin.
    if file.ends_with("Pipfile.lock") {
        return Ok(BTreeMap::new());
    }
    let text = std::fs::read_to_string(file).map_err(|error| bad!("cannot read {shown}: {error}"))?;
    lockhash::hashes(&text).map_err(|error| bad!("{shown}: {error}"))
}
