//! Encryption in the format of age (X25519), piece by piece: a server that only makes backups need not be able to read
//! them.

use super::ByteStream;
use crate::error::{Error, Result};
use crate::{bad, conflict, lost};
use age::secrecy::ExposeSecret;
use age::x25519::{Identity, Recipient};
use age::{DecryptError, Decryptor, Encryptor};
use bytes::Bytes;
use futures::{AsyncReadExt, StreamExt, TryStreamExt};
use parking_lot::Mutex;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;

/// Bytes that are encrypted or decrypted in one go.
const PIECE: usize = 64 << 10;

/// Who can read a backup: `age1…`.
#[derive(Clone)]
pub struct BackupRecipient(Recipient);

impl BackupRecipient {
    /// `age1…`, or the path of a file with a key of ours.
    ///
    /// # Errors
    /// `Bad` if it is neither.
    pub fn parse(text: &str) -> Result<Self> {
        if text.starts_with("age1") {
            let parsed = text.parse().map_err(|why| bad!("{text} is not a public key of age: {why}"))?;
            return Ok(Self(parsed));
        }
        Ok(BackupKey::read(Path::new(text))?.recipient())
    }
}

impl std::fmt::Display for BackupRecipient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// What decrypts backups. Cheap to clone.
#[derive(Clone)]
pub struct BackupKey(Arc<Identity>);

impl BackupKey {
    /// Makes a new key in a new file that only its owner can read.
    ///
    /// # Errors
    /// `Conflict` if the file is there.
    pub fn create(path: &Path) -> Result<Self> {
        let identity = Identity::generate();
        let key = Self(Arc::new(identity));
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create_new(true).mode(0o600);
        let mut file = options.open(path).map_err(|error| match error.kind() {
            std::io::ErrorKind::AlreadyExists => {
                conflict!("{} exists already: choose another name", path.display())
            }
            _ => bad!("cannot write {}: {error}", path.display()),
        })?;
        let secret = key.0.to_string();
        write!(file, "# public key: {}\n{}\n", key.recipient(), secret.expose_secret())?;
        file.sync_all()?;
        Ok(key)
    }

    /// Reads a file of [`BackupKey::create`] or of age-keygen.
    ///
    /// # Errors
    /// `Bad` if there is no key in it.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| bad!("cannot read the key {}: {error}", path.display()))?;
        let line = text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#'));
        let identity = line.and_then(|line| line.parse::<Identity>().ok()).ok_or_else(|| {
            bad!(
                "{} has no key: it must have a line that begins with AGE-SECRET-KEY-1. Make one with \
                 wheelwright backup key FILE",
                path.display()
            )
        })?;
        Ok(Self(Arc::new(identity)))
    }

    /// Whom to encrypt to, so that this key decrypts it.
    pub fn recipient(&self) -> BackupRecipient {
        BackupRecipient(self.0.to_public())
    }
}

/// What an encryptor wrote and nobody took yet.
#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Written {
    fn take(&self) -> Bytes {
        std::mem::take(&mut *self.0.lock()).into()
    }
}

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Encrypts what comes.
pub(super) fn encrypted(mut plain: ByteStream, to: &[BackupRecipient]) -> Result<ByteStream> {
    let recipients = to.iter().map(|recipient| &recipient.0 as &dyn age::Recipient);
    let encryptor = Encryptor::with_recipients(recipients)
        .map_err(|why| Error::internal(anyhow::anyhow!("cannot encrypt: {why}")))?;
    let written = Written::default();
    let mut writer = encryptor.wrap_output(written.clone())?;
    let sealed = async_stream::try_stream! {
        while let Some(bytes) = plain.try_next().await? {
            // A mapped file is one piece of any length.
            for piece in bytes.chunks(PIECE) {
                writer.write_all(piece)?;
                let ready = written.take();
                if !ready.is_empty() {
                    yield ready;
                }
            }
        }
        writer.finish()?;
        yield written.take();
    };
    Ok(sealed.boxed())
}

/// Decrypts what comes; ends with an error unless all of it is as it was encrypted. `what` it is is told then.
pub(super) fn decrypted(sealed: ByteStream, key: BackupKey, what: String) -> ByteStream {
    let plain = async_stream::try_stream! {
        let reader = sealed.map_err(std::io::Error::other).into_async_read();
        let decryptor =
            Decryptor::new_async_buffered(reader).await.map_err(|why| not_decrypted(why, &what))?;
        let identity = std::iter::once(&*key.0 as &dyn age::Identity);
        let mut reader = decryptor.decrypt_async(identity).map_err(|why| not_decrypted(why, &what))?;
        let mut buffer = vec![0; PIECE];
        loop {
            let read = reader.read(&mut buffer).await.map_err(|why| not_read(why, &what))?;
            if read == 0 {
                break;
            }
            yield Bytes::copy_from_slice(buffer.get(..read).unwrap_or_default());
        }
    };
    plain.boxed()
}

fn not_decrypted(why: DecryptError, what: &str) -> Error {
    match why {
        DecryptError::NoMatchingKeys => {
            bad!("the key of --key does not decrypt {what}: use the key that the backup was encrypted to")
        }
        DecryptError::Io(why) => not_read(why, what),
        other => lost!("{what} is damaged: {other}"),
    }
}

fn not_read(why: std::io::Error, what: &str) -> Error {
    // The place may have failed below the decryption.
    match why.downcast::<Error>() {
        Ok(error) => error,
        Err(why) => lost!("{what} is damaged: {why}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::stream;

    fn flow(bytes: &[u8]) -> ByteStream {
        let pieces: Vec<Result<Bytes>> =
            bytes.chunks(100_000).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
        stream::iter(pieces).boxed()
    }

    async fn all(stream: ByteStream) -> Result<Vec<u8>> {
        let pieces: Vec<Bytes> = stream.try_collect().await?;
        Ok(pieces.concat())
    }

    #[tokio::test]
    async fn what_is_encrypted_is_read_with_its_key_alone_and_only_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let key = BackupKey::create(&path).unwrap();
        assert!(matches!(BackupKey::create(&path), Err(Error::Conflict(_))));
        let to = [BackupRecipient::parse(&key.recipient().to_string()).unwrap()];
        let key = BackupKey::read(&path).unwrap();
        for size in [0, 1, 65_536, 1_000_000] {
            let plain: Vec<u8> = (0..size).map(|at: u32| at.to_le_bytes()[0]).collect();
            let sealed = all(encrypted(flow(&plain), &to).unwrap()).await.unwrap();
            let opened = all(decrypted(flow(&sealed), key.clone(), "it".into())).await.unwrap();
            assert!(opened == plain, "{size}");
            let short = sealed.get(..sealed.len() - 1).unwrap();
            let why = all(decrypted(flow(short), key.clone(), "it".into())).await.unwrap_err();
            assert!(matches!(&why, Error::Lost(why) if why.starts_with("it is damaged")), "{why}");
            let other = BackupKey(Arc::new(Identity::generate()));
            let why = all(decrypted(flow(&sealed), other, "it".into())).await.unwrap_err();
            assert!(why.to_string().contains("does not decrypt it"), "{why}");
        }
        for wrong in ["age1nonsense", "no-such-file"] {
            assert!(matches!(BackupRecipient::parse(wrong), Err(Error::Bad(_))), "{wrong}");
        }
    }
}
