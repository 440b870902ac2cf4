//! Passwords: argon2id hashes, and random passwords for first starts and new accounts.

mod older;

pub use older::salted;

use crate::bad;
use crate::error::{Error, Result};
use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use older::OlderHash;
use tokio::sync::{Semaphore, SemaphorePermit};

/// Hashing takes 19 MiB and tens of milliseconds each: a burst of logins queues here.
static HASHING: Semaphore = Semaphore::const_new(4);

/// Longer ones are refused, so that nobody makes the server hash megabytes.
const LONGEST: usize = 1024;

/// Whether a new password follows the rule of this server.
///
/// # Errors
/// `Bad` with the rule.
pub fn check_rule(least: u64, user: &str, password: &str) -> Result<()> {
    if least > 1 && (password.chars().count() as u64) < least {
        return Err(bad!(
            "the password is too short: it must have at least {least} characters (auth.password_length)"
        ));
    }
    match least > 1 && password.eq_ignore_ascii_case(user) {
        true => Err(bad!("the password is the user's name: choose another one")),
        false => Ok(()),
    }
}

/// The argon2id PHC string of a new password.
pub async fn hash(password: &str) -> Result<String> {
    if password.is_empty() {
        return Err(bad!("password needs to be set"));
    }
    if password.len() > LONGEST {
        return Err(bad!("the password is longer than {LONGEST} bytes"));
    }
    let _turn = turn().await?;
    let password = password.to_owned();
    tokio::task::spawn_blocking(move || {
        let hash = Argon2::default().hash_password(password.as_bytes());
        hash.map(|h| h.to_string())
            .map_err(|e| Error::internal(anyhow::anyhow!("cannot hash a password: {e}")))
    })
    .await?
}

/// A place among those whose password is being checked.
pub async fn turn() -> Result<SemaphorePermit<'static>> {
    HASHING.acquire().await.map_err(Error::internal)
}

/// Whether `password` is the one of `hash` (any argon2 PHC string, or an older one of devpi's). Without a hash the same work
/// is done in vain, so that the time does not tell whether an account exists.
pub async fn verify(_turn: &SemaphorePermit<'_>, password: &str, hash: Option<String>) -> Result<bool> {
    if password.len() > LONGEST {
        return Ok(false);
    }
    let password = password.to_owned();
    let verified = tokio::task::spawn_blocking(move || {
        let older = hash.as_deref().and_then(OlderHash::parse);
        match (hash, older) {
            (_, Some(older)) => older.opens(&password) || in_vain(&password),
            (Some(hash), None) => PasswordHash::new(&hash)
                .is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok()),
            (None, None) => in_vain(&password),
        }
    });
    Ok(verified.await?)
}

fn in_vain(password: &str) -> bool {
    let _ = Argon2::default().hash_password_with_salt(password.as_bytes(), &[0; 16]);
    false
}

/// Whether a hash made elsewhere can be verified here.
pub fn is_hash(text: &str) -> bool {
    text.starts_with("$argon2") && PasswordHash::new(text).is_ok()
}

/// Whether it is a hash from before argon2, which the first login replaces.
pub fn is_older(text: &str) -> bool {
    OlderHash::parse(text).is_some()
}

/// 128 random bits to be typed by a person: letters and digits that are not confused.
pub fn random() -> String {
    const LETTERS: &[u8; 32] = b"abcdefghjkmnpqrstuvwxyz234567892";
    rand::random::<[u8; 26]>().iter().map(|byte| char::from(LETTERS[usize::from(byte % 32)])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn opens(password: &str, hash: Option<&str>) -> bool {
        let turn = turn().await.expect("a turn");
        verify(&turn, password, hash.map(str::to_owned)).await.expect("verifies")
    }

    #[tokio::test]
    async fn a_password_opens_its_own_hash_only() {
        let hashed = hash("pä:ss").await.expect("hashes");
        assert!(hashed.starts_with("$argon2id$v=19$"), "{hashed}");
        assert!(opens("pä:ss", Some(&hashed)).await);
        assert!(!opens("pass", Some(&hashed)).await);
        assert!(!opens("", None).await);
    }

    #[tokio::test]
    async fn hashes_of_other_programs_are_accepted() {
        // By argon2-cffi with other costs: `PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)`.
        let foreign =
            "$argon2id$v=19$m=64,t=1,p=1$pkpJLgyWYgPFHDCUyCdCFg$rcGufa8HsI0z5z87KnmI1QuNxm/peI0NXnDctiNw5Ok";
        assert!(is_hash(foreign) && !is_hash("plain"));
        assert!(opens("password", Some(foreign)).await);
        assert!(!opens("passwort", Some(foreign)).await);
    }

    #[test]
    fn random_passwords_differ() {
        assert_ne!(random(), random());
        assert_eq!(random().len(), 26);
    }
}
