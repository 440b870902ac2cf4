//! Requirement files as those see them on whose machine they lie: which other files they name, what is
//! an option, which hashes are allowed.

use super::lines;

/// One line that says something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Of its first line in the file, from 1.
    pub number: usize,
    /// Joined, without comment, as it was written otherwise.
    pub text: String,
}

/// What a line says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said<'a> {
    /// A requirement, URL or path; `hashes` like `sha256:00…`.
    Wanted { text: &'a str, hashes: Vec<&'a str> },
    /// `-e`
    Editable(&'a str),
    /// `-r`: another file of requirements.
    Requirements(&'a str),
    /// `-c`: a file that limits versions.
    Constraints(&'a str),
    /// Any other option, by its name.
    Option(&'a str),
}

/// The lines of a requirement file, without comments and blank ones.
pub fn read(text: &str) -> Vec<Line> {
    lines::logical(text).into_iter().map(|(number, text)| Line { number, text }).collect()
}

impl Line {
    pub fn said(&self) -> Said<'_> {
        let Some((option, value)) = option(&self.text) else {
            return wanted(&self.text);
        };
        match option {
            "-r" | "--requirement" => Said::Requirements(value),
            "-c" | "--constraint" => Said::Constraints(value),
            "-e" | "--editable" => Said::Editable(value),
            other => Said::Option(other),
        }
    }
}

/// `-r FILE`, `--requirement=FILE`, `-rFILE`: the option and its value.
fn option(line: &str) -> Option<(&str, &str)> {
    if !line.starts_with('-') {
        return None;
    }
    let cut = match line.starts_with("--") {
        true => line.find(|c: char| c == '=' || c.is_whitespace()).unwrap_or(line.len()),
        false => 2.min(line.len()),
    };
    let (option, value) = line.split_at_checked(cut)?;
    Some((option, unquoted(value.trim_start().trim_start_matches('=').trim())))
}

/// `"a name with blanks"`, as a shell would have it.
fn unquoted(text: &str) -> &str {
    let inner = |quote| text.strip_prefix(quote).and_then(|text| text.strip_suffix(quote));
    inner('"').or_else(|| inner('\'')).unwrap_or(text)
}

/// Options of a requirement stand behind it.
fn wanted(line: &str) -> Said<'_> {
    let (text, options) = lines::split_options(line);
    let text = unquoted(text);
    let mut hashes = Vec::new();
    let mut words = options.split_whitespace();
    while let Some(word) = words.next() {
        match word.strip_prefix("--hash") {
            Some("") => hashes.extend(words.next()),
            Some(value) => hashes.extend(value.strip_prefix('=')),
            None => {}
        }
    }
    Said::Wanted { text, hashes }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_joined_and_lose_their_comments() {
        let text = "\u{feff}# first\n\nflask>=1 \\\n  ,<3  # why\r\n  # \\\na#b\tdocopt\n\
                    https://h.example/x.zip#egg=x\t# tab\n";
        let told: Vec<(usize, String)> =
            read(text).into_iter().map(|line| (line.number, line.text)).collect();
        let expected = [(3, "flask>=1   ,<3"), (6, "a#b\tdocopt"), (7, "https://h.example/x.zip#egg=x")];
        assert_eq!(told, expected.map(|(number, text)| (number, text.to_owned())));
    }

    #[test]
    fn options_are_told_from_requirements() {
        let said = |text: &str| format!("{:?}", Line { number: 1, text: text.to_owned() }.said());
        assert_eq!(said("-r more.txt"), "Requirements(\"more.txt\")");
        assert_eq!(said("-rmore.txt"), "Requirements(\"more.txt\")");
        assert_eq!(said("--constraint = c.txt"), "Constraints(\"c.txt\")");
        assert_eq!(said("-r \"my files/more.txt\""), "Requirements(\"my files/more.txt\")");
        assert_eq!(said("-c 'my limits.txt'"), "Constraints(\"my limits.txt\")");
        assert_eq!(said("-r my files/more.txt"), "Requirements(\"my files/more.txt\")");
        assert_eq!(said("--editable=file:///app"), "Editable(\"file:///app\")");
        assert_eq!(said("--index-url https://h.example/simple"), "Option(\"--index-url\")");
        assert_eq!(said("-"), "Option(\"-\")");
        let hashed = "docopt==0.6.2 --hash=sha256:00 --config-settings=x --hash sha512:11";
        assert_eq!(
            said(hashed),
            "Wanted { text: \"docopt==0.6.2\", hashes: [\"sha256:00\", \"sha512:11\"] }"
        );
        assert_eq!(said("a--b"), "Wanted { text: \"a--b\", hashes: [] }");
    }
}
