//! Passwords: which place knows an account's, and how often one may guess.

use super::HashKey;
use super::ldap::{LDAP, Ldap};
use super::vouched::{self, Vouched};
use crate::access::{accounts, password, wrong_credential};
use crate::config::networks::household;
use crate::db::Db;
use crate::db::accounts::Account;
use crate::error::{Error, Result};
use moka::sync::Cache;
use std::net::IpAddr;
use std::time::Duration;
use tokio::sync::SemaphorePermit;

/// Failed passwords of one account from one address within a minute, after which it has to wait.
const TRIES: u32 = 10;

/// Users whose passwords LDAP is not asked about: who keeps LDAP is not who runs this server, and a token that is
/// mistyped is nobody's password.
const NEVER_ELSEWHERE: [&str; 2] = ["root", "__token__"];

/// Checks passwords: those of accounts that have one here, and LDAP's for all others.
pub struct Passwords {
    db: Db,
    ldap: Option<Ldap>,
    key: HashKey,
    /// Failed passwords by (keyed hash of) account and address, forgotten after a minute: a
    /// stranger's guesses do not lock the owner out.
    failures: Cache<[u8; 32], u32>,
    /// Keyed hashes of passwords that were right before. They are checked even for an address that
    /// has to wait: behind a proxy that is not told of, everybody has the same one.
    proven: Cache<[u8; 32], ()>,
}

enum Checked {
    Wrong,
    /// With the hash to replace, if it is one from before argon2.
    Right {
        older: Option<String>,
    },
}

/// One guess, as it is counted.
struct Guess {
    guesser: [u8; 32],
    proof: [u8; 32],
}

impl Passwords {
    pub fn new(db: Db, ldap: Option<Ldap>, key: HashKey) -> Self {
        let minute = Duration::from_secs(60);
        Self {
            db,
            ldap,
            key,
            failures: Cache::builder().max_capacity(100_000).time_to_live(minute).build(),
            proven: Cache::builder().max_capacity(10_000).time_to_live(24 * 60 * minute).build(),
        }
    }

    /// Whether it is the password of this user.
    ///
    /// # Errors
    /// `Unauthenticated` if not, `Busy` after too many guesses, `Unavailable` if who knows it does not answer: that
    /// is no guess.
    pub async fn check(&self, user: &str, secret: &str, peer: IpAddr) -> Result<()> {
        let address = household(peer).to_string();
        let guess = Guess {
            guesser: self.key.hash("guesser", &[user.as_bytes(), address.as_bytes()]),
            proof: self.key.hash("proof", &[user.as_bytes(), secret.as_bytes()]),
        };
        let account = self.db.account(user).await?;
        let has_own = account.as_ref().is_some_and(|account| account.password_hash.is_some());
        let is_service =
            account.as_ref().is_some_and(|account| account.source.as_deref() == Some(accounts::SERVICE));
        // Counted only once it is their turn, so that guesses sent all at once do not pass together.
        let (checked, turn) = match &self.ldap {
            Some(ldap) if !has_own && !is_service && !NEVER_ELSEWHERE.contains(&user) => {
                let turn = ldap.turn().await?;
                self.may_guess(&guess)?;
                (self.by_ldap(ldap, user, secret).await?, turn)
            }
            _ => {
                let turn = password::turn().await?;
                self.may_guess(&guess)?;
                (self.here(&turn, account, secret).await?, turn)
            }
        };
        let Checked::Right { older } = checked else {
            let failed = self.failures.get(&guess.guesser).unwrap_or(0);
            self.failures.insert(guess.guesser, failed + 1);
            tracing::warn!(user, %peer, "wrong password");
            return Err(wrong_credential());
        };
        drop(turn);
        self.proven.insert(guess.proof, ());
        if let Some(older) = older
            && let Err(error) = self.replace_hash(user, secret, &older).await
        {
            // The next login tries again.
            tracing::warn!(user, error = format!("{error:#}"), "cannot replace an old password hash");
        }
        Ok(())
    }

    fn may_guess(&self, guess: &Guess) -> Result<()> {
        let failed = self.failures.get(&guess.guesser).unwrap_or(0);
        if failed < TRIES || self.proven.contains_key(&guess.proof) {
            return Ok(());
        }
        let wait = "too many wrong passwords for this user from this address: wait a minute, or use a token";
        Err(Error::Busy(wait.into()))
    }

    async fn by_ldap(&self, ldap: &Ldap, user: &str, secret: &str) -> Result<Checked> {
        let Some(entry) = ldap.check(user, secret).await? else { return Ok(Checked::Wrong) };
        let vouched = Vouched {
            source: LDAP,
            name: user,
            subject: Some(&entry.dn.to_lowercase()),
            groups: &entry.groups,
            create: true,
        };
        match vouched::account(&self.db, &vouched).await {
            Ok(_) => Ok(Checked::Right { older: None }),
            // A disabled account.
            Err(Error::Unauthenticated(_)) => Ok(Checked::Wrong),
            Err(other) => Err(other),
        }
    }

    async fn here(
        &self,
        turn: &SemaphorePermit<'_>,
        account: Option<Account>,
        secret: &str,
    ) -> Result<Checked> {
        let disabled = account.as_ref().is_none_or(|account| account.disabled_at.is_some());
        let hash = account.and_then(|account| account.password_hash);
        if !password::verify(turn, secret, hash.clone()).await? || disabled {
            return Ok(Checked::Wrong);
        }
        Ok(Checked::Right { older: hash.filter(|hash| password::is_older(hash)) })
    }

    /// The password is known for this moment: its hash becomes one of today.
    async fn replace_hash(&self, user: &str, secret: &str, older: &str) -> Result<()> {
        let hash = password::hash(secret).await?;
        self.db.replace_password_hash(user, older, &hash).await
    }
}
