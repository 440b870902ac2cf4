//! The last pip of an interpreter: its wheel out of the context that it installs from, unpacked and compiled
//! once. Run from its wheel, it would be compiled for every environment, which takes longer than its work.

use super::cache::Environments;
use super::request::{EnvironmentRequest, identity};
use crate::bad_upstream;
use crate::build::tools::tools_for;
use crate::error::{Error, Result};
use crate::names::ProjectName;
use crate::packaging::page::File;
use crate::packaging::requirement::Requirement;
use crate::tools::hex;
use crate::tools::scratch::ScratchFolder;
use crate::words::{Class, Failure};
use crate::worker::fetch;
use crate::worker::room::{Room, SandboxRun, ours};
use crate::worker::sandbox::Mount;
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};

/// Where it stands inside, whole.
pub(super) const INSIDE: &str = "/pip";
/// What cannot be compiled now is compiled whenever it is needed.
const UNPACK: &str =
    "/wheelwright inside install \"$1\" /pip && { \"$2\" -m compileall -q /pip > /dev/null 2>&1; true; }";
/// Seconds.
const PATIENCE: u64 = 300;

impl Environments {
    /// The folder of the last pip for an interpreter.
    pub(super) async fn pip(
        &self,
        room: &Room<'_>,
        request: &EnvironmentRequest<'_>,
    ) -> Result<PathBuf, Failure> {
        let wheel = self.pip_wheel(room, request).await?;
        let fails = |error: Error| ours(&error, request.step);
        // The same bytes are the same pip, whichever context they come from.
        let sha256 = fetch::sha256(&wheel).await.map_err(fails)?;
        let name = hex::encode(Sha256::digest(format!("{} {sha256}", identity(request.pip_of()))));
        let folder = self.folder.join("pip").join("unpacked").join(&name);
        if folder.is_dir() {
            return Ok(folder);
        }
        let _one = self.making.lock(name).await;
        if !folder.is_dir() {
            self.unpack_pip(room, request, &wheel, &folder).await?;
        }
        Ok(folder)
    }

    async fn unpack_pip(
        &self,
        room: &Room<'_>,
        request: &EnvironmentRequest<'_>,
        wheel: &Path,
        to: &Path,
    ) -> Result<(), Failure> {
        let fails = |error: Error| ours(&error, request.step);
        let parent = to.parent().unwrap_or(&self.folder);
        let new = ScratchFolder::make(parent.join(format!("new-{}", uuid::Uuid::now_v7().simple())))
            .map_err(fails)?;
        let inside = format!("/in/{}", wheel.file_name().unwrap_or_default().to_string_lossy());
        let python = request.pip_of().executable.to_string_lossy().into_owned();
        let mut mounts = request.pip_of().mounts();
        mounts.extend([Mount::read(wheel, &inside), Mount::write(new.path(), INSIDE)]);
        let run = SandboxRun {
            argv: ["/bin/sh", "-c", UNPACK, "sh", &inside, &python].map(str::to_owned).to_vec(),
            mounts,
            seconds: Some(PATIENCE),
            watched: vec![new.path().to_owned()],
            ..SandboxRun::default()
        };
        match room.run(request.step, run).await? {
            0 => match std::fs::rename(new.path(), to) {
                Err(error) if !to.is_dir() => Err(fails(error.into())),
                Ok(()) | Err(_) => Ok(()),
            },
            _ => Err(Failure::new(
                Class::Worker,
                request.step,
                "the wheel of pip cannot be unpacked: see the log",
            )),
        }
    }

    async fn pip_wheel(&self, room: &Room<'_>, request: &EnvironmentRequest<'_>) -> Result<PathBuf, Failure> {
        let newest = tools_for(&request.pip_of().target).pip;
        let folder = self.folder.join("pip").join(hex::encode(Sha256::digest(request.context)));
        let fails = |error: Error| ours(&error, request.step);
        let wanted = folder.join(format!("pip-{newest}-py3-none-any.whl"));
        let for_both = folder.join(format!("pip-{newest}-py2.py3-none-any.whl"));
        if let Some(path) = [wanted, for_both].into_iter().find(|path| path.is_file()) {
            return Ok(path);
        }
        let missing = || {
            Failure::new(
                Class::BuildRequirement,
                request.step,
                format!(
                    "the index {} has no wheel of pip {newest} or older for this interpreter: let it inherit from a \
                 mirror of PyPI, or upload one there",
                    request.context
                ),
            )
        };
        let project = ProjectName::new("pip").ok_or_else(missing)?;
        let page = match room.link.page(request.context, None, &project).await {
            Err(Error::Missing(_)) => return Err(missing()),
            page => page.map_err(fails)?,
        };
        let no_newer = Requirement::parse(&format!("pip<={newest}")).map_err(fails)?;
        let chooser = request.pip_of().target.chooser();
        let file = chooser.wheel(&page, &no_newer.specifiers).ok_or_else(missing)?.file;
        let path = folder.join(file.filename.as_str());
        if !path.is_file() {
            std::fs::create_dir_all(&folder).map_err(|error| fails(error.into()))?;
            self.fetch_pip(room, file, &path).await.map_err(fails)?;
        }
        Ok(path)
    }

    async fn fetch_pip(&self, room: &Room<'_>, file: &File, to: &Path) -> Result<()> {
        let new = to.with_extension(uuid::Uuid::now_v7().simple().to_string());
        let found = room.link.file(file.link(), &new).await?;
        if file.hashes.sha256.as_ref().is_some_and(|wanted| *wanted != found) {
            drop(std::fs::remove_file(&new));
            return Err(bad_upstream!("{} does not have the listed hash", file.filename));
        }
        Ok(std::fs::rename(new, to)?)
    }
}
