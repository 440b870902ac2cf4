//! Who else is told of what happens here: webhooks, which hear of events afterwards, and programs, which are asked
//! before an upload.

mod deliver;
mod document;
pub mod programs;
pub mod webhooks;

pub use programs::HookPrograms;
pub use webhooks::Webhooks;
