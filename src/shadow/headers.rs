//! The headers that each server gets.

use crate::access::methods::proxy;
use crate::tools::hops::end_to_end;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use std::net::IpAddr;

/// Says that a request went through a shadow: a second time would go on for ever.
pub const MARK: HeaderName = HeaderName::from_static("x-wheelwright-shadow");

/// The client's headers as they are.
pub fn for_the_old(headers: &HeaderMap) -> HeaderMap {
    let mut headers = end_to_end(headers);
    headers.insert(MARK, HeaderValue::from_static("1"));
    headers
}

/// The client's headers with its address: strangers share what the server lets one of them do at once.
pub fn for_the_new(headers: &HeaderMap, peer: IpAddr) -> HeaderMap {
    let mut headers = for_the_old(headers);
    let client = HeaderValue::from_str(&peer.to_canonical().to_string());
    headers.extend(client.ok().map(|client| (HeaderName::from_static("x-forwarded-for"), client)));
    // The new server trusts the shadow for clients' addresses, not for their names.
    headers.insert(proxy::HANDED_ON, HeaderValue::from_static("1"));
    // A body of a GET means nothing, and only the old server gets it; a login's is measured anew.
    headers.remove(header::CONTENT_LENGTH);
    headers
}
