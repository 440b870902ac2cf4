//! What an HTML answer proves about itself: that it is whole, and that it is the page of a project or a list of projects.

use super::tags::{LinkBase, attribute, each_token};
use crate::names::ProjectName;
use crate::packaging::filename::{ListedFilename, decode_once};
use html5gum::{StartTag, Token};
use url::Url;

/// Most bytes of titles that are looked at.
const TITLE: usize = 4096;

/// What the tags of a document tell, in one pass.
#[derive(Debug, Default)]
struct Shape {
    /// `<html>` or `<body>` was opened.
    opened: bool,
    /// `</html>` or `</body>` came, and no link after it.
    closed: bool,
    /// A link's text did not end, or the document ends within a tag or comment.
    cut: bool,
    /// The text of titles and first headings, divided by line ends.
    titles: String,
    /// `<meta name="pypi:repository-version">` (PEP 629).
    versioned: bool,
    /// Something that a person fills in, or a program that draws the page.
    application: bool,
    links: usize,
    /// Links to files of the project that is looked for.
    files: usize,
    /// There is something beside links and line ends.
    more: bool,
}

/// How far an answer proves to be a whole page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whole {
    /// It is.
    Proven,
    /// It is nothing but whole links to files of the project, and nobody told where it ends: there may have been
    /// more of them.
    AsFarAsItGoes,
}

/// Why an answer does not count as what was asked for.
pub type Doubt = &'static str;

const CUT: Doubt = "it ends too early";

/// Whether `body` proves to be a whole page of `project`. `framed`: the connection told where the
/// body ends, so that it cannot have been cut off on its way to us.
///
/// # Errors
/// What is wrong with it, as the end of a sentence.
pub fn of_project(body: &[u8], url: &Url, project: &ProjectName, framed: bool) -> Result<Whole, Doubt> {
    let shape = shape(body, url, |filename| ListedFilename::parse(project, filename).is_some());
    let bare = !shape.opened && !shape.cut && !shape.more && shape.files > 0 && shape.files == shape.links;
    if bare && !framed {
        return Ok(Whole::AsFarAsItGoes);
    }
    shape.is_whole(framed)?;
    if shape.files > 0 || shape.owners().any(|owner| owner == *project) {
        return Ok(Whole::Proven);
    }
    if shape.owners().next().is_some() {
        return Err("it belongs to another project");
    }
    match shape.versioned && shape.links == 0 {
        true => Ok(Whole::Proven),
        false => Err("it has neither the project's name nor a file of the project"),
    }
}

/// Whether `body`, or its beginning, looks like a list of projects, `children` of which lead to a
/// project's page each.
///
/// # Errors
/// What is wrong with it, as the end of a sentence.
pub fn of_list(body: &[u8], url: &Url, children: usize) -> Result<(), Doubt> {
    let shape = shape(body, url, |_| false);
    let says = shape.versioned || shape.titles.to_ascii_lowercase().contains("simple index");
    match says {
        true => Ok(()),
        false if shape.application => Err("it is a web page, not a list of projects"),
        false if children == 0 => Err("it does not list projects"),
        false => Ok(()),
    }
}

/// Whether `body` is not cut off. `framed` as for [`of_project`].
///
/// # Errors
/// What is wrong with it, as the end of a sentence.
pub fn is_whole(body: &[u8], url: &Url, framed: bool) -> Result<(), Doubt> {
    shape(body, url, |_| false).is_whole(framed)
}

impl Shape {
    fn is_whole(&self, framed: bool) -> Result<(), Doubt> {
        match self.opened {
            true if !self.closed => Err(CUT),
            // Without a frame of its own, a document is as long as the connection says.
            false if self.cut || !framed => Err(CUT),
            _ => Ok(()),
        }
    }

    /// The projects that titles name: `Links for six`, `Index of /simple/six/`.
    fn owners(&self) -> impl Iterator<Item = ProjectName> {
        self.titles.lines().filter_map(owner)
    }
}

fn owner(title: &str) -> Option<ProjectName> {
    let lower = title.to_ascii_lowercase();
    let begins = ["links for ", "index of ", "directory listing for ", "simple index for "];
    let after = begins.iter().find_map(|begin| lower.find(begin).map(|at| at + begin.len()))?;
    let rest = lower.get(after..)?;
    let last = rest.split(['/', ' ', '\t']).rfind(|part| !part.is_empty())?;
    ProjectName::new(last)
}

fn shape(body: &[u8], url: &Url, is_file: impl Fn(&str) -> bool) -> Shape {
    let mut shape = Shape::default();
    let mut base = LinkBase::new(url);
    let (mut in_title, mut in_link) = (false, false);
    each_token(body, |token| match token {
        Token::StartTag(tag) => {
            shape.start(&tag, &mut base, &is_file);
            shape.more |= !matches!(tag.name.as_slice(), b"a" | b"br");
            in_title |= matches!(tag.name.as_slice(), b"title" | b"h1");
            in_link |= tag.name.as_slice() == b"a";
        }
        Token::EndTag(tag) => match tag.name.as_slice() {
            b"html" | b"body" => shape.closed = true,
            b"title" | b"h1" => {
                in_title = false;
                shape.titles.push('\n');
            }
            b"a" => in_link = false,
            _ => {}
        },
        Token::String(text) if in_title && shape.titles.len() < TITLE => {
            shape.titles.push_str(&String::from_utf8_lossy(&text.value));
        }
        Token::String(text) => shape.more |= !in_link && !text.value.trim_ascii().is_empty(),
        Token::Error(error) => shape.cut |= format!("{:?}", error.value).starts_with("Eof"),
        _ => {}
    });
    shape.cut |= in_link;
    shape
}

impl Shape {
    fn start(&mut self, tag: &StartTag<()>, base: &mut LinkBase, is_file: &impl Fn(&str) -> bool) {
        match tag.name.as_slice() {
            b"html" | b"body" => self.opened = true,
            b"form" | b"input" | b"button" => self.application = true,
            b"script" => self.application |= attribute(tag, "src").is_some(),
            b"meta" => {
                self.versioned |=
                    attribute(tag, "name").is_some_and(|name| name == "pypi:repository-version");
            }
            b"base" => {
                base.link(tag);
            }
            b"a" => {
                self.links += 1;
                self.closed = false;
                self.files += usize::from(base.link(tag).is_some_and(|link| is_file(&link.filename)));
            }
            _ => {}
        }
    }
}

/// The project that a link of a list leads to: one step below the list, at `list` or beside it.
pub(super) fn child(list: &Url, href: &str) -> Option<String> {
    let href = href.split(['?', '#']).next().unwrap_or_default().trim();
    let below = match href.starts_with(['/', '.']) || href.contains(':') || href.contains('\\') {
        true => {
            let url = list.join(href).ok()?;
            let own = list.path();
            let folder = own.get(..own.rfind('/')? + 1)?;
            let path = url.path();
            let inside = path.strip_prefix(own).and_then(|rest| rest.strip_prefix('/'));
            inside.or_else(|| path.strip_prefix(folder))?.to_owned()
        }
        // Without a slash at the list's end, links may begin with its own name.
        false => {
            let own = list.path().rsplit('/').next().unwrap_or_default();
            let inside = href.strip_prefix(own).and_then(|rest| rest.strip_prefix('/'));
            inside.filter(|_| !own.is_empty()).unwrap_or(href).to_owned()
        }
    };
    let name = below.strip_suffix('/').unwrap_or(&below);
    if name.is_empty() || name.contains('/') {
        return None;
    }
    decode_once(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packaging::html::{parse, render};
    use crate::packaging::page::tests::{any_page, demo};
    use proptest::prelude::*;

    fn six() -> ProjectName {
        ProjectName::new("six").unwrap()
    }

    fn at() -> Url {
        Url::parse("http://index.example/simple/six/").unwrap()
    }

    fn proves(body: &str) -> bool {
        of_project(body.as_bytes(), &at(), &six(), true).is_ok()
    }

    #[test]
    fn a_page_proves_itself_by_a_file_of_the_project_or_by_its_name() {
        for good in [
            "<a href=six-1.0.tar.gz>six</a>",
            "<html><body><form></form><a href=/f/six-1.0-py3-none-any.whl>x</a></body></html>",
            "<html><h1>Links for six</h1></html>",
            "<html><title>root/pypi: Links for SIX</title></html>",
            "<html><title>Index of /simple/six/</title><body><a href=../>..</a></body></html>",
            "<html><head><meta name='pypi:repository-version' content='1.0'></head></html>",
        ] {
            assert!(proves(good), "{good}");
        }
        for bad in [
            "",
            "  ",
            "<html><title>Access blocked</title><h1>Access blocked</h1><p>Category: Software</p></html>",
            "<!doctype html><div id=root></div><script src=/a.js></script>",
            "<html><FORM action=login><input name=user></form></html>",
            "<html><title>Links for flask</title><meta name='pypi:repository-version' content='1.0'></html>",
            "<html><h1>Links for six</h1><a href=/login>log in</a>",
            "<html><body><a href=six-1.0.tar.gz>six</a>",
            "<html><body></body></html>",
            "<html><a href=flask-1.0.tar.gz>flask</a></html>",
        ] {
            assert!(!proves(bad), "{bad}");
        }
    }

    #[test]
    fn without_a_frame_of_its_own_a_page_is_as_whole_as_the_connection_tells() {
        let text = b"<a href=six-1.0.tar.gz>six</a>\n";
        assert!(of_project(text, &at(), &six(), true).is_ok());
        assert_eq!(of_project(text, &at(), &six(), false), Ok(Whole::AsFarAsItGoes));
        for more in ["<p>Files", "<a href=/login>log in</a>", "<a href=six-2.0.tar"] {
            let text = [text, more.as_bytes()].concat();
            assert!(of_project(&text, &at(), &six(), false).is_err(), "{more}");
        }
        let framed = b"<html><a href=six-1.0.tar.gz>six</a></html>";
        assert!(of_project(framed, &at(), &six(), false).is_ok());
    }

    #[test]
    fn a_list_of_projects_is_told_from_a_page_for_people() {
        let list = |body: &str, children| of_list(body.as_bytes(), &at(), children).is_ok();
        assert!(list("<a href=six/>six</a>", 1));
        assert!(list("<html><title>Simple index</title></html>", 0));
        assert!(!list("<html><h1>Access blocked</h1></html>", 0));
        assert!(!list("<html><a href='/help/'>help</a><form><input name=q></form></html>", 1));
        assert!(!list("<div id=root></div><script src=/a.js></script>", 0));
    }

    #[test]
    fn a_link_of_a_list_leads_one_step_below_it() {
        let child = |list: &str, href: &str| child(&Url::parse(list).unwrap(), href);
        let list = "http://h/simple/";
        for href in ["six/", "six", "/simple/six/", "http://h/simple/six/", "./six/", "six/?x=1#y"] {
            assert_eq!(child(list, href).as_deref(), Some("six"), "{href}");
        }
        for href in ["../", "/", "/help/", "", "?C=M;O=A", "six/files/", "mailto:a@b", "/simple/"] {
            assert_eq!(child(list, href), None, "{href}");
        }
        assert_eq!(child("http://h/simple", "/simple/six/").as_deref(), Some("six"));
        assert_eq!(child("http://h/simple", "simple/six/").as_deref(), Some("six"));
        assert_eq!(child("http://h/simple/index.html", "six/").as_deref(), Some("six"));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn a_page_of_ours_that_is_cut_anywhere_is_refused_or_says_the_same(page in any_page()) {
            let name = page.name.clone();
            let whole = render(&page, "../../");
            let read = |text: &[u8]| parse(text, &at(), &name).files;
            prop_assert!(of_project(whole.as_bytes(), &at(), &name, false).is_ok());
            for end in 0..whole.len() {
                let cut = &whole.as_bytes()[..end];
                for framed in [false, true] {
                    if of_project(cut, &at(), &name, framed).is_ok() {
                        prop_assert_eq!(read(cut), read(whole.as_bytes()), "cut at {}", end);
                    }
                }
            }
        }
    }

    #[test]
    fn a_page_of_ours_proves_itself() {
        let page = demo(&[]);
        let text = render(&page, "../../");
        assert!(of_project(text.as_bytes(), &at(), &page.name, false).is_ok());
    }
}
