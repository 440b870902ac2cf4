//! The table of contents of the HTTP door: every path, what it needs, who answers.

use super::router::Table;
use super::{operate, simple};
use crate::access::Need;

const GET: &[&str] = &["GET"];
const POST: &[&str] = &["POST"];

/// All routes. `{user}/{index}` name an index; paths without it are about the default one.
pub fn table() -> Table {
    simple_api(Table::default()).on(GET, "/+health", Need::Nothing, operate::health)
}

fn simple_api(table: Table) -> Table {
    table
        .on(GET, "/simple", Need::Read, simple::slash)
        .on(GET, "/simple/", Need::Read, simple::list)
        .on(GET, "/simple/{project}", Need::Read, simple::project)
        .on(GET, "/simple/{project}/", Need::Read, simple::project)
        .on(GET, "/{user}/{index}/+simple", Need::Read, simple::slash)
        .on(GET, "/{user}/{index}/+simple/", Need::Read, simple::list)
        .on(GET, "/{user}/{index}/+simple/{project}", Need::Read, simple::project)
        .on(GET, "/{user}/{index}/+simple/{project}/", Need::Read, simple::project)
        .on(POST, "/{user}/{index}/+simple/{project}/refresh", Need::Read, simple::refresh)
        .on(GET, "/{user}/{index}/+at/{date}/+simple", Need::Read, simple::slash)
        .on(GET, "/{user}/{index}/+at/{date}/+simple/", Need::Read, simple::list)
        .on(GET, "/{user}/{index}/+at/{date}/+simple/{project}", Need::Read, simple::project)
        .on(GET, "/{user}/{index}/+at/{date}/+simple/{project}/", Need::Read, simple::project)
}
