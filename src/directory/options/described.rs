//! What options there are: the one list that requests are checked against and that forms are made of.

use super::is_always;
use super::value::Type;

/// An option of an index.
#[derive(Clone, Copy)]
pub struct IndexOption {
    pub name: &'static str,
    pub(super) of: Type,
    /// What it belongs to: a heading.
    pub group: &'static str,
    /// What holds where it is not set, in words.
    pub default: &'static str,
    /// What it does, in one sentence or two.
    pub help: &'static str,
}

impl IndexOption {
    /// How a form asks for it: `text`, `bool`, `number`, `choice` or `list`.
    pub fn form(&self) -> &'static str {
        self.of.form()
    }

    /// The words of a `choice`.
    pub fn choices(&self) -> &'static [&'static str] {
        self.of.choices()
    }

    /// Whose names a list has: `people`, `indexes`, or nothing that is known.
    pub fn names(&self) -> &'static str {
        match self.of {
            Type::Acl => "people",
            Type::Bases => "indexes",
            _ => "",
        }
    }

    /// Whether the order of a list decides something.
    pub fn is_ordered(&self) -> bool {
        self.of == Type::Bases
    }

    /// Whether an index of this kind has it in any case: it can be changed, but not dropped.
    pub fn is_always(&self, kind: &str) -> bool {
        is_always(kind, self.name)
    }
}

/// The options of a kind of index (`stage` or `mirror`).
pub fn described(kind: &str) -> impl Iterator<Item = &'static IndexOption> {
    let own = if kind == "mirror" { MIRROR } else { STAGE };
    own.iter().chain(BOTH)
}

const fn option(
    name: &'static str,
    of: Type,
    group: &'static str,
    default: &'static str,
    help: &'static str,
) -> IndexOption {
    IndexOption { name, of, group, default, help }
}

const ABOUT: &str = "About";
const ACCESS: &str = "Who may";
const SOURCES: &str = "Where packages come from";
const POLICY: &str = "What is listed";
const ROOM: &str = "What is kept";
const BUILDS: &str = "Builds";

const BOTH: &[IndexOption] = &[
    option("acl_read", Type::Acl, ACCESS, "everybody", "Who may read and install."),
    option(
        "acl_manage",
        Type::Acl,
        ACCESS,
        "who may upload",
        "Who may yank, delete and set a project's status.",
    ),
    option("acl_admin", Type::Acl, ACCESS, "the owner", "Who may change these settings beside the owner."),
    option("volatile", Type::Bool, ROOM, "true", "Files and the index itself may be deleted."),
    option(
        "build_ahead",
        Type::Ahead,
        BUILDS,
        "stages: uploads, mirrors: never",
        "What is built before anybody asks: nothing, sdists that are uploaded, releases that somebody requested, or \
         all that it lists.",
    ),
    option("build_targets", Type::Targets, BUILDS, "all", "For which targets: cp312-linux, cp3*-manylinux*."),
    option(
        "promise",
        Type::Promise,
        BUILDS,
        "never",
        "auto: its pages list wheels that do not exist yet, and they are built while the installer waits.",
    ),
    option("doubtful", Type::Bool, BUILDS, "true", "It takes built wheels that may lack something."),
    option("title", Type::Text, ABOUT, "", "A line for people."),
    option("description", Type::Text, ABOUT, "", "A paragraph for people."),
    option("custom_data", Type::Text, ABOUT, "", "A text for scripts."),
];

const STAGE: &[IndexOption] = &[
    option(
        "bases",
        Type::Bases,
        SOURCES,
        "none",
        "Indexes that it shows below its own files, in this order.",
    ),
    option(
        "reserved",
        Type::NamePatterns,
        SOURCES,
        "none",
        "Names that are never asked of mirrors: acme-*. A project of yours that is not uploaded yet cannot come from \
         elsewhere.",
    ),
    option(
        "mirror_whitelist",
        Type::Names,
        SOURCES,
        "none",
        "Projects (or *) of which releases of a mirror may stand beside those uploaded here.",
    ),
    option(
        "mirror_whitelist_inheritance",
        Type::Inheritance,
        SOURCES,
        "intersection",
        "How this list and those of its bases combine.",
    ),
    option(
        "curated",
        Type::Bool,
        POLICY,
        "false",
        "Of its mirrors it lists only releases that were approved.",
    ),
    option(
        "late_files",
        Type::Bool,
        POLICY,
        "false",
        "A curated index lists also files that were added to a release after its approval.",
    ),
    option("acl_upload", Type::Acl, ACCESS, "the owner", "Who may upload."),
    option("acl_toxresult_upload", Type::Acl, ACCESS, "everybody", "Who may add results of tests."),
    option("acl_approve", Type::Acl, ACCESS, "the owner", "Who decides requests of a curated index."),
    option("keep_releases", Type::Count, ROOM, "all", "How many releases of each project stay."),
    option("keep_prereleases", Type::Count, ROOM, "all", "How many pre-releases of each project stay."),
    option(
        "keep_devreleases",
        Type::Count,
        ROOM,
        "all",
        "How many development releases of each project stay.",
    ),
    option("keep_for", Type::Age, ROOM, "", "For how long every release stays in any case: 90d."),
    option("quota", Type::Size, ROOM, "no limit", "How many bytes its files may have: 10 GiB."),
];

const MIRROR: &[IndexOption] = &[
    option("mirror_url", Type::Url, SOURCES, "", "The upstream: a simple index or a flat page."),
    option(
        "mirror_cache_expiry",
        Type::Number,
        SOURCES,
        "by the server",
        "For how many seconds a page is fresh.",
    ),
    option("mirror_web_url_fmt", Type::Text, SOURCES, "", "A project's page at the upstream, with {name}."),
    option(
        "mirror_no_project_list",
        Type::Bool,
        SOURCES,
        "false",
        "It does not read the upstream's list of projects.",
    ),
    option(
        "mirror_missing",
        Type::Statuses,
        SOURCES,
        "404, 410",
        "More statuses that mean: no such project.",
    ),
    option(
        "mirror_use_external_urls",
        Type::Bool,
        SOURCES,
        "false",
        "It redirects to files instead of storing them.",
    ),
    option(
        "mirror_ignore_serial_header",
        Type::Bool,
        SOURCES,
        "false",
        "It does not compare the upstream's serials.",
    ),
    option(
        "mirror_provides_core_metadata",
        Type::Bool,
        SOURCES,
        "what the upstream says",
        "The upstream has metadata files beside its wheels.",
    ),
    option("allow", Type::Patterns, POLICY, "all", "It lists only these: numpy<2, acme-*."),
    option("deny", Type::Patterns, POLICY, "none", "It never lists these: numpy==1.9, evil-*."),
    option("min_age", Type::Age, POLICY, "", "It lists a file only when it is this old: 7d."),
    option(
        "cache_size",
        Type::Size,
        ROOM,
        "no limit",
        "How many bytes of files it keeps: 200 GiB. The oldest go first.",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_option_has_its_own_name_and_says_what_it_does() {
        for kind in ["stage", "mirror"] {
            let mut names: Vec<&str> = described(kind).map(|option| option.name).collect();
            names.sort_unstable();
            let count = names.len();
            names.dedup();
            assert_eq!(names.len(), count);
            assert!(described(kind).all(|option| option.help.ends_with('.')));
        }
    }
}
