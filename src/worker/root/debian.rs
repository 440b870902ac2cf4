//! Older releases of Debian, for roots that have an older glibc than the host: which there are, and the sources that
//! make apt know one of them alone.
//!
//! Such a root is what debootstrap makes, without its rights: no script of a package runs, and none of this is root's.
//! What comes is checked against the keys of Debian's archive. The dates of its lists are not: those of an archived
//! release have expired, which is what `Acquire::Check-Valid-Until` is for.

use super::apt::Apt;
use crate::error::{Error, Result};
use crate::{bad, unavailable};
use std::fmt;
use std::path::Path;
use std::time::Duration;

/// The newest first.
const RELEASES: [DebianRelease; 7] = [
    DebianRelease { number: 13, name: "trixie", glibc: 41 },
    DebianRelease { number: 12, name: "bookworm", glibc: 36 },
    DebianRelease { number: 11, name: "bullseye", glibc: 31 },
    DebianRelease { number: 10, name: "buster", glibc: 28 },
    DebianRelease { number: 9, name: "stretch", glibc: 24 },
    DebianRelease { number: 8, name: "jessie", glibc: 19 },
    DebianRelease { number: 7, name: "wheezy", glibc: 13 },
];
/// What sources are built with: all of it is in every release.
const BASE: [&str; 23] = [
    "bash",
    "bzip2",
    "coreutils",
    "dash",
    "debianutils",
    "diffutils",
    "file",
    "findutils",
    "g++",
    "gcc",
    "grep",
    "gzip",
    "libc-bin",
    "libc6-dev",
    "make",
    "mawk",
    "patch",
    "perl-base",
    "pkg-config",
    "sed",
    "tar",
    "util-linux",
    "xz-utils",
];
/// What a root must have to be one; a disk may lie, and people clean up.
const PROOF: [&str; 3] = ["usr/bin/gcc", "usr/bin/dash", "usr/include/stdio.h"];
/// Where the keys of Debian's archive are, those of old releases too.
const KEYS: [&str; 2] =
    ["/usr/share/keyrings/debian-archive-keyring.gpg", "/usr/share/keyrings/debian-archive-removed-keys.gpg"];
/// How long the lists are believed; a release that is this old hardly changes.
const BELIEVED: Duration = Duration::from_secs(7 * 24 * 3600);
/// After a failure the mirror is not asked again for so long.
const PAUSE: Duration = Duration::from_secs(600);

/// A release of Debian.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DebianRelease {
    pub number: u32,
    name: &'static str,
    /// The N of its glibc 2.N.
    pub glibc: u32,
}

impl DebianRelease {
    /// The newest one whose programs run with glibc 2.`glibc`.
    pub fn for_glibc(glibc: u32) -> Option<Self> {
        RELEASES.into_iter().find(|release| release.glibc <= glibc)
    }
}

impl fmt::Display for DebianRelease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Debian {} (glibc 2.{})", self.number, self.glibc)
    }
}

/// Where the packages of a release come from.
#[derive(Clone, Debug)]
pub(super) struct DebianSource {
    pub release: DebianRelease,
    /// Not set: the one that the host's apt has for its own Debian.
    pub mirror: Option<String>,
    /// Nothing is fetched.
    pub offline: bool,
}

impl DebianSource {
    /// An apt that knows this release alone, with all that is its own below `folder`.
    pub(super) fn apt(&self, folder: &Path) -> Apt {
        let mut apt = Apt::new(folder.join("cache"));
        let at = |name: &str| folder.join(name).display().to_string();
        apt.options = vec![
            format!("Dir::State={}", at("state")),
            format!("Dir::State::status={}", at("status")),
            format!("Dir::Etc::SourceList={}", at("sources.list")),
            "Dir::Etc::SourceParts=/dev/null".to_owned(),
            "Dir::Etc::Preferences=/dev/null".to_owned(),
            "Dir::Etc::PreferencesParts=/dev/null".to_owned(),
            "Acquire::Languages=none".to_owned(),
            "Acquire::Check-Valid-Until=false".to_owned(),
            "Acquire::AllowInsecureRepositories=false".to_owned(),
            "APT::Update::Error-Mode=any".to_owned(),
            // What an Ubuntu or a desktop fetches besides.
            "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false".to_owned(),
            "Acquire::IndexTargets::deb::CNF::DefaultEnabled=false".to_owned(),
        ];
        apt
    }

    /// All that a root of it is known by, beside its packages.
    pub(super) fn state(&self) -> String {
        format!("{} {}", self.release.name, self.mirror.as_deref().unwrap_or_default())
    }

    /// The packages that every root of it has, and these.
    pub(super) fn with_base(packages: &[String]) -> Vec<String> {
        BASE.iter().map(|name| (*name).to_owned()).chain(packages.iter().cloned()).collect()
    }

    /// Whether a finished root has lost what builds need.
    pub(super) fn is_damaged(root: &Path) -> bool {
        PROOF.iter().any(|place| !root.join(place).is_file())
    }

    /// Fetches the lists of its packages, unless they are young.
    ///
    /// # Errors
    /// Why they cannot be had, and what to do.
    pub(super) async fn update(&self, apt: &Apt, folder: &Path) -> Result<()> {
        let done = folder.join("updated");
        if is_younger(&done, BELIEVED) {
            return Ok(());
        }
        if self.offline {
            return Err(unavailable!("this server is offline and does not fetch {}", self.release));
        }
        let failed = folder.join("failed");
        if let (true, Ok(why)) = (is_younger(&failed, PAUSE), std::fs::read_to_string(&failed)) {
            return Err(unavailable!("a moment ago it failed: {why}"));
        }
        let fetched = self.fetch(apt, folder).await;
        match &fetched {
            Ok(mirror) => std::fs::write(done, mirror)?,
            Err(why) => std::fs::write(failed, why.to_string())?,
        }
        fetched.map(drop)
    }

    /// Fetches them; gives the mirror that had them.
    async fn fetch(&self, apt: &Apt, folder: &Path) -> Result<String> {
        let release = self.release;
        let mirror = self.mirror(apt).await?;
        std::fs::create_dir_all(folder.join("state/lists/partial"))?;
        std::fs::write(folder.join("status"), "")?;
        let keys = folder.canonicalize()?.join("keys.gpg");
        std::fs::write(&keys, keyring()?)?;
        let source = format!("deb [signed-by={}] {mirror} {} main\n", keys.display(), release.name);
        std::fs::write(folder.join("sources.list"), source)?;
        apt.update().await.map_err(|why| {
            let why = match why {
                Error::Bad(why) => why,
                other => other.to_string(),
            };
            bad!("{mirror} gives no {release}: {why}. Name a mirror that has it with build.debian_mirror")
        })?;
        Ok(mirror)
    }

    async fn mirror(&self, apt: &Apt) -> Result<String> {
        if let Some(mirror) = &self.mirror {
            return Ok(mirror.trim_end_matches('/').to_owned());
        }
        let found = Apt::new(apt.cache.clone()).mirror_of_debian().await?;
        // Nor one with a password, which would get into the log.
        found.filter(|mirror| checked_mirror(mirror).is_ok()).ok_or_else(|| {
            bad!("this machine's apt has no mirror of Debian: name one with build.debian_mirror")
        })
    }
}

fn is_younger(path: &Path, age: Duration) -> bool {
    let written = path.metadata().and_then(|found| found.modified());
    written.is_ok_and(|at| at.elapsed().is_ok_and(|since| since < age))
}

/// The keys of Debian's archive, in one file.
fn keyring() -> Result<Vec<u8>> {
    let all: Vec<u8> = KEYS.iter().filter_map(|path| std::fs::read(path).ok()).flatten().collect();
    match all.is_empty() {
        true => Err(bad!(
            "this machine does not have the keys of Debian's archive: install the package debian-archive-keyring"
        )),
        false => Ok(all),
    }
}

/// Checks the address of a mirror.
///
/// # Errors
/// `Bad` for what apt would not take for one address, and for one with a password.
pub(super) fn checked_mirror(text: &str) -> Result<String> {
    let rest = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    let plain = rest.is_some_and(|rest| {
        rest.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '[')
            && rest.chars().all(|c| c.is_ascii_graphic() && c != '@')
    });
    match plain {
        true => Ok(text.to_owned()),
        false => Err(bad!(
            "build.debian_mirror must be an address like http://mirror.example.org/debian, without a name and a \
             password: apt reads those from /etc/apt/auth.conf"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_gets_the_newest_release_that_is_not_newer() {
        let told = |glibc| DebianRelease::for_glibc(glibc).map(|release| release.to_string());
        for (glibc, release) in [
            (17, "Debian 7 (glibc 2.13)"),
            (27, "Debian 9 (glibc 2.24)"),
            (28, "Debian 10 (glibc 2.28)"),
            (30, "Debian 10 (glibc 2.28)"),
            (31, "Debian 11 (glibc 2.31)"),
            (99, "Debian 13 (glibc 2.41)"),
        ] {
            assert_eq!(told(glibc).as_deref(), Some(release));
        }
        assert_eq!(told(5), None);
    }

    #[test]
    fn a_mirror_is_one_plain_address() {
        for good in ["http://mirror.example.org/debian", "https://127.0.0.1:8080/", "http://[::1]/debian"] {
            assert_eq!(checked_mirror(good).unwrap(), good);
        }
        for bad in [
            "",
            "mirror.example.org",
            "http://",
            "http://a b",
            "http://u:secret@host/",
            "file:/x",
            "http://a\nb",
        ] {
            let told = checked_mirror(bad).unwrap_err().to_string();
            assert!(told.contains("build.debian_mirror") && !told.contains("secret"), "{bad}: {told}");
        }
    }

    #[tokio::test]
    async fn what_cannot_be_fetched_is_told_with_the_way_out() {
        let folder = tempfile::tempdir().unwrap();
        let release = DebianRelease::for_glibc(28).unwrap();
        let mut source =
            DebianSource { release, mirror: Some("http://127.0.0.1:9/debian".to_owned()), offline: true };
        let told = source.update(&source.apt(folder.path()), folder.path()).await.unwrap_err().to_string();
        assert_eq!(told, "this server is offline and does not fetch Debian 10 (glibc 2.28)");
        source.offline = false;
        let told = source.update(&source.apt(folder.path()), folder.path()).await.unwrap_err().to_string();
        assert!(told.starts_with("http://127.0.0.1:9/debian gives no Debian 10 (glibc 2.28): "), "{told}");
        assert!(told.ends_with(". Name a mirror that has it with build.debian_mirror"), "{told}");
        assert!(!folder.path().join("updated").exists());
        let again = source.update(&source.apt(folder.path()), folder.path()).await.unwrap_err().to_string();
        assert_eq!(again, format!("a moment ago it failed: {told}"));
    }

    #[test]
    fn a_root_without_its_compiler_is_damaged() {
        let folder = tempfile::tempdir().unwrap();
        for place in PROOF {
            assert!(DebianSource::is_damaged(folder.path()));
            std::fs::create_dir_all(folder.path().join(place).parent().unwrap()).unwrap();
            std::fs::write(folder.path().join(place), "").unwrap();
        }
        assert!(!DebianSource::is_damaged(folder.path()));
    }
}
