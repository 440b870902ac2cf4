//! The table of contents of the HTTP door: every path, what it needs, who answers.

use super::operate;
use super::router::Table;
use crate::access::Need;

const GET: &[&str] = &["GET"];

/// All routes. `{user}/{index}` name an index; paths without it are about the default one.
pub fn table() -> Table {
    Table::default().on(GET, "/+health", Need::Nothing, operate::health)
}
