//! What a request is about, told from its path.

use crate::names::{IndexName, ProjectName};
use crate::packaging::filename::decode_once;

/// What a path of devpi leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AskedAbout {
    /// The list of an index's projects.
    Projects,
    /// A project's page for installers.
    Page(ProjectName),
    /// A file or its metadata.
    File,
    /// JSON or a page for people.
    Other,
}

/// What is timed together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Timed {
    Projects,
    Page,
    File,
    Json,
    Other,
}

impl Timed {
    pub fn name(self) -> &'static str {
        match self {
            Self::Projects => "projects",
            Self::Page => "page",
            Self::File => "file",
            Self::Json => "json",
            Self::Other => "other",
        }
    }
}

impl AskedAbout {
    pub fn of(path: &str) -> Self {
        match segments(path).as_slice() {
            [_, _, simple] if simple == "+simple" => Self::Projects,
            [_, _, simple, name] if simple == "+simple" => {
                ProjectName::new(name).map_or(Self::Other, Self::Page)
            }
            [_, _, kind, _, ..] if kind == "+f" || kind == "+e" => Self::File,
            _ => Self::Other,
        }
    }
}

/// The index and, if there is one, the project that a path is about: differences of one are shown together.
pub fn shape(path: &str) -> String {
    let segments = segments(path);
    let index = match segments.as_slice() {
        [user, name, ..] => IndexName::of(user, name),
        _ => None,
    };
    let Some(index) = index else { return "/".into() };
    let project = match segments.get(2..) {
        Some([simple, name, ..]) if simple == "+simple" => ProjectName::new(name),
        Some([kind, .., file]) if kind == "+f" || kind == "+e" => {
            crate::packaging::filename::candidates(file).into_iter().next()
        }
        Some([name, ..]) if !name.starts_with('+') => ProjectName::new(name),
        _ => None,
    };
    project.map_or_else(|| format!("/{index}"), |project| format!("/{index} {project}"))
}

fn segments(path: &str) -> Vec<String> {
    let segments = path.split('/').filter(|segment| !segment.is_empty());
    segments.map(|segment| decode_once(segment).unwrap_or_else(|| segment.to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_of_devpi_says_what_it_is_about() {
        let demo = || AskedAbout::Page(ProjectName::new("demo").unwrap());
        for (path, subject, about) in [
            ("/alice/dev/+simple/", AskedAbout::Projects, "/alice/dev"),
            ("/alice/dev/%2Bsimple/Demo/", demo(), "/alice/dev demo"),
            ("/alice/dev/+simple/demo", demo(), "/alice/dev demo"),
            ("/alice/dev/+f/abc/0123/demo-1.0-py3-none-any.whl", AskedAbout::File, "/alice/dev demo"),
            ("/alice/dev/+f/abc/0123/demo-1.0.tar.gz", AskedAbout::File, "/alice/dev demo"),
            ("/root/pypi/+e/https_host/demo-1.0.tar.gz", AskedAbout::File, "/root/pypi demo"),
            ("/alice/dev/demo/1.0", AskedAbout::Other, "/alice/dev demo"),
            ("/alice/dev", AskedAbout::Other, "/alice/dev"),
            ("/alice/dev/+api", AskedAbout::Other, "/alice/dev"),
            ("/alice/dev/+simple/!/", AskedAbout::Other, "/alice/dev"),
            ("/+api", AskedAbout::Other, "/"),
            ("//", AskedAbout::Other, "/"),
        ] {
            assert_eq!((AskedAbout::of(path), shape(path).as_str()), (subject, about), "{path}");
        }
    }
}
