//! Making, changing and deleting indexes: the steps that the web and the command line share.

use crate::access::accounts::check_name;
use crate::access::{self, Decision, Need, Who, may_read};
use crate::config::units::{rounded, show_bytes};
use crate::db::events::NewEvent;
use crate::db::{Db, Tx};
use crate::directory::options::{self, Options, OptionsChange};
use crate::directory::{Directory, Index, IndexKind, Stage, inheritance};
use crate::error::{Error, Result};
use crate::names::IndexName;
use crate::words::EventKind;
use crate::{bad, conflict, forbidden, missing};

fn event<'a>(who: &'a Who, what: EventKind, index: &'a IndexName) -> NewEvent<'a> {
    NewEvent::of(&who.label, what).on(index)
}

/// A base that the asker may not read is as good as none.
fn check_bases(directory: &Directory, who: &Who, bases: &[IndexName]) -> Result<()> {
    let exists =
        |base: &IndexName| directory.indexes.get(base).is_some_and(|base| may_read(directory, who, base));
    match bases.iter().find(|base| !exists(base)) {
        None => Ok(()),
        Some(base) => Err(bad!("base index '{base}' does not exist")),
    }
}

/// Options that decide what a curated index gives its readers of mirrors that they may not read.
const SUPPLYING: [&str; 4] = ["curated", "bases", "acl_approve", "late_files"];

/// A curated index gives its readers what was approved of all mirrors that its owner may read. Only somebody who may read
/// them, too, says that it does, of which, and who approves.
fn check_supply(
    directory: &Directory,
    who: &Who,
    name: &IndexName,
    (before, options): (&Options, &Options),
) -> Result<()> {
    let index = options::read(name, options);
    if !index.is_curated() || SUPPLYING.iter().all(|option| before.get(*option) == options.get(*option)) {
        return Ok(());
    }
    let bases = options::bases(options);
    let mut sources = bases.iter().flat_map(|base| inheritance::order(directory, base).sources);
    let hidden = |source: IndexName| {
        let mirror = directory.indexes.get(&source).filter(|source| source.is_mirror());
        mirror.is_some_and(|mirror| {
            access::may_supply(directory, name, mirror) && !may_read(directory, who, mirror)
        })
    };
    match sources.any(hidden) {
        false => Ok(()),
        true => Err(forbidden!(
            "{name} inherits a mirror that {} may not read, and would give what is approved of it: only {}, or somebody \
             who may read all of its mirrors, may change {} of a curated index",
            who.label,
            name.user(),
            SUPPLYING.join(", ")
        )),
    }
}

/// Whether any of these indexes is a mirror or inherits one.
fn inherits_mirror(directory: &Directory, bases: &[IndexName]) -> bool {
    let is_mirror = |name: &IndexName| directory.indexes.get(name).is_some_and(Index::is_mirror);
    bases.iter().any(|base| inheritance::order(directory, base).sources.iter().any(is_mirror))
}

/// Whether `who` may change the options of an index, and so sees all of them.
pub fn manages(directory: &Directory, who: &Who, name: &IndexName) -> bool {
    access::decide(directory, who, Need::ManageIndex, Some(name), None, None) == Decision::Allowed
}

/// The options as `who` may see them: whoever may not change them learns of no base that is hidden
/// from them.
pub fn options_for(directory: &Directory, who: &Who, index: &Index) -> Options {
    let mut options = index.options.clone();
    if !manages(directory, who, &index.name)
        && let Some(bases) = options.get_mut("bases").and_then(serde_json::Value::as_array_mut)
    {
        let sees = |base: &serde_json::Value| {
            let index = base.as_str().and_then(IndexName::parse);
            let index = index.and_then(|name| directory.indexes.get(&name));
            index.is_some_and(|index| may_read(directory, who, index))
        };
        bases.retain(sees);
    }
    options
}

/// Refuses to delete an index that has files, unless somebody insists.
///
/// # Errors
/// `Conflict` with their number.
pub async fn refuse_with_files(db: &Db, name: &IndexName) -> Result<()> {
    match db.hosted_files(name).await? {
        0 => Ok(()),
        files => Err(conflict!("index {name} has {files} files: use --force to delete it with them")),
    }
}

fn text(options: &Options) -> Result<String> {
    serde_json::to_string(options).map_err(Error::internal)
}

/// Creates an index and answers its options.
pub async fn create(
    db: &Db,
    directory: &Directory,
    who: &Who,
    name: &IndexName,
    given: &Options,
) -> Result<Options> {
    check_name("username", name.user())?;
    check_name("indexname", name.name())?;
    let mut options = options::create(name.user(), given)?;
    options::note_operator(None, &mut options, who.is_operator());
    let bases = options::bases(&options);
    check_bases(directory, who, &bases)?;
    check_supply(directory, who, name, (&Options::default(), &options))?;
    // Those that were made before there were promises on an index's own page stay as they are.
    if !given.contains_key("promise") && inherits_mirror(directory, &bases) {
        options.insert("promise".into(), "auto".into());
    }
    check_keep(name, &options)?;
    let mut tx = Tx::begin(db).await?;
    if tx.account(name.user()).await?.is_none() {
        return Err(missing!("no user '{}'", name.user()));
    }
    if tx.index_options(name).await?.is_some() {
        return Err(conflict!("index '{name}' exists"));
    }
    let stored = text(&options)?;
    tx.create_index(name, &stored).await?;
    tx.commit(event(who, EventKind::IndexCreated, name).after(&text(&options::shown(&options))?)).await?;
    Ok(options)
}

/// Changes options and answers all of them. With `refuse_noop` a change of nothing is an error.
pub async fn modify(
    db: &Db,
    directory: &Directory,
    who: &Who,
    name: &IndexName,
    change: &OptionsChange,
    refuse_noop: bool,
) -> Result<Options> {
    let mut tx = Tx::begin(db).await?;
    let stored = tx.index_options(name).await?.ok_or_else(|| no_stage(name))?;
    let stored: Options = serde_json::from_str(&stored).map_err(Error::internal)?;
    let mut changed = options::modify(&stored, change)?;
    options::note_operator(Some(&stored), &mut changed, who.is_operator());
    check_bases(directory, who, &options::new_bases(&changed, change))?;
    check_supply(directory, who, name, (&stored, &changed))?;
    check_keep(name, &changed)?;
    check_quota(&mut tx, name, &stored, &changed).await?;
    if changed == stored && refuse_noop {
        return Err(bad!("The requested modifications resulted in no changes"));
    }
    if changed != stored {
        tx.set_index_options(name, &text(&changed)?).await?;
        let (before, after) = (text(&options::shown(&stored))?, text(&options::shown(&changed))?);
        tx.commit(event(who, EventKind::IndexChanged, name).before(&before).after(&after)).await?;
    }
    Ok(changed)
}

/// Refuses rules of retention where nothing may be deleted.
fn check_keep(name: &IndexName, options: &Options) -> Result<()> {
    let index = options::read(name, options);
    match &index.kind {
        IndexKind::Stage(stage) if stage.keep.least().is_some() && !index.volatile => Err(bad!(
            "the options keep_releases, keep_prereleases and keep_devreleases delete releases, and {name} is not \
             volatile: set volatile=true, or drop them"
        )),
        _ => Ok(()),
    }
}

/// Refuses a new quota that the index exceeds already: nothing could be uploaded, and nobody would know why.
async fn check_quota(tx: &mut Tx, name: &IndexName, before: &Options, options: &Options) -> Result<()> {
    let index = options::read(name, options);
    let IndexKind::Stage(Stage { quota: Some(quota), .. }) = &index.kind else { return Ok(()) };
    if before.get("quota") == options.get("quota") {
        return Ok(());
    }
    let used = tx.index_bytes(name).await?;
    if used <= *quota {
        return Ok(());
    }
    Err(conflict!(
        "{name} has {} already, more than the quota {}: delete releases first (the options keep_releases, \
         keep_prereleases and keep_devreleases do so), or set a larger quota. Nothing was changed",
        rounded(used),
        show_bytes(*quota)
    ))
}

/// Deletes an index with everything in it; only a volatile one can go.
pub async fn delete(db: &Db, who: &Who, name: &IndexName) -> Result<()> {
    let mut tx = Tx::begin(db).await?;
    let stored = tx.index_options(name).await?.ok_or_else(|| no_stage(name))?;
    let stored: Options = serde_json::from_str(&stored).map_err(Error::internal)?;
    if !options::read(name, &stored).volatile {
        return Err(forbidden!("index {name} non-volatile, cannot delete"));
    }
    tx.delete_index(name).await?;
    let before = text(&options::shown(&stored))?;
    tx.commit(event(who, EventKind::IndexDeleted, name).before(&before)).await?;
    Ok(())
}

fn no_stage(name: &IndexName) -> Error {
    missing!("The stage {name} could not be found.")
}
