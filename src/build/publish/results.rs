//! What the tests of a build came to, as a result beside the wheel: in the form that tox's users send.

use crate::access::Who;
use crate::db::Db;
use crate::db::builds::Build;
use crate::directory::Index;
use crate::error::Result;
use crate::index::Indexes;
use crate::tools::hex;
use crate::words::Evidence;
use serde_json::{Value, json};

/// How evidence begins to tell of a recipe's tests.
const TESTED: &str = "tested by recipe: ";

/// Adds the result to the wheel `filename` of a stage, once. A wheel whose build ran no tests gets none.
pub async fn post(db: &Db, indexes: &Indexes, build: &Build, index: &Index, filename: &str) -> Result<()> {
    let Some(evidence) = build.evidence.as_ref().filter(|_| index.is_stage()) else { return Ok(()) };
    let Some(result) = result(build.id, evidence, filename) else { return Ok(()) };
    let Some(file) = db.file(&index.name, filename).await? else { return Ok(()) };
    let text = result.to_string();
    let sha256 = hex::sha256(text.as_bytes());
    let known = db.attachments(&index.name, &file.project).await?;
    if known.iter().any(|known| known.about.as_deref() == Some(filename) && known.sha256 == sha256) {
        return Ok(());
    }
    indexes.add_test_result(&Who::server(), index, &file, text.into()).await.map(drop)
}

fn result(build: i64, evidence: &Evidence, filename: &str) -> Option<Value> {
    let ran = evidence.checked.iter().filter_map(|check| check.strip_prefix(TESTED));
    // A wheel whose tests fail is none.
    let steps: Vec<Value> =
        ran.map(|command| json!({"command": [command], "output": "", "retcode": "0"})).collect();
    (!steps.is_empty()).then(|| {
        json!({
            "reportversion": "1",
            "testenvs": {&evidence.target: {"python": {"version": evidence.interpreter}, "setup": [], "test": steps}},
            "installpkg": {"basename": filename, "sha256": evidence.wheel_sha256},
            "wheelwright": {"build": build},
        })
    })
}
