//! A build's log as text that does nothing: no escape sequences, no control characters, no lines
//! written over each other.

/// What a terminal would show of `bytes`, about, as plain text.
pub fn plain(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let mut plain = String::with_capacity(text.len());
    let mut line_begins = 0;
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\u{1b}' => skip_sequence(&mut rest),
            '\u{9b}' => skip_csi(&mut rest),
            '\n' => {
                plain.push('\n');
                line_begins = plain.len();
            }
            // A progress bar: what comes next takes the line's place.
            '\r' if rest.peek().is_some_and(|next| *next != '\n' && *next != '\r') => {
                plain.truncate(line_begins)
            }
            '\t' => plain.push('\t'),
            // Direction marks would let a log show other words than it has.
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}' => {}
            c if c.is_control() => {}
            c => plain.push(c),
        }
    }
    plain
}

type Rest<'a> = std::iter::Peekable<std::str::Chars<'a>>;

/// What follows an escape character.
fn skip_sequence(rest: &mut Rest<'_>) {
    match rest.peek() {
        Some('[') => {
            rest.next();
            skip_csi(rest);
        }
        // Strings: a title, a link. They end with BEL or `ESC \`; without that, with their line.
        Some(']' | 'P' | 'X' | '^' | '_') => {
            while let Some(c) = rest.peek().copied() {
                if c == '\n' {
                    return;
                }
                rest.next();
                if c == '\u{7}' || c == '\u{9c}' {
                    return;
                }
                if c == '\u{1b}' {
                    if rest.peek() == Some(&'\\') {
                        rest.next();
                    }
                    return;
                }
            }
        }
        Some(c) if (' '..='~').contains(c) => {
            let intermediate = (' '..='/').contains(c);
            rest.next();
            if intermediate && rest.peek().is_some_and(|c| ('0'..='~').contains(c)) {
                rest.next();
            }
        }
        _ => {}
    }
}

/// Parameters, and the letter that ends them.
fn skip_csi(rest: &mut Rest<'_>) {
    while rest.peek().is_some_and(|c| (' '..='?').contains(c)) {
        rest.next();
    }
    if rest.peek().is_some_and(|c| ('@'..='~').contains(c)) {
        rest.next();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_sequences_leave_their_text() {
        for (given, expected) in [
            ("\x1b[1;31merror:\x1b[0m no", "error: no"),
            ("\x1b]0;title\x07after", "after"),
            ("\x1b]8;;http://evil.example\x1b\\link\x1b]8;;\x1b\\", "link"),
            ("\x1b]never ends\nnext", "\nnext"),
            ("\x1b(Bplain\x1bcreset", "plainreset"),
            ("\x1b[2J\x1b[H", ""),
            ("a\u{9b}31mb", "ab"),
            ("bell\x07 and \x00null", "bell and null"),
            ("\x1b", ""),
            ("\x1b[", ""),
        ] {
            assert_eq!(plain(given.as_bytes()), expected, "{given:?}");
        }
    }

    #[test]
    fn of_a_line_that_is_written_again_the_last_stays() {
        assert_eq!(plain(b"10%\r50%\r100%\ndone\r\nnext\r"), "100%\ndone\nnext");
    }

    #[test]
    fn what_is_no_utf_8_or_turns_the_direction_does_no_harm() {
        assert_eq!(plain(b"a\xff\tb"), "a\u{fffd}\tb");
        assert_eq!(plain("x\u{202e}y".as_bytes()), "xy");
    }
}
