//! Jobs for metadata alone: what they bring passes the gate of a wheel's METADATA.

use super::Queue;
use super::lease::lost;
use crate::db::builds::Build;
use crate::error::Result;
use crate::names::ProjectName;
use crate::packaging::metadata::Metadata;
use crate::packaging::version;
use crate::tools::time::now;
use crate::words::{Class, Failure, Purpose, Step};

/// Bytes; real ones have a few thousand, and some a long description.
const LONGEST: usize = 8 << 20;

impl Queue {
    /// A worker tells the metadata that a wheel would have. What is not fit fails the job.
    pub(super) async fn told(&self, row: Build, text: String) -> Result<()> {
        if let Err(why) = check(&row, &text) {
            return self.run_failed(row.id, row.fence, &why).await.map(drop);
        }
        let metadata = self.0.store.put(text.into()).await?;
        let log = self.whole_log(row.id).await?;
        if !self.0.db.metadata_told(&row, &metadata, &log, now()).await? {
            return Err(lost(row.id));
        }
        self.0.db.drop_log_pieces(row.id).await?;
        self.tell();
        // Another row may have turned out to be the same.
        self.settle().await
    }
}

fn check(row: &Build, text: &str) -> Result<(), Failure> {
    let unfit = |class, why: String| Err(Failure::new(class, Step::Report, why));
    if row.purpose != Purpose::Metadata {
        return unfit(Class::Worker, "the worker sent metadata, but the server asked for a wheel".into());
    }
    if text.len() > LONGEST {
        return unfit(Class::BadWheel, format!("its metadata is larger than {} MiB", LONGEST >> 20));
    }
    let metadata = Metadata::parse(text.as_bytes());
    let metadata = match metadata.and_then(|metadata| metadata.validate_upload().map(|()| metadata)) {
        Ok(metadata) => metadata,
        Err(error) => return unfit(Class::BadWheel, format!("its metadata: {error}")),
    };
    if let Some(wanted) = &row.project
        && ProjectName::new(&metadata.name).as_ref() != Some(wanted)
    {
        let why = format!(
            "the build backend names the project {:?}, but the request was for {wanted}",
            metadata.name
        );
        return unfit(Class::WrongWheel, why);
    }
    if let Some(wanted) = &row.version
        && version::parse(&metadata.version) != version::parse(wanted)
    {
        let why = format!(
            "the build backend reports version {}, but the request was for {wanted}",
            metadata.version
        );
        return unfit(Class::WrongWheel, why);
    }
    Ok(())
}
