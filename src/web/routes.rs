//! The table of contents of the HTTP door: every path, what it needs, who answers.

use super::pages::{assets, login};
use super::router::Table;
use super::{files, operate, resources, simple};
use crate::access::Need;

const GET: &[&str] = &["GET"];
const POST: &[&str] = &["POST"];

/// All routes. `{user}/{index}` name an index; paths without it are about the default one.
pub fn table() -> Table {
    let table = file_urls(simple_api(Table::default())).on(GET, "/+health", Need::Nothing, operate::health);
    shared(table)
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

/// What people, scripts and installers ask under the same URL, and what only pages need.
fn shared(table: Table) -> Table {
    table
        .on(GET, "/", Need::Nothing, resources::root)
        .on(GET, "/+status", Need::Nothing, resources::status)
        .on(GET, "/+login", Need::Nothing, login::get)
        .on(GET, "/+static/{hash}/{name}", Need::Nothing, assets::get)
        .on(GET, "/{user}", Need::Nothing, resources::user)
        .on(GET, "/{user}/", Need::Nothing, resources::user)
        .on(GET, "/{user}/{index}", Need::Read, resources::index)
        .on(GET, "/{user}/{index}/", Need::Read, resources::index)
        .on(GET, "/{user}/{index}/{project}", Need::Read, resources::project)
        .on(GET, "/{user}/{index}/{project}/", Need::Read, resources::project)
        .on(GET, "/{user}/{index}/{project}/{version}", Need::Read, resources::release)
        .on(GET, "/{user}/{index}/{project}/{version}/", Need::Read, resources::release)
        .on(GET, "/{user}/{index}/{project}/{version}/{filename}", Need::Read, resources::file)
}

fn file_urls(table: Table) -> Table {
    table.on(GET, "/{user}/{index}/+f/{head}/{tail}/{filename}", Need::Read, files::file).on(
        GET,
        "/{user}/{index}/+e/{key}/{filename}",
        Need::Read,
        files::file,
    )
}
