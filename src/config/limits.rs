//! What one request, and what one asker, may take.

use super::Reserve;
use crate::tools::pace::Pace;
use std::time::Duration;

/// Bytes, unless said otherwise.
#[derive(Clone, Debug)]
pub struct LimitSettings {
    pub upload: u64,
    /// Connections at once; one address gets half of them.
    pub connections: u64,
    /// Bytes a second that a request's body must bring, and a client must take, on average.
    pub slowest: u64,
    /// Seconds of the longest pause in either.
    pub pause: u64,
    /// Seconds for which a server that is told to stop goes on, while its health says so.
    pub drain: u64,
    /// Prepared pages held in memory.
    pub page_cache: u64,
    /// Small files held in memory; larger ones are mapped.
    pub file_cache: u64,
    /// The largest page accepted from an upstream.
    pub upstream_page: u64,
    /// Space of the disk that stays free.
    pub reserve: Reserve,
}

impl LimitSettings {
    /// What is demanded of clients.
    pub fn pace(&self) -> Pace {
        Pace { patience: Duration::from_secs(self.pause), rate: self.slowest }
    }
}

impl Default for LimitSettings {
    fn default() -> Self {
        Self {
            upload: 4 << 30,
            connections: 8192,
            slowest: 1 << 10,
            pause: 30,
            drain: 0,
            page_cache: 64 << 20,
            file_cache: 64 << 20,
            upstream_page: 128 << 20,
            reserve: Reserve::Bytes(0),
        }
    }
}

/// What one asker may cause: an account, or all without a credential that come from one address.
#[derive(Clone, Debug)]
pub struct QuotaSettings {
    /// Resolvers of `+compile/` at work at once; one asker has half of them.
    pub resolvers: u64,
    /// Archives of URL lines fetched at once; one asker has half of them.
    pub fetches: u64,
    /// Requests of one asker that wait for builds.
    pub held: u64,
    /// Builds of one account that have not begun.
    pub builds: u64,
    /// The same for strangers of one address.
    pub builds_anonymous: u64,
    /// Bytes of sources that are kept for one account.
    pub sources: u64,
    /// The same for strangers of one address.
    pub sources_anonymous: u64,
    /// Bytes of files in all indexes of one account; 0: any number.
    pub uploads: u64,
}

impl Default for QuotaSettings {
    fn default() -> Self {
        Self {
            resolvers: 8,
            fetches: 8,
            held: 1000,
            builds: 2000,
            builds_anonymous: 200,
            sources: 16 << 30,
            sources_anonymous: 512 << 20,
            uploads: 0,
        }
    }
}
