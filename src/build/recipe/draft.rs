//! A recipe for a build that failed, filled in as far as its failure tells: to be read, completed and tried.

use crate::build::job::JobLimits;
use crate::config::units;
use crate::db::builds::Build;
use crate::words::{Class, Failure};

/// The text of a recipe for a failed build of a project; `None` for any other build, and where no recipe
/// helps.
pub fn draft(build: &Build, limits: &JobLimits) -> Option<String> {
    let (project, failure) = (build.project.as_ref()?, build.failure.as_ref()?);
    // No recipe helps there.
    if matches!(failure.class, Class::Cancelled | Class::Worker | Class::BadSource | Class::RequiresPython) {
        return None;
    }
    let mut lines =
        vec![format!("# Build {} for {} failed: {}", build.id, build.target, one_line(&failure.hint))];
    if build.recipe.is_some() {
        let release = build.version.as_ref().map(|version| format!("=={version}")).unwrap_or_default();
        lines.push("# A recipe was in force: this one takes its place, so add what that says:".to_owned());
        lines.push(format!("# wheelwright recipe show '{project}{release}' --target {}", build.target));
    }
    lines.push(format!("name = {}", quoted(project.as_str())));
    lines.extend(
        build.version.as_ref().map(|version| format!("versions = {}", quoted(&format!("=={version}")))),
    );
    lines.push(String::new());
    lines.extend(asked_for(failure, limits));
    lines.push(String::new());
    Some(lines.join("\n"))
}

/// The keys that the failure asks for; where it does not say a value, behind a `#`.
fn asked_for(failure: &Failure, limits: &JobLimits) -> Vec<String> {
    let table = |head: &str, key: String| vec![format!("[{head}]"), key];
    let hint = failure.hint.as_str();
    if let Some(package) = word_after(hint, "Debian has it in ") {
        return table("system", format!("debian = [{}]", quoted(package)));
    }
    if let Some(constraint) = word_after(hint, "constrain ").filter(|text| text.contains(['<', '>', '='])) {
        return table("build", format!("constraints = [{}]", quoted(constraint)));
    }
    if let Some(module) = failure.line.as_deref().and_then(missing_module) {
        return table(
            "build",
            format!("requires = [{}]   # or the project that has this module", quoted(module)),
        );
    }
    match failure.class {
        Class::MissingHeader | Class::MissingLibrary | Class::MissingTool => {
            table("system", "# debian = [\"the package that has it\"]".to_owned())
        }
        Class::Timeout => table("build", format!("timeout = \"{}m\"", limits.seconds.div_ceil(30).max(1))),
        Class::Memory => {
            let twice = units::show_bytes(limits.memory.saturating_mul(2));
            table("build", format!("memory = {}", quoted(&twice)))
        }
        Class::ExtensionMissing => {
            table("build", "expect = \"pure\"   # if it works without the extension".to_owned())
        }
        Class::Repair => {
            let library = failure.line.as_deref().and_then(library_in);
            table(
                "repair",
                match library {
                    Some(library) => format!("exclude = [{}]", quoted(library)),
                    None => "# exclude = [\"libcuda.so.1\"]".to_owned(),
                },
            )
        }
        Class::Import => table("test", "# import = [\"the module to import\"]".to_owned()),
        Class::BuildRequirement | Class::Cycle => {
            table("build", "# constraints = [\"setuptools<81\"]".to_owned())
        }
        _ => vec![
            "[build]".to_owned(),
            "# requires = [\"a build requirement that the source does not name\"]".to_owned(),
            "# constraints = [\"setuptools<81\"]".to_owned(),
            "# env = { CFLAGS = \"-Wno-error\" }".to_owned(),
        ],
    }
}

/// For a comment of TOML, and for a terminal: without control characters.
pub(super) fn one_line(text: &str) -> String {
    let plain: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The word behind some text, without the punctuation at its end.
fn word_after<'a>(text: &'a str, before: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(before)?;
    let word = rest.split_whitespace().next()?.trim_end_matches(['.', ',', ':', ';']);
    Some(word).filter(|word| is_plain(word))
}

/// `ModuleNotFoundError: No module named 'numpy.distutils'`
fn missing_module(line: &str) -> Option<&str> {
    let (_, rest) = line.split_once("No module named ")?;
    let module = rest.trim_start_matches(['\'', '"']).split(['\'', '"', '.', ' ']).next()?;
    Some(module).filter(|module| is_plain(module))
}

fn library_in(line: &str) -> Option<&str> {
    let words = line.split(|c: char| c.is_whitespace() || "'\"(),:;[]{}".contains(c));
    let names = words.map(|word| word.rsplit('/').next().unwrap_or(word));
    names.into_iter().find(|word| word.starts_with("lib") && word.contains(".so") && is_plain(word))
}

fn is_plain(word: &str) -> bool {
    !word.is_empty()
        && word.len() < 100
        && word.chars().all(|c| c.is_ascii_alphanumeric() || "-_.+<>=!~,[]".contains(c))
}

/// As TOML writes a text, on one line whatever is in it: what JSON escapes, TOML escapes in the same way.
pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string().replace('\u{7f}', "\\u007f")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::build::failure::{Exit, classify, of};
    use crate::build::recipe::RecipeEntry;
    use crate::names::{IndexName, ProjectName};
    use crate::words::{BuildSource, Step};

    fn failed(failure: Failure) -> Build {
        let index = IndexName::parse("root/pypi").unwrap();
        Build {
            id: 66,
            project: ProjectName::new("demo"),
            version: Some("1.0".to_owned()),
            target: "cp313-linux".to_owned(),
            failure: Some(failure),
            ..Build::new(index.into(), BuildSource::default())
        }
    }

    fn drafted(failure: Failure) -> String {
        draft(&failed(failure), &JobLimits::default()).unwrap()
    }

    #[test]
    fn what_a_log_asks_for_is_filled_in() {
        let of_log = |log: &str| drafted(classify(log, Step::Build, Exit::Code(1)));
        let header =
            of_log("x.c:1:10: fatal error: ffi.h: No such file or directory\nerror: command 'gcc' failed");
        assert!(
            header.contains("name = \"demo\"\nversions = \"==1.0\"\n\n[system]\ndebian = [\"libffi-dev\"]"),
            "{header}"
        );
        let old = of_log("error in demo setup command: use_2to3 is invalid.");
        assert!(old.contains("[build]\nconstraints = [\"setuptools<58\"]"), "{old}");
        let module = of_log(
            "Traceback (most recent call last):\n  File \"setup.py\", line 1\nModuleNotFoundError: No module named 'numpy'",
        );
        assert!(module.contains("[build]\nrequires = [\"numpy\"]"), "{module}");
    }

    #[test]
    fn a_draft_is_a_valid_recipe_whatever_failed() {
        let hopeless = [Class::Cancelled, Class::Worker, Class::BadSource, Class::RequiresPython];
        for class in Class::ALL.iter().filter(|class| !hopeless.contains(class)) {
            let line = "cannot find \"quotes\" libx.so.1, needed by /a/b";
            let hostile = Failure {
                hint: "a\n[build]\nbefore = [\"id\"]".to_owned(),
                ..of(*class, Step::Build, Some(line))
            };
            for failure in [of(*class, Step::Build, None), hostile] {
                let text = drafted(failure);
                let entry =
                    RecipeEntry::sent("demo", text.clone()).unwrap_or_else(|error| panic!("{error}: {text}"));
                let file = entry.file.unwrap();
                assert_eq!(file.project.as_ref().map(ProjectName::as_str), Some("demo"), "{text}");
                assert!(!text.contains("\nbefore"), "{text}");
            }
        }
    }

    #[test]
    fn a_build_that_did_not_fail_or_that_no_recipe_helps_has_none() {
        let build = Build { failure: None, ..failed(of(Class::Other, Step::Build, None)) };
        assert_eq!(draft(&build, &JobLimits::default()), None);
        let cancelled = failed(of(Class::Cancelled, Step::Build, None));
        assert_eq!(draft(&cancelled, &JobLimits::default()), None);
    }
}
