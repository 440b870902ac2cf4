//! What a mirror's policy lets through: a page in, a page out, and a reason for what is missing.

use crate::directory::inheritance::{self, InheritanceOrder};
use crate::directory::{Directory, Mirror};
use crate::names::{IndexName, ProjectName};
use crate::packaging::page::{File, Page};
use crate::packaging::requirement::Pattern;
use crate::packaging::upload_time::UploadTime;
use crate::packaging::version::{self, Version};
use crate::tools::time::{Micros, SECOND};
use crate::words::ProjectStatus;

/// Whether a file may be listed and served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    Listed,
    /// Why not, in words for the person who asks.
    Hidden(String),
}

impl Verdict {
    pub fn is_listed(&self) -> bool {
        *self == Self::Listed
    }

    /// The reason; empty without one.
    pub fn why(self) -> String {
        match self {
            Self::Listed => String::new(),
            Self::Hidden(why) => why,
        }
    }
}

/// Whether a verdict's reason is that a file is too young, or that its age is unknown.
pub fn is_about_age(reason: &str) -> bool {
    reason.starts_with(TOO_YOUNG) || reason == NO_AGE
}

/// How the reason begins of a file that comes of age later.
const TOO_YOUNG: &str = "it is younger than min_age";
const NO_AGE: &str = "the upstream does not report its upload time";

/// Why no file of `project` can come from this mirror; `None` if some may. A refused project
/// answers 403 (`protocol.md` 1.10), so that installers do not look elsewhere silently.
pub fn refused(mirror: &Mirror, project: &ProjectName) -> Option<String> {
    let whole = |pattern: &&Pattern| pattern.is_whole_project() && pattern.matches_name(project);
    if let Some(pattern) = mirror.deny.iter().find(whole) {
        let text = pattern.as_str();
        return Some(format!("the deny list of this mirror refuses {project} (pattern {text:?})"));
    }
    if !mirror.allow.is_empty() && !mirror.allow.iter().any(|pattern| pattern.matches_name(project)) {
        return Some(format!("{project} is not in this mirror's allow list"));
    }
    None
}

/// Whether the lists of a mirror let a version of `project` through, whatever its age.
pub fn by_lists(mirror: &Mirror, project: &ProjectName, version: Option<&Version>) -> Verdict {
    let fits = |pattern: &&Pattern| pattern.matches(project, version);
    if let Some(pattern) = mirror.deny.iter().find(fits) {
        return Verdict::Hidden(format!("the deny list contains {:?}", pattern.as_str()));
    }
    match mirror.allow.is_empty() || mirror.allow.iter().any(|pattern| fits(&pattern)) {
        true => Verdict::Listed,
        false => Verdict::Hidden("the allow list does not contain it".into()),
    }
}

/// The rules of one mirror at one moment.
pub struct Rules<'m> {
    mirror: &'m Mirror,
    now: Micros,
    as_of: Option<Micros>,
}

impl<'m> Rules<'m> {
    /// `as_of`: show the index as of that moment, by upload times.
    pub fn new(mirror: &'m Mirror, now: Micros, as_of: Option<Micros>) -> Self {
        Self { mirror, now, as_of }
    }

    /// Whether `file` of `project` is let through.
    pub fn verdict(&self, project: &ProjectName, file: &File) -> Verdict {
        match by_lists(self.mirror, project, file.filename.version()) {
            Verdict::Listed => self.by_time(file),
            hidden => hidden,
        }
    }

    /// The age in microseconds that a file must have.
    fn age(&self) -> Option<i64> {
        i64::try_from(self.mirror.min_age?).ok()?.checked_mul(SECOND)
    }

    fn by_time(&self, file: &File) -> Verdict {
        if self.mirror.min_age.is_none() && self.as_of.is_none() {
            return Verdict::Listed;
        }
        let Some(uploaded) = file.uploaded.map(UploadTime::micros) else {
            // What has no age has not reached any: letting it through would make the rule void.
            return Verdict::Hidden(NO_AGE.into());
        };
        if let Some(as_of) = self.as_of
            && uploaded > as_of
        {
            return Verdict::Hidden("it was uploaded after the requested date".into());
        }
        match self.age() {
            Some(age) if uploaded > self.now.saturating_sub(age) => {
                let wait = (uploaded.saturating_add(age) - self.now).max(0) / SECOND;
                Verdict::Hidden(format!("{TOO_YOUNG}: it will be listed in {}", span(wait)))
            }
            _ => Verdict::Listed,
        }
    }

    /// When the answer changes by time alone: the next file to come of age.
    pub fn changes_at(&self, page: &Page) -> Option<Micros> {
        let age = self.age()?;
        let times = page.files.iter().filter_map(|file| file.uploaded?.micros().checked_add(age));
        times.filter(|at| *at > self.now).min()
    }

    /// The page without what is not let through.
    pub fn apply(&self, mut page: Page) -> Page {
        let before = page.files.len();
        let name = page.name.clone();
        page.files.retain(|file| self.verdict(&name, file).is_listed());
        // Versions without files cannot be judged by time, nor told from those just taken away.
        if page.files.len() != before || self.mirror.min_age.is_some() || self.as_of.is_some() {
            page.more_versions.clear();
        }
        page
    }
}

/// The page of a source without what is in quarantine on an index of the order through which it is seen: a project that
/// is wholly there keeps its versions, and has no files and PEP 792's status.
pub fn hide_quarantined(
    directory: &Directory,
    order: &InheritanceOrder,
    source: &IndexName,
    page: &mut Page,
) {
    let held = &directory.quarantines;
    let project = page.name.clone();
    for index in inheritance::holding(directory, order, source, &project) {
        if let Some(whole) = held.whole(index, &project) {
            let versions = page.files.iter().filter_map(|file| file.filename.canonical_version());
            page.more_versions.extend(versions.map(|version| version.to_string()).collect::<Vec<_>>());
            page.files.clear();
            (page.status, page.status_reason) = (ProjectStatus::Quarantined, Some(whole.reason()));
            return;
        }
        page.files.retain(|file| held.of(index, &project, file.filename.version()).is_none());
        page.more_versions.retain(|version| {
            let version = version::parse(version);
            held.of(index, &project, version.as_ref()).is_none()
        });
    }
}

/// `2 days`, `3 hours`, `5 minutes`: the largest unit, rounded up.
fn span(seconds: i64) -> String {
    let (unit, name) = match seconds {
        86_400.. => (86_400, "day"),
        3_600.. => (3_600, "hour"),
        60.. => (60, "minute"),
        _ => (1, "second"),
    };
    let count = (seconds + unit - 1) / unit;
    format!("{count} {name}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400_000_000;

    fn file(version: &str, uploaded: Option<&str>) -> File {
        let uploaded = uploaded.and_then(UploadTime::parse);
        File { uploaded, ..File::named(&demo(), &format!("demo-{version}-py3-none-any.whl")) }
    }

    fn demo() -> ProjectName {
        ProjectName::new("demo").unwrap()
    }

    fn page(files: Vec<File>) -> Page {
        Page { files, more_versions: vec!["0.1".into()], ..Page::new(demo()) }
    }

    fn apply(mirror: &Mirror, page: Page, now: Micros, as_of: Option<Micros>) -> Page {
        Rules::new(mirror, now, as_of).apply(page)
    }

    fn patterns(texts: &[&str]) -> Vec<Pattern> {
        texts.iter().map(|text| Pattern::lenient(text)).collect()
    }

    fn mirror() -> Mirror {
        Mirror { by_operator: true, ..Mirror::default() }
    }

    fn at(day: &str) -> Micros {
        format!("{day}T00:00:00Z").parse::<jiff::Timestamp>().unwrap().as_microsecond()
    }

    fn names(page: &Page) -> Vec<&str> {
        page.files.iter().filter_map(|f| f.filename.split('-').nth(1)).collect()
    }

    #[test]
    fn without_rules_a_page_stays_as_it_is() {
        let given = page(vec![file("1.0", None), file("2.0", Some("2026-01-01T00:00:00Z"))]);
        assert_eq!(apply(&mirror(), given.clone(), 0, None), given);
    }

    #[test]
    fn denied_versions_leave_the_page_and_a_denied_project_is_refused() {
        let rules = Mirror { deny: patterns(&["demo<2", "evil-*"]), ..mirror() };
        assert_eq!(names(&apply(&rules, page(vec![file("1.0", None), file("2.0", None)]), 0, None)), ["2.0"]);
        assert_eq!(refused(&rules, &demo()), None);
        let evil = ProjectName::new("Evil.Thing").unwrap();
        assert!(refused(&rules, &evil).unwrap().contains("evil-*"));
    }

    #[test]
    fn an_allow_list_lets_through_what_it_names_and_nothing_else() {
        let rules = Mirror { allow: patterns(&["demo>=2", "six"]), ..mirror() };
        assert_eq!(names(&apply(&rules, page(vec![file("1.0", None), file("2.0", None)]), 0, None)), ["2.0"]);
        assert!(refused(&rules, &ProjectName::new("flask").unwrap()).is_some());
        assert_eq!(refused(&rules, &ProjectName::new("six").unwrap()), None);
    }

    #[test]
    fn a_file_is_hidden_until_it_has_the_age_and_so_is_one_of_unknown_age() {
        let rules = Mirror { min_age: Some(7 * 86_400), ..mirror() };
        let given = page(vec![
            file("1.0", Some("2026-05-01T00:00:00.000001Z")),
            file("2.0", Some("2026-05-01T00:00:00Z")),
            file("3.0", None),
        ]);
        let shown = apply(&rules, given.clone(), at("2026-05-08"), None);
        assert_eq!(names(&shown), ["2.0"]);
        assert!(shown.more_versions.is_empty());
        let rules = Rules::new(&rules, at("2026-05-07"), None);
        assert_eq!(rules.changes_at(&given), Some(at("2026-05-08")));
        let Verdict::Hidden(why) = rules.verdict(&demo(), &given.files[1]) else { panic!("listed") };
        assert_eq!(why, "it is younger than min_age: it will be listed in 1 day");
        let Verdict::Hidden(why) = rules.verdict(&demo(), &given.files[2]) else { panic!("listed") };
        assert!(why.contains("does not report"));
    }

    #[test]
    fn time_travel_shows_what_was_uploaded_by_then() {
        let given =
            page(vec![file("1.0", Some("2026-05-01T12:00:00Z")), file("2.0", Some("2026-05-03T00:00:01Z"))]);
        assert_eq!(
            names(&apply(&mirror(), given.clone(), at("2026-06-01"), Some(at("2026-05-03")))),
            ["1.0"]
        );
        let later = Some(at("2026-05-03") + DAY);
        assert_eq!(names(&apply(&mirror(), given, at("2026-06-01"), later)), ["1.0", "2.0"]);
    }
}
