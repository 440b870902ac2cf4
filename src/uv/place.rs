//! Where uv is: on the `PATH`, or in a wheel that is known by its hash.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

/// A wheel of uv that was tried with this version of wheelwright.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    pub version: &'static str,
    pub filename: &'static str,
    pub sha256: &'static str,
}

impl Known {
    /// The program's name inside the wheel.
    pub fn member(&self) -> String {
        format!("uv-{}.data/scripts/uv", self.version)
    }
}

const VERSION: &str = "0.13.9";

/// By system and processor. Those for Linux are linked statically: they run with every libc.
const KNOWN: [(&str, &str, Known); 4] = [
    (
        "linux",
        "x86_64",
        Known {
            version: VERSION,
            filename: "uv-0.13.9-py3-none-musllinux_1_1_x86_64.whl",
            sha256: "2c45530751517d6c3bbc69a19473f6effe47cce047bede01ffd8af7ea7b36b25",
        },
    ),
    (
        "linux",
        "aarch64",
        Known {
            version: VERSION,
            filename: "uv-0.13.9-py3-none-manylinux_2_17_aarch64.manylinux2014_aarch64.musllinux_1_1_aarch64.whl",
            sha256: "5435c5ce14a56431208ca0996416d310f1598e8c2c8ba707688985a16bb82dbe",
        },
    ),
    (
        "macos",
        "x86_64",
        Known {
            version: VERSION,
            filename: "uv-0.13.9-py3-none-macosx_10_12_x86_64.whl",
            sha256: "c16ed11e013557536b3e60065f1b912f6407bd6518e041b961e23ef9e6b4fbf5",
        },
    ),
    (
        "macos",
        "aarch64",
        Known {
            version: VERSION,
            filename: "uv-0.13.9-py3-none-macosx_11_0_arm64.whl",
            sha256: "66c512266d633bef48384a1f53003f41f2a8e7b36fe6e7fbfd3e0fd52d96fa63",
        },
    ),
];

/// The wheel for this machine.
pub fn pinned() -> Option<Known> {
    let here = |row: &&(&str, &str, Known)| row.0 == std::env::consts::OS && row.1 == std::env::consts::ARCH;
    KNOWN.iter().find(here).map(|(_, _, known)| *known)
}

/// uv on the server's `PATH`.
pub fn on_path() -> Option<PathBuf> {
    let folders = std::env::var_os("PATH")?;
    let name = format!("uv{}", std::env::consts::EXE_SUFFIX);
    std::env::split_paths(&folders).map(|folder| folder.join(&name)).find(|path| path.is_file())
}

/// What it says of itself (`0.13.9`); `None`: it does not run, or is something else.
pub async fn version(program: &Path) -> Option<String> {
    let mut command = tokio::process::Command::new(program);
    command.env_clear().arg("--version").stdin(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    let told = tokio::time::timeout(Duration::from_secs(20), command.output()).await.ok()?.ok()?;
    let text = String::from_utf8_lossy(&told.stdout).into_owned();
    Some(text.strip_prefix("uv ")?.split_whitespace().next()?.to_owned())
}
