//! A bundle that is read, off the async threads.

use super::volumes::JoinedVolumes;
use crate::bad;
use crate::error::{Error, Result};
use crate::packaging::bundle::{BundleManifest, BundleReader, BundledFile, TrustedKey, manifest, signature};
use bytes::Bytes;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::path::PathBuf;
use tokio::task::spawn_blocking;

/// Whose signatures are needed.
#[derive(Clone, Debug)]
pub enum SignerTrust {
    /// Nobody's: what is read is only shown.
    Nobody,
    /// So many of these.
    Keys(Vec<TrustedKey>, usize),
}

/// A bundle whose manifest is read, and whose signatures are checked.
pub struct OpenBundle {
    /// `None` while a thread has it.
    reader: Option<Box<BundleReader<JoinedVolumes>>>,
    pub manifest: BundleManifest,
    /// As they are signed.
    pub manifest_bytes: Bytes,
    /// The sha256 of the manifest.
    pub identity: String,
    /// The keys that it says to be signed by.
    pub signers: Vec<String>,
    /// Of these, those that are trusted and right.
    pub trusted: BTreeSet<String>,
}

impl OpenBundle {
    /// Opens a bundle, or its volumes in any order.
    ///
    /// # Errors
    /// `Bad` if it is none or damaged, `Forbidden` if those who must sign it did not.
    pub async fn open(paths: &[PathBuf], trust: &SignerTrust) -> Result<Self> {
        let (paths, trust) = (paths.to_owned(), trust.clone());
        spawn_blocking(move || {
            let volumes = JoinedVolumes::open(&paths)?;
            let told = volumes.bundle.clone();
            let reader = BundleReader::open(volumes)?;
            let identity = manifest::identity(reader.manifest());
            if told.is_some_and(|told| told != identity) {
                return Err(bad!("the volumes have the line of another bundle: copy them again"));
            }
            let trusted = match &trust {
                SignerTrust::Nobody => BTreeSet::new(),
                SignerTrust::Keys(keys, needed) => {
                    signature::verify(reader.manifest(), reader.signatures(), keys, *needed)?
                }
            };
            Ok(Self {
                manifest: BundleManifest::parse(reader.manifest())?,
                manifest_bytes: Bytes::copy_from_slice(reader.manifest()),
                identity,
                signers: signature::signers(reader.signatures()),
                trusted,
                reader: Some(Box::new(reader)),
            })
        })
        .await?
    }

    /// Goes to the bytes of the next file.
    ///
    /// # Errors
    /// `Bad` if another one comes.
    pub async fn begin(&mut self, file: &BundledFile) -> Result<()> {
        let file = file.clone();
        self.with(move |reader| reader.begin(&file)).await
    }

    /// The next bytes of the file; empty at its end.
    ///
    /// # Errors
    /// `Bad` if the bundle ends before.
    pub async fn piece(&mut self) -> Result<Bytes> {
        self.with(BundleReader::piece).await.map(Bytes::from)
    }

    /// Makes sure that nothing comes behind the last file.
    ///
    /// # Errors
    /// `Bad` if something does.
    pub async fn end(&mut self) -> Result<()> {
        self.with(BundleReader::end).await
    }

    /// Reads all files, and holds each against its hash.
    ///
    /// # Errors
    /// `Bad` with the first file that is not as the manifest says.
    pub async fn verify_files(&mut self, watch: impl Fn(&str, u64)) -> Result<()> {
        for (at, file) in self.manifest.files.clone().iter().enumerate() {
            watch(&file.filename, at as u64);
            self.begin(file).await?;
            let mut hash = Sha256::new();
            loop {
                let piece = self.piece().await?;
                if piece.is_empty() {
                    break;
                }
                hash.update(&piece);
            }
            file.refuse_other(&crate::tools::hex::encode(hash.finalize()))?;
        }
        self.end().await
    }

    async fn with<T: Send + 'static>(
        &mut self,
        read: impl FnOnce(&mut BundleReader<JoinedVolumes>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let gone = || Error::internal(anyhow::anyhow!("a bundle was read after an error"));
        let mut reader = self.reader.take().ok_or_else(gone)?;
        let (reader, result) = spawn_blocking(move || {
            let result = read(&mut reader);
            (reader, result)
        })
        .await?;
        self.reader = Some(reader);
        result
    }
}
