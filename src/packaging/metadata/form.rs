//! Core metadata as forms for uploads name it.

use super::Metadata;
use serde_json::{Map, Value, json};

/// Metadata under the names that upload forms use, all keys always there.
pub fn form_fields(metadata: &Metadata) -> Map<String, Value> {
    let singles = [
        ("summary", &metadata.summary),
        ("home_page", &metadata.home_page),
        ("author", &metadata.author),
        ("author_email", &metadata.author_email),
        ("maintainer", &metadata.maintainer),
        ("maintainer_email", &metadata.maintainer_email),
        ("license", &metadata.license),
        ("license_expression", &metadata.license_expression),
        ("description", &metadata.description),
        ("description_content_type", &metadata.description_content_type),
        ("keywords", &metadata.keywords),
        ("download_url", &metadata.download_url),
        ("requires_python", &metadata.requires_python),
    ];
    let lists = [
        ("platform", &metadata.platforms),
        ("supported_platform", &metadata.supported_platforms),
        ("classifiers", &metadata.classifiers),
        ("provides", &metadata.provides),
        ("requires", &metadata.requires),
        ("obsoletes", &metadata.obsoletes),
        ("project_urls", &metadata.project_urls),
        ("provides_dist", &metadata.provides_dist),
        ("obsoletes_dist", &metadata.obsoletes_dist),
        ("requires_dist", &metadata.requires_dist),
        ("requires_external", &metadata.requires_external),
        ("provides_extras", &metadata.provides_extra),
        ("dynamic", &metadata.dynamic),
        ("license_file", &metadata.license_files),
    ];
    let mut fields = Map::new();
    fields.insert("metadata_version".into(), metadata.metadata_version.as_str().into());
    fields.insert("name".into(), metadata.name.as_str().into());
    fields.extend(singles.map(|(key, value)| (key.to_owned(), value.clone().unwrap_or_default().into())));
    fields.extend(lists.map(|(key, values)| (key.to_owned(), json!(values))));
    fields
}
