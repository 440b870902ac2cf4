//! How wheels were built, as far as the server says.

use crate::client::ServerClient;
use crate::packaging::bundle::{BundledFile, BundledKind, FileEvidence};
use crate::packaging::filename::WheelFilename;

/// How the build tag of wheels begins that a wheelwright built, after the number.
const OURS: &str = "ww";

/// The evidence of a wheel that the server built; `None` if it did not, or does not say.
pub async fn of(server: &ServerClient, file: &BundledFile, target: &str) -> Option<FileEvidence> {
    let name = WheelFilename::parse(&file.filename).ok().filter(|_| file.kind == BundledKind::Wheel)?;
    name.build_key().filter(|(_, rest)| rest.starts_with(OURS))?;
    let (project, version) = (file.project.as_ref()?, file.version.as_ref()?);
    let build = server.build_of(project.as_str(), version, target).await.ok()??;
    let evidence = build.evidence?;
    Some(FileEvidence {
        build: build.id,
        target: evidence.target,
        source: evidence.source,
        source_sha256: evidence.source_sha256,
        recipe_sha256: evidence.recipe_sha256,
        log_sha256: Some(evidence.log_sha256).filter(|sha256| !sha256.is_empty()),
        sandbox: evidence.sandbox,
    })
}
