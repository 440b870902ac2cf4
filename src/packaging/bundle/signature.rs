//! Signatures of manifests, as minisign makes and reads them.

use crate::bad;
use crate::error::{Error, Result, clipped};
use crate::packaging::bundle::entry::SIGNATURES;
use base64::Engine;
use minisign::{KeyPair, PublicKey, PublicKeyBox, SecretKey, SecretKeyBox, SignatureBox};
use std::collections::BTreeSet;
use std::io::Cursor;

/// Bytes of the longest file of a key.
pub const LONGEST_KEY: u64 = 4096;

/// How the name of a signature ends.
pub const ENDING: &str = ".minisig";

/// A public key, of somebody who is believed.
#[derive(Clone, Debug)]
pub struct TrustedKey(PublicKey);

/// A secret key, ready to sign. Without `Debug`: it is a secret.
pub struct SigningKey(SecretKey);

/// A signature as a bundle has it, not believed yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedSignature {
    /// The key that it says to be of.
    pub key: String,
    pub text: String,
}

impl NamedSignature {
    /// Its member in the archive.
    pub fn path(&self) -> String {
        format!("{SIGNATURES}{}{ENDING}", self.key)
    }

    /// What is signed; `None` unless it is written exactly as [`SigningKey::sign`] writes it. Not all of its text is
    /// signed: like this nobody can change the rest either.
    fn read(&self) -> Option<SignatureBox> {
        let signature = SignatureBox::from_string(&self.text).ok()?;
        let is_own = id(signature.keynum()) == self.key
            && signature.untrusted_comment().ok().as_deref() == Some(&line(&self.key))
            && signature.to_string() == self.text;
        is_own.then_some(signature)
    }
}

/// The first line of a signature, behind what minisign begins it with.
fn line(key: &str) -> String {
    format!("signature of wheelwright key {key}")
}

/// A key as two files keep it.
pub struct KeyTexts {
    pub secret: String,
    pub public: String,
    /// `E7620F1842B4E81F`
    pub id: String,
}

/// How a key is called: its number in hex, as minisign prints it.
fn id(keynum: &[u8]) -> String {
    keynum.iter().rev().map(|byte| format!("{byte:02X}")).collect()
}

impl TrustedKey {
    /// Reads the text of a file of `key create` or minisign, or the one line of it that is the key.
    ///
    /// # Errors
    /// `Bad` if it is neither.
    pub fn parse(text: &str) -> Result<Self> {
        let text = text.trim();
        let key = match text.contains('\n') {
            true => PublicKeyBox::from_string(text).and_then(PublicKeyBox::into_public_key),
            false => PublicKey::from_base64(text),
        };
        key.map(Self).map_err(|_| {
            bad!(
                "{:?} is not a public key: give the file NAME.pub that wheelwright key create writes, or its last line",
                clipped(text, 40)
            )
        })
    }

    /// `E7620F1842B4E81F`
    pub fn id(&self) -> String {
        id(self.0.keynum())
    }
}

impl SigningKey {
    /// Makes a key. Without a password the secret key lies there as it is.
    ///
    /// # Errors
    /// `Internal` if this machine has no randomness.
    pub fn generate(password: Option<String>) -> Result<KeyTexts> {
        let is_open = password.is_none();
        let pair = match password {
            Some(password) => KeyPair::generate_encrypted_keypair(Some(password)),
            None => KeyPair::generate_unencrypted_keypair(),
        };
        let texts = pair.and_then(|pair| {
            let id = id(pair.pk.keynum());
            let kind = if is_open { "secret key" } else { "encrypted secret key" };
            let secret = pair.sk.to_box(Some(&format!("wheelwright {kind} {id}")))?;
            Ok(KeyTexts { secret: secret.into_string(), public: pair.pk.to_box()?.into_string(), id })
        });
        texts.map_err(Error::internal)
    }

    /// Opens the text of a secret key's file.
    ///
    /// # Errors
    /// `Bad` if it is none, or if the password is wrong.
    pub fn open(text: &str, password: Option<String>) -> Result<Self> {
        let secret = SecretKeyBox::from_string(text);
        let opened = match password {
            Some(password) => secret.and_then(|secret| secret.into_secret_key(Some(password))),
            None => match secret.and_then(SecretKeyBox::into_unencrypted_secret_key) {
                Err(error) => without_checksum(text).ok_or(error),
                opened => opened,
            },
        };
        opened.map(Self).map_err(|error| bad!("cannot open the secret key: {error}"))
    }

    /// Whether the text of a secret key's file needs a password.
    pub fn is_encrypted(text: &str) -> bool {
        bytes(text).is_some_and(|bytes| bytes.get(KDF).is_some_and(|kdf| kdf != [0; 2]))
    }

    /// `E7620F1842B4E81F`
    pub fn id(&self) -> String {
        id(self.0.keynum())
    }

    /// Signs; the comment is signed with it.
    ///
    /// # Errors
    /// `Internal` if this machine has no randomness.
    pub fn sign(&self, manifest: &[u8], comment: &str) -> Result<NamedSignature> {
        let key = self.id();
        // With the public key, the signature is verified at once: a damaged key signs nothing.
        let public = PublicKey::from_secret_key(&self.0).map_err(Error::internal)?;
        let signed =
            minisign::sign(Some(&public), &self.0, Cursor::new(manifest), Some(comment), Some(&line(&key)));
        let text = signed.map_err(Error::internal)?.into_string();
        Ok(NamedSignature { key, text })
    }
}

/// Where the second line of a secret key says how a password opens it; zeros: none does.
const KDF: std::ops::Range<usize> = 2..4;
/// Where the checksum is.
const CHECKSUM: std::ops::Range<usize> = 126..158;

/// What the second line of a key's file stands for.
fn bytes(text: &str) -> Option<Vec<u8>> {
    base64::engine::general_purpose::STANDARD.decode(text.lines().nth(1)?.trim()).ok()
}

/// The secret key in a file of `minisign -W`, which leaves the checksum out.
fn without_checksum(text: &str) -> Option<SecretKey> {
    let bytes = bytes(text).filter(|_| !SigningKey::is_encrypted(text))?;
    let has_none = bytes.len() == CHECKSUM.end && bytes.get(CHECKSUM)?.iter().all(|byte| *byte == 0);
    SecretKey::from_bytes(&bytes).ok().filter(|_| has_none)
}

/// The keys that signatures say to be of, whether they are right or not.
pub fn signers(signatures: &[NamedSignature]) -> Vec<String> {
    signatures.iter().map(|signature| signature.key.clone()).collect()
}

/// Whose of the trusted signatures a manifest has.
///
/// # Errors
/// `Forbidden` if they are fewer than needed; `Bad` if one of them is wrong, since then something was changed.
pub fn verify(
    manifest: &[u8],
    signatures: &[NamedSignature],
    trusted: &[TrustedKey],
    needed: usize,
) -> Result<BTreeSet<String>> {
    let mut found = BTreeSet::new();
    for named in signatures {
        let Some(signature) = named.read() else {
            return Err(bad!("the bundle has a signature that cannot be read: copy it again"));
        };
        let id = named.key.clone();
        let Some(key) = trusted.iter().find(|key| key.id() == id) else { continue };
        // Only signatures over a hash: the older form would make its reader hold any file in memory.
        let right = minisign::verify(&key.0, &signature, Cursor::new(manifest), true, false, false);
        right.map_err(|_| {
            bad!("the signature of key {id} does not fit the bundle: it was changed. Do not use it")
        })?;
        found.insert(id);
    }
    if found.len() >= needed.max(1) {
        return Ok(found);
    }
    let all = signers(signatures);
    let by = if all.is_empty() { "nobody".to_owned() } else { format!("key {}", all.join(", ")) };
    Err(match found.len() {
        0 => crate::forbidden!("the bundle is signed by {by}, whom you do not trust: ask for the public key"),
        count => crate::forbidden!(
            "the bundle is signed by {count} of the keys that you trust, but {needed} must sign: ask for more signatures"
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::slice;

    fn pair() -> (SigningKey, TrustedKey) {
        let texts = SigningKey::generate(None).unwrap();
        (SigningKey::open(&texts.secret, None).unwrap(), TrustedKey::parse(&texts.public).unwrap())
    }

    #[test]
    fn a_signature_is_right_for_its_key_and_its_bytes_alone() {
        let ((me, my_key), (you, your_key)) = (pair(), pair());
        let mine = me.sign(b"manifest", "made today").unwrap();
        let yours = you.sign(b"manifest", "made today").unwrap();
        let both = [mine.clone(), yours];
        let trusted = [my_key, your_key];
        assert_eq!(verify(b"manifest", &both, &trusted, 2).unwrap().len(), 2);
        assert_eq!(verify(b"manifest", &both, &trusted[..1], 1).unwrap(), BTreeSet::from([me.id()]));
        let twice = [mine.clone(), mine.clone()];
        for (bytes, signatures, trusted, needed, expected) in [
            (&b"other"[..], &both[..1], &trusted[..], 1, "it was changed"),
            (b"manifest", &both[..1], &trusted[1..], 1, "whom you do not trust"),
            (b"manifest", &both[..0], &trusted[..], 1, "signed by nobody"),
            (b"manifest", &twice[..], &trusted[..], 2, "2 must sign"),
            (
                b"manifest",
                &[NamedSignature { text: "x".into(), ..mine.clone() }][..],
                &trusted[..],
                1,
                "cannot be read",
            ),
        ] {
            let error = verify(bytes, signatures, trusted, needed).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
        for change in [
            ("made today", "made later"),
            ("signature of", "Signature of"),
            ("\n", "\r\n"),
            ("untrusted", "x"),
        ] {
            let text = mine.text.replacen(change.0, change.1, 1);
            let changed = NamedSignature { text, ..mine.clone() };
            assert!(verify(b"manifest", &[changed], &trusted, 1).is_err(), "{change:?}");
        }
    }

    #[test]
    fn a_secret_key_opens_with_its_password_alone() {
        let texts = SigningKey::generate(Some("right".into())).unwrap();
        assert!(SigningKey::is_encrypted(&texts.secret));
        assert_eq!(
            SigningKey::open(&texts.secret, Some("right".into())).map(|key| key.id()).unwrap(),
            texts.id
        );
        for password in [Some("wrong".to_owned()), None] {
            assert!(SigningKey::open(&texts.secret, password).is_err());
        }
        assert!(texts.public.contains(&texts.id), "{}", texts.public);
        let line = texts.public.lines().last().unwrap();
        assert_eq!(TrustedKey::parse(line).unwrap().id(), texts.id);
        assert!(TrustedKey::parse("RWQ").unwrap_err().to_string().contains("key create"));
    }

    proptest! {
        #[test]
        fn any_text_is_a_signature_or_refused(text in ".{0,200}", lines in prop::collection::vec(".{0,90}", 4)) {
            let key = TrustedKey::parse("RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3").unwrap();
            for text in [text, lines.join("\n"), format!("untrusted comment: x\n{}\ntrusted comment: y\n{}", lines[1], lines[2])] {
                let signature = NamedSignature { key: key.id(), text: text.clone() };
                prop_assert!(verify(b"manifest", &[signature], slice::from_ref(&key), 1).is_err());
                let _ = TrustedKey::parse(&text);
                let _ = SigningKey::open(&text, None);
            }
        }
    }
}
