//! Reads `multipart/form-data` as a stream: parts in any order, of any size, in constant memory.
//!
//! An own reader, because the usual crates collect whatever the peer sends while a part is being
//! written to a slow disk; here nothing is read from the connection before it can be handed on.

use crate::bad;
use crate::error::{Error, Result};
use bytes::{Buf, Bytes, BytesMut};
use futures::{Stream, StreamExt};

/// Bytes of a part's header lines, and of what may stand before the first part.
const LONGEST_HEADERS: usize = 16 << 10;
/// RFC 2046 §5.1.1.
const LONGEST_BOUNDARY: usize = 70;

/// What stands before a part's bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Part {
    pub name: String,
    /// Set, possibly empty, if the part is a file.
    pub filename: Option<String>,
    pub content_type: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    /// Inside a part's bytes, or before the first delimiter.
    Bytes,
    /// Behind a delimiter.
    Delimiter,
    End,
}

/// A form being read. Ask for the next part, then for its chunks.
pub struct Multipart<S> {
    stream: S,
    buffer: BytesMut,
    /// `\r\n--` and the boundary.
    delimiter: Vec<u8>,
    at: At,
    /// No delimiter was found yet.
    before_first: bool,
}

impl<S> Multipart<S>
where
    S: Stream<Item = Result<Bytes>> + Unpin,
{
    /// `content_type` is the request's header.
    pub fn new(stream: S, content_type: &str) -> Result<Self> {
        let boundary = boundary(content_type)?;
        // The first delimiter may stand at the very beginning, without a line break before it.
        let buffer = BytesMut::from(&b"\r\n"[..]);
        let delimiter = [b"\r\n--", boundary.as_bytes()].concat();
        Ok(Self { stream, buffer, delimiter, at: At::Bytes, before_first: true })
    }

    /// The next part; what was not read of the one before is skipped.
    pub async fn part(&mut self) -> Result<Option<Part>> {
        while self.chunk().await?.is_some() {}
        if self.at == At::End {
            return Ok(None);
        }
        while self.buffer.len() < 2 {
            self.fill().await?;
        }
        if self.buffer.starts_with(b"--") {
            self.at = At::End;
            return Ok(None);
        }
        if self.buffer.starts_with(b"\n") {
            return Err(line_feeds_alone());
        }
        let end = self.headers_end().await?;
        let head = self.buffer.split_to(end);
        self.buffer.advance(b"\r\n\r\n".len());
        self.at = At::Bytes;
        // The blank line of a part without bytes may also begin the next delimiter: it does not,
        // since a delimiter has a line break of its own.
        headers(&head).map(Some)
    }

    /// The next bytes of the current part, never empty; `None` at its end.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>> {
        while self.at == At::Bytes {
            if let Some(found) = memchr::memmem::find(&self.buffer, &self.delimiter) {
                if found > 0 {
                    return Ok(Some(self.buffer.split_to(found).freeze()));
                }
                self.buffer.advance(self.delimiter.len());
                self.at = At::Delimiter;
                self.before_first = false;
                break;
            }
            if self.before_first && self.has_bare_line_feeds() {
                return Err(line_feeds_alone());
            }
            // A delimiter may have begun in the last bytes.
            let held_back = self.delimiter.len() - 1;
            let sure = self.buffer.len().saturating_sub(held_back);
            if sure > 0 {
                return Ok(Some(self.buffer.split_to(sure).freeze()));
            }
            self.fill().await?;
        }
        Ok(None)
    }

    /// Whether a delimiter is there, but with other line ends than HTTP's.
    fn has_bare_line_feeds(&self) -> bool {
        let bare = [self.delimiter.get(2..).unwrap_or_default(), b"\n"].concat();
        memchr::memmem::find(&self.buffer, &bare).is_some()
    }

    /// What was not read yet.
    pub fn into_rest(self) -> S {
        self.stream
    }

    async fn headers_end(&mut self) -> Result<usize> {
        loop {
            let found = memchr::memmem::find(&self.buffer, b"\r\n\r\n");
            // The same answer whatever the pieces: where the end is, or is not before.
            if found.unwrap_or(self.buffer.len().saturating_sub(3)) > LONGEST_HEADERS {
                return Err(bad!("a form part has more than {LONGEST_HEADERS} bytes of headers"));
            }
            if let Some(end) = found {
                return Ok(end);
            }
            self.fill().await?;
        }
    }

    async fn fill(&mut self) -> Result<()> {
        match self.stream.next().await.transpose()? {
            Some(bytes) => self.buffer.extend_from_slice(&bytes),
            None => return Err(bad!("the form ends in the middle: was the upload cut off?")),
        }
        Ok(())
    }
}

fn line_feeds_alone() -> Error {
    bad!(
        "The lines of the form end with line feeds only, as from an old `setup.py register` or `setup.py \
         upload`. HTTP needs carriage returns too. Upload with twine; you do not need to register releases."
    )
}

/// The boundary of a `multipart/form-data` content type.
fn boundary(content_type: &str) -> Result<String> {
    let (kind, parameters) = content_type.split_once(';').unwrap_or((content_type, ""));
    if !kind.trim().eq_ignore_ascii_case("multipart/form-data") {
        return Err(bad!("an upload must be multipart/form-data, not {:?}", kind.trim()));
    }
    let found = read_parameters(parameters)?.into_iter().find(|(name, _)| name == "boundary");
    match found {
        Some((_, boundary))
            if !boundary.is_empty()
                && boundary.len() <= LONGEST_BOUNDARY
                && boundary.bytes().all(|b| b == b' ' || b.is_ascii_graphic()) =>
        {
            Ok(boundary)
        }
        _ => Err(bad!("the multipart content type has no valid boundary")),
    }
}

/// Reads the header lines of a part; the first line is what follows the delimiter.
fn headers(head: &[u8]) -> Result<Part> {
    let text = std::str::from_utf8(head).map_err(|_| bad!("the headers of a form part are not UTF-8"))?;
    let mut lines = text.split("\r\n");
    if !lines.next().unwrap_or_default().trim_matches([' ', '\t']).is_empty() {
        return Err(bad!("a form part does not begin with a line break"));
    }
    let mut part = Part::default();
    let mut named = false;
    for line in lines {
        if line.contains(['\r', '\n', '\0']) {
            return Err(bad!("a header of a form part contains a control character"));
        }
        let (key, value) = line.split_once(':').ok_or_else(|| bad!("a header of a form part has no ':'"))?;
        match key.to_ascii_lowercase().as_str() {
            "content-disposition" if named => {
                return Err(bad!("a form part has two Content-Disposition headers"));
            }
            "content-disposition" => {
                disposition(value, &mut part)?;
                named = true;
            }
            "content-type" => part.content_type = Some(value.trim().to_owned()),
            "content-transfer-encoding" => {
                let plain = ["binary", "8bit", "7bit"];
                if !plain.iter().any(|known| value.trim().eq_ignore_ascii_case(known)) {
                    return Err(bad!("form parts must not be encoded as {:?}", value.trim()));
                }
            }
            _ => {}
        }
    }
    match named {
        true => Ok(part),
        false => Err(bad!("a form part has no Content-Disposition header")),
    }
}

/// `form-data; name="content"; filename="demo-1.0.tar.gz"; filename*=UTF-8''…`
fn disposition(value: &str, part: &mut Part) -> Result<()> {
    let (kind, parameters) = value.split_once(';').unwrap_or((value, ""));
    if !kind.trim().eq_ignore_ascii_case("form-data") {
        return Err(bad!("a form part must be form-data, not {:?}", kind.trim()));
    }
    let (mut name, mut plain, mut extended) = (None, None, None);
    for (key, value) in read_parameters(parameters)? {
        let slot = match key.as_str() {
            "name" => &mut name,
            "filename" => &mut plain,
            "filename*" => &mut extended,
            _ => continue,
        };
        if slot.replace(value).is_some() {
            return Err(bad!("a form part has two parameters {key:?}"));
        }
    }
    part.name = name.ok_or_else(|| bad!("a form part has no name"))?;
    part.filename = match extended {
        Some(encoded) => Some(extended_value(&encoded)?),
        None => plain,
    };
    Ok(())
}

/// Decodes `UTF-8'en'na%C3%AFve` (RFC 8187).
fn extended_value(text: &str) -> Result<String> {
    let mut parts = text.splitn(3, '\'');
    let (charset, _language, encoded) = (parts.next(), parts.next(), parts.next());
    let decoded = match (charset, encoded) {
        (Some(charset), Some(encoded)) if charset.eq_ignore_ascii_case("utf-8") => {
            percent_encoding::percent_decode_str(encoded).decode_utf8().ok()
        }
        _ => None,
    };
    decoded.map(|name| name.into_owned()).ok_or_else(|| bad!("filename*={text:?} is not valid (RFC 8187)"))
}

/// `a=b; c="d; \"e\""` as pairs; names in lower case.
fn read_parameters(text: &str) -> Result<Vec<(String, String)>> {
    let mut pairs = Vec::new();
    let mut rest = text.trim_start_matches([' ', '\t', ';']);
    while !rest.is_empty() {
        let (name, after) =
            rest.split_once('=').ok_or_else(|| bad!("a parameter has no value in {text:?}"))?;
        let (value, after) = match after.strip_prefix('"') {
            Some(quoted) => unquote(quoted).ok_or_else(|| bad!("a quote is not closed in {text:?}"))?,
            None => {
                let (value, after) = after.split_at(after.find(';').unwrap_or(after.len()));
                (value.trim_end().to_owned(), after)
            }
        };
        pairs.push((name.trim().to_ascii_lowercase(), value));
        let after = after.trim_start_matches([' ', '\t']);
        if !after.is_empty() && !after.starts_with(';') {
            return Err(bad!("{after:?} follows a quoted parameter"));
        }
        rest = after.trim_start_matches([' ', '\t', ';']);
    }
    Ok(pairs)
}

/// Reads up to the closing quote; what follows it is returned too.
fn unquote(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        match (c, chars.peek()) {
            ('"', _) => return Some((value, text.get(at + 1..)?)),
            // Only these: a client on Windows may send a path with bare backslashes.
            ('\\', Some((_, escaped @ ('"' | '\\')))) => {
                value.push(*escaped);
                chars.next();
            }
            _ => value.push(c),
        }
    }
    None
}

/// Collects a text field of at most `limit` bytes.
///
/// # Errors
/// `Bad` if it is longer, not UTF-8, or holds a NUL.
pub async fn text<S>(form: &mut Multipart<S>, name: &str, limit: usize) -> Result<String>
where
    S: Stream<Item = Result<Bytes>> + Unpin,
{
    let mut value = Vec::new();
    while let Some(chunk) = form.chunk().await? {
        if value.len() + chunk.len() > limit {
            return Err(Error::TooLarge(format!("the form field {name:?} is larger than {limit} bytes")));
        }
        value.extend_from_slice(&chunk);
    }
    let text = String::from_utf8(value).map_err(|_| bad!("the form field {name:?} is not UTF-8"))?;
    if text.contains('\0') {
        return Err(bad!("the form field {name:?} contains a NUL character"));
    }
    Ok(text)
}

#[cfg(test)]
mod tests;
