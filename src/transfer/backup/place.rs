//! Where backups are: a folder, or a prefix of a bucket. What stands under its name there is whole and on disk.

use super::ByteStream;
use crate::config::S3Settings;
use crate::error::Result;
use crate::store::{ObjectFolder, ObjectKind};
use crate::tools::claim::claim;
use crate::tools::scratch::make_private;
use crate::{bad, conflict};
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use std::fs::{self, File, TryLockError};
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::spawn_blocking;

/// Held while a backup is made.
const LOCK: &str = ".lock";
/// What is not whole yet.
const HALF: &str = ".half";
/// Bytes that are read at once.
const PIECE: usize = 256 << 10;

#[derive(Clone)]
pub enum BackupPlace {
    Folder(PathBuf),
    Bucket(String, S3Settings),
}

impl BackupPlace {
    /// `s3://BUCKET/PREFIX`, or the path of a folder.
    ///
    /// # Errors
    /// `Bad` for other URLs, or without the keys of the bucket.
    pub fn parse(text: &str, s3: &S3Settings) -> Result<Self> {
        if text.starts_with("s3://") {
            let url = text.trim_end_matches('/').to_owned();
            ObjectFolder::open("backup", &url, s3)?;
            return Ok(Self::Bucket(url, s3.clone()));
        }
        if text.contains("://") {
            return Err(bad!("backups go to a folder or to s3://BUCKET/PREFIX, not to {text}"));
        }
        Ok(Self::Folder(std::path::absolute(text)?))
    }

    /// As people call it.
    pub fn name(&self) -> String {
        match self {
            Self::Folder(path) => path.display().to_string(),
            Self::Bucket(url, _) => url.clone(),
        }
    }

    /// Refuses a folder that lies in the data folder, which would carry itself, or around it.
    ///
    /// # Errors
    /// `Bad`.
    pub(super) fn refuse_within(&self, data: &Path) -> Result<()> {
        let Self::Folder(root) = self else { return Ok(()) };
        // Of what is not there yet, what is above it.
        let real = |path: &Path| {
            let there = path.ancestors().find_map(|above| Some((above, above.canonicalize().ok()?)));
            there.map_or_else(
                || path.to_owned(),
                |(above, real)| {
                    path.strip_prefix(above).map_or_else(|_| real.clone(), |rest| real.join(rest))
                },
            )
        };
        let data = std::path::absolute(data)?;
        let (root, data) = (real(root), real(&data));
        match root.starts_with(&data) || data.starts_with(&root) {
            true => Err(bad!(
                "{} and the data folder {} lie in one another: choose a place of its own for backups",
                root.display(),
                data.display()
            )),
            false => Ok(()),
        }
    }

    /// Makes a folder if it is not there, keeps others from making backups there at the same time, and removes what a
    /// killed one left half written.
    ///
    /// # Errors
    /// `Conflict` if another backup is being made there.
    pub(super) async fn claim(&self) -> Result<Option<File>> {
        let Self::Folder(root) = self else { return Ok(None) };
        let root = root.clone();
        let claimed = spawn_blocking(move || {
            let refused =
                |error: std::io::Error| bad!("cannot write to the folder {}: {error}", root.display());
            make_private(&root).map_err(refused)?;
            let mut lock = File::options();
            let lock = lock.create(true).truncate(false).write(true).mode(0o600);
            let lock = lock.open(root.join(LOCK)).map_err(refused)?;
            match claim(&lock) {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    return Err(conflict!(
                        "another backup is being made in {}: wait until it is done",
                        root.display()
                    ));
                }
                Err(TryLockError::Error(error)) => {
                    tracing::warn!(%error, "cannot lock {}: make one backup at a time", root.display());
                }
            }
            crate::tools::scratch::remove_folder(&root.join(HALF))?;
            make_private(&root.join(HALF)).map_err(refused)?;
            Ok(lock)
        });
        claimed.await?.map(Some)
    }

    /// All of a small file.
    pub(super) async fn get(&self, path: &str) -> Result<Option<Bytes>> {
        let Some(stream) = self.stream(path).await? else { return Ok(None) };
        let parts: Vec<Bytes> = stream.try_collect().await?;
        Ok(Some(parts.concat().into()))
    }

    /// A file piece by piece; `None` if there is none.
    pub(super) async fn stream(&self, path: &str) -> Result<Option<ByteStream>> {
        match self {
            Self::Folder(root) => match tokio::fs::File::open(root.join(path)).await {
                Ok(file) => Ok(Some(read(file))),
                Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
                Err(error) => Err(bad!("cannot read {}: {error}", root.join(path).display())),
            },
            Self::Bucket(..) => self.objects("")?.stream(path).await,
        }
    }

    /// Puts a file in its place, on disk before it has its name. What breaks off leaves nothing. `size` may be a guess.
    pub(super) async fn put(&self, path: &str, size: u64, mut bytes: ByteStream) -> Result<()> {
        let Self::Folder(root) = self else {
            return self.objects("")?.put_stream(path, size, bytes, ObjectKind::State).await;
        };
        let half = root.join(HALF).join(uuid::Uuid::now_v7().simple().to_string());
        let half = HalfFile(half);
        let mut options = tokio::fs::OpenOptions::new();
        let mut file = options.write(true).create_new(true).mode(0o600).open(&half.0).await?;
        while let Some(piece) = bytes.try_next().await? {
            file.write_all(&piece).await?;
        }
        file.flush().await?;
        file.sync_all().await?;
        let place = root.join(path);
        spawn_blocking(move || {
            if let Some(above) = place.parent()
                && !above.is_dir()
            {
                make_private(above)?;
            }
            Ok(fs::rename(&half.0, &place)?)
        })
        .await?
    }

    /// What has a name here keeps it through a power cut, once this returns.
    pub(super) async fn settle(&self) -> Result<()> {
        let Self::Folder(root) = self else { return Ok(()) };
        let root = root.clone();
        spawn_blocking(move || Ok(rustix::fs::syncfs(File::open(root)?).map_err(std::io::Error::from)?))
            .await?
    }

    /// Every file below a folder of the place, by its path below that, and its bytes.
    pub(super) async fn list(&self, below: &str) -> Result<Vec<(String, u64)>> {
        match self {
            Self::Folder(root) => {
                let folder = root.join(below);
                spawn_blocking(move || walk(&folder)).await?
            }
            Self::Bucket(..) => {
                let objects = self.objects(below)?.list();
                objects.map_ok(|object| (object.path, object.size)).try_collect().await
            }
        }
    }

    pub(super) async fn remove(&self, path: &str) -> Result<()> {
        match self {
            Self::Folder(root) => {
                let (root, path) = (root.clone(), root.join(path));
                spawn_blocking(move || {
                    match fs::remove_file(&path) {
                        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error.into()),
                        _ => {}
                    }
                    let above = path.ancestors().skip(1).take_while(|above| **above != *root);
                    // Ends at the first that still has something in it.
                    let _ = above.map(fs::remove_dir).find(Result::is_err);
                    Ok(())
                })
                .await?
            }
            Self::Bucket(..) => self.objects("")?.remove(path).await,
        }
    }

    fn objects(&self, below: &str) -> Result<ObjectFolder> {
        match self {
            Self::Bucket(url, s3) if below.is_empty() => ObjectFolder::open("backup", url, s3),
            Self::Bucket(url, s3) => ObjectFolder::open("backup", &format!("{url}/{below}"), s3),
            Self::Folder(path) => Err(bad!("{} is not a bucket", path.display())),
        }
    }
}

/// Removed on drop, unless it was renamed.
struct HalfFile(PathBuf);

impl Drop for HalfFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

fn read(mut file: tokio::fs::File) -> ByteStream {
    let pieces = async_stream::try_stream! {
        loop {
            let mut piece = bytes::BytesMut::with_capacity(PIECE);
            if file.read_buf(&mut piece).await? == 0 {
                break;
            }
            yield piece.freeze();
        }
    };
    pieces.boxed()
}

/// Files of a folder that may not be there; the path of each below it, and its bytes.
fn walk(root: &Path) -> Result<Vec<(String, u64)>> {
    let (mut found, mut folders) = (Vec::new(), vec![PathBuf::new()]);
    while let Some(folder) = folders.pop() {
        let entries = match fs::read_dir(root.join(&folder)) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(error) => return Err(bad!("cannot read {}: {error}", root.join(&folder).display())),
        };
        for entry in entries {
            let entry = entry?;
            let name = folder.join(entry.file_name());
            if entry.file_type()?.is_dir() {
                folders.push(name);
            } else if let Some(path) = name.to_str() {
                found.push((path.to_owned(), entry.metadata()?.len()));
            }
        }
    }
    Ok(found)
}
