//! What HTTP is: requests taken apart, answers put together. Knows no page and no resource.

pub mod audience;
pub mod connections;
mod ctx;
pub mod drain;
pub mod form_token;
pub mod multipart;
pub mod negotiate;
pub mod not_yet;
pub mod origin;
pub mod path;
mod peer;
pub mod ranges;
pub mod respond;
mod route;
pub mod shared_caches;
pub mod slow;
pub mod slow_requests;
pub mod whence;

pub use audience::Audience;
pub use ctx::{ActingFor, Ctx, Params, PartOfAnother};
pub use peer::Peer;
pub use route::{Route, XML_RPC, called};
