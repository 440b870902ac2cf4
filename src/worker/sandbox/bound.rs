//! What makes the kernel itself refuse a sandbox more processes than it may have, under root too.

use super::group::ControlGroup;

/// Linux before 6.14 has one `kernel.pid_max` for the whole machine: written by root's sandbox, it
/// would be the machine's that changes.
const OWN_PID_MAX: (u32, u32) = (6, 14);
/// Once a PID namespace has come past them, the kernel gives these numbers to nobody any more. Runs begin
/// behind them where the kernel allows (`ns_last_pid`), so that the first processes do not come on top.
pub(super) const RESERVED: u64 = 300;
/// `bwrap` outside and inside, this program's first process and its main thread, and some to spare.
const OWN: u64 = 8;

/// How a run's processes are bounded, beside `RLIMIT_NPROC`, which `inside enter` sets always and
/// which the kernel does not apply to root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// `kernel.pid_max` of the run's own PID namespace.
    Namespace,
    /// A control group per run, for root on older kernels.
    Group,
    /// Nothing but `RLIMIT_NPROC`: enough where the worker is not root.
    User,
}

impl Bound {
    /// The first of them that this machine has. Whether it holds is for the canaries to say.
    pub(super) fn of_this_machine() -> Self {
        let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        if has_own_pid_max(&release) {
            Self::Namespace
        } else if rustix::process::geteuid().is_root() && Self::Group.is_there() {
            Self::Group
        } else {
            Self::User
        }
    }

    /// Whether this machine can be asked for it; whether it holds is another question.
    pub fn is_there(self) -> bool {
        match self {
            Self::Namespace => Self::of_this_machine() == self,
            Self::Group => ControlGroup::sweep(),
            Self::User => true,
        }
    }

    /// What a PID namespace's `kernel.pid_max` becomes for a run of `most` processes.
    pub(super) fn pid_max(self, most: u64) -> Option<u64> {
        (self == Self::Namespace).then(|| with_own(most).saturating_add(RESERVED).min(1 << 22))
    }

    /// The group that a run of `most` processes starts in.
    ///
    /// # Errors
    /// If the kernel does not give one: then nothing may run.
    pub(super) fn group(self, most: u64) -> std::io::Result<Option<ControlGroup>> {
        match self {
            Self::Group => ControlGroup::new(with_own(most)).map(Some),
            Self::Namespace | Self::User => Ok(None),
        }
    }
}

fn with_own(most: u64) -> u64 {
    most.saturating_add(crate::worker::inside::MOST_THREADS + OWN)
}

/// By the release, like `6.18.4-amd64`. One that cannot be read is old.
fn has_own_pid_max(release: &str) -> bool {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(str::parse::<u32>);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(major)), Some(Ok(minor))) => (major, minor) >= OWN_PID_MAX,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_kernels_that_have_one_per_namespace_get_a_pid_max() {
        for new in ["6.14.0", "6.14-rc1", "6.18.44-amd64", "7.0.1"] {
            assert!(has_own_pid_max(new), "{new}");
        }
        for old in ["6.13.9", "6.1.0-40-amd64", "5.15.0", "", "linux", "6"] {
            assert!(!has_own_pid_max(old), "{old}");
        }
    }

    #[test]
    fn a_run_has_all_its_processes_when_the_reserved_numbers_are_used_up() {
        assert!(Bound::Namespace.pid_max(512).is_some_and(|most| most >= RESERVED + 512));
        assert_eq!(Bound::User.pid_max(512), None);
        assert_eq!(Bound::Namespace.pid_max(u64::MAX), Some(1 << 22));
    }
}
