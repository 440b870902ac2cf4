//! The audit log: every change, who made it and from where. It is verified, shown, and shortened by age.

use super::SERVER;
use crate::bad;
use crate::db::audit::AuditFilter;
use crate::db::chain::AuditEntry;
use crate::db::events::NewEvent;
use crate::db::{Db, Tx};
use crate::error::Result;
use crate::tools::time::{Micros, seconds};
use crate::words::{EventKind, Moment};
use serde::Serialize;
use serde_json::{Value, json};

/// Entries that are read at once.
pub const PAGE: u32 = 1000;

/// Entries that one transaction removes: other writers wait so long.
const TRIMMED_AT_ONCE: u32 = 10_000;

/// What a walk along the chain found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AuditReport {
    /// Entries that were read.
    pub entries: u64,
    /// The chain begins behind this serial: older entries were removed, or come from a version that had no chain.
    pub begins_behind: i64,
    /// The serial and the hash of the newest entry. Written down elsewhere, they show later whether the log is still
    /// the same.
    pub newest: i64,
    pub hash: String,
    pub fault: Option<AuditFault>,
}

/// The first place where the log is not as it was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AuditFault {
    pub serial: i64,
    pub problem: String,
}

/// The serial and the hash of an entry, as they were written down elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownEntry {
    pub serial: i64,
    pub hash: String,
}

impl std::str::FromStr for KnownEntry {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once(':').and_then(|(serial, hash)| Some((serial.parse().ok()?, hash)));
        match parts.filter(|(_, hash)| hash.len() == 64 && hash.bytes().all(|c| c.is_ascii_hexdigit())) {
            Some((serial, hash)) => Ok(Self { serial, hash: hash.to_ascii_lowercase() }),
            None => Err(format!(
                "{text:?} is not SERIAL:HASH: copy it from the output of 'wheelwright audit verify'"
            )),
        }
    }
}

/// Walks along the whole chain and stops at the first entry that does not fit. `known` are entries whose hash must be
/// what it was.
pub async fn verify(db: &Db, known: &[KnownEntry]) -> Result<AuditReport> {
    loop {
        let begun = db.audit_chain().await?.sealed;
        let report = walk(db, known).await?;
        // The oldest may have been removed meanwhile, as the setting wants: then the chain begins elsewhere.
        if report.fault.is_none() || db.audit_chain().await?.sealed == begun {
            return Ok(report);
        }
    }
}

async fn walk(db: &Db, known: &[KnownEntry]) -> Result<AuditReport> {
    let chain = db.audit_chain().await?;
    let mut report = AuditReport {
        entries: 0,
        begins_behind: chain.sealed,
        newest: chain.sealed,
        hash: chain.seal.clone(),
        fault: known.iter().find(|entry| entry.serial <= chain.sealed).map(|entry| AuditFault {
            serial: entry.serial,
            problem: format!("is not part of the chain any more: it begins behind {}", chain.sealed),
        }),
    };
    // The removal that made the seal is an entry itself.
    let mut removal = chain.seal.is_empty();
    while report.fault.is_none() {
        let entries = db.audit_after(report.newest, PAGE).await?;
        if entries.is_empty() {
            // Somebody may have written since.
            let head = db.audit_chain().await?.head;
            if head != report.hash && db.audit_after(report.newest, 1).await?.is_empty() {
                report.fault = Some(AuditFault {
                    serial: report.newest,
                    problem: "is not the entry that was written last: newer ones were removed, or somebody added it"
                        .into(),
                });
            } else if head == report.hash {
                break;
            }
        }
        for entry in &entries {
            report.fault = unfit(entry, &report).or_else(|| unknown(entry, known));
            if report.fault.is_some() {
                break;
            }
            removal |=
                entry.what == EventKind::AuditTrimmed.name() && sealed_by(entry, chain.sealed, &chain.seal);
            report.entries += 1;
            report.newest = entry.serial;
            report.hash = entry.hash.clone().unwrap_or_default();
        }
    }
    let missing = known.iter().find(|entry| entry.serial > report.newest && report.fault.is_none());
    if let Some(entry) = missing {
        report.fault =
            Some(AuditFault { serial: entry.serial, problem: "is missing: newer ones were removed".into() });
    } else if report.fault.is_none() && !removal {
        report.fault = Some(AuditFault {
            serial: chain.sealed,
            problem: "is where the chain begins, but no entry tells that the server removed older ones"
                .into(),
        });
    }
    Ok(report)
}

/// Why an entry cannot follow the last one.
fn unfit(entry: &AuditEntry, report: &AuditReport) -> Option<AuditFault> {
    let last = report.newest;
    let problem = match &entry.hash {
        Some(hash) if *hash == entry.hash_behind(&report.hash) => return None,
        Some(_) if entry.serial > last + 1 && last > report.begins_behind => {
            format!(
                "does not follow entry {last}: an entry between them was removed, or one of them was changed"
            )
        }
        Some(_) if last == report.begins_behind => {
            "does not follow the beginning of the chain: it was changed, or entries before it were removed"
                .into()
        }
        Some(_) => format!("does not follow entry {last}: one of the two was changed, or it was added"),
        None => {
            "has no hash: another program wrote it, or an older version of wheelwright on the same database"
                .into()
        }
    };
    Some(AuditFault { serial: entry.serial, problem })
}

/// Why an entry is not the one that was written down elsewhere.
fn unknown(entry: &AuditEntry, known: &[KnownEntry]) -> Option<AuditFault> {
    let known = known.iter().find(|known| known.serial == entry.serial)?;
    (entry.hash.as_ref() != Some(&known.hash)).then(|| AuditFault {
        serial: entry.serial,
        problem: "has another hash than you gave: the log was written anew".into(),
    })
}

/// Whether an entry tells that all through this serial were removed.
fn sealed_by(entry: &AuditEntry, through: i64, hash: &str) -> bool {
    let told = entry.before.as_deref().and_then(|text| serde_json::from_str::<Value>(text).ok());
    told.is_some_and(|told| told["through"] == through && told["hash"] == hash)
}

/// Removes entries older than `keep` seconds as of `now`; how many they were. 0 keeps all.
pub async fn trim(db: &Db, keep: u64, dry_run: bool, now: Micros) -> Result<u64> {
    let before = now.saturating_sub(seconds(keep));
    if keep == 0 {
        return Ok(0);
    }
    if dry_run {
        return db.audit_older_than(before).await;
    }
    let mut removed = 0;
    // Webhooks still tell of those behind the slowest one.
    let newest = db.slowest_webhook().await?.unwrap_or(i64::MAX).min(db.serial().await?);
    while db.oldest_audit().await?.is_some_and(|oldest| oldest < before) {
        let mut tx = Tx::begin(db).await?;
        let Some(trimmed) = tx.trim_audit(before, newest, TRIMMED_AT_ONCE).await? else { break };
        let told = json!({"entries": trimmed.entries, "through": trimmed.through, "hash": trimmed.hash});
        let detail = format!("{} entries through {}", trimmed.entries, trimmed.through);
        tx.commit(NewEvent::of(SERVER, EventKind::AuditTrimmed).saying(&detail).before(&told.to_string()))
            .await?;
        removed += trimmed.entries;
    }
    Ok(removed)
}

/// An entry as JSON and pages show it.
#[derive(Clone, Debug, Serialize)]
pub struct AuditView {
    pub serial: i64,
    pub at: Moment,
    pub who: String,
    pub token: Option<String>,
    pub address: Option<String>,
    pub request: Option<String>,
    pub what: String,
    pub index: Option<String>,
    pub project: Option<String>,
    pub detail: Option<String>,
    pub added: Option<Value>,
    pub before: Option<Value>,
    pub after: Option<Value>,
    pub hash: Option<String>,
}

impl From<AuditEntry> for AuditView {
    fn from(entry: AuditEntry) -> Self {
        let json = |text: Option<String>| text.and_then(|text| serde_json::from_str(&text).ok());
        Self {
            serial: entry.serial,
            at: Moment(entry.at),
            who: entry.who,
            token: entry.token,
            address: entry.address,
            request: entry.request,
            what: entry.what,
            index: entry.index,
            project: entry.project,
            detail: entry.detail.filter(|detail| !detail.is_empty()),
            added: json(entry.added),
            before: json(entry.before),
            after: json(entry.after),
            hash: entry.hash,
        }
    }
}

/// The entries that a filter lets through, the newest first.
pub async fn list(db: &Db, filter: &AuditFilter) -> Result<Vec<AuditView>> {
    Ok(db.audit(filter).await?.into_iter().map(AuditView::from).collect())
}

/// The kind of event that a person names.
pub fn kind(text: &str) -> Result<EventKind> {
    let known = EventKind::parse(text).filter(|kind| *kind != EventKind::Other);
    known.ok_or_else(|| {
        let words: Vec<&str> = EventKind::ALL.iter().map(|kind| kind.name()).collect();
        bad!("{text:?} is not a kind of event: use one of {}", words.join(", "))
    })
}
