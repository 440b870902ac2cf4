//! What things are called: each name is parsed once, where it comes in, and carried as its type.

mod context;
mod index;
mod project;

pub use context::BuildContext;
pub use index::IndexName;
pub use project::{NameList, NameListBuilder, ProjectName};
