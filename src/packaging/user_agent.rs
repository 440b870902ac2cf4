//! What installers tell of themselves in `User-Agent`: which interpreter, on which platform.

use super::tags::{self, Libc, Platform};
use serde::Deserialize;

/// Longer ones are not read.
const LONGEST: usize = 8192;

/// An installer, and the interpreter that it installs for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserAgent {
    /// `pip`, `uv`
    pub installer: String,
    pub version: String,
    /// `cp`, `pp`, or the implementation's whole name.
    pub implementation: String,
    /// Of the Python language: `3.12.1`.
    pub python: String,
    /// `x86_64`, `arm64`
    pub cpu: String,
    /// `Linux`, `Darwin`, `Windows`
    pub system: String,
    pub libc: Libc,
    /// Of macOS, major and minor.
    pub macos: Option<(u32, u32)>,
    /// `Debian GNU/Linux 12`
    pub distribution: Option<String>,
    /// What was asked of it, where it says so, as uv does: `pip`, `install`.
    pub subcommand: Vec<String>,
}

/// Commands of uv that work for one environment. All others may write a lock for every platform.
const FOR_ONE: [&str; 4] = ["pip", "tool", "uvx", "build"];

#[derive(Deserialize)]
struct Said {
    installer: Installer,
    implementation: Option<Implementation>,
    python: Option<String>,
    cpu: Option<String>,
    system: Option<System>,
    distro: Option<Distribution>,
}

#[derive(Default, Deserialize)]
struct Installer {
    name: Option<String>,
    version: Option<String>,
    #[serde(default)]
    subcommand: Option<Vec<String>>,
}

#[derive(Default, Deserialize)]
struct Implementation {
    name: Option<String>,
}

#[derive(Deserialize)]
struct System {
    name: Option<String>,
    release: Option<String>,
}

#[derive(Deserialize)]
struct Distribution {
    name: Option<String>,
    version: Option<String>,
    libc: Option<LibcSaid>,
}

#[derive(Deserialize)]
struct LibcSaid {
    lib: Option<String>,
    version: Option<String>,
}

impl UserAgent {
    /// Reads `pip/26.3 {"cpu": …}` and uv's equal. `None` for any other client, and where the
    /// interpreter or its platform is not told.
    pub fn parse(header: &str) -> Option<Self> {
        if header.len() > LONGEST {
            return None;
        }
        let (_, json) = header.split_once(" {")?;
        let said: Said = serde_json::from_str(&format!("{{{json}")).ok()?;
        let distro = said.distro.as_ref();
        let libc = distro.and_then(|distro| distro.libc.as_ref());
        let libc = libc.and_then(|libc| Some((libc.lib.as_deref()?, pair(libc.version.as_deref()?)?)));
        let system = said.system.as_ref();
        let name = system.and_then(|system| system.name.clone())?;
        let implementation = said.implementation?.name?;
        let told = distro.and_then(|distro| Some((distro.name.as_deref()?, distro.version.as_deref()?)));
        Some(Self {
            installer: said.installer.name?,
            version: said.installer.version.unwrap_or_default(),
            subcommand: said.installer.subcommand.unwrap_or_default(),
            implementation: short(&implementation),
            python: said.python?,
            cpu: said.cpu?,
            libc: match libc {
                Some(("glibc", (major, minor))) => Libc::Glibc(major, minor),
                Some(("musl", (major, minor))) => Libc::Musl(major, minor),
                _ => Libc::Unknown,
            },
            macos: told.filter(|_| name == "Darwin").and_then(|(_, version)| pair(version)),
            distribution: told
                .map(|(name, version)| format!("{name} {version}"))
                .or_else(|| system.and_then(|system| Some(format!("{name} {}", system.release.as_deref()?)))),
            system: name,
        })
    }

    /// Whether it gets files for its own interpreter alone. uv's projects have one lock for every platform,
    /// and a uv that does not say what it was asked may be about to write one.
    pub fn is_for_one_environment(&self) -> bool {
        self.installer != "uv"
            || self.subcommand.first().is_some_and(|first| FOR_ONE.contains(&first.as_str()))
    }

    /// Whether it most likely asks next for the wheel whose metadata it asks for now.
    pub fn installs(&self) -> bool {
        let only_resolves = |word: &String| ["compile", "lock", "tree", "export"].contains(&word.as_str());
        ["pip", "uv"].contains(&self.installer.as_str()) && !self.subcommand.iter().any(only_resolves)
    }

    /// Major and minor version of Python.
    pub fn version_of_python(&self) -> Option<(u32, u32)> {
        pair(&self.python)
    }

    /// The platform, as far as an installer tells it.
    pub fn platform(&self) -> Platform {
        let cpu = self.cpu.to_ascii_lowercase();
        match self.system.as_str() {
            "Linux" => Platform::Linux { arch: cpu, libc: self.libc },
            "Windows" if matches!(cpu.as_str(), "x86" | "i386" | "i686") => Platform::Other("win32".into()),
            "Windows" => Platform::Other(format!("win_{cpu}")),
            _ => match self.macos {
                Some((major, minor)) => Platform::Macos { arch: cpu, major, minor },
                None => Platform::Other(format!("{}_{cpu}", self.system.to_ascii_lowercase())),
            },
        }
    }

    /// Wheel tags that this installer accepts, best first. Its ABI is not told: the usual build of
    /// that version is assumed, no free-threaded and no debug build.
    pub fn tags(&self) -> Vec<String> {
        let Some((major, minor)) = self.version_of_python() else {
            return Vec::new();
        };
        let abi = match (self.implementation.as_str(), major, minor) {
            ("cp", 2, _) if self.system == "Linux" => format!("cp{major}{minor}mu"),
            ("cp", 2, _) | ("cp", 3, ..8) => format!("cp{major}{minor}m"),
            ("cp", ..) => format!("cp{major}{minor}"),
            ("pp", ..) => format!("pypy{major}{minor}_pp73"),
            _ => "none".to_owned(),
        };
        let of = tags::InterpreterTags { implementation: &self.implementation, major, minor, abi: &abi };
        tags::accepted(&of, &self.platform())
    }
}

fn short(implementation: &str) -> String {
    match implementation {
        "CPython" => "cp".to_owned(),
        "PyPy" => "pp".to_owned(),
        other => other.to_ascii_lowercase(),
    }
}

/// `2.36`, `3.12.1`
fn pair(version: &str) -> Option<(u32, u32)> {
    let mut numbers = version.split('.').map(str::parse::<u32>);
    Some((numbers.next()?.ok()?, numbers.next().and_then(Result::ok).unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As the real ones sent them to a server of ours, kernel's release shortened.
    const REAL: &str = include_str!("vectors/user_agents.txt");

    #[test]
    fn pip_and_uv_tell_what_they_install_for() {
        let read: Vec<UserAgent> =
            REAL.lines().map(|line| UserAgent::parse(line).unwrap_or_else(|| panic!("{line}"))).collect();
        let short: Vec<String> = read
            .iter()
            .map(|one| format!("{} {} {}{}", one.installer, one.version, one.implementation, one.python))
            .collect();
        let expected = [
            "pip 20.3.4 cp2.7.18",
            "pip 21.3.1 cp3.6.15",
            "pip 23.2.1 cp3.11.7",
            "pip 26.3 cp3.13.0",
            "uv 0.13.9 cp3.12.1",
        ];
        assert_eq!(short, expected);
        for one in &read {
            assert_eq!(one.libc, Libc::Glibc(2, 36));
            assert_eq!(one.platform().name(), "manylinux_2_36_x86_64");
            assert_eq!(one.distribution.as_deref(), Some("Debian GNU/Linux 12"));
        }
        assert_eq!(read[0].tags()[1], "cp27-cp27mu-manylinux_2_36_x86_64");
        assert_eq!(read[1].tags()[1], "cp36-cp36m-manylinux_2_36_x86_64");
        assert_eq!(read[3].tags()[1], "cp313-cp313-manylinux_2_36_x86_64");
    }

    #[test]
    fn uv_works_for_one_environment_only_where_it_says_so() {
        let real = REAL.lines().find(|line| line.starts_with("uv/")).unwrap();
        let asked = |subcommand: &str| {
            let header = real.replace(",\"subcommand\":[\"pip\",\"install\"]", subcommand);
            UserAgent::parse(&header).unwrap().is_for_one_environment()
        };
        let installs = |text: &str| UserAgent::parse(&real.replace("install\"]", text)).unwrap().installs();
        assert!(installs("install\"]") && !installs("compile\"]"));
        for one in [r#"["pip","install"]"#, r#"["tool","run"]"#, r#"["uvx"]"#, r#"["build"]"#] {
            assert!(asked(&format!(",\"subcommand\":{one}")), "{one}");
        }
        for other in [r#"["lock"]"#, r#"["sync"]"#, r#"["run"]"#, r#"["add"]"#, "[]", "null"] {
            assert!(!asked(&format!(",\"subcommand\":{other}")), "{other}");
        }
        assert!(!asked(""), "an older uv does not say");
        let pip = REAL.lines().find(|line| line.starts_with("pip/")).unwrap();
        assert!(UserAgent::parse(pip).unwrap().is_for_one_environment());
    }

    #[test]
    fn other_systems_have_their_platforms() {
        let told = |system: &str, cpu: &str, distro: &str| {
            let header = format!(
                "pip/26.3 {{\"installer\":{{\"name\":\"pip\"}},\"implementation\":{{\"name\":\"CPython\"}},\
                 \"python\":\"3.12.1\",\"cpu\":\"{cpu}\",\"system\":{{\"name\":\"{system}\"}},\"distro\":{distro}}}"
            );
            UserAgent::parse(&header).unwrap().platform().name()
        };
        assert_eq!(told("Windows", "AMD64", "null"), "win_amd64");
        assert_eq!(told("Windows", "x86", "null"), "win32");
        assert_eq!(told("Darwin", "arm64", "{\"name\":\"macOS\",\"version\":\"14.1\"}"), "macosx_14_0_arm64");
        assert_eq!(
            told("Linux", "aarch64", "{\"libc\":{\"lib\":\"musl\",\"version\":\"1.2.4\"}}"),
            "musllinux_1_2_aarch64"
        );
    }

    #[test]
    fn other_clients_tell_nothing() {
        for header in
            ["", "curl/8.0", "Mozilla/5.0 (X11)", "pip/9 {", "pip/9 {}", "x {\"installer\":{}}", "pip/1 []"]
        {
            assert_eq!(UserAgent::parse(header), None, "{header}");
        }
        assert_eq!(UserAgent::parse(&format!("pip/1 {{{}", "x".repeat(10_000))), None);
    }
}
