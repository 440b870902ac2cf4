//! A target's page as a resolver that knows nothing of the target's tags can read it.
//!
//! Of each version it lists the one wheel that the target would take, promised ones too, under a name
//! that every interpreter takes. A resolver needs names, versions and metadata; which tags the target
//! accepts is decided here, so that targets which uv does not know (`cp27mu`, another libc, another
//! system) are resolved like all others.

use crate::build::promise::ForTarget;
use crate::directory::Directory;
use crate::error::Result;
use crate::index::view::Amend;
use crate::packaging::choose::Chooser;
use crate::packaging::filename::ListedFilename;
use crate::packaging::page::{File, FilePlace, Page};
use crate::tools::time::Micros;
use futures::future::BoxFuture;

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
            page.files = uniform(page, &self.target.offered.chooser);
            Ok(until)
        })
    }
}

/// Of each version the wheel that the target takes, under a name that every interpreter takes.
fn uniform(page: &Page, chooser: &Chooser) -> Vec<File> {
    let name = page.name.escaped();
    let each = chooser.wheel_of_each(page).into_iter();
    let renamed = each.map(|(version, file)| File {
        filename: ListedFilename::new(&page.name, &format!("{name}-{version}-py2.py3-none-any.whl")),
        place: FilePlace::Renamed(file.href("").to_string()),
        ..file.clone()
    });
    renamed.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::ProjectName;
    use crate::packaging::page::Yanked;

    fn file(filename: &str) -> File {
        let place = FilePlace::Renamed(format!("alice/dev/{filename}"));
        File { place, ..File::named(&ProjectName::new("de-mo").unwrap(), filename) }
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
        let seen = uniform(&page, &Chooser::new(&tags, "2.7.18"));
        let urls: Vec<String> = seen.iter().map(|file| file.href("").to_string()).collect();
        let names = seen.iter().map(|file| file.filename.as_str());
        let files: Vec<_> = names.zip(urls.iter().map(String::as_str)).collect();
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
        assert!(seen[1].yanked.is_yanked());
    }
}
