//! The systems that zig compiles for: how it, Python and installers call them.

use crate::build::target::Target;
use crate::packaging::tags::{Libc, Platform};

/// Where zig and its cache stand inside.
pub const ZIG: &str = "/zig";
pub const CACHE: &str = "/zig-cache";
/// Where this machine's headers and libraries are, for what the target's own libc lacks.
const HEADERS: &str = "/usr/include";

/// A system as zig names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZigSystem {
    /// `manylinux_2_17_x86_64`
    pub platform: String,
    pub arch: String,
    /// The N of glibc 2.N; `None`: musl.
    pub glibc: Option<u32>,
    /// It is this machine's, but for the age of its glibc.
    pub own: bool,
}

impl ZigSystem {
    pub fn of(target: &Target) -> Option<Self> {
        let (_, platform) = target.halves();
        let Platform::Linux { arch, libc } = target.linux()? else { return None };
        let glibc = match libc {
            Libc::Glibc(_, minor) => Some(minor),
            Libc::Musl(..) | Libc::Unknown => None,
        };
        Some(Self { platform: platform.to_owned(), arch, glibc, own: target.runs_here() })
    }

    /// `x86_64-linux-gnu`, `aarch64-linux-musl`
    pub fn plain(&self) -> String {
        format!("{}-linux-{}", self.arch, if self.glibc.is_some() { "gnu" } else { "musl" })
    }

    /// What zig is given with `-target`.
    pub fn target(&self) -> String {
        let minor = self.glibc.map(|minor| format!(".2.{minor}"));
        format!("{}{}", self.plain(), minor.unwrap_or_default())
    }

    /// The name that musl has as a library, on systems that have it.
    pub fn musl(&self) -> String {
        if self.glibc.is_some() { String::new() } else { format!("libc.musl-{}.so.1", self.arch) }
    }

    /// A script with this system in it.
    pub fn fill(&self, script: &str) -> String {
        let after = match self.own {
            true => format!("-idirafter {HEADERS}/{0} -idirafter {HEADERS} -L/usr/lib/{0}", self.plain()),
            false => String::new(),
        };
        script
            .replace("{target}", &self.target())
            .replace("{plain}", &self.plain())
            .replace("{musl}", &self.musl())
            .replace("{after}", &after)
    }

    /// How names of files spell this machine's system and this one. Before 3.11 a Python on musl called itself
    /// `gnu` too, and 2.7 names no system.
    pub fn triplets(&self, python: (u32, u32)) -> (String, String) {
        let own = format!("{}-linux-gnu", std::env::consts::ARCH);
        let other = match python {
            (2, _) => own.clone(),
            python if self.glibc.is_none() && python < (3, 11) => format!("{}-linux-gnu", self.arch),
            _ => self.plain(),
        };
        (own, other)
    }
}
