//! Layers: what one place says, laid over what the places before it said.

use super::Recipe;
use crate::build::target::Target;
use crate::error::{Error, Result};
use crate::packaging::requirement::Marker;
use crate::packaging::version::{self, Version, VersionSpecifiers};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// Values by key (`build.constraints`), checked by the reader.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Layer(pub BTreeMap<&'static str, Value>);

/// A layer for some versions or targets: all conditions must hold.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Override {
    pub when: Vec<Condition>,
    pub layer: Layer,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Condition {
    Version(VersionSpecifiers),
    Target(Marker),
}

impl Condition {
    /// A version that is not known yet satisfies nothing.
    fn holds(&self, version: Option<&Version>, target: &Target) -> bool {
        match self {
            Self::Version(specifiers) => {
                version.is_some_and(|version| version::satisfies(specifiers, version))
            }
            Self::Target(marker) => marker.holds(&target.markers, &BTreeSet::new()),
        }
    }
}

impl Override {
    pub fn holds(&self, version: Option<&Version>, target: &Target) -> bool {
        self.when.iter().all(|condition| condition.holds(version, target))
    }
}

impl Layer {
    /// Lays `upper` on top: a table is joined with the one below it, anything else replaces what
    /// is there. Packages by distribution are such tables.
    pub fn lay(&mut self, upper: &Self) {
        for (key, value) in &upper.0 {
            match (self.0.get_mut(key), value) {
                (Some(Value::Object(below)), Value::Object(above)) => below.extend(above.clone()),
                _ => drop(self.0.insert(key, value.clone())),
            }
        }
    }

    /// What it means for a target.
    pub fn put_together(&self, target: &Target) -> Result<Recipe> {
        let mut whole = Map::new();
        for (key, value) in &self.0 {
            let value = for_distribution(key, value, &target.distribution);
            match key.split_once('.') {
                None if *key == "system" => drop(whole.insert("packages".into(), value)),
                None => drop(whole.insert((*key).into(), value)),
                Some((table, name)) => {
                    let table = whole.entry(table).or_insert_with(|| Map::new().into());
                    if let Value::Object(table) = table {
                        table.insert(name.into(), value);
                    }
                }
            }
        }
        serde_json::from_value(whole.into()).map_err(Error::internal)
    }
}

/// Packages become those of one distribution, in services too; the rest stays.
fn for_distribution(key: &str, value: &Value, distribution: &str) -> Value {
    match (key, value) {
        ("system" | "test.packages" | "packages", Value::Object(by)) => {
            let family = distribution.split_whitespace().next().unwrap_or_default();
            // Ubuntu names nearly all packages as Debian does, and has the same tools.
            let parent = if family == "ubuntu" { "debian" } else { family };
            let own = [distribution, family, parent, "any"].into_iter().find_map(|name| by.get(name));
            own.cloned().unwrap_or_else(|| Vec::<Value>::new().into())
        }
        ("test.service", Value::Array(services)) => {
            let service = |service: &Value| match service {
                Value::Object(fields) => {
                    let field = |(k, v): (&String, &Value)| (k.clone(), for_distribution(k, v, distribution));
                    fields.iter().map(field).collect::<Map<_, _>>().into()
                }
                other => other.clone(),
            };
            services.iter().map(service).collect::<Vec<Value>>().into()
        }
        _ => value.clone(),
    }
}
