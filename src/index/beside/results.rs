//! Results of tests: JSON as tox writes it, kept as it came.

use crate::access::{SERVER, Who};
use crate::bad;
use crate::db::Tx;
use crate::db::attachments::Attachment;
use crate::db::files::StoredFile;
use crate::directory::Index;
use crate::error::{Error, Result};
use crate::index::Indexes;
use crate::index::upload::{a_stage, event};
use crate::tools::time::now;
use crate::words::{AttachmentKind, EventKind};
use bytes::Bytes;
use serde_json::Value;

/// Results of one file that are kept, of strangers and of accounts each: the oldest one goes where there are more.
const MOST: usize = 200;

/// Bytes of all results of strangers.
const STRANGERS: u64 = 1 << 30;

impl Indexes {
    /// Keeps a result of testing `file` and answers its name.
    ///
    /// # Errors
    /// `Bad` if it is no JSON, `Missing` for a mirror.
    pub async fn add_test_result(
        &self,
        who: &Who,
        index: &Index,
        file: &StoredFile,
        result: Bytes,
    ) -> Result<Attachment> {
        a_stage(index)?;
        let read: Value = serde_json::from_slice(&result)
            .map_err(|why| bad!("Bad request: could not decode json: {why}"))?;
        let (size, passed) = (result.len() as u64, passed(&read));
        let uploader = who.user.clone().or_else(|| (who.label == SERVER).then(|| SERVER.to_owned()));
        if uploader.is_none() && self.db.bytes_of_strangers_results().await? + size > STRANGERS {
            return Err(Error::Busy(
                "test results of anonymous clients take all of their room: log in, or set acl_toxresult_upload".into(),
            ));
        }
        let sha256 = self.store.put(result).await?;
        let at = now();
        let mut tx = Tx::begin(&self.db).await?;
        let known = tx.results_of(&index.name, &file.filename).await?;
        // No stranger ends what an account sent.
        let alike: Vec<_> =
            known.iter().filter(|known| known.uploader.is_none() == uploader.is_none()).collect();
        for old in alike.iter().take((alike.len() + 1).saturating_sub(MOST)) {
            tx.delete_attachment(&index.name, &old.name).await?;
        }
        let time = jiff::Timestamp::from_microsecond(at).unwrap_or_default().strftime("%Y%m%d%H%M%S");
        let named = |number: usize| format!("{}.toxresult-{time}-{number}", file.filename);
        let is_free = |name: &String| known.iter().all(|known| known.name != *name);
        let name = (0..=known.len()).map(named).find(is_free).unwrap_or_else(|| named(known.len() + 1));
        let added = Attachment {
            index: index.name.clone(),
            project: file.project.clone(),
            version: file.version.clone(),
            kind: AttachmentKind::TestResult,
            name,
            about: Some(file.filename.clone()),
            sha256,
            size,
            passed,
            uploader,
            uploaded_at: at,
            history: None,
        };
        tx.put_attachment(&added).await?;
        tx.commit(event(who, EventKind::TestResult, index, &file.project, &added.name)).await?;
        self.changed(&index.name, &file.project);
        Ok(added)
    }
}

/// Whether every command of every environment went well, if the result tells of any.
pub fn passed(result: &Value) -> Option<bool> {
    let environments = result.get("testenvs")?.as_object()?;
    let steps =
        environments.values().flat_map(|environment| ["setup", "test"].map(|key| environment.get(key)));
    let codes: Vec<&Value> = steps
        .flatten()
        .filter_map(Value::as_array)
        .flatten()
        .filter_map(|step| step.get("retcode"))
        .collect();
    let well = |code: &&Value| code.as_str() == Some("0") || code.as_i64() == Some(0);
    (!codes.is_empty()).then(|| codes.iter().all(well))
}

#[cfg(test)]
mod tests {
    use super::passed;
    use serde_json::json;

    #[test]
    fn a_result_passed_if_all_its_commands_did() {
        let result = |setup: &str, test: serde_json::Value| {
            json!({"testenvs": {
                "py39": {"test": [{"command": ["pytest"], "retcode": "0"}]},
                "py312": {"setup": [{"retcode": setup}], "test": [{"retcode": test}]},
            }})
        };
        assert_eq!(passed(&result("0", json!("0"))), Some(true));
        assert_eq!(passed(&result("0", json!(0))), Some(true));
        assert_eq!(passed(&result("0", json!("1"))), Some(false));
        assert_eq!(passed(&result("127", json!("0"))), Some(false));
        assert_eq!(passed(&json!({"foo": "bar"})), None);
        assert_eq!(passed(&json!({"testenvs": {"py39": {"test": 3}}})), None);
        assert_eq!(passed(&json!([1])), None);
    }
}
