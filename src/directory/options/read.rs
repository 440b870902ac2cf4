//! What stored options mean: an index as the directory has it.

use crate::config::secret_url::masked;
use crate::config::units::{bytes, seconds};
use crate::directory::model::{BuildAhead, Building, Index, IndexKind, KeepRules, Mirror, Stage};
use crate::names::IndexName;
use crate::packaging::requirement::Pattern;
use serde_json::{Map, Value};

/// Canonical: known keys only, each with its type's JSON form.
pub type Options = Map<String, Value>;

/// Kept with a mirror whose URL was named by who runs this server. No option: nobody can send it.
pub(super) const BY_OPERATOR: &str = "mirror_url_by_operator";

/// A stored index. Never fails: an option that cannot be read counts as not set.
pub fn read(name: &IndexName, options: &Options) -> Index {
    let kind = if kind_of(options) == "mirror" {
        IndexKind::Mirror(mirror(name, options))
    } else {
        IndexKind::Stage(Stage {
            bases: bases(options),
            mirror_whitelist: strings(options, "mirror_whitelist"),
            // Data from before the option existed has no such key; devpi treats it as `union`.
            whitelist_union: text(options, "mirror_whitelist_inheritance").as_deref() != Some("intersection"),
            reserved: strings(options, "reserved"),
            curated: flag(options, "curated"),
            late_files: flag(options, "late_files"),
            acl_approve: match options.get("acl_approve") {
                Some(_) => strings(options, "acl_approve"),
                None => vec![name.user().to_owned()],
            },
            keep: KeepRules {
                releases: number(options, "keep_releases"),
                prereleases: number(options, "keep_prereleases"),
                devreleases: number(options, "keep_devreleases"),
                seconds: text(options, "keep_for").and_then(|age| seconds(&age)),
            },
            quota: size(options, "quota"),
        })
    };
    Index {
        name: name.clone(),
        kind,
        acl_read: unless_set(options, "acl_read"),
        acl_upload: strings(options, "acl_upload"),
        acl_test_results: unless_set(options, "acl_toxresult_upload"),
        acl_manage: options.contains_key("acl_manage").then(|| strings(options, "acl_manage")),
        acl_admin: strings(options, "acl_admin"),
        volatile: options.get("volatile").and_then(Value::as_bool).unwrap_or(true),
        title: text(options, "title"),
        description: text(options, "description"),
        building: building(options),
        promises: text(options, "promise").as_deref() == Some("auto"),
        doubtful: options.get("doubtful").and_then(Value::as_bool).unwrap_or(true),
        options: shown(options),
    }
}

/// A list of principals: everybody, unless it was set.
fn unless_set(options: &Options, key: &str) -> Vec<String> {
    match options.get(key) {
        Some(_) => strings(options, key),
        None => vec![":ANONYMOUS:".to_owned()],
    }
}

fn number(options: &Options, key: &str) -> Option<u64> {
    options.get(key).and_then(Value::as_u64)
}

fn size(options: &Options, key: &str) -> Option<u64> {
    text(options, key).and_then(|size| bytes(&size))
}

fn building(options: &Options) -> Building {
    let ahead = match text(options, "build_ahead").as_deref() {
        Some("never") => BuildAhead::Never,
        Some("uploads") => BuildAhead::Uploads,
        Some("requested") => BuildAhead::Requested,
        Some("all") => BuildAhead::All,
        _ if kind_of(options) == "mirror" => BuildAhead::Never,
        _ => BuildAhead::Uploads,
    };
    Building { ahead, targets: strings(options, "build_targets") }
}

fn mirror(name: &IndexName, options: &Options) -> Mirror {
    Mirror {
        // What is root's was made and is changed by root alone.
        by_operator: name.user() == "root" || flag(options, BY_OPERATOR),
        url: text(options, "mirror_url").and_then(|url| url.parse().ok()),
        cache_expiry: options.get("mirror_cache_expiry").and_then(Value::as_u64),
        allow: patterns(options, "allow"),
        deny: patterns(options, "deny"),
        min_age: text(options, "min_age").and_then(|age| seconds(&age)),
        no_project_list: flag(options, "mirror_no_project_list"),
        missing: numbers(options, "mirror_missing"),
        use_external_urls: flag(options, "mirror_use_external_urls"),
        cache_size: size(options, "cache_size"),
    }
}

/// The options as JSON shows them: credentials in `mirror_url` are masked.
pub fn shown(options: &Options) -> Options {
    let mut shown = options.clone();
    shown.remove(BY_OPERATOR);
    if let Some(Value::String(url)) = shown.get_mut("mirror_url") {
        *url = masked(url);
    }
    shown
}

/// The well-formed entries of `bases`.
pub fn bases(options: &Options) -> Vec<IndexName> {
    strings(options, "bases").iter().filter_map(|base| IndexName::parse(base)).collect()
}

pub(super) fn kind_of(options: &Options) -> &str {
    options.get("type").and_then(Value::as_str).unwrap_or("stage")
}

fn strings(options: &Options, key: &str) -> Vec<String> {
    let list = options.get(key).and_then(Value::as_array);
    list.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// A pattern that cannot be read means nothing here: it is refused when the index is changed.
fn patterns(options: &Options, key: &str) -> Vec<Pattern> {
    strings(options, key).iter().map(|text| Pattern::lenient(text)).collect()
}

fn numbers(options: &Options, key: &str) -> Vec<u16> {
    let list = options.get(key).and_then(Value::as_array);
    list.into_iter().flatten().filter_map(|item| item.as_u64()?.try_into().ok()).collect()
}

fn text(options: &Options, key: &str) -> Option<String> {
    options.get(key).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned)
}

fn flag(options: &Options, key: &str) -> bool {
    options.get(key).and_then(Value::as_bool).unwrap_or_default()
}
