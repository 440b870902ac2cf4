//! Build requirements as of the source's own time: the last that is tried.

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
    has_upload_times(trouble).await.then(|| {
        trouble.guess(|found| {
            found.build.constraints.clear();
            found.build.as_of = Some(at.to_string());
        })
    })
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

/// Whether the index knows when its files appeared, going by what this source requires.
async fn has_upload_times(trouble: &Trouble<'_>) -> bool {
    let room = &trouble.running.room;
    let Some(first) = trouble.asked.first() else { return false };
    match room.link.page(room.context, None, &first.name).await {
        Ok(page) => page.files.iter().any(|file| file.uploaded.is_some()),
        Err(_) => false,
    }
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
}
