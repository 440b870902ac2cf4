//! How commands print what they list: aligned columns, or JSON.

use crate::error::{Error, Result};
use serde::Serialize;
use serde_json::Value;
use std::io::Write;
use std::process::ExitCode;

/// Prints as one JSON value, indented.
pub fn json(shown: &impl Serialize) -> Result<()> {
    let value = serde_json::to_value(shown).map_err(Error::internal)?;
    line(&format!("{value:#}"))
}

/// Prints a line. A reader that went away (`| head`) ends the command quietly.
pub fn line(text: &str) -> Result<()> {
    match writeln!(std::io::stdout(), "{text}") {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => std::process::exit(0),
        other => Ok(other?),
    }
}

/// Prints what was done: in words, or as JSON.
pub fn done(said: &str, value: &Value, as_json: bool) -> Result<()> {
    if as_json { json(value) } else { line(said) }
}

/// Prints rows with their columns aligned; the first row is the head.
pub fn rows(rows: &[Vec<String>]) -> Result<()> {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width =
        |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    for row in rows {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        line(cells.collect::<Vec<_>>().join("  ").trim_end())?;
    }
    Ok(())
}

/// A JSON value in a cell or after `key=`.
pub fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(","),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// Tells how a command ended, in words or as JSON.
pub fn ended(result: Result<(String, Value)>, failed: &[Value], as_json: bool) -> Result<ExitCode> {
    match result {
        Ok((said, value)) => {
            // Words would run into a result that goes to standard output.
            let to_stdout = value.get("file").and_then(Value::as_str) == Some("-");
            if as_json || !to_stdout {
                done(&said, &value, as_json)?;
            }
            Ok(ExitCode::SUCCESS)
        }
        Err(error) if as_json => {
            json(&serde_json::json!({ "ok": false, "message": error.to_string(), "builds": failed }))?;
            Ok(ExitCode::FAILURE)
        }
        Err(error) => Err(error),
    }
}
