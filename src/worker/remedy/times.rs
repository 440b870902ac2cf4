//! Build requirements as of the source's own time: the last that is tried.
//!
//! Where the index does not know when its files appeared, what is known of the common build tools
//! (`released.tsv`: for each project the day on which each version first appeared) limits those.

use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan, civil::Date};

use super::trouble::{Remedy, Trouble};
use crate::words::Class;

/// The index as it was when the source was new, in place of other limits on versions.
pub(super) async fn remedy(trouble: &Trouble<'_>) -> Option<Remedy> {
    let (running, class) = (trouble.running, trouble.failure.class);
    let narrowed =
        !running.found().build.constraints.is_empty() || !running.found().build.requires.is_empty();
    let helps = class.is_worth_as_of() || class == Class::BuildRequirement && narrowed;
    if running.recipe.build.as_of.is_some() || !helps {
        return None;
    }
    let at = date_of(trouble.unpacked.published, running.interpreter.target.python())?;
    if knows_of(at, trouble).await {
        return Some(trouble.guess(|found| {
            found.build.constraints.clear();
            found.build.as_of = Some(at.to_string());
        }));
    }
    let limits: Vec<String> =
        trouble.asked.iter().filter_map(|asked| limit(asked.name.as_str(), at)).collect();
    (!limits.is_empty()).then(|| trouble.guess(|found| found.build.constraints = limits))
}

/// `numpy<1.20`, if that is the first that was not there on this day.
fn limit(project: &str, at: Date) -> Option<String> {
    let of_project = |line: &'static str| line.split_once('\t').filter(|(name, _)| *name == project);
    let (_, versions) = include_str!("released.tsv").lines().find_map(of_project)?;
    let mut later = versions.split(' ').filter_map(|each| each.split_once(':'));
    let (version, _) = later.find(|(_, day)| day.parse::<Date>().is_ok_and(|day| day > at))?;
    Some(format!("{project}<{version}"))
}

/// The day to look at the index from, for a source of that time (seconds since 1970): two weeks
/// later, but not before there were tools for the interpreter. `None` if that is about now.
fn date_of(published: u64, python: (u32, u32)) -> Option<Date> {
    let day = |seconds| Some(Timestamp::from_second(seconds).ok()?.to_zoned(TimeZone::UTC).date());
    let source = day(i64::try_from(published).ok()?)?.checked_add(14.days()).ok()?;
    let tools = released(python)?.checked_add(4.months()).ok()?;
    let at = source.max(tools);
    let today = Timestamp::now().to_zoned(TimeZone::UTC).date();
    (at.checked_add(30.days()).ok()? < today).then_some(at)
}

/// The day of the first release of each Python.
fn released(python: (u32, u32)) -> Option<Date> {
    let (year, month, day) = match python {
        (2, _) => (2010, 7, 3),
        (3, ..=6) => (2016, 12, 23),
        (3, 7) => (2018, 6, 27),
        (3, 8) => (2019, 10, 14),
        (3, 9) => (2020, 10, 5),
        (3, 10) => (2021, 10, 4),
        (3, 11) => (2022, 10, 24),
        (3, 12) => (2023, 10, 2),
        (3, 13) => (2024, 10, 7),
        (3, 14) => (2025, 10, 7),
        _ => return None,
    };
    Date::new(year, month, day).ok()
}

/// Whether the index knows of files from before that day, going by what this source requires. Where it was not
/// told when they appeared, they are as old as its own knowledge of them.
async fn knows_of(at: Date, trouble: &Trouble<'_>) -> bool {
    let room = &trouble.running.room;
    let Some(first) = trouble.asked.first() else { return false };
    let Ok(page) = room.link.page(room.context, None, &first.name).await else { return false };
    let at = at.to_string();
    page.files.iter().filter_map(|file| file.uploaded).any(|uploaded| uploaded.day() <= at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_source_is_built_with_its_time_but_not_before_there_were_tools() {
        // 2014-06-16
        let docopt = 1_402_876_800;
        assert_eq!(date_of(docopt, (2, 7)).map(|at| at.to_string()).as_deref(), Some("2014-06-30"));
        assert_eq!(date_of(docopt, (3, 9)).map(|at| at.to_string()).as_deref(), Some("2021-02-05"));
        let now = u64::try_from(Timestamp::now().as_second()).unwrap();
        assert_eq!(date_of(now, (3, 9)), None, "that is the present");
    }

    #[test]
    fn a_tool_is_older_than_its_first_version_after_a_day() {
        let at = |project, day: &str| limit(project, day.parse().unwrap());
        assert_eq!(at("setuptools", "2021-05-30").as_deref(), Some("setuptools<58"));
        assert_eq!(at("numpy", "2021-01-29").as_deref(), Some("numpy<1.20"));
        assert_eq!(at("cython", "2023-07-16").as_deref(), Some("cython<3.0"));
        assert_eq!(at("numpy", "2999-01-01"), None, "all that is known was there");
        assert_eq!(at("demo", "2021-01-01"), None);
    }

    #[test]
    fn every_line_of_what_is_known_can_be_read() {
        for line in include_str!("released.tsv").lines() {
            let (project, versions) = line.split_once('\t').expect(line);
            assert_eq!(crate::names::ProjectName::new(project).expect(line).as_str(), project);
            for (version, day) in versions.split(' ').map(|each| each.split_once(':').expect(line)) {
                assert!(version.parse::<crate::packaging::version::Version>().is_ok(), "{project} {version}");
                assert!(day.parse::<Date>().is_ok(), "{project} {day}");
            }
        }
    }
}
