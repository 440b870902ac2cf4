//! Logs as text that no terminal obeys: what would steer it is shown instead.

/// Turns a log, piece by piece, into text that is safe to print: control characters but line ends and
/// tabs, and marks that turn the direction of writing, become visible. Nothing is left out.
#[derive(Debug, Default)]
pub struct Visible {
    /// Bytes whose meaning the next piece decides.
    rest: Vec<u8>,
}

impl Visible {
    /// The next piece.
    pub fn push(&mut self, bytes: &[u8]) -> String {
        let mut all = std::mem::take(&mut self.rest);
        all.extend_from_slice(bytes);
        let whole = all.len() - open_end(&all);
        self.rest = all.split_off(whole);
        visible(&all)
    }

    /// What is left at the end.
    pub fn finish(&mut self) -> String {
        visible(&std::mem::take(&mut self.rest))
    }
}

/// How many bytes at the end may be the beginning of something: of a character, or of `\r\n`.
fn open_end(bytes: &[u8]) -> usize {
    if bytes.last() == Some(&b'\r') {
        return 1;
    }
    let begins =
        (1..=bytes.len().min(3)).find(|back| bytes.get(bytes.len() - back).is_some_and(|b| *b >= 0xc0));
    let Some(back) = begins else { return 0 };
    let end = bytes.get(bytes.len() - back..).unwrap_or_default();
    match std::str::from_utf8(end) {
        Err(error) if error.error_len().is_none() => back,
        _ => 0,
    }
}

fn visible(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\n' | '\t' => out.push(c),
            '\r' if chars.peek() == Some(&'\n') => {}
            // The pictures of control characters lie in their order.
            '\0'..='\u{1f}' => out.push(char::from_u32(0x2400 + u32::from(c)).unwrap_or('\u{fffd}')),
            '\u{7f}' => out.push('\u{2421}'),
            c if c.is_control() || turns(c) => out.push_str(&format!("<U+{:04X}>", u32::from(c))),
            c => out.push(c),
        }
    }
    out
}

/// Whether a character lets text show in another order than it has.
pub fn turns(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_steer_a_terminal_is_seen_instead() {
        for (given, expected) in [
            ("\x1b[2Jgone", "␛[2Jgone"),
            ("a\x07b\x7f\x00", "a␇b␡␀"),
            ("10%\r20%\r\ndone\n\tx", "10%␍20%\ndone\n\tx"),
            ("x\u{202e}y\u{9b}31m", "x<U+202E>y<U+009B>31m"),
            ("größe – 文字", "größe – 文字"),
        ] {
            // However it is cut into pieces.
            for size in 1..=given.len() {
                let mut stream = Visible::default();
                let mut text: String =
                    given.as_bytes().chunks(size).map(|piece| stream.push(piece)).collect();
                text.push_str(&stream.finish());
                assert_eq!(text, expected, "in pieces of {size}");
            }
        }
    }

    #[test]
    fn what_is_no_text_does_no_harm() {
        let mut stream = Visible::default();
        assert_eq!(stream.push(b"a\xff\xc3"), "a\u{fffd}");
        assert_eq!(stream.finish(), "\u{fffd}");
    }
}
