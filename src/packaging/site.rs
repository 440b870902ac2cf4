//! Documentation as a zip of web pages: checked when it comes, read file by file.

use super::archive::zip::{self, Archive, Names, ZipMember};
use super::archive::{ArchiveResult, ReadAt, refuse};
use crate::error::Result;
use crate::missing;

/// Most files of one documentation: each request reads its directory.
const MOST_FILES: usize = 20_000;
/// Most bytes of one file, which is held in memory while it is sent.
const LARGEST_FILE: u64 = 64 << 20;
/// Most bytes of pages that one search reads.
const SEARCHED: u64 = 256 << 20;
/// Most pages that a search names.
const MOST_FOUND: usize = 50;

/// A zip of web pages.
pub struct Site<'a, S: ?Sized>(Archive<'a, S>);

/// What a path of a site is.
#[derive(Debug, PartialEq, Eq)]
pub enum SiteFile {
    Bytes(Vec<u8>),
    /// A folder: its page has a slash at its end.
    Folder,
}

impl<'a, S: ReadAt + ?Sized> Site<'a, S> {
    /// Opens what [`Site::check`] let in.
    pub fn open(source: &'a S) -> Result<Self> {
        Archive::open(source, Names::Legacy).map(Self).map_err(|fault| fault.answer(zip::LEAD))
    }

    /// Whether all of an archive can be served: its files unpack to what their headers say, and none is too large.
    pub fn check(source: &'a S) -> Result<()> {
        let check = || -> ArchiveResult<()> {
            let archive = Archive::open(source, Names::Legacy)?;
            if archive.members.len() > MOST_FILES {
                refuse!("documentation may have at most {MOST_FILES} files");
            }
            if !archive.members.iter().any(|member| !member.directory) {
                refuse!("it has no files");
            }
            for member in archive.members.iter().filter(|member| !member.directory) {
                if member.size > LARGEST_FILE {
                    refuse!("{} is larger than {} MiB", member.name, LARGEST_FILE >> 20);
                }
                archive.unpack(member, |_| ())?;
            }
            Ok(())
        };
        check().map_err(|fault| fault.answer(zip::LEAD))
    }

    /// The file at `path`; with a slash at its end, or empty, a folder's `index.html`.
    pub fn read(&self, path: &str) -> Result<SiteFile> {
        let name = match path.is_empty() || path.ends_with('/') {
            true => format!("{path}index.html"),
            false => path.to_owned(),
        };
        if let Some(member) = self.0.find(&name) {
            return self.bytes(member).map(SiteFile::Bytes);
        }
        let below = format!("{name}/");
        if self.0.members.iter().any(|member| member.name.starts_with(&below)) {
            return Ok(SiteFile::Folder);
        }
        Err(missing!("the documentation has no file {name}"))
    }

    /// The pages in which all words of `query` stand, in the order of their paths: path and title.
    pub fn search(&self, query: &str) -> Result<Vec<(String, String)>> {
        let words: Vec<String> = query.split_whitespace().map(str::to_lowercase).collect();
        if words.is_empty() {
            return Ok(Vec::new());
        }
        let is_page = |member: &&ZipMember| !member.directory && member.name.ends_with(".html");
        let mut pages: Vec<&ZipMember> = self.0.members.iter().filter(is_page).collect();
        pages.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        let (mut found, mut left) = (Vec::new(), SEARCHED);
        for member in pages {
            if found.len() == MOST_FOUND || member.size > left {
                break;
            }
            left -= member.size;
            let page = String::from_utf8_lossy(&self.bytes(member)?).into_owned();
            let text = text_of(&page).to_lowercase();
            if words.iter().all(|word| text.contains(word)) {
                let title = title_of(&page).filter(|title| !title.is_empty());
                found.push((member.name.to_string(), title.unwrap_or_else(|| member.name.to_string())));
            }
        }
        Ok(found)
    }

    fn bytes(&self, member: &ZipMember) -> Result<Vec<u8>> {
        self.0.bytes(member, LARGEST_FILE).map_err(|fault| fault.answer(zip::LEAD))
    }
}

/// What stands between the tags of a page: good enough to look for words in.
fn text_of(page: &str) -> String {
    let mut text = String::with_capacity(page.len() / 2);
    for part in page.split('<') {
        text.push_str(part.split_once('>').map_or(part, |(_, behind)| behind));
        text.push(' ');
    }
    text
}

fn title_of(page: &str) -> Option<String> {
    let (_, behind) = page.split_once("<title>")?;
    let (title, _) = behind.split_once("</title>")?;
    let title =
        title.replace("&#8212;", "-").replace("&mdash;", "-").replace("&amp;", "&").replace("&lt;", "<");
    Some(title.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// The media type of a file of a site, by its name.
pub fn media_type(path: &str) -> &'static str {
    let ending = path.rsplit_once('.').map_or("", |(_, ending)| ending);
    match ending.to_ascii_lowercase().as_str() {
        "html" | "htm" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "json" | "map" => "application/json",
        "txt" | "rst" | "md" | "py" => "text/plain; charset=utf-8",
        "xml" => "application/xml",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "ico" => "image/x-icon",
        "woff" => "font/woff",
        "woff2" => "font/woff2",
        "ttf" => "font/ttf",
        "pdf" => "application/pdf",
        "mp4" => "video/mp4",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packaging::archive::kit::{Entry, Zip};

    fn zip_of(files: &[(&str, &[u8])]) -> Vec<u8> {
        Zip::of(files.iter().map(|(name, content)| Entry::new(name, content)).collect()).bytes()
    }

    fn site() -> Vec<u8> {
        zip_of(&[
            ("index.html", "<title>Demo &amp; more</title><p>Begin <b>here</b>".as_bytes()),
            ("api/index.html", b"<h1>API</h1>"),
            ("_static/a.css", b"p {}"),
        ])
    }

    #[test]
    fn a_folder_is_its_index_page_and_needs_its_slash() {
        let zip = site();
        let site = Site::open(&zip[..]).unwrap();
        assert_eq!(site.read("api/").unwrap(), SiteFile::Bytes(b"<h1>API</h1>".to_vec()));
        assert_eq!(site.read("api").unwrap(), SiteFile::Folder);
        assert_eq!(site.read("_static/a.css").unwrap(), SiteFile::Bytes(b"p {}".to_vec()));
        assert_eq!(
            site.read("nope.html").unwrap_err().to_string(),
            "the documentation has no file nope.html"
        );
    }

    #[test]
    fn a_search_finds_words_outside_of_tags() {
        let zip = site();
        let site = Site::open(&zip[..]).unwrap();
        assert_eq!(site.search("HERE begin").unwrap(), [("index.html".to_owned(), "Demo & more".to_owned())]);
        assert_eq!(site.search("title").unwrap(), []);
        assert_eq!(site.search(" ").unwrap(), []);
    }

    #[test]
    fn what_is_no_zip_of_files_is_refused() {
        assert!(Site::check(&site()[..]).is_ok());
        assert!(Site::check(&b"no zip"[..]).is_err());
        let empty = zip_of(&[]);
        assert!(Site::check(&empty[..]).unwrap_err().to_string().ends_with("it has no files"));
        let above = zip_of(&[("../index.html", b"x")]);
        assert!(Site::check(&above[..]).is_err());
    }
}
