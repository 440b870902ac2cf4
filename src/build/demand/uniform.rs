//! A target's page as a resolver that knows nothing of the target's tags can read it.
//!
//! Of each version it lists the one wheel that the target would take, promised ones too, under a name
//! that every interpreter takes. A resolver needs names, versions and metadata; which tags the target
//! accepts is decided here, so that targets which uv does not know (`cp27mu`, another libc, another
//! system) are resolved like all others.

use crate::build::promise::ForTarget;
use crate::db::Micros;
use crate::directory::Directory;
use crate::error::Result;
use crate::index::view::Amend;
use crate::packaging::filename::WheelFilename;
use crate::packaging::page::{File, Page};
use crate::packaging::version::Version;
use futures::future::BoxFuture;
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// A target's page with uniform names.
pub struct Uniform {
    target: ForTarget,
    key: String,
}

impl Uniform {
    pub fn new(target: ForTarget) -> Self {
        Self { key: format!("+compile {}", target.key()), target }
    }
}

impl Amend for Uniform {
    fn key(&self) -> &str {
        &self.key
    }

    fn amend<'a>(&'a self, page: &'a mut Page, directory: &'a Directory) -> BoxFuture<'a, Result<Micros>> {
        Box::pin(async move {
            let until = self.target.amend(page, directory).await?;
            let offered = &self.target.offered;
            *page = uniform(std::mem::replace(page, Page::new(page.name.clone())), |wheel| {
                offered.ranks.rank(wheel)
            });
            Ok(until)
        })
    }
}

fn uniform(page: Page, rank: impl Fn(&WheelFilename) -> Option<usize>) -> Page {
    let mut best: BTreeMap<Version, (_, File)> = BTreeMap::new();
    for file in &page.files {
        let Ok(wheel) = WheelFilename::parse(&file.filename) else { continue };
        let Some(rank) = rank(&wheel).filter(|_| wheel.name == page.name) else { continue };
        let build = wheel.build_key().map(|(number, rest)| (number, rest.to_owned()));
        // What is yanked comes last, as installers have it.
        let key = (!file.yanked.is_yanked(), Reverse(rank), build);
        if best.get(&wheel.version).is_none_or(|(known, _)| *known < key) {
            best.insert(wheel.version.clone(), (key, file.clone()));
        }
    }
    let name = page.name.escaped();
    let files = best.into_iter().map(|(version, (_, file))| File {
        filename: format!("{name}-{version}-py2.py3-none-any.whl"),
        ..file
    });
    let files = files.collect();
    Page { files, ..page }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::ProjectName;
    use crate::packaging::page::Yanked;
    use crate::packaging::tags::Ranks;

    fn file(filename: &str) -> File {
        File { filename: filename.into(), url: format!("alice/dev/{filename}"), ..File::default() }
    }

    #[test]
    fn each_version_has_the_one_wheel_that_the_target_takes_under_a_name_for_all() {
        let mut page = Page::new(ProjectName::new("de-mo").unwrap());
        page.files = vec![
            file("de-mo-1.0.tar.gz"),
            file("de_mo-1.0-py3-none-any.whl"),
            file("de_mo-1.0-cp27-cp27mu-manylinux_2_36_x86_64.whl"),
            file("de_mo-1.0-1ww-cp27-cp27mu-manylinux_2_36_x86_64.whl"),
            file("de_mo-2.0-cp312-cp312-win_amd64.whl"),
            File { yanked: Yanked::Yes, ..file("De.Mo-3.0-py2-none-any.whl") },
        ];
        let tags = ["cp27-cp27mu-manylinux_2_36_x86_64", "py2-none-any"].map(str::to_owned);
        let ranks = Ranks::new(&tags);
        let seen = uniform(page, |wheel| ranks.rank(wheel));
        let files: Vec<_> = seen.files.iter().map(|f| (f.filename.as_str(), f.url.as_str())).collect();
        assert_eq!(
            files,
            [
                (
                    "de_mo-1.0-py2.py3-none-any.whl",
                    "alice/dev/de_mo-1.0-1ww-cp27-cp27mu-manylinux_2_36_x86_64.whl"
                ),
                ("de_mo-3.0-py2.py3-none-any.whl", "alice/dev/De.Mo-3.0-py2-none-any.whl"),
            ]
        );
        assert!(seen.files[1].yanked.is_yanked());
    }
}
