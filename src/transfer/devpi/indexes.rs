//! Indexes of an export: made with their options, or found and left as they are.

use super::Import;
use super::dump::DumpedIndex;
use super::options::{kind_of, translated};
use crate::access::COMMAND_LINE;
use crate::access::accounts::check_name;
use crate::db::Tx;
use crate::db::events::NewEvent;
use crate::directory::options::{self, Options};
use crate::error::{Error, Result};
use crate::names::IndexName;
use crate::words::EventKind;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// An index that takes files.
#[derive(Debug)]
pub struct IndexPlace {
    pub name: IndexName,
    pub is_mirror: bool,
}

/// What an index's options are of which nobody who imports has a say.
const OWN: [&str; 2] = ["promise", "mirror_url_by_operator"];

impl Import<'_> {
    /// An index with a name that it can have, and of a type that we know.
    pub(super) fn readable(&mut self, name: &str, value: Value) -> Option<(IndexName, DumpedIndex)> {
        let what = format!("index {name}");
        let index = DumpedIndex::read(value);
        let named = name.split_once('/').and_then(|(user, own)| IndexName::of(user, own));
        let kind = match &named {
            Some(known) => kind_of(known, &index.config).to_owned(),
            None => index.config.get("type").and_then(Value::as_str).unwrap_or_default().to_owned(),
        };
        if self.skipped_types.contains(&kind) {
            return None;
        }
        let own = name.split_once('/').map_or(name, |(_, own)| own);
        let why = match (&named, check_name("indexname", own)) {
            (_, Err(why)) => why.to_string(),
            (None, Ok(())) => format!("'{name}' is not a valid index name"),
            (Some(known), Ok(())) if !self.users.contains(known.user()) => {
                format!("its owner {} was not imported", known.user())
            }
            (Some(_), Ok(())) if !matches!(kind.as_str(), "stage" | "mirror") => format!(
                "wheelwright has no indexes of the type '{kind}': import without them with --skip-type {kind}"
            ),
            (Some(_), Ok(())) => String::new(),
        };
        if !why.is_empty() {
            self.report.refuse(what, why);
            return None;
        }
        for fault in &index.faults {
            self.report.refuse(format!("{name}: {}", fault.what).trim_end_matches([':', ' ']), &fault.why);
        }
        named.map(|name| (name, index))
    }

    /// Makes what is not there; those that take files.
    pub(super) async fn indexes(
        &mut self,
        indexes: &BTreeMap<IndexName, DumpedIndex>,
    ) -> Result<BTreeMap<IndexName, IndexPlace>> {
        let mut stored = BTreeMap::new();
        for known in self.to.db.indexes().await? {
            let options: Options = serde_json::from_str(&known.options).map_err(Error::internal)?;
            stored.insert(known.name, options);
        }
        let mut wanted = BTreeMap::new();
        for (name, index) in indexes {
            match translated(name, index, self.version) {
                Ok(found) => {
                    found.notes.iter().for_each(|why| self.report.note(format!("index {name}"), why));
                    wanted.insert(name.clone(), found.options);
                }
                Err(why) => self.report.refuse(format!("index {name}"), why),
            }
        }
        let promising = promising(&stored, &wanted);
        let mut places = BTreeMap::new();
        for (name, mut options) in wanted {
            let is_mirror = is_mirror(&options);
            if promising.contains(&name) {
                options.insert("promise".into(), "auto".into());
            }
            let taken = match stored.get(&name) {
                Some(known) => self.known_index(&name, known, &options).await?,
                None => self.new_index(&name, &options, &stored, indexes).await.map(|()| true)?,
            };
            if taken {
                places.insert(name.clone(), IndexPlace { name, is_mirror });
            }
        }
        self.to.indexes.refresh().await?;
        Ok(places)
    }

    async fn new_index(
        &mut self,
        name: &IndexName,
        options: &Options,
        stored: &BTreeMap<IndexName, Options>,
        indexes: &BTreeMap<IndexName, DumpedIndex>,
    ) -> Result<()> {
        for base in options::bases(options) {
            if !stored.contains_key(&base) && !indexes.contains_key(&base) {
                let why = format!("its base {base} does not exist: it inherits nothing from there");
                self.report.note(format!("index {name}"), why);
            }
        }
        self.report.added.indexes += 1;
        if self.to.dry_run {
            return Ok(());
        }
        let mut tx = Tx::begin(self.to.db).await?;
        tx.create_index(name, &text(options)?).await?;
        let shown = text(&options::shown(options))?;
        tx.commit(NewEvent::of(COMMAND_LINE, EventKind::IndexCreated).on(name).after(&shown)).await?;
        Ok(())
    }

    /// Whether an index that is here already takes the files of the export's.
    async fn known_index(&mut self, name: &IndexName, known: &Options, wanted: &Options) -> Result<bool> {
        let what = format!("index {name}");
        if is_mirror(known) != is_mirror(wanted) {
            let kind = |options| if is_mirror(options) { "mirror" } else { "stage" };
            let why = format!(
                "it is a {} here and a {} in the export: nothing of it was imported",
                kind(known),
                kind(wanted)
            );
            self.report.refuse(what, why);
            return Ok(false);
        }
        self.report.present.indexes += 1;
        let mut all = known.clone();
        // The first mirror is always here: what nobody has set yet comes from the export.
        if *name == IndexName::root_pypi() {
            let unset = wanted.iter().filter(|(key, _)| !known.contains_key(*key));
            all.extend(unset.map(|(key, value)| (key.clone(), value.clone())));
        }
        let others = wanted.iter().filter(|(key, value)| all.get(*key) != Some(value));
        let others: Vec<&str> =
            others.map(|(key, _)| key.as_str()).filter(|key| !OWN.contains(key)).collect();
        if !others.is_empty() {
            let why = format!("exists with other options, which stay as they are: {}", others.join(", "));
            self.report.note(&what, why);
        }
        if all == *known || self.to.dry_run {
            return Ok(true);
        }
        let mut tx = Tx::begin(self.to.db).await?;
        tx.set_index_options(name, &text(&all)?).await?;
        let shown = text(&options::shown(&all))?;
        tx.commit(NewEvent::of(COMMAND_LINE, EventKind::IndexChanged).on(name).after(&shown)).await?;
        Ok(true)
    }
}

fn text(options: &Options) -> Result<String> {
    serde_json::to_string(options).map_err(Error::internal)
}

fn is_mirror(options: &Options) -> bool {
    options.get("type").and_then(Value::as_str) == Some("mirror")
}

/// The new stages that inherit a mirror: like every new one, they list wheels that do not exist yet.
fn promising(
    stored: &BTreeMap<IndexName, Options>,
    wanted: &BTreeMap<IndexName, Options>,
) -> BTreeSet<IndexName> {
    let reaches_mirror = |name: &IndexName| {
        let (mut seen, mut next) = (BTreeSet::new(), vec![name.clone()]);
        while let Some(one) = next.pop() {
            let options = stored.get(&one).or_else(|| wanted.get(&one));
            match options {
                Some(options) if is_mirror(options) => return true,
                Some(options) if seen.insert(one) => next.extend(options::bases(options)),
                _ => {}
            }
        }
        false
    };
    let new = wanted.iter().filter(|(name, options)| !stored.contains_key(*name) && !is_mirror(options));
    new.filter(|(name, _)| reaches_mirror(name)).map(|(name, _)| name.clone()).collect()
}
