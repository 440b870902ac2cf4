//! Logins that a program begins and a person ends: the program shows a code, somebody who is logged in with a browser
//! compares it and lets the program in, and the program gets a token of theirs, once.

use super::tokens::{self, NewToken};
use super::{Scope, Who};
use crate::config::networks::household;
use crate::db::events::NewEvent;
use crate::db::handovers::{HandoverRoom, StoredHandover};
use crate::db::{Db, Tx};
use crate::error::{Error, Result};
use crate::tools::time::{SECOND, now};
use crate::words::{EventKind, Moment};
use crate::{bad, forbidden, missing};
use moka::sync::Cache;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::net::IpAddr;
use std::time::Duration;

/// Seconds that a code can be used.
pub const LASTS: i64 = 600;

/// Seconds between two questions of the program.
pub const INTERVAL: u64 = 2;

/// How many may wait at once.
const ROOM: HandoverRoom = HandoverRoom { all: 1000, network: 20 };

/// Wrong codes that one account may enter in ten minutes.
const GUESSES: u32 = 20;

/// Consonants that are not taken for each other or for digits: no code is a word.
const LETTERS: &[u8; 18] = b"BCDFGHJKLMNPQRTVWX";

/// Bytes of a program's name.
const LONGEST_NAME: usize = 100;

/// All hand-overs.
pub struct Handovers {
    db: Db,
    /// Wrong codes by account, forgotten after ten minutes.
    guesses: Cache<String, u32>,
}

/// What a program gets when it asks to be let in.
#[derive(Clone, Serialize, Deserialize)]
pub struct HandoverBegun {
    pub code: String,
    /// Nobody else knows it: whoever has it gets the token.
    pub secret: String,
    /// Where a person lets the program in.
    pub url: String,
    /// Seconds between two questions.
    pub interval: u64,
    pub ends: Moment,
}

/// A program that waits, as the person sees it who decides.
#[derive(Clone, Debug, Serialize)]
pub struct HandoverView {
    pub code: String,
    pub name: String,
    pub address: String,
    pub ends: Moment,
}

/// What a program hears that asks how it stands.
#[derive(Clone, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "lowercase")]
pub enum HandoverState {
    Waiting,
    /// The token, told once.
    Given {
        id: String,
        token: String,
        user: String,
    },
}

impl Handovers {
    pub fn new(db: Db) -> Self {
        let guesses = Cache::builder().max_capacity(10_000).time_to_live(Duration::from_secs(600)).build();
        Self { db, guesses }
    }

    /// Notes that a program asks; `root` is the server's address.
    ///
    /// # Errors
    /// `Bad` for a wrong name; `Busy` if too many wait.
    pub async fn begin(&self, name: &str, address: IpAddr, root: &str) -> Result<HandoverBegun> {
        let name = name.trim();
        if name.is_empty() || name.len() > LONGEST_NAME || name.chars().any(char::is_control) {
            return Err(bad!("the name of the program must be one line of 1 to {LONGEST_NAME} bytes"));
        }
        let (code, secret, at) = (code(), tokens::secret(), now());
        let new = StoredHandover {
            code: code.clone(),
            name: name.to_owned(),
            address: address.to_canonical().to_string(),
            created_at: at,
            expires_at: at.saturating_add(LASTS * SECOND),
            owner: None,
            seconds: None,
            refused: false,
        };
        let network = household(address).to_string();
        if !self.db.add_handover(&new, &network, &tokens::fingerprint(&secret), ROOM).await? {
            return Err(Error::Busy(
                "too many programs wait to be let in: try again in a few minutes, or log in with --user"
                    .into(),
            ));
        }
        let url = format!("{root}/+device?code={code}");
        Ok(HandoverBegun { code, secret, url, interval: INTERVAL, ends: Moment(new.expires_at) })
    }

    /// The program that shows this code.
    ///
    /// # Errors
    /// `Missing` if none does (any more); `Busy` after too many wrong codes.
    pub async fn waiting(&self, who: &Who, code: &str) -> Result<HandoverView> {
        let asker = who.user.clone().unwrap_or_default();
        let wrong = self.guesses.get(&asker).unwrap_or(0);
        if wrong >= GUESSES {
            return Err(Error::Busy("too many wrong codes: try again in ten minutes".into()));
        }
        let known = self.db.handover(&typed(code)).await?.filter(|known| known.owner.is_none());
        let Some(known) = known else {
            self.guesses.insert(asker, wrong + 1);
            return Err(missing!(
                "no program waits with this code, or its ten minutes are over: compare the code, or run wheelwright login again"
            ));
        };
        let StoredHandover { code, name, address, expires_at, .. } = known;
        Ok(HandoverView { code, name, address, ends: Moment(expires_at) })
    }

    /// Lets the program in, or refuses it. `seconds` is how long its token holds; `None`: until it is revoked.
    ///
    /// # Errors
    /// `Forbidden` for who came with a token: a token must not make others; `Missing` if no program waits.
    pub async fn decide(
        &self,
        who: &Who,
        code: &str,
        lets_in: bool,
        seconds: Option<u64>,
    ) -> Result<HandoverView> {
        let Some(owner) = who.user.as_deref().filter(|_| who.scope.is_none()) else {
            return Err(forbidden!("only a person who is logged in with a password can let a program in"));
        };
        let waiting = self.waiting(who, code).await?;
        let seconds = seconds.map(|seconds| i64::try_from(seconds).unwrap_or(i64::MAX));
        match self.db.decide_handover(&waiting.code, owner, !lets_in, seconds).await? {
            true => Ok(waiting),
            false => Err(missing!("no program waits with this code any more: run wheelwright login again")),
        }
    }

    /// How it stands with the program that has this secret; its token, if somebody let it in.
    ///
    /// # Errors
    /// `Forbidden` if it was refused; `Gone` if its time is over, or its token was given.
    pub async fn state(&self, secret: &str) -> Result<HandoverState> {
        let over = || Error::Gone("the time of this login is over: run wheelwright login again".into());
        let fingerprint = tokens::fingerprint(secret);
        let known = self.db.handover_by_secret(&fingerprint).await?;
        let known = known.filter(|known| known.expires_at > now()).ok_or_else(over)?;
        let Some(owner) = known.owner else { return Ok(HandoverState::Waiting) };
        if known.refused {
            return Err(forbidden!("{owner} refused the login"));
        }
        let new = NewToken {
            owner: owner.clone(),
            name: format!("{} at {}", known.name, known.address),
            scope: Scope::default(),
            expires: known.seconds,
        };
        let mut tx = Tx::begin(&self.db).await?;
        if !tx.take_handover(&fingerprint).await? {
            return Err(Error::Gone(
                "the time of this login is over, or its token was given already: run wheelwright login again. If it \
                 did not arrive, revoke it on the page /+account"
                    .into(),
            ));
        }
        let (id, token) = tokens::put(&mut tx, &new, None).await?;
        let detail = format!("{id} of {owner}");
        let after =
            json!({"name": new.name, "owner": owner, "scope": new.scope, "expires": new.expires}).to_string();
        tx.commit(NewEvent::of(&owner, EventKind::TokenCreated).saying(&detail).after(&after)).await?;
        Ok(HandoverState::Given { id, token, user: owner })
    }
}

/// Eight letters: one of 10^10.
fn code() -> String {
    let letter = || char::from(LETTERS[rand::random_range(0..LETTERS.len())]);
    let half = || (0..4).map(|_| letter()).collect::<String>();
    format!("{}-{}", half(), half())
}

/// A code as a person types it.
fn typed(text: &str) -> String {
    let letters: String = text
        .chars()
        .filter(char::is_ascii_alphabetic)
        .map(|letter| letter.to_ascii_uppercase())
        .take(9)
        .collect();
    match letters.split_at_checked(4) {
        Some((first, rest)) => format!("{first}-{rest}"),
        None => letters,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_read_however_it_is_typed() {
        let code = code();
        assert_eq!(code.len(), 9);
        for text in [
            code.clone(),
            code.to_lowercase(),
            code.replace('-', " "),
            format!(" {} ", code.replace('-', "")),
        ] {
            assert_eq!(typed(&text), code, "{text:?}");
        }
        for wrong in ["", "abc", "é", "ABCD-EFGHI", "1234"] {
            assert_ne!(typed(wrong), code, "{wrong:?}");
        }
    }
}
