//! Patterns in which `*` is any run of bytes.

/// Whether all of `text` is what `pattern` says. On a mismatch the last `*` takes one byte more, and
/// earlier ones are never tried again: no pattern takes longer than both lengths multiplied.
pub fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut at, mut read) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while let Some(byte) = text.get(read) {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, read));
                at += 1;
            }
            Some(wanted) if wanted == byte => (at, read) = (at + 1, read + 1),
            _ => {
                let Some((star_at, taken)) = star else { return false };
                star = Some((star_at, taken + 1));
                (at, read) = (star_at + 1, taken + 1);
            }
        }
    }
    pattern.get(at..).is_some_and(|rest| rest.iter().all(|byte| *byte == b'*'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What is meant, said in the simplest way.
    fn meant(pattern: &[u8], text: &[u8]) -> bool {
        match pattern.split_first() {
            None => text.is_empty(),
            Some((b'*', rest)) => (0..=text.len()).any(|at| meant(rest, &text[at..])),
            Some((byte, rest)) => {
                text.split_first().is_some_and(|(one, text)| one == byte && meant(rest, text))
            }
        }
    }

    proptest! {
        #[test]
        fn a_pattern_is_what_its_stars_can_stand_for(pattern in "[ab*]{0,8}", text in "[ab]{0,10}") {
            prop_assert_eq!(matches(&pattern, &text), meant(pattern.as_bytes(), text.as_bytes()));
        }
    }

    #[test]
    fn patterns_match_as_the_shell_does() {
        for (pattern, name, expected) in [
            ("libx.so.1", "libx.so.1", true),
            ("libx.so.*", "libx.so.12", true),
            ("*", "", true),
            ("lib*.so*", "libx.so", true),
            ("lib*.so.*", "libx.so", false),
            ("libx", "libxy", false),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn many_stars_take_no_longer() {
        assert!(!matches(&"a*".repeat(2_000), &"a".repeat(1_999)));
    }
}
