//! A control group that bounds the number of a run's processes (`pids`, cgroup v1 or v2).

use std::fs;
use std::io::{Error, Result};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

const ROOT: &str = "/sys/fs/cgroup";
const PREFIX: &str = "wheelwright-";

/// A group below the worker's own, so that what bounds the worker bounds its builds. Gone when dropped.
#[derive(Debug)]
pub(super) struct ControlGroup(PathBuf);

impl ControlGroup {
    /// A group with room for so many processes and threads.
    pub fn new(most: u64) -> Result<Self> {
        let own = own()?;
        let path = own.join(format!("{PREFIX}{}-{}", std::process::id(), uuid::Uuid::now_v7().simple()));
        if let Ok(controllers) = fs::read_to_string(own.join("cgroup.subtree_control"))
            && !controllers.split_ascii_whitespace().any(|name| name == "pids")
        {
            fs::write(own.join("cgroup.subtree_control"), "+pids")?;
        }
        fs::create_dir(&path)?;
        let group = Self(path);
        // Version 2: a group with processes of its own (all but the root) has threaded groups only.
        if own.join("cgroup.type").exists() {
            fs::write(group.0.join("cgroup.type"), "threaded")?;
        }
        fs::write(group.0.join("pids.max"), most.to_string())?;
        Ok(group)
    }

    /// Whoever writes `0` there is in the group from then on, with all that it starts.
    pub fn door(&self) -> Result<OwnedFd> {
        Ok(fs::File::options().write(true).open(self.0.join("cgroup.procs"))?.into())
    }

    /// Whether groups can be made here; removes what workers that were killed have left.
    pub fn sweep() -> bool {
        let Ok(own) = own() else { return false };
        for entry in fs::read_dir(&own).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let maker = name.strip_prefix(PREFIX).and_then(|rest| rest.split('-').next());
            // A living worker may be about to use its own.
            if maker.is_some_and(|pid| !Path::new("/proc").join(pid).exists()) {
                let _ = fs::remove_dir(entry.path());
            }
        }
        Self::new(1).is_ok()
    }
}

impl Drop for ControlGroup {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.0);
    }
}

/// The folder of the group that this process is in.
fn own() -> Result<PathBuf> {
    let text = fs::read_to_string("/proc/self/cgroup")?;
    own_in(&text, Path::new(ROOT)).ok_or_else(|| Error::other("this machine has no control group `pids`"))
}

/// Lines are `number:controllers:/path`; version 2 has one without controllers.
fn own_in(text: &str, root: &Path) -> Option<PathBuf> {
    let lines = || text.lines().filter_map(|line| line.split_once(':')?.1.split_once(':'));
    let path = |hierarchy: PathBuf, path: &str| hierarchy.join(path.trim_start_matches('/'));
    let first = lines().find(|(names, _)| names.split(',').any(|name| name == "pids"));
    let found = match first {
        Some((_, own)) => path(root.join("pids"), own),
        None => lines().find(|(names, _)| names.is_empty()).map(|(_, own)| path(root.to_owned(), own))?,
    };
    found.join("cgroup.procs").exists().then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_own_group_is_found_in_both_versions() {
        let root = tempfile::tempdir().unwrap();
        for group in ["pids/user", "user.slice", "system.slice/ww.service"] {
            fs::create_dir_all(root.path().join(group)).unwrap();
            fs::write(root.path().join(group).join("cgroup.procs"), "").unwrap();
        }
        let found = |text| own_in(text, root.path());
        let second = "0::/system.slice/ww.service\n";
        assert_eq!(found(second), Some(root.path().join("system.slice/ww.service")));
        assert_eq!(found("8:cpu,pids:/user\n0::/user.slice\n"), Some(root.path().join("pids/user")));
        fs::remove_dir_all(root.path().join("system.slice")).unwrap();
        assert_eq!(found(second), None);
    }
}
