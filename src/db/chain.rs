//! The chain of events: each has a hash over itself and the hash of the one before, so that a change shows.

use super::rows::row;
use crate::tools::hex;
use crate::tools::time::Micros;
use serde_json::json;

/// An event with all that its row says, as it stands there: the texts are what its hash is made of.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct AuditEntry {
    pub serial: i64,
    /// In microseconds since 1970.
    pub at: Micros,
    pub who: String,
    pub what: String,
    pub index: Option<String>,
    pub project: Option<String>,
    pub detail: Option<String>,
    pub added: Option<String>,
    /// The id of the API token that the request came with.
    pub token: Option<String>,
    pub address: Option<String>,
    pub request: Option<String>,
    /// JSON.
    pub before: Option<String>,
    pub after: Option<String>,
    pub hash: Option<String>,
}

row!(AuditEntry of event {
    serial, at, who, what, index = index_name, project, detail, added, token, address, request, before, after, hash
});

impl AuditEntry {
    /// The hash that this entry has behind one with the hash `previous`: SHA-256 of a JSON array without spaces.
    pub fn hash_behind(&self, previous: &str) -> String {
        let fields = json!([
            previous,
            self.serial,
            self.at,
            self.who,
            self.what,
            self.index,
            self.project,
            self.detail,
            self.added,
            self.token,
            self.address,
            self.request,
            self.before,
            self.after,
        ]);
        hex::sha256(fields.to_string())
    }
}

/// JSON that stands in an entry: a long one is named by its hash.
pub(super) fn in_brief(text: Option<&str>) -> Option<String> {
    const LONGEST: usize = 16 << 10;
    text.map(|text| match text.len() > LONGEST {
        true => json!({"bytes": text.len(), "sha256": hex::sha256(text)}).to_string(),
        false => text.to_owned(),
    })
}
