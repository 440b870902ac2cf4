//! The tags of a document, and what its links are relative to.

use crate::packaging::page::{FileLink, resolve};
use html5gum::{DefaultEmitter, StartTag, Token, Tokenizer};
use url::Url;

pub(super) fn each_token(body: &[u8], mut act: impl FnMut(Token)) {
    let mut emitter = DefaultEmitter::default();
    // Otherwise `<a` within a script counts as a link.
    emitter.naively_switch_states(true);
    for token in Tokenizer::new_with_emitter(body, emitter) {
        match token {
            Ok(token) => act(token),
            Err(never) => match never {},
        }
    }
}

pub(super) fn attribute(tag: &StartTag<()>, name: &str) -> Option<String> {
    let value = tag.attributes.get(name.as_bytes())?;
    Some(String::from_utf8_lossy(&value.value.0).into_owned())
}

/// What links are relative to: the page's URL, or the first `<base>`.
pub(super) struct LinkBase {
    url: Url,
    given: bool,
}

impl LinkBase {
    pub(super) fn new(page_url: &Url) -> Self {
        Self { url: page_url.clone(), given: false }
    }

    /// The file that `tag` links to; also heeds `<base>`.
    pub(super) fn link(&mut self, tag: &StartTag<()>) -> Option<FileLink> {
        match tag.name.as_slice() {
            b"base" if !self.given => {
                let href = attribute(tag, "href")?;
                self.url = self.url.join(href.trim()).ok()?;
                self.given = true;
                None
            }
            b"a" => resolve(&self.url, &attribute(tag, "href")?),
            _ => None,
        }
    }
}
