//! The table of contents of the HTTP door: every path, what it needs, who answers.
//!
//! A path that ends in `/?` is known without the slash and with it.

use super::pages::{account, assets, device, login, provider};
use super::router::Table;
use super::{
    about, audit, builds, devpi, doctor, documentation, files, integrity, learned, legacy_json, links, locks,
    manage, operate, promised, proxy, publishers, push, quarantine, readiness, rebuild, recipes, replica,
    requests, resources, results, rights, search, settings, simple, tokens, upload, watches, webhooks,
    who_has, wishes, workers, xmlrpc,
};
use crate::access::Need;

const GET: &[&str] = &["GET"];
const DELETE: &[&str] = &["DELETE"];
const PATCH: &[&str] = &["PATCH"];
const POST: &[&str] = &["POST"];
/// devpi's own method.
const PUSH: &[&str] = &["PUSH"];
const PUT: &[&str] = &["PUT"];
/// A POST whose body is a call of XML-RPC.
const XML_RPC: &[&str] = &[super::http::XML_RPC];

/// All routes. `{user}/{index}` name an index; paths without it are about the default one.
pub fn table() -> Table {
    let chapters: [fn(Table) -> Table; 15] = [
        simple_api,
        wheels_proxy,
        file_urls,
        legacy_api,
        operation,
        manage_people,
        trusted_publishing,
        tell_others,
        watching,
        curating,
        governing,
        copying,
        shared,
        keeping,
        building,
    ];
    chapters.into_iter().fold(Table::default(), |table, chapter| chapter(table))
}

fn operation(table: Table) -> Table {
    table
        .on(GET, "/+health", Need::Nothing, operate::health)
        .on_router(GET, "/+authcheck", Need::Nothing, operate::authcheck)
        .on(GET, "/+audit", Need::Operate, audit::list)
        .on_router(GET, "/metrics", Need::Nothing, operate::metrics)
        // What publishers look for before they send a password: not here, whoever asks.
        .on(GET, "/.well-known/{name}", Need::Nothing, operate::absent)
}

/// Builds: asked for, looked at, and worked on.
fn building(table: Table) -> Table {
    table
        .on(GET, "/+targets", Need::Nothing, builds::targets)
        .on(GET, "/+workers", Need::Login, workers::list)
        .on(GET, "/+worker.py", Need::Nothing, workers::portable)
        .on(GET, "/+worker/{filename}", Need::Nothing, workers::script)
        .on(PUT, "/+workers/{name}", Need::Work, workers::register)
        .on(DELETE, "/+workers/{name}", Need::Work, workers::leave)
        .on(POST, "/+workers/{name}/claim", Need::Work, workers::claim)
        .on(GET, "/+builds", Need::Nothing, builds::list)
        .on(POST, "/+builds", Need::Login, builds::ask::ask)
        .on(POST, "/+builds/sources", Need::Login, builds::ask::take_source)
        .on(GET, "/+builds/statistics", Need::Nothing, builds::statistics)
        .on(GET, "/+builds/{id}", Need::Nothing, builds::get)
        .on(GET, "/+builds/{id}/log", Need::Nothing, builds::log)
        .on(GET, "/+builds/{id}/events", Need::Nothing, builds::events::events)
        .on(POST, "/+builds/{id}/rebuild", Need::Login, builds::again::rebuild)
        .on(POST, "/+builds/{id}/try", Need::Operate, builds::again::try_recipe)
        .on(POST, "/+builds/{id}/cancel", Need::Login, builds::again::cancel)
        .on(GET, "/+builds/{id}/wheel/{filename}", Need::Nothing, builds::wheel)
        .on(GET, "/+builds/{id}/wheel/{sha256}/{filename}", Need::Nothing, builds::told_wheel)
        .on(GET, "/+builds/{id}/source", Need::Work, builds::work::source)
        .on(POST, "/+builds/{id}/log", Need::Work, builds::work::log)
        .on(POST, "/+builds/{id}/beat", Need::Work, builds::work::beat)
        .on(POST, "/+builds/{id}/release", Need::Work, builds::work::release)
        .on(PUT, "/+builds/{id}/wheel/{filename}", Need::Work, builds::work::hand_in)
        .on(POST, "/+builds/{id}/next", Need::Work, builds::work::next)
        .on(POST, "/+builds/{id}/outcome", Need::Work, builds::work::outcome)
        .on(GET, "/{user}/{index}/+learned/?", Need::Read, learned::list)
        .on(GET, "/{user}/{index}/+learned/{project}/?", Need::Read, learned::get)
        .on(DELETE, "/{user}/{index}/+learned/{project}/?", Need::Manage, learned::forget)
        // For those who tend the index alone: what nobody else's project hides would tell which private names are here.
        .on(GET, "/{user}/{index}/+wishes/?", Need::Manage, wishes::list)
        .on(POST, "/{user}/{index}/+rebuild", Need::Login, rebuild::order)
        .on(GET, "/{user}/{index}/+rebuild/{id}", Need::Read, rebuild::get)
        .on(GET, "/{user}/{index}/+ready/{target}/?", Need::Read, readiness::get)
        .on(POST, "/{user}/{index}/+ready/{target}/?", Need::Login, readiness::put)
        .on(POST, "/{user}/{index}/+ready/{target}/+look", Need::Login, readiness::look)
        .on(GET, "/{user}/{index}/+doctor", Need::Read, doctor::form)
        .on(POST, "/{user}/{index}/+doctor", Need::Read, doctor::examine)
}

/// devpi's JSON API, and tokens.
fn manage_people(table: Table) -> Table {
    table
        .on(GET, "/+api", Need::Greet, devpi::api)
        .on(GET, "/{user}/+api", Need::Greet, devpi::api)
        .on(GET, "/{user}/{index}/+api", Need::Greet, devpi::api)
        .on(POST, "/+login", Need::Nothing, devpi::login)
        .on(GET, "/+account", Need::ManageToken, account::get)
        .on(POST, "/+account/password", Need::ManageToken, account::change_password)
        .on(POST, "/+account/tokens", Need::ManageToken, account::create_token)
        .on(POST, "/+account/revoke", Need::ManageToken, account::revoke_token)
        .on(POST, "/+account/logout", Need::ManageToken, account::end_sessions)
        .on(GET, "/+device", Need::Nothing, device::get)
        .on(POST, "/+device", Need::Nothing, device::begin)
        .on(POST, "/+device/confirm", Need::Login, device::confirm)
        .on(POST, "/+device/token", Need::Nothing, device::token)
        .on(POST, "/+tokens", Need::ManageToken, tokens::create)
        .on(GET, "/+tokens", Need::ManageToken, tokens::list)
        .on(DELETE, "/+tokens/{id}", Need::ManageToken, tokens::revoke)
        .on(GET, "/{user}/{index}/+access/?", Need::ManageIndex, rights::list)
        .on(GET, "/{user}/{index}/+settings", Need::ManageIndex, settings::get)
        .on(POST, "/{user}/{index}/+preview", Need::ManageIndex, settings::preview)
        .on(GET, "/+recipes", Need::Login, recipes::list)
        .on(POST, "/+recipes/check", Need::Login, recipes::check)
        .on(GET, "/+recipes/{name}", Need::Operate, recipes::get)
        .on(PUT, "/+recipes/{name}", Need::Operate, recipes::put)
        .on(DELETE, "/+recipes/{name}", Need::Operate, recipes::delete)
        .on(PUT, "/{user}/+groups/{name}", Need::Operate, devpi::join_group)
        .on(DELETE, "/{user}/+groups/{name}", Need::Operate, devpi::leave_group)
        .on(PUT, "/{user}/+roles/{name}", Need::Operate, devpi::give_role)
        .on(DELETE, "/{user}/+roles/{name}", Need::Operate, devpi::take_role)
        .on(DELETE, "/{user}/+sessions", Need::ManageUser, devpi::end_sessions)
        .on(PUT, "/{user}/?", Need::CreateUser, devpi::create_user)
        .on(PATCH, "/{user}/?", Need::ManageUser, devpi::change_user)
        .on(DELETE, "/{user}/?", Need::ManageUser, devpi::delete_user)
        .on(PUT, "/{user}/{index}/?", Need::ManageIndex, devpi::create_index)
        .on(PATCH, "/{user}/{index}/?", Need::ManageIndex, devpi::change_index)
        .on(DELETE, "/{user}/{index}/?", Need::ManageIndex, devpi::delete_index)
}

/// Trusted publishing, at the places where PyPI has it, and who may.
fn trusted_publishing(table: Table) -> Table {
    table
        .on(GET, "/_/oidc/audience", Need::Nothing, publishers::audience)
        .on(POST, "/_/oidc/mint-token", Need::Nothing, publishers::mint)
        .on(POST, "/_/oidc/github/mint-token", Need::Nothing, publishers::mint)
        .on(POST, "/_/oidc/burn-token", Need::Nothing, publishers::burn)
        .on(GET, "/+publishers", Need::Operate, publishers::list)
        .on(DELETE, "/+publishers/{id}", Need::Operate, publishers::remove)
        .on(POST, "/{user}/{index}/+publishers", Need::ManageIndex, publishers::add)
        .on(GET, "/{user}/{index}/+publishers", Need::ManageIndex, publishers::list)
        .on(DELETE, "/{user}/{index}/+publishers/{id}", Need::ManageIndex, publishers::remove)
}

/// Webhooks of the server, and of an index.
fn tell_others(table: Table) -> Table {
    table
        .on(POST, "/+webhooks", Need::Operate, webhooks::add)
        .on(GET, "/+webhooks", Need::Operate, webhooks::list)
        .on(DELETE, "/+webhooks/{id}", Need::Operate, webhooks::remove)
        .on(GET, "/+webhooks/{id}/deliveries", Need::Operate, webhooks::deliveries)
        .on(POST, "/+webhooks/{id}/try", Need::Operate, webhooks::try_now)
        .on(POST, "/{user}/{index}/+webhooks", Need::ManageIndex, webhooks::add)
        .on(GET, "/{user}/{index}/+webhooks", Need::ManageIndex, webhooks::list)
        .on(DELETE, "/{user}/{index}/+webhooks/{id}", Need::ManageIndex, webhooks::remove)
        .on(GET, "/{user}/{index}/+webhooks/{id}/deliveries", Need::ManageIndex, webhooks::deliveries)
        .on(POST, "/{user}/{index}/+webhooks/{id}/try", Need::ManageIndex, webhooks::try_now)
}

/// Repositories whose tags become releases.
fn watching(table: Table) -> Table {
    table
        .on(GET, "/+watches", Need::Nothing, watches::list)
        .on(POST, "/+watches", Need::Login, watches::add)
        .on(GET, "/+watches/{id}", Need::Nothing, watches::get)
        .on(DELETE, "/+watches/{id}", Need::Login, watches::remove)
        .on(POST, "/+watches/{id}/look", Need::Login, watches::look)
        .on(POST, "/+watches/{id}/hook", Need::Nothing, watches::hook)
}

/// What curated indexes are asked for, and what is decided.
fn curating(table: Table) -> Table {
    table
        .on(GET, "/+requests", Need::Nothing, requests::list)
        .on(POST, "/+requests", Need::Nothing, requests::add)
        .on(GET, "/+requests/{id}", Need::Nothing, requests::get)
        .on(POST, "/+requests/{id}/approve", Need::Login, requests::approve)
        .on(POST, "/+requests/{id}/refuse", Need::Login, requests::refuse)
        .on(GET, "/{user}/{index}/+rules", Need::Approve, requests::rules)
        .on(PUT, "/{user}/{index}/+rules", Need::Approve, requests::set_rules)
}

/// What is kept from everybody, and who has it already.
fn governing(table: Table) -> Table {
    table
        .on(GET, "/+quarantine", Need::Login, quarantine::list)
        .on(POST, "/+quarantine", Need::Login, quarantine::place)
        .on(DELETE, "/+quarantine/{id}", Need::Login, quarantine::release)
        .on(GET, "/+who-has", Need::Operate, who_has::get)
        .on(GET, "/+locks", Need::Operate, locks::list)
        .on(POST, "/+locks", Need::Operate, locks::watch)
        .on(DELETE, "/+locks/{name}", Need::Operate, locks::remove)
}

/// What replicas ask.
fn copying(table: Table) -> Table {
    table
        .on(GET, "/+replica/changes", Need::Replicate, replica::changes)
        .on(GET, "/+replica/directory", Need::Replicate, replica::directory)
        .on(GET, "/+replica/projects", Need::Replicate, replica::projects)
        .on(GET, "/+replica/project", Need::Replicate, replica::project)
        .on(GET, "/+replica/blob/{sha256}", Need::Replicate, replica::blob)
        .on(GET, "/+replica/mirrored", Need::Replicate, replica::mirrored)
}

fn simple_api(table: Table) -> Table {
    table
        .on(GET, "/simple", Need::Read, simple::slash)
        .on(GET, "/simple/", Need::Read, simple::list)
        .on(GET, "/simple/{project}/?", Need::Read, simple::project_for_client)
        .on(GET, "/{user}/{index}/+simple", Need::Read, simple::slash)
        .on(GET, "/{user}/{index}/+simple/", Need::Read, simple::list)
        .on(GET, "/{user}/{index}/+simple/{project}/?", Need::Read, simple::project)
        .on(POST, "/{user}/{index}/+simple/{project}/refresh", Need::Read, simple::refresh)
        .on(GET, "/{user}/{index}/+at/{date}/+simple", Need::Read, simple::slash)
        .on(GET, "/{user}/{index}/+at/{date}/+simple/", Need::Read, simple::list)
        .on(GET, "/{user}/{index}/+at/{date}/+simple/{project}/?", Need::Read, simple::project)
}

/// The wheels proxy: several indexes for one target.
fn wheels_proxy(table: Table) -> Table {
    table
        .on(GET, "/v1/{indexes}/{target}/+simple", Need::ReadEach, simple::slash)
        .on(GET, "/v1/{indexes}/{target}/+simple/", Need::ReadEach, simple::list)
        .on(GET, "/v1/{indexes}/{target}/+simple/{project}/?", Need::ReadEach, simple::project_for_target)
        .on(
            GET,
            "/v1/{indexes}/{target}/+at/{date}/+simple/{project}/",
            Need::ReadEach,
            simple::project_for_target,
        )
        .on_router(POST, "/v1/{indexes}/{target}/+compile/?", Need::ReadEach, proxy::compile)
        .on(GET, "/v1/{indexes}/{target}/+compile/{project}/", Need::ReadEach, proxy::compile_page)
        .on(POST, "/v1/{indexes}/{target}/+resolve/?", Need::ReadEach, proxy::resolve)
}

/// What people, scripts and installers ask under the same URL, and what only pages need.
fn shared(table: Table) -> Table {
    table
        .on(GET, "/", Need::Nothing, resources::root)
        .on_router(GET, "/+status", Need::Nothing, resources::status)
        .on(GET, "/+search", Need::Search, search::get)
        .on(GET, "/+login", Need::Nothing, login::get)
        .on(GET, "/+login/{name}", Need::Nothing, provider::begin)
        .on(GET, "/+login/{name}/callback", Need::Nothing, provider::end)
        .on(POST, "/+logout", Need::Nothing, login::logout)
        .on(GET, "/+static/{hash}/{name}", Need::Nothing, assets::get)
        .on(GET, "/{user}/?", Need::Nothing, resources::user)
        .on(GET, "/{user}/{index}/?", Need::Read, resources::index)
        .on(GET, "/{user}/{index}/{project}/?", Need::Read, resources::project)
        .on(GET, "/{user}/{index}/{project}/{version}/?", Need::Read, resources::release)
        .on(GET, "/{user}/{index}/{project}/{version}/+doc", Need::Read, documentation::slash)
        .on(GET, "/{user}/{index}/{project}/{version}/+doc/", Need::Read, documentation::get)
        .on(GET, "/{user}/{index}/{project}/{version}/+doc/{*path}", Need::Read, documentation::get)
        .on(GET, "/{user}/{index}/{project}/{version}/{filename}", Need::Read, resources::file)
        .on(GET, "/{user}/{index}/+matrix/{project}/?", Need::Read, about::matrix)
        .on(GET, "/{user}/{index}/+compare/{project}/?", Need::Read, about::compare)
        .on(GET, "/{user}/{index}/+required-by/{project}/?", Need::Read, about::required_by)
        .on(GET, "/{user}/{index}/+about/{project}/{version}/?", Need::Read, about::release)
}

fn file_urls(table: Table) -> Table {
    table
        .on(GET, "/{user}/{index}/+f/{head}/{tail}/{filename}", Need::Read, files::file)
        .on(GET, "/{user}/{index}/+e/{key}/{filename}", Need::Read, files::file)
        .on(GET, "/{user}/{index}/+w/{target}/{filename}", Need::Read, promised::get)
        .on(GET, "/{user}/{index}/+links/?", Need::Read, links::all)
        .on(GET, "/{user}/{index}/+links/{project}/?", Need::Read, links::project)
        .on(GET, "/{user}/{index}/+explain/{project}", Need::Read, links::explain)
}

/// What older tools and dependency updaters read.
fn legacy_api(table: Table) -> Table {
    table
        .on(GET, "/pypi/{project}/json/?", Need::Read, legacy_json::get)
        .on(GET, "/pypi/{project}/{version}/json/?", Need::Read, legacy_json::get)
        .on(GET, "/{user}/{index}/pypi/{project}/json/?", Need::Read, legacy_json::get)
        .on(GET, "/{user}/{index}/pypi/{project}/{version}/json/?", Need::Read, legacy_json::get)
        .on(GET, "/{user}/{index}/{project}/json", Need::Read, legacy_json::get)
        .on(XML_RPC, "/{user}/?", Need::Read, xmlrpc::call_pypi)
        .on(XML_RPC, "/{user}/{index}/?", Need::Read, xmlrpc::call)
        .on(GET, "/integrity/{project}/{version}/{filename}/provenance", Need::Read, integrity::get)
}

/// What changes the contents of an index: uploads, yanks, statuses, deletions.
fn keeping(table: Table) -> Table {
    // No upload is ever redirected: publishers refuse to follow.
    table
        .on(POST, "/{user}/{index}/?", Need::Upload, upload::upload)
        .on(PUSH, "/{user}/{index}/?", Need::Read, push::push)
        .on(POST, "/{user}/{index}/+f/{head}/{tail}/{filename}", Need::TestResult, results::add)
        .on(POST, "/legacy/?", Need::Upload, upload::upload)
        .on(PATCH, "/{user}/{index}/{project}/?", Need::Manage, manage::change_project)
        .on(PATCH, "/{user}/{index}/{project}/{version}/?", Need::Manage, manage::change_release)
        .on(DELETE, "/{user}/{index}/{project}/?", Need::Manage, manage::delete_project)
        .on(DELETE, "/{user}/{index}/{project}/{version}/?", Need::Manage, manage::delete_release)
        .on(DELETE, "/{user}/{index}/+f/{head}/{tail}/{filename}", Need::Manage, manage::delete_file)
}
