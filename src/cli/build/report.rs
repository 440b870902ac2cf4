//! What came of it, item by item: a table for people, one JSON document for scripts.

use crate::cli::progress::plain;
use crate::cli::table;
use crate::error::Result;
use crate::words::Failure;
use serde::Serialize;
use serde_json::json;
use std::collections::BTreeSet;

/// One project for one target.
#[derive(Clone, Debug, Serialize)]
pub struct Item {
    /// As it is known best: `docopt`, `./my-project`.
    pub name: String,
    pub version: Option<String>,
    pub target: String,
    pub outcome: WheelOutcome,
    /// In the wheelhouse.
    pub wheel: Option<String>,
    /// Number of the build.
    pub build: Option<i64>,
    /// Where its log is.
    pub log: Option<String>,
    /// Where the logs of build requirements are that failed.
    pub requirement_logs: Vec<String>,
    /// Why it failed.
    pub failure: Option<Failure>,
    /// The same where no build got so far; or what else is to be said.
    pub message: Option<String>,
    /// Of wall time, as seen from here, with what it waited.
    pub seconds: f64,
    /// Seconds of the build's run.
    pub ran: Option<f64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum WheelOutcome {
    /// The wheelhouse had it.
    Held,
    /// The index had a wheel.
    Fetched,
    Built,
    /// The wheel is here, and the index that was to get it refused it.
    Unpublished,
    Failed,
}

impl WheelOutcome {
    fn name(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Fetched => "fetched",
            Self::Built => "built",
            Self::Unpublished => "NOT PUBLISHED",
            Self::Failed => "FAILED",
        }
    }
}

impl Item {
    /// Why it failed, in lines for people: class and step, the hint, the first error line, the log.
    pub fn complaint(&self) -> Vec<String> {
        let mut lines = Vec::new();
        if let Some(failure) = &self.failure {
            lines.push(format!("failed at {}: {}", failure.step.name(), failure.class));
            lines.extend(failure.line.iter().map(|line| format!("  {}", plain(line))));
            lines.extend(
                Some(&failure.hint)
                    .filter(|hint| !hint.is_empty())
                    .map(|hint| format!("  hint: {}", plain(hint))),
            );
        }
        lines.extend(self.message.iter().flat_map(|message| message.lines()).map(plain));
        lines.extend(self.requirement_logs.iter().map(|log| format!("  log of a build requirement: {log}")));
        lines.extend(self.log.iter().map(|log| format!("  log: {log}")));
        lines
    }
}

/// How many wheels there are, each counted once; the name where it is one.
fn well(items: &[Item], folder: Option<&str>) -> String {
    let names: BTreeSet<&str> = items.iter().filter_map(|item| item.wheel.as_deref()).collect();
    let place = folder.map(|folder| format!(" in {folder}")).unwrap_or_default();
    match (names.first(), names.len()) {
        (Some(name), 1) => format!("{name}{place}"),
        (_, count) => format!("{count} wheels{place}"),
    }
}

/// Prints all items; whether none failed.
pub fn print(items: &[Item], warnings: &[String], folder: Option<&str>, as_json: bool) -> Result<bool> {
    let is_bad = |item: &&Item| matches!(item.outcome, WheelOutcome::Failed | WheelOutcome::Unpublished);
    let failed = items.iter().filter(is_bad).count();
    if as_json {
        table::json(
            &json!({ "wheelhouse": folder, "ok": failed == 0, "items": items, "warnings": warnings }),
        )?;
        return Ok(failed == 0);
    }
    let head = ["PROJECT", "VERSION", "TARGET", "OUTCOME", "WHEEL"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    for item in items {
        let why = item.failure.as_ref().map(|failure| failure.class.to_string());
        let wheel = item.wheel.clone().or(why).unwrap_or_default();
        let version = item.version.clone().unwrap_or_default();
        rows.push(vec![
            item.name.clone(),
            version,
            item.target.clone(),
            item.outcome.name().to_owned(),
            wheel,
        ]);
    }
    if items.len() > 1 || failed > 0 {
        table::rows(&rows)?;
    }
    match failed {
        0 => table::line(&well(items, folder))?,
        failed => table::line(&format!("{failed} of {} failed", items.len()))?,
    }
    Ok(failed == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(target: &str, wheel: &str) -> Item {
        Item {
            name: "demo".into(),
            version: None,
            target: target.into(),
            outcome: WheelOutcome::Built,
            wheel: Some(wheel.into()),
            build: None,
            log: None,
            requirement_logs: Vec::new(),
            failure: None,
            message: None,
            seconds: 0.0,
            ran: None,
        }
    }

    #[test]
    fn a_wheel_for_two_targets_is_one() {
        let one = "demo-1.0-py3-none-any.whl";
        let shared = [item("cp312", one), item("cp313", one)];
        assert_eq!(well(&shared, Some("house")), "demo-1.0-py3-none-any.whl in house");
        assert_eq!(well(&[item("cp312", one), item("cp27", "demo-1.0-py2-none-any.whl")], None), "2 wheels");
        assert_eq!(well(&[], None), "0 wheels");
    }
}
