//! What stands where in a wheelhouse: static files that any web server or bucket serves.
//!
//! `index.html` is a flat page, `simple/` has a page of each project as HTML and JSON, `files/` the files under their
//! hashes. All links are relative, so that the tree may stand anywhere.

use crate::names::ProjectName;
use crate::packaging::filename::segment;
use crate::packaging::page::{CoreMetadata, File, FilePlace, Page, Provenance};
use crate::packaging::{html, json};
use crate::store::ObjectKind;
use crate::tools::hex;
use bytes::Bytes;

/// What the last run wrote, for the next one.
pub(super) const STATE: &str = ".wheelwright.json";
/// There while a run changes something; it stays if that run is killed.
pub(super) const UNFINISHED: &str = ".wheelwright.unfinished";
/// The flat page.
pub(super) const FLAT: &str = "index.html";
/// The list of projects, in both forms.
pub(super) const LISTS: [&str; 2] = ["simple/index.html", "simple/index.json"];

/// Bytes of the store that have a place in the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TreeFile {
    pub path: String,
    pub sha256: String,
    pub kind: ObjectKind,
}

/// A page that was written for the tree.
#[derive(Clone, Debug)]
pub(super) struct TreePage {
    pub path: String,
    pub bytes: Bytes,
    pub kind: ObjectKind,
    /// What the state keeps of the bytes.
    pub hash: String,
}

impl TreePage {
    pub(super) fn new(path: &str, bytes: Vec<u8>) -> Self {
        let kind = if path.ends_with(".json") { ObjectKind::SimpleJson } else { ObjectKind::Html };
        Self { path: path.to_owned(), hash: hex::short_sha256(&bytes, 16), bytes: bytes.into(), kind }
    }
}

/// Where links of pages lead.
#[derive(Clone, Debug)]
pub(super) enum TreeLinks {
    /// To the file below the tree's own root.
    Relative,
    /// To the file below this URL, which ends in `/`.
    Below(String),
    /// To these URLs, one for each path.
    Signed(std::collections::HashMap<String, String>),
}

/// The paths of a project's page, in both forms.
pub(super) fn page_paths(project: &ProjectName) -> [String; 2] {
    [format!("simple/{project}/index.html"), format!("simple/{project}/index.json")]
}

/// Where a file stands: unescaped.
pub(super) fn file_path(sha256: &str, filename: &str) -> String {
    format!("{}{filename}", folder_of(sha256))
}

fn folder_of(sha256: &str) -> String {
    let (shard, rest) = sha256.split_at_checked(2).unwrap_or((sha256, ""));
    format!("files/{shard}/{}/", rest.get(..14).unwrap_or(rest))
}

/// Whether a path has the form of those that are written here: only such ones are ever removed.
pub(super) fn is_of_tree(path: &str) -> bool {
    let parts: Vec<&str> = path.split('/').collect();
    let is_hex = |part: &str, length| part.len() == length && part.bytes().all(|b| b.is_ascii_hexdigit());
    match parts.as_slice() {
        [_] => path == FLAT,
        ["simple", _] => LISTS.contains(&path),
        ["simple", project, "index.html" | "index.json"] => {
            ProjectName::new(project).is_some_and(|name| name.as_str() == *project)
        }
        ["files", shard, rest, name] => is_hex(shard, 2) && is_hex(rest, 14) && !name.is_empty(),
        _ => false,
    }
}

/// The files that a page offers and whose bytes have a name.
pub(super) fn offered(page: &Page) -> impl Iterator<Item = (&File, &str)> {
    page.offered().iter().filter_map(|file| Some((file, file.hashes.sha256.as_deref()?)))
}

/// What a page needs below `files/`.
pub(super) fn files_of(page: &Page) -> Vec<TreeFile> {
    let mut files = Vec::new();
    for (file, sha256) in offered(page) {
        let path = file_path(sha256, &file.filename);
        if let CoreMetadata::Sha256(metadata) = &file.core_metadata {
            let path = format!("{path}.metadata");
            files.push(TreeFile { path, sha256: metadata.clone(), kind: ObjectKind::Text });
        }
        files.push(TreeFile { path, sha256: sha256.to_owned(), kind: ObjectKind::File });
    }
    files
}

/// A project's page with its links, and its part of the flat page.
pub(super) fn write_pages(mut page: Page, links: &TreeLinks) -> ([TreePage; 2], String) {
    page.files = offered(&page).map(|(file, sha256)| linked(file, sha256, links)).collect();
    let (root, flat_root) = match links {
        TreeLinks::Below(url) => (url.as_str(), url.as_str()),
        TreeLinks::Relative | TreeLinks::Signed(_) => ("../../", ""),
    };
    let [as_html, as_json] = page_paths(&page.name);
    let pages = [
        TreePage::new(&as_html, html::render(&page, root).into_bytes()),
        TreePage::new(&as_json, json::render(&page, root)),
    ];
    (pages, html::flat_links(&page.files, flat_root))
}

fn linked(file: &File, sha256: &str, links: &TreeLinks) -> File {
    let mut file = File { provenance: Provenance::No, ..file.clone() };
    let signed = match links {
        TreeLinks::Signed(urls) => urls.get(&file_path(sha256, &file.filename)),
        _ => None,
    };
    match signed {
        // Installers append `.metadata` to the whole URL, behind its signature: it would lead nowhere.
        Some(url) => (file.place, file.core_metadata) = (FilePlace::Link(url.clone()), CoreMetadata::No),
        None => {
            let path = format!("{}{}", folder_of(sha256), segment(&file.filename));
            file.place = FilePlace::Renamed(path);
            if file.core_metadata == CoreMetadata::Yes {
                file.core_metadata = CoreMetadata::No;
            }
        }
    }
    file
}

/// The list of projects in both forms.
pub(super) fn write_lists<'a>(title: &str, names: impl Iterator<Item = &'a str> + Clone) -> [TreePage; 2] {
    let [as_html, as_json] = LISTS;
    let (mut page, mut list) = (Vec::new(), Vec::new());
    // Writing to a Vec cannot fail.
    let _ = html::render_names(&mut page, title, names.clone(), None);
    let _ = json::render_names(&mut list, names.map(|name| (name, None)), None);
    [TreePage::new(as_html, page), TreePage::new(as_json, list)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packaging::page::Hashes;

    fn page() -> Page {
        let project: ProjectName = "demo".parse().unwrap();
        let mut page = Page::new(project.clone());
        let mut file = File::named(&project, "demo-1!2017.1+local.1-py3-none-any.whl");
        file.hashes = Hashes { sha256: Some("abcdef0123456789".repeat(4)), others: Vec::new() };
        file.core_metadata = CoreMetadata::Sha256("1".repeat(64));
        page.files = vec![file, File::named(&project, "demo-2.0.tar.gz")];
        page
    }

    #[test]
    fn links_are_relative_and_escaped_and_a_file_without_a_hash_has_no_place() {
        let ([as_html, as_json], flat) = write_pages(page(), &TreeLinks::Relative);
        let path = "files/ab/cdef0123456789/demo-1%212017.1%2Blocal.1-py3-none-any.whl";
        let text = |page: &TreePage| String::from_utf8(page.bytes.to_vec()).unwrap();
        assert!(text(&as_html).contains(&format!("href=\"../../{path}#sha256=abcdef")), "{}", text(&as_html));
        assert!(text(&as_json).contains(&format!("\"../../{path}\"")), "{}", text(&as_json));
        assert!(flat.contains(&format!("href=\"{path}#sha256=abcdef")), "{flat}");
        assert!(flat.contains("data-core-metadata") && !flat.contains("2.0.tar.gz"), "{flat}");
        let files: Vec<String> = files_of(&page()).into_iter().map(|file| file.path).collect();
        let plain = "files/ab/cdef0123456789/demo-1!2017.1+local.1-py3-none-any.whl";
        assert_eq!(files, [format!("{plain}.metadata"), plain.to_owned()]);
    }

    #[test]
    fn only_what_is_written_here_has_the_form_of_the_tree() {
        for file in files_of(&page()) {
            assert!(is_of_tree(&file.path), "{}", file.path);
        }
        for path in page_paths(&page().name).iter().map(String::as_str).chain(LISTS).chain([FLAT]) {
            assert!(is_of_tree(path), "{path}");
        }
        for path in [
            ".git/config",
            "CNAME",
            "team2/index.html",
            "team2/simple/demo/index.html",
            "files/x",
            "simple/A_b/index.html",
            "simple/demo/notes.txt",
            "files/ab/cdef0123456789/x/y",
            "team2/files/ab/cdef0123456789/demo.whl",
        ] {
            assert!(!is_of_tree(path), "{path}");
        }
    }

    #[test]
    fn a_signed_link_promises_no_metadata_beside_it() {
        let plain = "files/ab/cdef0123456789/demo-1!2017.1+local.1-py3-none-any.whl";
        let urls = [(plain.to_owned(), "https://bucket/x.whl?sig=1&b=2".to_owned())].into();
        let (_, flat) = write_pages(page(), &TreeLinks::Signed(urls));
        assert!(flat.contains("https://bucket/x.whl?sig=1&amp;b=2#sha256=abcdef"), "{flat}");
        assert!(!flat.contains("metadata"), "{flat}");
    }
}
