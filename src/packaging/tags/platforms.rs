//! The platform half of wheel tags: what runs on a Linux, macOS or Windows machine, best first.

/// Architectures that manylinux is defined for (PEP 600), besides i686 and armv7l.
const MANYLINUX: [&str; 9] =
    ["x86_64", "aarch64", "ppc64", "ppc64le", "s390x", "loongarch64", "riscv64", "i686", "armv7l"];
/// What the numbered tags were called before PEP 600.
const LEGACY: [(u32, &str); 3] = [(17, "manylinux2014"), (12, "manylinux2010"), (5, "manylinux1")];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Libc {
    /// Major and minor version.
    Glibc(u32, u32),
    Musl(u32, u32),
    Unknown,
}

/// An operating system on a kind of processor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Platform {
    Linux {
        /// `x86_64`, `armv8l`
        arch: String,
        libc: Libc,
    },
    /// `arm64` or `x86_64`, and the system's version.
    Macos { arch: String, major: u32, minor: u32 },
    /// As `sysconfig.get_platform()` says it, normalised: `win_amd64`.
    Other(String),
}

impl Platform {
    /// From `sysconfig.get_platform()` (`linux-x86_64`, `macosx-10.9-universal2`, `win-amd64`), the
    /// machine's own architecture and system version for macOS, and the libc.
    pub fn new(sysconfig: &str, machine: &str, macos: Option<(u32, u32)>, libc: Libc) -> Self {
        let plain = sysconfig.replace(['-', '.', ' '], "_");
        if let Some((major, minor)) = macos {
            return Self::Macos { arch: machine.to_owned(), major, minor };
        }
        match plain.strip_prefix("linux_") {
            Some(arch) => Self::Linux { arch: arch.to_owned(), libc },
            None => Self::Other(plain),
        }
    }

    /// The one that a numbered tag names: `manylinux_2_17_x86_64`, `musllinux_1_2_aarch64`.
    pub fn of_linux_tag(tag: &str) -> Option<Self> {
        let (family, rest) = tag.split_once('_')?;
        let mut parts = rest.splitn(3, '_');
        let (major, minor) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        let arch = parts.next()?.to_owned();
        let libc = match family {
            "manylinux" => Libc::Glibc(major, minor),
            "musllinux" => Libc::Musl(major, minor),
            _ => return None,
        };
        Some(Self::Linux { arch, libc })
    }

    /// Platform tags, best first.
    pub fn tags(&self) -> Vec<String> {
        match self {
            Self::Linux { arch, libc } => linux(arch, *libc),
            Self::Macos { arch, major, minor } => macos(arch, *major, *minor),
            Self::Other(name) => vec![name.clone()],
        }
    }

    /// The most telling tag, for a target's name: not `linux_x86_64` where the libc is known.
    pub fn name(&self) -> String {
        let tags = self.tags();
        let telling = tags.iter().find(|tag| !tag.starts_with("linux_"));
        telling.or(tags.first()).cloned().unwrap_or_default()
    }
}

fn linux(arch: &str, libc: Libc) -> Vec<String> {
    // A 64-bit ARM kernel under a 32-bit system runs what was made for older ARM.
    let archs = if arch == "armv8l" { vec!["armv8l", "armv7l"] } else { vec![arch] };
    let mut tags: Vec<String> = archs.iter().map(|arch| format!("linux_{arch}")).collect();
    for arch in &archs {
        match libc {
            Libc::Glibc(2, minor) if archs.iter().any(|arch| MANYLINUX.contains(arch)) => {
                manylinux(arch, minor, &mut tags);
            }
            Libc::Musl(major, minor) => {
                tags.extend((0..=minor).rev().map(|minor| format!("musllinux_{major}_{minor}_{arch}")));
            }
            Libc::Glibc(..) | Libc::Unknown => {}
        }
    }
    tags
}

fn manylinux(arch: &str, glibc: u32, tags: &mut Vec<String>) {
    let oldest = if matches!(arch, "x86_64" | "i686") { 5 } else { 17 };
    for minor in (oldest..=glibc).rev() {
        tags.push(format!("manylinux_2_{minor}_{arch}"));
        let legacy = LEGACY.iter().find(|(number, _)| *number == minor);
        tags.extend(legacy.map(|(_, name)| format!("{name}_{arch}")));
    }
}

/// Since macOS 11 only major versions count; before, it was minor versions of 10.
fn macos(arch: &str, major: u32, minor: u32) -> Vec<String> {
    let mut tags = Vec::new();
    let mut all = |major: u32, minor: u32, formats: &[&str]| {
        tags.extend(formats.iter().map(|format| format!("macosx_{major}_{minor}_{format}")));
    };
    let formats: &[&str] = match arch {
        "x86_64" => &["x86_64", "intel", "fat64", "fat3", "universal2", "universal"],
        "arm64" => &["arm64", "universal2"],
        other => &[other],
    };
    if major == 10 {
        for minor in (0..=minor).rev() {
            match (arch, minor) {
                ("x86_64", 0..4) => {}
                _ => all(10, minor, formats),
            }
        }
        return tags;
    }
    for major in (11..=major).rev() {
        all(major, 0, formats);
    }
    for minor in (4..=16).rev() {
        // Programs for both processors may name the older system that their Intel half runs on.
        all(10, minor, if arch == "x86_64" { formats } else { &["universal2"] });
    }
    tags
}
