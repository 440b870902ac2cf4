//! The uv program of this server: the configured one, that on the `PATH`, else one from our own index.

use super::Demand;
use crate::access::Who;
use crate::build::queue::Queue;
use crate::config::Config;
use crate::directory::Index;
use crate::error::Result;
use crate::names::{IndexName, ProjectName};
use crate::packaging::archive::zip::{Archive, LEAD, Names};
use crate::uv::{self, Known};
use crate::{bad_upstream, lost, unavailable};
use std::path::{Path, PathBuf};

/// Bytes of the program.
const LARGEST: u64 = 512 << 20;

/// A uv that can be started.
pub struct UvProgram {
    pub program: PathBuf,
    pub version: String,
}

impl Demand<'_> {
    /// Finds uv.
    ///
    /// # Errors
    /// `Unavailable` with what to do.
    pub(super) async fn uv(&self) -> Result<UvProgram> {
        let program = match (&self.config.proxy.uv, uv::on_path()) {
            (Some(named), _) => PathBuf::from(named),
            (None, Some(found)) => found,
            (None, None) => kept(self.config, self.queue).await?,
        };
        match uv::version(&program).await {
            Some(version) => Ok(UvProgram { program, version }),
            None => {
                Err(unavailable!("cannot start uv at {}: set proxy.uv to a working uv", program.display()))
            }
        }
    }
}

/// The one in the data folder, which gets there from an index of ours.
async fn kept(config: &Config, queue: &Queue) -> Result<PathBuf> {
    let known = uv::pinned().ok_or_else(|| {
        unavailable!(
            "the server needs uv to compile requirements: install it on the server's PATH, or set proxy.uv"
        )
    })?;
    let short = known.sha256.get(..16).unwrap_or(known.sha256);
    let folder = std::path::absolute(&config.data)?.join("tools");
    let program = folder.join(format!("uv-{}-{short}", known.version));
    if program.is_file() {
        return Ok(program);
    }
    let sha256 = wheel(config, queue, known).await?;
    let bytes = queue.store().whole(&sha256).await?;
    let bytes = bytes.ok_or_else(|| lost!("the server lost the bytes of {}", known.filename))?;
    let place = program.clone();
    tokio::task::spawn_blocking(move || unpack(&bytes, known, &place)).await??;
    tracing::info!(version = known.version, "installed uv from the index, to compile requirements");
    Ok(program)
}

/// The sha256 of the wheel, whose bytes are in the store afterwards. Its hash is known, so it does
/// not matter which index it comes from.
async fn wheel(config: &Config, queue: &Queue, known: Known) -> Result<String> {
    let directory = queue.indexes().directory();
    let default = IndexName::parse(&config.default_index).and_then(|name| directory.indexes.get(&name));
    let mirrors = directory.indexes.values().filter(|index| index.is_mirror());
    let mut why = None;
    for index in default.into_iter().chain(mirrors) {
        match from(queue, index, known).await {
            Ok(Some(sha256)) => return Ok(sha256),
            Ok(None) => {}
            Err(error) => why = why.or(Some(error)),
        }
    }
    let why = why.map(|error| format!(" ({error})")).unwrap_or_default();
    Err(unavailable!(
        "the server needs uv to compile requirements, but no index has {}{why}: install uv on the server's \
         PATH, or set proxy.uv",
        known.filename
    ))
}

async fn from(queue: &Queue, index: &Index, known: Known) -> Result<Option<String>> {
    let Some(project) = ProjectName::new("uv") else { return Ok(None) };
    let directory = queue.indexes().directory();
    let page = queue.indexes().views.page(&directory, index, &project, &Who::person("root")).await?;
    let told = |sha256: &Option<String>| sha256.as_deref().is_none_or(|told| told == known.sha256);
    let file = page.files.iter().find(|file| file.filename == known.filename && told(&file.hashes.sha256));
    let Some(file) = file else { return Ok(None) };
    let Some(owner) = file.owner() else { return Ok(None) };
    let sha256 = queue.stored_source(owner, &project, file).await?;
    match sha256 == known.sha256 {
        true => Ok(Some(sha256)),
        false => Err(bad_upstream!("{} does not match its known hash", known.filename)),
    }
}

/// Writes the program beside its place first, so that it is there whole or not at all.
fn unpack(wheel: &[u8], known: Known, place: &Path) -> Result<()> {
    let read = || {
        let archive = Archive::open(wheel, Names::Portable)?;
        match archive.find(&known.member()) {
            Some(member) => archive.bytes(member, LARGEST).map(Some),
            None => Ok(None),
        }
    };
    let program = read().map_err(|fault: crate::packaging::archive::Fault| fault.answer(LEAD))?;
    let program = program.ok_or_else(|| bad_upstream!("{} does not contain uv", known.filename))?;
    if let Some(folder) = place.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let beside = place.with_extension(uuid::Uuid::now_v7().simple().to_string());
    std::fs::write(&beside, program)?;
    std::fs::set_permissions(&beside, std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
    std::fs::rename(&beside, place)?;
    Ok(())
}
