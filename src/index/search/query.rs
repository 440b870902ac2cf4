//! What is looked for: a text as somebody types it, made into words. There is no syntax, so none can be wrong.

use crate::bad;
use crate::error::Result;
use crate::names::ProjectName;
use unicode_normalization::UnicodeNormalization;

/// Characters of what is typed.
const LONGEST: usize = 200;
/// Words of one search.
const WORDS: usize = 20;
/// Characters of a word; the rest of a longer one is left out.
const LONGEST_WORD: usize = 64;
/// Parts of one call of XML-RPC, all words in them, and the letters of a part.
const PARTS: usize = 20;
const PARTS_WORDS: usize = 40;
const LONGEST_PART: usize = 100;

/// The words of a text, in lower case and in one form of Unicode. Scripts that put no blanks between words (Chinese,
/// Japanese, Korean, Thai) give each character as a word.
pub fn words(text: &str) -> Vec<String> {
    let (mut words, mut word) = (Vec::new(), String::new());
    let mut end = |word: &mut String| {
        if !word.is_empty() {
            words.push(std::mem::take(word));
        }
    };
    for c in text.nfkc().flat_map(char::to_lowercase) {
        match c {
            c if !c.is_alphanumeric() => end(&mut word),
            c if is_a_word(c) => {
                end(&mut word);
                word.push(c);
                end(&mut word);
            }
            c if word.chars().count() < LONGEST_WORD => word.push(c),
            _ => {}
        }
    }
    end(&mut word);
    words
}

/// Whether a character stands for itself, as its script puts no blanks between words.
fn is_a_word(c: char) -> bool {
    matches!(u32::from(c), 0x0e00..=0x0eff | 0x1000..=0x109f | 0x1780..=0x17ff | 0x2e80..=0x9fff
        | 0xa960..=0xa97f | 0xac00..=0xd7ff | 0xf900..=0xfaff | 0x20000..=0x3ffff)
}

/// A text to search for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SearchText {
    /// In lower case; all of them are wanted.
    pub words: Vec<String>,
    /// The whole as a normalised project name; empty if it cannot be the beginning of one.
    pub whole: String,
}

impl SearchText {
    /// Reads what somebody typed.
    ///
    /// # Errors
    /// `Bad` if it is too long or has too many words.
    pub fn parse(text: &str) -> Result<Self> {
        if text.chars().count() > LONGEST {
            return Err(bad!("the search text has more than {LONGEST} characters: shorten it"));
        }
        let words = words(text);
        if words.len() > WORDS {
            return Err(bad!("the search text has more than {WORDS} words: leave some out"));
        }
        let joined = words.join("-");
        let whole = ProjectName::new(text.trim()).or_else(|| ProjectName::new(&joined));
        Ok(Self { words, whole: whole.map(String::from).unwrap_or_default() })
    }

    /// Whether there is no letter and no digit in it.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// Whether a project's name alone has all words.
    pub fn fits_name(&self, project: &ProjectName) -> bool {
        self.words.iter().all(|word| project.as_str().contains(word.as_str()))
    }
}

/// What the XML-RPC method `search` looks for: parts of names and of summaries. In a list, any will do.
#[derive(Clone, Debug, Default)]
pub struct SearchParts {
    /// As normalised names are written.
    pub names: Vec<String>,
    /// In lower case.
    pub summaries: Vec<String>,
    /// A project must fit by its name and by its summary; else by one of them.
    pub all: bool,
}

impl SearchParts {
    /// Reads the parts of a call.
    ///
    /// # Errors
    /// `Bad` without words, and with too many or too long ones.
    pub fn new(names: &[String], summaries: &[String], all: bool) -> Result<Self> {
        let parts = || names.iter().chain(summaries);
        if parts().all(|part| part.trim().is_empty()) {
            return Err(bad!("a search needs a word in name or summary"));
        }
        if parts().count() > PARTS || parts().any(|part| part.chars().count() > LONGEST_PART) {
            return Err(bad!(
                "a search has at most {PARTS} words, each of at most {LONGEST_PART} characters"
            ));
        }
        if summaries.iter().map(|part| words(part).len()).sum::<usize>() > PARTS_WORDS {
            return Err(bad!(
                "a search for summaries has at most {PARTS_WORDS} words in all: leave some out"
            ));
        }
        let clean = |list: &[String], read: fn(&str) -> String| -> Vec<String> {
            list.iter().map(|word| read(word.trim())).filter(|word| !word.is_empty()).collect()
        };
        Ok(Self {
            names: clean(names, |word| word.to_lowercase().replace(['_', '.'], "-")),
            summaries: clean(summaries, str::to_lowercase),
            all,
        })
    }

    /// Whether a project fits.
    pub fn fits(&self, project: &ProjectName, summary: &str) -> bool {
        let summary = summary.to_lowercase();
        let by_name = self.names.iter().any(|word| project.as_str().contains(word.as_str()));
        let by_summary = self.summaries.iter().any(|word| summary.contains(word.as_str()));
        match self.all {
            true => (by_name || self.names.is_empty()) && (by_summary || self.summaries.is_empty()),
            false => by_name || by_summary,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn words_are_in_lower_case_and_in_one_form_and_scripts_without_blanks_give_each_character() {
        for (text, told) in [
            ("Foo.Bar_baz-2", vec!["foo", "bar", "baz", "2"]),
            ("ﬁne Ｗｉｄｅ ÉCOLE", vec!["fine", "wide", "école"]),
            ("数据 分析pandas工具", vec!["数", "据", "分", "析", "pandas", "工", "具"]),
            ("name:(a OR b)* \"\\\u{0}\u{7}", vec!["name", "a", "or", "b"]),
            ("", vec![]),
        ] {
            assert_eq!(words(text), told, "{text}");
        }
    }

    #[test]
    fn a_call_has_few_parts_and_few_words_in_all() {
        let parts = |names: usize, summaries: &[String]| {
            SearchParts::new(&vec!["a".to_owned(); names], summaries, true)
        };
        assert!(parts(20, &[]).is_ok());
        assert!(parts(21, &[]).is_err());
        assert!(parts(0, &["a b c d".into(), "x ".repeat(36)]).is_ok());
        let many = parts(0, &["a b c d e".into(), "x ".repeat(36)]).unwrap_err();
        assert!(many.to_string().contains("at most 40 words in all"), "{many}");
    }

    #[test]
    fn what_is_typed_is_also_read_as_a_name() {
        for (text, whole) in
            [("Foo.Bar", "foo-bar"), (" foo bar ", "foo-bar"), ("foo-", "foo"), ("数据", ""), ("*", "")]
        {
            assert_eq!(SearchText::parse(text).unwrap().whole, whole, "{text}");
        }
        assert!(SearchText::parse(&"x".repeat(201)).is_err());
        assert!(SearchText::parse(&"x ".repeat(21)).is_err());
    }

    proptest! {
        #[test]
        fn whatever_is_typed_gives_words_of_letters_and_digits(text in "\\PC{0,300}") {
            let told = words(&text);
            prop_assert!(told.iter().all(|word| !word.is_empty() && word.chars().count() <= LONGEST_WORD));
            prop_assert!(told.iter().flat_map(|word| word.chars()).all(char::is_alphanumeric));
            let _ = SearchText::parse(&text);
        }
    }
}
