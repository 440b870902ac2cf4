//! Settings of wheelhouses, whose sections have names of the operator's: `wheelhouse.NAME.to`.

use super::kinds::{flag, list, optional, optional_time, text};
use super::sections::{SectionKind, section_settings};
use crate::config::Config;
use crate::config::wheelhouse::{WheelhouseSettings, bucket_place};
use crate::names::{IndexName, ProjectName};

const PREFIX: &str = "wheelhouse.";

pub(super) static WHEELHOUSES: SectionKind<WheelhouseSettings> = SectionKind {
    prefix: PREFIX,
    about: "An index that the server publishes to a bucket",
    example: "public",
    behind: "replica",
    settings: section_settings! {
        /// The index to publish.
        index: text;
        /// The bucket: s3://BUCKET/PREFIX.
        to: text;
        /// Also publish what the bases of the index have. Mirrors give the files that they keep.
        inherited: flag;
        /// How long links are signed for, at most 7d. Not set: links are relative and not signed.
        presign: optional_time;
        /// How long each link on a page is good for at least. Not set: half of `presign`.
        min_valid: optional_time;
        /// The projects to publish although a classifier says `Private ::`, separated by commas.
        private: list;
        /// The URL of an S3 store other than AWS. Not set: `s3.endpoint`.
        endpoint: optional;
        /// The region. Not set: `s3.region`.
        region: optional;
        /// The access key. Not set: `s3.access_key_id`.
        access_key_id: optional, Whole;
        /// The secret key. Not set: `s3.secret_access_key`.
        secret_access_key: optional, Whole;
    },
    all: |config| &config.wheelhouse,
    all_mut: |config| &mut config.wheelhouse,
    check,
};

/// What no single value can tell.
fn check(config: &Config) -> Result<(), String> {
    let mut places = Vec::new();
    for (name, house) in &config.wheelhouse {
        let of = |key: &str| format!("{PREFIX}{name}.{key}");
        if IndexName::parse(&house.index).is_none() {
            return Err(format!("{} must be an index like alice/prod", of("index")));
        }
        if !house.to.starts_with("s3://") {
            return Err(format!("{} must be s3://BUCKET or s3://BUCKET/PREFIX", of("to")));
        }
        let place = bucket_place(&house.to);
        if places.contains(&place) {
            return Err(format!("{} is the place of another wheelhouse: choose another prefix", of("to")));
        }
        places.push(place);
        if house.min_valid.is_some() && house.presign.is_none() {
            return Err(format!(
                "{} needs {}: links that are not signed do not end",
                of("min_valid"),
                of("presign")
            ));
        }
        if let Some(other) = house.private.iter().find(|name| ProjectName::new(name).is_none()) {
            return Err(format!("{} must be names of projects, not {other}", of("private")));
        }
        if house.access_key_id.is_some() != house.secret_access_key.is_some() {
            return Err(format!(
                "{} and {} belong together: set both or neither",
                of("access_key_id"),
                of("secret_access_key")
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::config::settings::sections::resolved;

    #[test]
    fn a_wheelhouse_is_a_section_of_its_own() {
        let text = "[wheelhouse.public]\nindex = \"alice/prod\"\nto = \"s3://b/p\"\npresign = \"12h\"\ninherited = true\n";
        let house = &resolved(text, &[]).expect("resolves").config.wheelhouse["public"];
        assert_eq!((house.presign, house.min_valid, house.inherited), (Some(43_200), None, true));
    }

    #[test]
    fn a_wheelhouse_that_cannot_be_is_refused() {
        let good = "[wheelhouse.a]\nindex = \"alice/prod\"\nto = \"s3://b/p\"\n";
        for (text, words) in [
            ("[wheelhouse.a]\nto = \"s3://b/p\"\n".to_owned(), "wheelhouse.a.index must be an index"),
            (
                "[wheelhouse.a]\nindex = \"alice/prod\"\nto = \"/srv\"\n".to_owned(),
                "a.to must be s3://BUCKET",
            ),
            (format!("{good}min_valid = \"1h\"\n"), "needs wheelhouse.a.presign"),
            (format!("{good}private = [\"-x\"]\n"), "must be names of projects"),
            (format!("{good}access_key_id = \"x\"\n"), "belong together"),
            (
                format!("{good}[wheelhouse.b]\nindex = \"alice/dev\"\nto = \"s3://b//p/\"\n"),
                "another wheelhouse",
            ),
            (format!("{good}too = 1\n"), "wheelhouse.a.too is not a setting"),
        ] {
            let refused = resolved(&text, &[]).err().unwrap_or_else(|| panic!("{words}"));
            assert!(refused.contains(words), "{refused}");
        }
    }
}
