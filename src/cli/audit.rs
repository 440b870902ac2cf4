//! `wheelwright audit`: is the log of all changes still as it was written, and what does it say?

use super::table;
use crate::access::audit::{AuditReport, KnownEntry, PAGE, verify};
use crate::bad;
use crate::config::load::ResolvedConfig;
use crate::config::units;
use crate::db::Db;
use crate::error::{Error, Result};
use crate::missing;
use crate::tools::time::{Micros, now, seconds};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use std::process::ExitCode;

#[derive(clap::Subcommand, Debug)]
pub enum AuditCommand {
    /// Check that no entry was changed, removed or added; exit with 1 at the first one that does not fit
    Verify {
        /// Also check that this entry still has this hash, as you wrote it down (may be repeated)
        #[arg(long, value_name = "SERIAL:HASH")]
        known: Vec<KnownEntry>,
        #[arg(long)]
        json: bool,
    },
    /// Print entries as JSON lines, the oldest first
    Export {
        /// Only entries behind this serial, or from this time on: 1200, 2026-05-03, 2026-05-03T12:00:00Z, or 7d for
        /// the last 7 days
        #[arg(long, value_name = "SERIAL|TIME", value_parser = since)]
        since: Option<ExportStart>,
    },
}

/// Where an export begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportStart {
    Behind(i64),
    Time(Micros),
}

impl AuditCommand {
    pub async fn run(self, resolved: ResolvedConfig) -> Result<ExitCode> {
        let config = resolved.config;
        if !super::installation::has_database(&config)? {
            return Err(missing!("{} has no log: choose the data folder with --data", config.data.display()));
        }
        let db = Db::open(&config.database_url()).await?;
        match self {
            Self::Verify { known, json } => told(&verify(&db, &known).await?, json),
            Self::Export { since } => export(&db, since).await,
        }
    }
}

fn told(report: &AuditReport, json: bool) -> Result<ExitCode> {
    let code = if report.fault.is_some() { ExitCode::FAILURE } else { ExitCode::SUCCESS };
    if json {
        table::json(report)?;
        return Ok(code);
    }
    let AuditReport { entries, begins_behind, newest, hash, fault } = report;
    if *begins_behind > 0 {
        table::line(&format!("the chain begins behind entry {begins_behind}"))?;
    }
    match fault {
        Some(fault) => {
            table::line(&format!("{entries} entries fit. Entry {} {}", fault.serial, fault.problem))?;
            table::line("Compare it with an export or a backup of the database.")?;
        }
        None => {
            table::line(&format!("{entries} entries, none was changed, removed or added"))?;
            table::line(&format!("newest: {newest}:{hash}"))?;
        }
    }
    Ok(code)
}

async fn export(db: &Db, since: Option<ExportStart>) -> Result<ExitCode> {
    let mut last = match since {
        None => 0,
        Some(ExportStart::Behind(serial)) => serial,
        Some(ExportStart::Time(at)) => match db.audit_since(at).await? {
            Some(serial) => serial,
            None => return Ok(ExitCode::SUCCESS),
        },
    };
    loop {
        let entries = db.audit_after(last, PAGE).await?;
        let Some(newest) = entries.last() else { return Ok(ExitCode::SUCCESS) };
        last = newest.serial;
        for entry in &entries {
            table::line(&serde_json::to_string(entry).map_err(Error::internal)?)?;
        }
    }
}

fn since(text: &str) -> Result<ExportStart> {
    if let Ok(serial) = text.parse() {
        return Ok(ExportStart::Behind(serial));
    }
    if let Some(ago) = units::seconds(text) {
        return Ok(ExportStart::Time(now().saturating_sub(seconds(ago))));
    }
    let day = |date: Date| Some(date.to_zoned(TimeZone::UTC).ok()?.timestamp());
    let time = text.parse::<Timestamp>().ok().or_else(|| day(text.parse().ok()?));
    time.map(|time| ExportStart::Time(time.as_microsecond())).ok_or_else(|| {
        bad!("{text:?} is neither a serial nor a time: write 1200, 2026-05-03, 2026-05-03T12:00:00Z or 7d")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_export_begins_at_a_serial_a_day_or_a_time() {
        assert_eq!(since("1200").unwrap(), ExportStart::Behind(1200));
        assert_eq!(since("1970-01-02").unwrap(), ExportStart::Time(86_400_000_000));
        assert_eq!(since("1970-01-01T00:00:01Z").unwrap(), ExportStart::Time(1_000_000));
        assert!(matches!(since("7d").unwrap(), ExportStart::Time(at) if at < now()));
        for wrong in ["", "yesterday", "1.5", "2026-13-01"] {
            assert!(since(wrong).is_err(), "{wrong}");
        }
    }
}
