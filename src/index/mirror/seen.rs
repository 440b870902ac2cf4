//! When a file was first seen: its age where the upstream tells no upload time.

use super::listed::url_key;
use super::state::MirrorState;
use crate::error::Result;
use crate::names::IndexName;
use crate::packaging::page::{File, Page};
use crate::tools::time::{Micros, now};
use std::collections::HashMap;

/// File name to what it was then, and when.
pub type FirstSeen = HashMap<String, (String, Micros)>;

/// What stands for the bytes of a file; queries of URLs may change with every page.
fn identity(file: &File) -> String {
    file.hashes.sha256.clone().unwrap_or_else(|| url_key(file.link()))
}

impl MirrorState {
    /// When the files of a page that tell no time were first seen; those that are new are seen now.
    pub(super) async fn first_seen(&self, index: &IndexName, page: &Page) -> Result<FirstSeen> {
        let timeless: Vec<&File> = page.files.iter().filter(|file| file.uploaded.is_none()).collect();
        if timeless.is_empty() {
            return Ok(FirstSeen::new());
        }
        let project = &page.name;
        let mut seen = self.db.first_seen(index, project).await?;
        let at = now();
        let mut new = Vec::new();
        for file in timeless {
            let known = seen.get(file.filename.as_str());
            let same = |of: &str| of == identity(file) || of == url_key(file.link());
            if !known.is_some_and(|(of, _)| same(of)) {
                // Other bytes under an old name are as young as the name's change.
                seen.insert(file.filename.to_string(), (identity(file), at));
                new.push((file.filename.to_string(), identity(file)));
            }
        }
        if !new.is_empty()
            && let Err(error) = self.db.see_first(index, project, &new, at).await
        {
            tracing::error!(%index, %project, %error, "cannot store when files were first seen");
        }
        Ok(seen)
    }
}
