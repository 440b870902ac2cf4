//! Requirement files as pip reads them, line by line: comments gone, continued lines joined, options
//! told from requirements.

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
    let (mut lines, mut open) = (Vec::<Line>::new(), false);
    for (at, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        let is_comment = line.trim_start().starts_with('#');
        let (line, continues) = match line.strip_suffix('\\') {
            Some(line) if !is_comment => (line, true),
            _ => (line, false),
        };
        let line = without_comment(line);
        match lines.last_mut() {
            Some(last) if open => last.text.push_str(line),
            _ => lines.push(Line { number: at + 1, text: line.to_owned() }),
        }
        open = continues;
    }
    let trimmed = lines.into_iter().map(|line| Line { text: line.text.trim().to_owned(), ..line });
    trimmed.filter(|line| !line.text.is_empty()).collect()
}

/// A `#` begins a comment at the start of a line and after a blank.
fn without_comment(line: &str) -> &str {
    let mut after_blank = true;
    for (at, c) in line.char_indices() {
        if c == '#' && after_blank {
            return line.get(..at).unwrap_or(line);
        }
        after_blank = c.is_whitespace();
    }
    line
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
    Some((option, value.trim_start().trim_start_matches('=').trim()))
}

/// Options of a requirement stand behind it.
fn wanted(line: &str) -> Said<'_> {
    let end = line.match_indices("--").map(|(at, _)| at);
    let mut end = end.filter(|at| line.get(..*at).is_some_and(|before| before.ends_with([' ', '\t'])));
    let (text, options) = end.next().and_then(|at| line.split_at_checked(at)).unwrap_or((line, ""));
    let mut hashes = Vec::new();
    let mut words = options.split_whitespace();
    while let Some(word) = words.next() {
        match word.strip_prefix("--hash") {
            Some("") => hashes.extend(words.next()),
            Some(value) => hashes.extend(value.strip_prefix('=')),
            None => {}
        }
    }
    Said::Wanted { text: text.trim(), hashes }
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
