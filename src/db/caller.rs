//! Who caused a change: the request that is being answered, which [`super::Tx`] writes into its event.

use std::net::IpAddr;
use std::sync::{Arc, OnceLock};

tokio::task_local! {
    static CALLER: Arc<Caller>;
}

/// Where a request comes from.
#[derive(Debug, Default)]
pub struct Caller {
    address: Option<IpAddr>,
    /// The id by which logs name the request.
    request: Option<String>,
    token: OnceLock<String>,
}

impl Caller {
    pub fn new(address: IpAddr, request: Option<String>) -> Self {
        Self { address: Some(address), request, token: OnceLock::new() }
    }

    /// Runs `work`: what it changes was caused by this caller. Tasks that it spawns are nobody's.
    pub async fn during<F: Future>(self, work: F) -> F::Output {
        CALLER.scope(Arc::new(self), work).await
    }

    /// Notes the API token that the request came with, once it was checked.
    pub fn came_with(token: &str) {
        // Outside a request nobody asks; within one, the first token is the one that counts.
        let _ = CALLER.try_with(|caller| caller.token.set(token.to_owned()));
    }

    /// The token's id, the address and the request of the caller now; nothing outside a request.
    pub(super) fn now() -> (Option<String>, Option<String>, Option<String>) {
        let read = |caller: &Arc<Self>| {
            let address = caller.address.map(|address| address.to_string());
            (caller.token.get().cloned(), address, caller.request.clone())
        };
        CALLER.try_with(read).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_a_request_changes_is_its_callers_and_what_nobody_asked_for_is_nobodys() {
        let caller = Caller::new([192, 0, 2, 1].into(), Some("r1".into()));
        let (token, address, request) = caller
            .during(async {
                Caller::came_with("t1");
                Caller::came_with("t2");
                Caller::now()
            })
            .await;
        assert_eq!(
            (token.as_deref(), address.as_deref(), request.as_deref()),
            (Some("t1"), Some("192.0.2.1"), Some("r1"))
        );
        Caller::came_with("t3");
        assert_eq!(Caller::now(), (None, None, None));
    }
}
