//! The JSON document that tells of an event, and its signature.

use crate::db::events::Event;
use crate::db::files::StoredFile;
use crate::names::{IndexName, ProjectName};
use crate::packaging::filename::segment;
use crate::packaging::page::FilePlace;
use crate::tools::hex;
use crate::tools::time::Micros;
use crate::words::{EventKind, Moment, WebhookEvent};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::Serialize;
use serde_json::Value;
use sha2::Sha256;

/// What a receiver gets. A key without a value is left out.
#[derive(Serialize)]
pub(super) struct EventDocument<'a> {
    pub event: WebhookEvent,
    /// The same as the audit trail calls it: `delete file`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<EventKind>,
    /// The same for each try of an event.
    pub delivery: &'a str,
    pub webhook: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub serial: Option<i64>,
    /// When it happened.
    pub time: String,
    /// When this try was made: it is signed, so that an old document cannot be sent again unnoticed.
    pub sent: String,
    pub who: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub index: Option<&'a IndexName>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub project: Option<&'a ProjectName>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<&'a str>,
    /// What programs added.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub added: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<FileFacts<'a>>,
    pub urls: Urls,
}

/// The file that an event is about.
#[derive(Serialize)]
pub(super) struct FileFacts<'a> {
    filename: &'a str,
    version: &'a str,
    sha256: &'a str,
    size: u64,
}

/// Where people and programs find what it is about.
#[derive(Serialize)]
pub(super) struct Urls {
    server: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    index: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    simple: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    project: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
}

impl Urls {
    /// `root`: of this server, without a slash at its end.
    pub(super) fn of(
        root: &str,
        index: Option<&IndexName>,
        project: Option<&ProjectName>,
        file: Option<&StoredFile>,
    ) -> Self {
        let below = |path: &str| {
            let index = index?;
            Some(format!("{root}/{}/{}/{path}", segment(index.user()), segment(index.name())))
        };
        Self {
            server: format!("{root}/"),
            index: below(""),
            simple: below("+simple/"),
            project: project.and_then(|project| below(project.as_str())),
            file: file.map(|file| {
                let place = FilePlace::Hosted(file.index.clone());
                place.href(&file.filename, Some(&file.sha256), &format!("{root}/")).to_string()
            }),
        }
    }
}

impl<'a> FileFacts<'a> {
    pub(super) fn of(file: &'a StoredFile) -> Self {
        Self { filename: &file.filename, version: &file.version, sha256: &file.sha256, size: file.size }
    }
}

impl<'a> EventDocument<'a> {
    /// That something happened.
    pub(super) fn of(
        (webhook, delivery): (i64, &'a str),
        (event, what): (&'a Event, WebhookEvent),
        file: Option<&'a StoredFile>,
        root: &str,
        sent: Micros,
    ) -> Self {
        let index = event.context.as_ref().and_then(|context| context.only());
        let project = event.project.as_ref();
        let added = event.added.as_deref().and_then(|text| serde_json::from_str(text).ok());
        Self {
            event: what,
            kind: Some(event.what),
            delivery,
            webhook,
            serial: Some(event.serial),
            time: Moment(event.at).exact(),
            sent: Moment(sent).exact(),
            who: &event.who,
            index,
            project,
            detail: event.detail.as_deref().filter(|detail| !detail.is_empty()),
            added,
            file: file.map(FileFacts::of),
            urls: Urls::of(root, index, project, file),
        }
    }

    /// That somebody tries the webhook.
    pub(super) fn ping(
        (webhook, delivery): (i64, &'a str),
        who: &'a str,
        index: Option<&'a IndexName>,
        root: &str,
        sent: Micros,
    ) -> Self {
        Self {
            event: WebhookEvent::Ping,
            kind: None,
            delivery,
            webhook,
            serial: None,
            time: Moment(sent).exact(),
            sent: Moment(sent).exact(),
            who,
            index,
            project: None,
            detail: None,
            added: None,
            file: None,
            urls: Urls::of(root, index, None, None),
        }
    }
}

/// `sha256=` and the HMAC of a body, as GitHub and others write it.
pub(super) fn signature(secret: &str, body: &[u8]) -> String {
    // Fails for no length of key.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else { return String::new() };
    mac.update(body);
    format!("sha256={}", hex::encode(mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_that_of_rfc_4231() {
        let signed = signature("Jefe", b"what do ya want for nothing?");
        assert_eq!(signed, "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    }
}
