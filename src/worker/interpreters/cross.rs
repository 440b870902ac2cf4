//! Cross targets: older systems, another libc, another processor, for which an interpreter's extension
//! modules can be compiled here.

use crate::bad;
use crate::build::target::Target;
use crate::error::Result;
use crate::packaging::tags::{self, InterpreterTags, Libc, Platform};

/// Processors that zig compiles for here, and on which its own wheels run.
const PROCESSORS: [&str; 2] = ["x86_64", "aarch64"];
/// The oldest glibc 2.N that a wheel for two processors can name.
const OLDEST_GLIBC: u32 = 17;

/// The platforms that the setting names, each once.
///
/// # Errors
/// `Bad` for what is not a platform that can be compiled for.
pub(super) fn platforms(named: &[String]) -> Result<Vec<Platform>> {
    let mut platforms = Vec::new();
    for name in named {
        for platform in platforms_of(name)? {
            if !platforms.contains(&platform) {
                platforms.push(platform);
            }
        }
    }
    Ok(platforms)
}

/// What an interpreter with headers, whose own target is this, can be compiled for.
pub(super) fn targets(own: &Target, platforms: &[Platform]) -> Vec<Target> {
    platforms.iter().filter_map(|platform| target(own, platform)).collect()
}

/// `manylinux_2_17` is one platform for each processor.
fn platforms_of(name: &str) -> Result<Vec<Platform>> {
    let whole = Platform::of_linux_tag(name).into_iter();
    let each = PROCESSORS.iter().filter_map(|arch| Platform::of_linux_tag(&format!("{name}_{arch}")));
    let all: Vec<Platform> = whole.chain(each).filter(is_possible).collect();
    match all.is_empty() {
        true => Err(bad!(
            "build.cross: {name} is not a platform that wheelwright can compile for: use manylinux_2_17 or a \
             later one, or musllinux_1_2, with or without _x86_64 or _aarch64"
        )),
        false => Ok(all),
    }
}

fn is_possible(platform: &Platform) -> bool {
    let Platform::Linux { arch, libc } = platform else { return false };
    let known = match libc {
        Libc::Glibc(major, minor) => *major == 2 && *minor >= OLDEST_GLIBC,
        // The musl that zig brings is of this line.
        Libc::Musl(major, minor) => (*major, *minor) == (1, 2),
        Libc::Unknown => false,
    };
    known && PROCESSORS.contains(&arch.as_str())
}

/// The interpreter's target on another platform; `None` where it has that one itself, or cannot have it.
fn target(own: &Target, platform: &Platform) -> Option<Target> {
    let Platform::Linux { arch, libc } = platform else { return None };
    let Some(Platform::Linux { arch: own_arch, libc: Libc::Glibc(2, own_minor) }) = own.linux() else {
        return None;
    };
    // Zig's wheels are for these.
    if own.implementation != "cp" || !PROCESSORS.contains(&own_arch.as_str()) {
        return None;
    }
    if *arch == own_arch && matches!(libc, Libc::Glibc(2, minor) if *minor >= own_minor) {
        return None;
    }
    let (half, _) = own.halves();
    let (major, minor) = own.python();
    let tags = InterpreterTags { implementation: &own.implementation, major, minor, abi: &own.abi };
    let mut markers = own.markers.clone();
    markers.insert("platform_machine".to_owned(), arch.clone());
    Some(Target {
        name: format!("{half}-{}", platform.name()),
        tags: tags::accepted(&tags, platform),
        markers,
        built_on: Some(own.name.clone()),
        ..own.clone()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn own(name: &str, implementation: &str) -> Target {
        Target {
            name: name.to_owned(),
            implementation: implementation.to_owned(),
            version: "3.12.1".to_owned(),
            abi: "cp312".to_owned(),
            markers: BTreeMap::from([("platform_machine".to_owned(), "x86_64".to_owned())]),
            ..Target::default()
        }
    }

    fn offered(name: &str, implementation: &str, named: &[&str]) -> Vec<String> {
        let named: Vec<String> = named.iter().map(|name| (*name).to_owned()).collect();
        let all = targets(&own(name, implementation), &platforms(&named).unwrap());
        all.into_iter().map(|target| target.name).collect()
    }

    #[test]
    fn an_interpreter_offers_older_systems_another_libc_and_another_processor() {
        let all = offered("cp312-manylinux_2_36_x86_64", "cp", &["manylinux_2_17", "musllinux_1_2_aarch64"]);
        let expected = ["manylinux_2_17_x86_64", "manylinux_2_17_aarch64", "musllinux_1_2_aarch64"]
            .map(|name| format!("cp312-{name}"));
        assert_eq!(all, expected);
    }

    #[test]
    fn what_it_has_itself_is_no_cross_target() {
        let all = offered("cp312-manylinux_2_28_x86_64", "cp", &["manylinux_2_28", "manylinux_2_34"]);
        assert_eq!(all, ["cp312-manylinux_2_28_aarch64", "cp312-manylinux_2_34_aarch64"]);
        for (name, implementation) in [
            ("cp312-musllinux_1_2_x86_64", "cp"),
            ("pp310-manylinux_2_36_x86_64", "pp"),
            ("cp312-macosx_14_0_arm64", "cp"),
        ] {
            assert!(offered(name, implementation, &["manylinux_2_17"]).is_empty(), "{name}");
        }
    }

    #[test]
    fn a_cross_target_has_the_tags_and_the_processor_of_its_system() {
        let platform = Platform::of_linux_tag("manylinux_2_28_aarch64").unwrap();
        let target = target(&own("cp312-manylinux_2_36_x86_64", "cp"), &platform).unwrap();
        assert_eq!(target.telling_tag(), "cp312-cp312-manylinux_2_28_aarch64");
        assert_eq!(target.markers["platform_machine"], "aarch64");
        assert_eq!(target.built_on.as_deref(), Some("cp312-manylinux_2_36_x86_64"));
        assert!(!target.runs_here() || std::env::consts::ARCH == "aarch64");
    }

    #[test]
    fn a_platform_that_nobody_can_compile_for_is_refused_with_those_that_can() {
        for name in
            ["manylinux_2_5", "musllinux_1_1", "manylinux_2_17_s390x", "win_amd64", "linux_x86_64", ""]
        {
            let told = platforms(&[name.to_owned()]).unwrap_err().to_string();
            assert!(told.contains("manylinux_2_17") && told.contains("build.cross"), "{told}");
        }
    }
}
