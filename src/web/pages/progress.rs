//! How far many things are: a bar that fills, and below it the things, in groups that stand alike.

use super::words;
use crate::db::builds::BuildId;
use crate::words::Failure;
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// The bar's width, in units of its own.
const WIDTH: usize = 1000;
/// Things of one group that the page shows; JSON has all.
const MOST_SHOWN: usize = 500;

/// How a thing stands; groups come in its order.
pub trait Stand: Copy + Ord {
    /// Things that stand so are grouped by cause.
    const FAILED: Self;
    fn name(self) -> &'static str;
    fn mood(self) -> &'static str;
}

/// A thing that such a page shows.
pub trait Thing {
    type Stand: Stand;
    fn stand(&self) -> Self::Stand;
    /// Why its build failed.
    fn failure(&self) -> Option<&Failure>;
    /// What else is wrong with it.
    fn trouble(&self) -> Option<&str>;
    /// As it is shown, without why it failed; `index` is where that is, from the root.
    fn line(self, index: &str) -> ThingLine;
}

/// A stand with its share of the bar.
pub struct BarPart {
    pub name: &'static str,
    pub mood: &'static str,
    pub count: String,
    pub left: usize,
    pub width: usize,
}

/// Things that stand alike; of those that failed, by one cause.
pub struct Group {
    pub title: String,
    pub mood: &'static str,
    pub count: String,
    pub lines: Vec<ThingLine>,
    /// Things that are not shown.
    pub more: usize,
}

#[derive(Default)]
pub struct ThingLine {
    pub title: String,
    /// Of its page, from the root.
    pub href: String,
    pub target: String,
    pub build: Option<BuildId>,
    pub beside: String,
    /// The build whose wheel it replaces.
    pub replaces: Option<BuildId>,
    /// The first error line.
    pub why: String,
}

/// The parts of a bar from left to right; what there is none of is left out.
pub fn bar<S: Stand>(shares: impl IntoIterator<Item = (S, usize)>) -> Vec<BarPart> {
    let shares: Vec<_> = shares.into_iter().filter(|(_, count)| *count > 0).collect();
    let total = shares.iter().map(|(_, count)| count).sum::<usize>().max(1);
    let mut before = 0;
    let part = |(stand, count): (S, usize)| {
        let at = |count: usize| count * WIDTH / total;
        let (left, end) = (at(before), at(before + count));
        before += count;
        BarPart {
            name: stand.name(),
            mood: stand.mood(),
            count: words::count(count),
            left,
            width: end - left,
        }
    };
    shares.into_iter().map(part).collect()
}

/// The groups of these things; the cause that most have comes first.
pub fn groups<T: Thing>(things: Vec<T>, index: &str) -> Vec<Group> {
    let mut groups: BTreeMap<(T::Stand, String), Vec<T>> = BTreeMap::new();
    for thing in things {
        groups.entry((thing.stand(), cause(&thing))).or_default().push(thing);
    }
    let mut groups: Vec<_> = groups.into_iter().collect();
    groups.sort_by_key(|((stand, _), things)| (*stand, Reverse(things.len())));
    let group = |((stand, cause), mut things): ((T::Stand, String), Vec<T>)| {
        let count = things.len();
        things.truncate(MOST_SHOWN);
        Group {
            title: match cause.is_empty() {
                true => stand.name().to_owned(),
                false => format!("{}: {cause}", stand.name()),
            },
            mood: stand.mood(),
            count: words::count(count),
            lines: things.into_iter().map(|thing| line(thing, index)).collect(),
            more: count.saturating_sub(MOST_SHOWN),
        }
    };
    groups.into_iter().map(group).collect()
}

/// The kind of a failure, or what else is wrong; empty for what did not fail.
fn cause<T: Thing>(thing: &T) -> String {
    let why = match (thing.failure(), thing.trouble()) {
        _ if thing.stand() != T::Stand::FAILED => None,
        (Some(failure), _) => Some(failure.class.to_string()),
        (None, why) => why.map(str::to_owned),
    };
    why.map(|why| words::brief(&why, 100)).unwrap_or_default()
}

fn line<T: Thing>(thing: T, index: &str) -> ThingLine {
    let why = thing.failure().map(|failure| failure.line.as_deref().unwrap_or(&failure.hint));
    let why = why.map(|why| words::brief(why, 300)).unwrap_or_default();
    ThingLine { why, ..thing.line(index) }
}
