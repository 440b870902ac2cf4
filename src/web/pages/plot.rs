//! Plots as SVG, drawn here from numbers: no script, no style of their own. Words stand beside the drawing, so that they
//! keep their size on every screen.

use super::words;

/// The drawing, in units of its own.
const WIDTH: f64 = 1000.0;
const HEIGHT: f64 = 160.0;
/// The part of a column's place that it takes.
const COLUMN: f64 = 0.8;

/// A drawing with its words.
#[derive(Debug, Default)]
pub struct Plot {
    pub title: String,
    /// What it shows, for those who do not see it.
    pub label: String,
    /// The value at its upper edge.
    pub top: String,
    /// The first and the last place.
    pub from: String,
    pub to: String,
    pub keys: Vec<PlotKey>,
    pub columns: Vec<PlotColumn>,
    pub lines: Vec<PlotLine>,
    /// There is nothing to draw.
    pub empty: bool,
}

/// What a colour means.
#[derive(Debug)]
pub struct PlotKey {
    pub class: &'static str,
    pub label: String,
}

/// Rectangles above each other, under one tooltip.
#[derive(Debug)]
pub struct PlotColumn {
    pub title: String,
    pub parts: Vec<PlotRect>,
}

#[derive(Debug)]
pub struct PlotRect {
    pub class: &'static str,
    pub x: String,
    pub y: String,
    pub width: String,
    pub height: String,
}

/// A line; where a value is missing, it has a gap.
#[derive(Debug)]
pub struct PlotLine {
    pub class: &'static str,
    /// Of a path.
    pub path: String,
}

/// Values at one place, from the bottom up.
pub struct Stack {
    pub place: String,
    /// In the order of the plot's keys.
    pub values: Vec<f64>,
}

/// Values of one kind, one for each place.
pub struct Series {
    pub class: &'static str,
    pub label: String,
    pub values: Vec<Option<f64>>,
}

impl Plot {
    /// Columns; `shown` writes a value.
    pub fn columns(title: &str, keys: Vec<PlotKey>, stacks: &[Stack], shown: fn(f64) -> String) -> Self {
        let sum = |stack: &Stack| stack.values.iter().sum::<f64>();
        let highest = stacks.iter().map(sum).fold(0.0, f64::max);
        let top = nice(highest);
        let place = WIDTH / stacks.len().max(1) as f64;
        let column = |(at, stack): (usize, &Stack)| {
            let mut y = HEIGHT;
            let parts =
                stack.values.iter().zip(&keys).filter(|(value, _)| **value > 0.0).map(|(value, key)| {
                    let height = value / top * HEIGHT;
                    y -= height;
                    PlotRect {
                        class: key.class,
                        x: unit(at as f64 * place + place * (1.0 - COLUMN) / 2.0),
                        y: unit(y),
                        width: unit(place * COLUMN),
                        height: unit(height),
                    }
                });
            let parts = parts.collect();
            let values =
                stack.values.iter().zip(&keys).map(|(value, key)| format!("{} {}", shown(*value), key.label));
            PlotColumn { title: format!("{}: {}", stack.place, values.collect::<Vec<_>>().join(", ")), parts }
        };
        Self {
            title: title.to_owned(),
            label: format!("{title}, at most {}", shown(highest)),
            top: shown(top),
            from: stacks.first().map(|stack| stack.place.clone()).unwrap_or_default(),
            to: stacks.last().map(|stack| stack.place.clone()).unwrap_or_default(),
            columns: stacks.iter().enumerate().map(column).collect(),
            empty: highest <= 0.0,
            keys,
            lines: Vec::new(),
        }
    }

    /// Lines from 0 up; `top` is the value at the upper edge, if it is not the highest one.
    pub fn lines(
        title: &str,
        (from, to): (String, String),
        series: &[Series],
        top: Option<f64>,
        shown: fn(f64) -> String,
    ) -> Self {
        let values = series.iter().flat_map(|series| series.values.iter().flatten().copied());
        let highest = values.clone().fold(0.0, f64::max);
        let top = top.unwrap_or_else(|| nice(highest));
        let last = |series: &Series| series.values.iter().rev().find_map(|value| *value);
        let now =
            series.iter().filter_map(|series| Some(format!("{} {}", shown(last(series)?), series.label)));
        Self {
            title: title.to_owned(),
            label: format!(
                "{title}, at most {}, last {}",
                shown(highest),
                now.collect::<Vec<_>>().join(", ")
            ),
            top: shown(top),
            from,
            to,
            keys: series.iter().map(|one| PlotKey { class: one.class, label: one.label.clone() }).collect(),
            columns: Vec::new(),
            lines: series
                .iter()
                .map(|series| PlotLine { class: series.class, path: path(&series.values, top) })
                .collect(),
            empty: values.clone().next().is_none(),
        }
    }
}

/// The value of the upper edge: a round number not below the highest.
fn nice(highest: f64) -> f64 {
    if highest <= 0.0 || !highest.is_finite() {
        return 1.0;
    }
    let power = 10_f64.powf(highest.log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0];
    steps.iter().map(|step| step * power).find(|top| *top >= highest * 0.999_999).unwrap_or(power * 10.0)
}

fn unit(value: f64) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0").map(str::to_owned).unwrap_or(text)
}

fn path(values: &[Option<f64>], top: f64) -> String {
    let step = WIDTH / values.len().saturating_sub(1).max(1) as f64;
    let mut path = String::new();
    let mut drawn = false;
    for (at, value) in values.iter().enumerate() {
        let Some(value) = value else {
            drawn = false;
            continue;
        };
        let y = HEIGHT - (value / top).clamp(0.0, 1.0) * HEIGHT;
        let x = at as f64 * step;
        path.push_str(&format!("{}{} {}", if drawn { 'L' } else { 'M' }, unit(x), unit(y)));
        // One value between gaps is a point, which a path without length shows by its round ends.
        if !drawn && values.get(at + 1).copied().flatten().is_none() {
            path.push_str("h0");
        }
        drawn = true;
    }
    path
}

/// `12`
pub fn number(value: f64) -> String {
    if value.fract().abs() < 0.05 || value >= 100.0 {
        return words::count(value.round().max(0.0) as usize);
    }
    format!("{value:.1}")
}

/// `75 %`
pub fn percent(value: f64) -> String {
    format!("{:.0} %", value * 100.0)
}

/// `1.2 MB`
pub fn bytes(value: f64) -> String {
    words::size(value.max(0.0) as u64)
}

/// `3 ms`, `1.2 s`
pub fn duration(seconds: f64) -> String {
    if seconds < 1.0 { format!("{:.0} ms", seconds * 1000.0) } else { words::seconds(seconds) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_upper_edge_is_a_round_number() {
        let edges = [0.0, 0.7, 1.0, 3.0, 20.0, 21.0, 99.0, 5e9].map(nice);
        assert_eq!(edges, [1.0, 1.0, 1.0, 5.0, 20.0, 50.0, 100.0, 5e9]);
    }

    #[test]
    fn columns_stand_above_each_other_within_the_drawing() {
        let key = |class, label: &str| PlotKey { class, label: label.to_owned() };
        let stack = |place: &str, values: [f64; 2]| Stack { place: place.into(), values: values.into() };
        let stacks = [stack("a", [3.0, 1.0]), stack("b", [0.0, 0.0])];
        let plot = Plot::columns("Builds", vec![key("good", "built"), key("bad", "failed")], &stacks, number);
        assert_eq!((plot.top.as_str(), plot.columns[0].title.as_str()), ("5", "a: 3 built, 1 failed"));
        let rects: Vec<_> = plot.columns[0].parts.iter().map(|part| (&*part.y, &*part.height)).collect();
        assert_eq!(rects, [("64", "96"), ("32", "32")]);
        assert!(plot.columns[1].parts.is_empty() && !plot.empty);
        assert!(Plot::columns("Builds", Vec::new(), &[], number).empty);
    }

    #[test]
    fn a_line_has_gaps_where_nothing_was_measured() {
        let values = [Some(0.0), Some(1.0), None, Some(0.5), None];
        assert_eq!(path(&values, 1.0), "M0 160L250 0M750 80h0");
        let series = [Series { class: "a", label: "of pages".into(), values: values.into() }];
        let plot = Plot::lines("Hits", ("then".into(), "now".into()), &series, Some(1.0), percent);
        assert_eq!(
            (plot.label.as_str(), plot.top.as_str()),
            ("Hits, at most 100 %, last 50 % of pages", "100 %")
        );
    }
}
