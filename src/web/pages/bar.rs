//! A bar that fills: how many of many are in which state.

use super::words;

/// The bar's width, in units of its own.
const WIDTH: usize = 1000;

/// A state with its share of the bar.
pub struct BarPart {
    pub name: &'static str,
    pub mood: &'static str,
    pub count: String,
    pub left: usize,
    pub width: usize,
}

/// The parts of a bar from left to right: a name, a mood, and how many; what there is none of is left out.
pub fn parts(shares: impl IntoIterator<Item = (&'static str, &'static str, usize)>) -> Vec<BarPart> {
    let shares: Vec<_> = shares.into_iter().filter(|(_, _, count)| *count > 0).collect();
    let total = shares.iter().map(|(_, _, count)| count).sum::<usize>().max(1);
    let mut before = 0;
    let part = |(name, mood, count): (&'static str, &'static str, usize)| {
        let at = |count: usize| count * WIDTH / total;
        let (left, end) = (at(before), at(before + count));
        before += count;
        BarPart { name, mood, count: words::count(count), left, width: end - left }
    };
    shares.into_iter().map(part).collect()
}
