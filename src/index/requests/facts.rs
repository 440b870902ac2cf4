//! What is known of a requested release, for rules to decide by.

use super::Requests;
use crate::error::Result;
use crate::names::{IndexName, ProjectName};
use crate::packaging::metadata::Metadata;
use crate::packaging::page::{File, Provenance};
use crate::packaging::upload_time::UploadTime;
use crate::packaging::version::{self, Version};
use crate::tools::time::Micros;
use crate::words::{FileKind, Severity};

/// A release as its upstream tells it.
#[derive(Clone, Debug)]
pub struct ReleaseFacts {
    pub project: ProjectName,
    pub version: Version,
    /// Of its newest file: a file added today is as young as a release of today.
    pub uploaded: Option<Micros>,
    pub yanked: bool,
    pub wheel: bool,
    /// All of its files have attestations of a trusted publisher.
    pub attested: bool,
    /// An SPDX expression.
    pub licence: Option<String>,
    /// How bad the worst known vulnerability is, `Some(None)` without any; `None`: nobody tells.
    pub worst_advisory: Option<Option<Severity>>,
}

/// A classifier that names no licence.
const APPROVED: &str = "License :: OSI Approved";

/// Classifiers that name one licence.
const CLASSIFIERS: [(&str, &str); 7] = [
    ("MIT License", "MIT"),
    ("Apache Software License", "Apache-2.0"),
    ("ISC License (ISCL)", "ISC"),
    ("Mozilla Public License 2.0 (MPL 2.0)", "MPL-2.0"),
    ("Python Software Foundation License", "PSF-2.0"),
    ("GNU General Public License v3 (GPLv3)", "GPL-3.0-only"),
    ("GNU Affero General Public License v3", "AGPL-3.0-only"),
];

impl Requests {
    /// The facts of a release; `None` if no mirror lists it, or any version is meant.
    pub(super) async fn facts(
        &self,
        index: &IndexName,
        (project, text): (&ProjectName, &str),
        with_licence: bool,
    ) -> Result<Option<ReleaseFacts>> {
        let Some(version) = version::parse(text) else { return Ok(None) };
        let indexes = &self.0.indexes;
        let directory = indexes.directory();
        let index = directory.index(index)?;
        for mirror in indexes.views.mirrors_of(&directory, index, project).await? {
            let Some(upstream) = indexes.mirrors.page(mirror, project, false).await? else { continue };
            let page = indexes.mirrors.listed(mirror, &upstream).await?;
            let files: Vec<&File> =
                page.files.iter().filter(|file| file.filename.version() == Some(&version)).collect();
            if files.is_empty() {
                continue;
            }
            let wheel = files.iter().find(|file| file.filename.kind() == FileKind::Wheel);
            let licence = match with_licence {
                true => {
                    let file = wheel.or(files.first());
                    let views = &indexes.views;
                    match file {
                        Some(file) => views
                            .metadata_of_file(&directory, mirror, project, text, file)
                            .await?
                            .and_then(|metadata| licence(&metadata)),
                        None => None,
                    }
                }
                false => None,
            };
            let times: Option<Vec<Micros>> =
                files.iter().map(|file| file.uploaded.map(UploadTime::micros)).collect();
            return Ok(Some(ReleaseFacts {
                project: project.clone(),
                uploaded: times.and_then(|times| times.into_iter().max()),
                yanked: files.iter().all(|file| file.yanked.is_yanked()),
                wheel: wheel.is_some(),
                attested: files.iter().all(|file| file.provenance != Provenance::No),
                licence,
                worst_advisory: self.worst_advisory(project, &version),
                version,
            }));
        }
        Ok(None)
    }

    /// How bad the worst known vulnerability of a release is; `None`: no snapshot of advisories is here.
    fn worst_advisory(&self, project: &ProjectName, version: &Version) -> Option<Option<Severity>> {
        let known = self.0.advisories.snapshot()?.of(project, version);
        // One of which nobody said how bad it is may be as bad as any.
        Some(known.iter().map(|advisory| advisory.severity.unwrap_or(Severity::Critical)).max())
    }
}

/// The licence as an SPDX expression, if the metadata names it so that nobody has to guess.
fn licence(metadata: &Metadata) -> Option<String> {
    let one_line = |text: &&String| !text.trim().is_empty() && text.len() < 200 && !text.contains('\n');
    if let Some(written) = metadata.license_expression.as_ref().filter(one_line) {
        return Some(written.clone());
    }
    let named = metadata.classifiers.iter().filter(|one| one.starts_with("License ::") && *one != APPROVED);
    match named.collect::<Vec<_>>()[..] {
        [] => metadata.license.as_ref().filter(one_line).cloned(),
        [one] => {
            let (_, name) = one.rsplit_once(" :: ")?;
            let known = CLASSIFIERS.iter().find(|(known, _)| *known == name);
            let known = known.map(|(_, licence)| (*licence).to_owned());
            known.or_else(|| metadata.license.as_ref().filter(one_line).cloned())
        }
        // Whether all of them bind or one may be chosen, nobody says.
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_licence_is_known_where_the_metadata_names_one_and_no_other() {
        let of = |head: &str| {
            let text = format!("Metadata-Version: 2.1\nName: demo\nVersion: 1.0\n{head}\n");
            licence(&Metadata::parse(text.as_bytes()).unwrap())
        };
        let mit = "Classifier: License :: OSI Approved :: MIT License";
        let gpl = "Classifier: License :: OSI Approved :: GNU General Public License v3 (GPLv3)";
        let approved = "Classifier: License :: OSI Approved";
        assert_eq!(of(&format!("{approved}\n{mit}")).as_deref(), Some("MIT"));
        assert_eq!(of(&format!("{mit}\n{gpl}")), None);
        assert_eq!(of(&format!("License: MIT\n{mit}\n{gpl}")), None);
        assert_eq!(
            of(&format!("License-Expression: MIT OR Apache-2.0\n{mit}\n{gpl}")).as_deref(),
            Some("MIT OR Apache-2.0")
        );
        assert_eq!(of("License: BSD-3-Clause").as_deref(), Some("BSD-3-Clause"));
    }
}
