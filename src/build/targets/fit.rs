//! Which target an installer is, going by what its `User-Agent` tells.

use super::offered::Offered;
use crate::build::target::Target;
use crate::packaging::tags::Platform;
use crate::packaging::user_agent::UserAgent;
use std::collections::HashMap;
use std::sync::Arc;

/// Whether a `User-Agent` may tell of an interpreter: a quick look that keeps browsers out.
pub fn tells(header: &str) -> bool {
    header.contains(" {") && header.ends_with('}')
}

/// The target that fits best: one that somebody builds for before one that nobody does, then one that
/// is built on its own system, then the one whose libc is the newest.
pub fn best(agent: &UserAgent, all: &[Arc<Offered>]) -> Option<Arc<Offered>> {
    let accepted = accepted(agent);
    let fitting = all.iter().filter_map(|one| Some((one, *accepted.get(one.target.telling_tag())?)));
    let best = fitting.min_by_key(|(one, place)| (!one.open, one.target.is_cross(), *place));
    best.map(|(one, _)| one.clone())
}

/// The client's tags with their places. Of a Python 2.7 it is not told which of two kinds it is:
/// wheels for either are offered, and it leaves the others alone.
fn accepted(agent: &UserAgent) -> HashMap<String, usize> {
    let tags = agent.tags();
    let other =
        tags.iter().filter(|tag| tag.contains("-cp27mu-")).map(|tag| tag.replace("-cp27mu-", "-cp27m-"));
    let other: Vec<String> = other.collect();
    tags.into_iter().chain(other).enumerate().map(|(place, tag)| (tag, place)).collect()
}

/// Why an installer does not get what is built for a target; `None`: it does.
pub fn why_not(agent: &UserAgent, target: &Target) -> Option<String> {
    if accepted(agent).contains_key(target.telling_tag()) {
        return None;
    }
    let (major, minor) = target.python();
    if agent.implementation != target.implementation {
        return Some(format!("it is for {}, not {}", target.implementation, agent.implementation));
    }
    if agent.version_of_python() != Some((major, minor)) {
        return Some(format!("it is for Python {major}.{minor}, not {}", agent.python));
    }
    let platform = agent.platform().name();
    let (interpreter, own) = target.halves();
    if own == platform {
        return Some(format!(
            "its ABI is {}, but the server assumes the usual ABI for installers",
            target.abi
        ));
    }
    let libc = |name: &str| name.split('_').next().unwrap_or_default().to_owned();
    let same_cpu = match agent.platform() {
        Platform::Linux { arch, .. } | Platform::Macos { arch, .. } => own.ends_with(&arch),
        Platform::Other(_) => false,
    };
    Some(match (same_cpu, libc(own) == libc(&platform)) {
        (true, true) => format!("{own} is newer than {platform}"),
        (true, false) => format!("{own} has another C library than {platform}"),
        (false, _) => format!("{interpreter} on {own} is another system than {platform}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packaging::tags::{self, InterpreterTags, Libc};

    const REAL: &str = include_str!("../../packaging/vectors/user_agents.txt");

    fn target(abi: &str, version: &str, platform: &Platform) -> Target {
        let mut numbers = version.split('.').map(|part| part.parse().unwrap());
        let (major, minor) = (numbers.next().unwrap(), numbers.next().unwrap());
        let implementation = if abi.starts_with("pypy") { "pp" } else { "cp" };
        let of = InterpreterTags { implementation, major, minor, abi };
        let interpreter = Target::interpreter_name(implementation, major, minor, abi);
        Target {
            name: format!("{interpreter}-{}", platform.name()),
            implementation: implementation.into(),
            version: version.into(),
            abi: abi.into(),
            tags: tags::accepted(&of, platform),
            ..Target::default()
        }
    }

    fn glibc(minor: u32) -> Platform {
        Platform::Linux { arch: "x86_64".into(), libc: Libc::Glibc(2, minor) }
    }

    fn offered(all: &[(&str, &str, Platform)], open: bool) -> Vec<Arc<Offered>> {
        let offer = |(abi, version, platform): &(&str, &str, Platform)| {
            Arc::new(Offered::new(target(abi, version, platform), open))
        };
        all.iter().map(offer).collect()
    }

    fn real(begins: &str) -> &'static str {
        REAL.lines().find(|line| line.starts_with(begins)).unwrap()
    }

    #[track_caller]
    fn check(header: &str, all: &[Arc<Offered>], expected: Option<&str>) {
        let found = UserAgent::parse(header).and_then(|agent| best(&agent, all));
        assert_eq!(found.map(|one| one.target.name.clone()).as_deref(), expected);
    }

    #[test]
    fn an_installer_gets_the_target_of_its_interpreter() {
        let all = offered(
            &[
                ("cp27mu", "2.7.18", glibc(36)),
                ("cp36m", "3.6.15", glibc(36)),
                ("cp311", "3.11.9", glibc(36)),
                ("cp312", "3.12.4", glibc(36)),
                ("cp313", "3.13.0", glibc(36)),
                ("cp313t", "3.13.0", glibc(36)),
            ],
            true,
        );
        check(real("pip/20"), &all, Some("cp27mu-manylinux_2_36_x86_64"));
        check(real("pip/21"), &all, Some("cp36-manylinux_2_36_x86_64"));
        check(real("pip/23"), &all, Some("cp311-manylinux_2_36_x86_64"));
        check(real("pip/26"), &all, Some("cp313-manylinux_2_36_x86_64"));
        check(real("uv/"), &all, Some("cp312-manylinux_2_36_x86_64"));
        check("curl/8.0", &all, None);
    }

    #[test]
    fn the_newest_libc_that_still_runs_there_is_preferred_and_a_newer_one_never_fits() {
        let all = offered(
            &[
                ("cp312", "3.12.1", glibc(17)),
                ("cp312", "3.12.1", glibc(39)),
                ("cp312", "3.12.1", glibc(31)),
                ("cp312", "3.12.1", Platform::Linux { arch: "x86_64".into(), libc: Libc::Musl(1, 2) }),
                ("cp312", "3.12.1", Platform::Linux { arch: "aarch64".into(), libc: Libc::Glibc(2, 36) }),
            ],
            true,
        );
        check(real("uv/"), &all, Some("cp312-manylinux_2_31_x86_64"));
        check(real("uv/"), &all[1..2], None);
        check(real("uv/"), &all[3..], None);
    }

    #[test]
    fn one_that_is_built_for_is_preferred_to_one_that_is_away() {
        let mut all = offered(&[("cp312", "3.12.1", glibc(31))], true);
        all.extend(offered(&[("cp312", "3.12.1", glibc(36))], false));
        check(real("uv/"), &all, Some("cp312-manylinux_2_31_x86_64"));
        check(real("uv/"), &all[1..], Some("cp312-manylinux_2_36_x86_64"));
    }

    #[test]
    fn a_cross_target_is_for_an_installer_that_no_other_fits() {
        let cross = |minor: u32| {
            let built_on = Some("cp312-manylinux_2_39_x86_64".to_owned());
            let target = Target { built_on, ..target("cp312", "3.12.1", &glibc(minor)) };
            Arc::new(Offered::new(target, true))
        };
        let mut all = vec![cross(17), cross(28)];
        all.extend(offered(&[("cp312", "3.12.1", glibc(39))], true));
        check(real("uv/"), &all, Some("cp312-manylinux_2_28_x86_64"));
        all.extend(offered(&[("cp312", "3.12.1", glibc(5))], true));
        check(real("uv/"), &all, Some("cp312-manylinux_2_5_x86_64"));
    }

    #[test]
    fn a_python_2_that_may_be_of_either_kind_gets_the_kind_there_is() {
        let both = offered(&[("cp27m", "2.7.18", glibc(36)), ("cp27mu", "2.7.18", glibc(36))], true);
        check(real("pip/20"), &both, Some("cp27mu-manylinux_2_36_x86_64"));
        check(real("pip/20"), &both[..1], Some("cp27m-manylinux_2_36_x86_64"));
    }

    #[test]
    fn what_does_not_fit_is_told_with_its_reason() {
        let agent = UserAgent::parse(real("uv/")).unwrap();
        let musl = Platform::Linux { arch: "x86_64".into(), libc: Libc::Musl(1, 2) };
        let arm = Platform::Linux { arch: "aarch64".into(), libc: Libc::Glibc(2, 36) };
        for (abi, version, platform, expected) in [
            ("cp312", "3.12.9", glibc(36), None),
            ("cp313", "3.13.0", glibc(36), Some("it is for Python 3.13, not 3.12.1")),
            ("pypy312_pp73", "3.12.0", glibc(36), Some("it is for pp, not cp")),
            ("cp312", "3.12.1", glibc(39), Some("manylinux_2_39_x86_64 is newer than manylinux_2_36_x86_64")),
            (
                "cp312",
                "3.12.1",
                musl,
                Some("musllinux_1_2_x86_64 has another C library than manylinux_2_36_x86_64"),
            ),
            (
                "cp312",
                "3.12.1",
                arm,
                Some("cp312 on manylinux_2_36_aarch64 is another system than manylinux_2_36_x86_64"),
            ),
            (
                "cp312d",
                "3.12.1",
                glibc(36),
                Some("its ABI is cp312d, but the server assumes the usual ABI for installers"),
            ),
        ] {
            assert_eq!(why_not(&agent, &target(abi, version, &platform)).as_deref(), expected);
        }
    }
}
