//! Jobs that run a project's tests: what they came to is kept beside the sdist, whether or not they passed.

use super::Queue;
use super::lease::lost;
use crate::access::Who;
use crate::build::job::TestReport;
use crate::db::builds::Build;
use crate::error::Result;
use crate::tools::hex;
use crate::tools::time::now;
use crate::words::{Class, Failure, Purpose, Step};
use serde_json::{Value, json};

/// Commands of one report, and bytes of what all of them printed.
const COMMANDS: usize = 100;
const PRINTED: usize = 1 << 20;

impl Queue {
    /// A worker tells what a project's tests came to. Tests that fail fail the job.
    pub(super) async fn tested(&self, row: Build, report: TestReport) -> Result<()> {
        if let Err(why) = check(&row, &report) {
            return self.run_failed(row.id, row.fence, &why).await.map(drop);
        }
        let result = result(&row, &report).to_string();
        self.post_result(&row, &result).await?;
        if let Some(step) = report.steps.iter().find(|step| step.code != 0) {
            let hint = format!(
                "{} exited with {}: see the log, and the result beside the sdist",
                step.command, step.code
            );
            let why = Failure::new(Class::Test, Step::Test, hint);
            return self.run_failed(row.id, row.fence, &why).await.map(drop);
        }
        let kept = self.0.store.put(result.into()).await?;
        let log = self.whole_log(row.id).await?;
        if !self.0.db.metadata_told(&row, &kept, &log, now()).await? {
            return Err(lost(row.id));
        }
        self.0.db.drop_log_pieces(row.id).await?;
        self.tell();
        self.settle().await
    }

    /// Adds the result to the very sdist on the stages that asked for it, once.
    async fn post_result(&self, row: &Build, result: &str) -> Result<()> {
        let directory = self.0.indexes.directory();
        let sha256 = hex::sha256(result);
        for (name, _) in self.0.db.build_indexes(row.id).await? {
            let Some(index) = directory.indexes.get(&name).filter(|index| index.is_stage()) else { continue };
            let file = self.0.db.file(&name, &row.source.filename).await?;
            let is_it = |sha256: &str| row.source_sha256.as_deref() == Some(sha256);
            let Some(file) = file.filter(|file| file.deleted_at.is_none() && is_it(&file.sha256)) else {
                continue;
            };
            let known = self.0.db.attachments(&name, &file.project).await?;
            if known
                .iter()
                .all(|known| known.sha256 != sha256 || known.about.as_ref() != Some(&file.filename))
            {
                self.0
                    .indexes
                    .add_test_result(&Who::server(), index, &file, result.to_owned().into())
                    .await?;
            }
        }
        Ok(())
    }
}

fn check(row: &Build, report: &TestReport) -> Result<(), Failure> {
    let wrong = |why: &str| Err(Failure::new(Class::Worker, Step::Report, why.to_owned()));
    if row.purpose != Purpose::Test {
        return wrong("the worker sent a result of tests, but the server did not ask for one");
    }
    let printed: usize = report.steps.iter().map(|step| step.output.len() + step.command.len()).sum();
    if report.steps.is_empty() || report.steps.len() > COMMANDS || printed > PRINTED {
        return wrong("the worker sent a result of tests without commands, or with too many");
    }
    Ok(())
}

/// In the form that tox's users send.
fn result(row: &Build, report: &TestReport) -> Value {
    let steps: Vec<Value> = report
        .steps
        .iter()
        .map(|step| json!({"command": [step.command], "output": step.output, "retcode": step.code.to_string()}))
        .collect();
    json!({
        "reportversion": "1",
        "testenvs": {&row.target: {"python": {"version": report.interpreter}, "setup": [], "test": steps}},
        "installpkg": {"basename": row.source.filename, "sha256": row.source_sha256},
        "wheelwright": {"build": row.id, "fence": row.fence},
    })
}
