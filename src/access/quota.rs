//! What one asker may cause at once: turns by account, for strangers by the network they come from.

use super::Who;
use super::turns::{STRANGER, TurnBounds, Turns};
use crate::config::{self, networks::household};
use std::net::IpAddr;
use std::time::Duration;

/// For so long one waits for a turn.
const PATIENCE: Duration = Duration::from_secs(120);

/// Lists of builds that are made at once.
const LISTS: u64 = 4;

/// Builds that are followed at once, and by one asker: a browser has few tabs that do.
const FOLLOWED: usize = 256;
const FOLLOWED_BY_ONE: usize = 12;
/// Searches at work at once.
const SEARCHES: u64 = 4;
/// Long descriptions of projects that are rendered at once.
const DESCRIPTIONS: u64 = 4;

/// Turns of an installation at all that costs much.
pub struct Quota {
    /// Resolvers at work.
    pub resolvers: Turns,
    /// Archives of URL lines on their way.
    pub fetches: Turns,
    /// Lists of builds, each of which looks at many rows.
    pub lists: Turns,
    /// Searches, each of which looks at many projects.
    pub searches: Turns,
    /// Long descriptions that are rendered.
    pub descriptions: Turns,
    /// Requests that are held until something is built or resolved.
    pub held: Turns,
    /// Streams of a build's events.
    pub followed: Turns,
}

impl Quota {
    pub fn new(config: &config::QuotaSettings) -> Self {
        let size = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        let half = |number: u64| {
            let at_once = size(number);
            TurnBounds {
                at_once,
                each: at_once.div_ceil(2),
                waiting: at_once.saturating_mul(16),
                patience: PATIENCE,
            }
        };
        // Nobody waits to be held.
        let held = TurnBounds {
            at_once: usize::MAX >> 4,
            each: size(config.held),
            waiting: 0,
            patience: Duration::ZERO,
        };
        let followed = TurnBounds { at_once: FOLLOWED, each: FOLLOWED_BY_ONE, ..held };
        Self {
            followed: Turns::new("clients that follow builds", followed),
            resolvers: Turns::new("resolving requirements", half(config.resolvers)),
            fetches: Turns::new("fetching archives", half(config.fetches)),
            lists: Turns::new("lists", half(LISTS)),
            searches: Turns::new("searches", half(SEARCHES)),
            descriptions: Turns::new("descriptions", half(DESCRIPTIONS)),
            held: Turns::new("requests waiting for builds", held),
        }
    }
}

impl Who {
    /// Whom a request counts for: an account, or a stranger's network; what a build needs counts for who
    /// wanted the build. `None`: the server itself.
    pub fn asker(&self) -> Option<String> {
        if self.is_build() || self.looks_behind.is_some() {
            return self.counts_for.clone();
        }
        match (&self.user, self.from) {
            (Some(user), _) => Some(user.clone()),
            (None, Some(from)) => Some(format!("{STRANGER}{from}")),
            (None, None) => None,
        }
    }

    /// Whose wish a build is that they ask for: an account's, or that of those who have none.
    pub fn wisher(&self) -> &str {
        // What a build needs is its own wish, and not that of its context's owner: it ends with the build.
        let own =
            self.user.as_deref().filter(|_| self.scope.as_ref().is_none_or(|scope| scope.context.is_none()));
        own.unwrap_or(&self.label)
    }

    /// One without a credential, from this address.
    pub fn stranger(from: IpAddr) -> Self {
        Self { from: Some(household(from)), ..Self::default() }
    }
}

/// Whether a name that a request counts under is a stranger's.
pub fn is_stranger(asker: &str) -> bool {
    asker.starts_with(STRANGER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stranger_counts_by_the_network_and_an_account_by_its_name() {
        let from = |address: &str| Who::stranger(address.parse().unwrap()).asker();
        assert_eq!(from("192.0.2.7").as_deref(), Some("@192.0.2.7"));
        assert_eq!(from("::ffff:192.0.2.7").as_deref(), Some("@192.0.2.7"));
        assert_eq!(from("2001:db8::1:2"), from("2001:db8::ffff:1"));
        assert_ne!(from("2001:db8::1"), from("2001:db8:0:1::1"));
        assert_eq!(Who::person("alice").asker().as_deref(), Some("alice"));
        assert_eq!(Who::default().asker(), None, "the server asks as much as it must");
    }
}
