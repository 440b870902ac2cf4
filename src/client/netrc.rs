//! `~/.netrc`: the login of a host, as pip reads it.

use std::path::PathBuf;

/// A user and a password for one host.
#[derive(Clone, PartialEq, Eq)]
pub struct Login {
    pub user: String,
    pub password: String,
}

/// Secrets do not belong into a log.
impl std::fmt::Debug for Login {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Login").field("user", &self.user).finish_non_exhaustive()
    }
}

/// The login for a host in the file that `NETRC` names, else in `~/.netrc` or `~/_netrc`.
pub fn login(host: &str) -> Option<Login> {
    let named = std::env::var_os("NETRC").filter(|path| !path.is_empty()).map(PathBuf::from);
    let files = match named {
        Some(file) => vec![file],
        None => {
            let home = std::env::home_dir()?;
            vec![home.join(".netrc"), home.join("_netrc")]
        }
    };
    let text = files.into_iter().find_map(|file| std::fs::read_to_string(file).ok())?;
    parse(&text, host)
}

/// The entry of the host, else that of `default`. What is not understood ends an entry, not the file.
fn parse(text: &str, host: &str) -> Option<Login> {
    let (mut of_host, mut of_default) = (None, None);
    let mut words = Words(text);
    let mut place = Place::Other;
    let (mut user, mut password) = (None, None);
    loop {
        let word = words.next();
        if matches!(word.as_deref(), None | Some("machine" | "default" | "macdef")) {
            let entry =
                password.take().map(|password| Login { user: user.take().unwrap_or_default(), password });
            user = None;
            match place {
                Place::Host => of_host = of_host.or(entry),
                Place::Default => of_default = of_default.or(entry),
                Place::Other => {}
            }
        }
        match word.as_deref() {
            None => return of_host.or(of_default),
            Some("machine") => {
                let named = words.next()?;
                let bare = host.trim_matches(['[', ']']);
                place = if named.eq_ignore_ascii_case(bare) { Place::Host } else { Place::Other };
            }
            Some("default") => place = Place::Default,
            Some("macdef") => {
                place = Place::Other;
                words.skip_macro();
            }
            Some("login" | "user") => user = words.next(),
            Some("password") => password = words.next(),
            Some("account") => drop(words.next()),
            Some(_) => {}
        }
    }
}

enum Place {
    Host,
    Default,
    Other,
}

/// Words of the file: bare or quoted; a `#` that begins a line's word starts a comment.
struct Words<'a>(&'a str);

impl Words<'_> {
    /// A macro ends with an empty line.
    fn skip_macro(&mut self) {
        self.0 = self.0.split_once("\n\n").map_or("", |(_, rest)| rest);
    }
}

impl Iterator for Words<'_> {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        loop {
            self.0 = self.0.trim_start();
            // A password may begin with `#`; a comment has a blank behind it, or is a word like a key.
            let is_comment = self.0.starts_with("# ") || self.0.starts_with("#\n");
            if !is_comment {
                break;
            }
            self.0 = self.0.split_once('\n').map_or("", |(_, rest)| rest);
        }
        let is_quoted = self.0.starts_with('"');
        let mut chars = self.0.char_indices();
        if is_quoted {
            chars.next();
        }
        let mut word = String::new();
        while let Some((at, c)) = chars.next() {
            match c {
                '\\' => word.extend(chars.next().map(|(_, c)| c)),
                '"' if is_quoted => {
                    self.0 = self.0.get(at + 1..).unwrap_or_default();
                    return Some(word);
                }
                c if c.is_whitespace() && !is_quoted => {
                    self.0 = self.0.get(at..).unwrap_or_default();
                    return Some(word);
                }
                c => word.push(c),
            }
        }
        self.0 = "";
        (!word.is_empty()).then_some(word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "# mine\nmachine h.example login al password \"a b\\\"c\"\n\
                        machine other.example\n  login bob\n  account x\n  password #1\\\\2\n\
                        macdef init\nmachine h.example login evil password evil\n\n\
                        machine h.example login second password second\n\
                        machine ::1 login six password p\ndefault login any password p\n";

    #[test]
    fn a_host_gets_its_own_login_and_others_the_default() {
        let said = |host: &str| parse(FILE, host).map(|login| (login.user, login.password));
        let pair = |user: &str, password: &str| Some((user.to_owned(), password.to_owned()));
        assert_eq!(said("h.example"), pair("al", "a b\"c"));
        assert_eq!(said("H.Example"), pair("al", "a b\"c"));
        assert_eq!(said("other.example"), pair("bob", "#1\\2"));
        assert_eq!(said("[::1]"), pair("six", "p"));
        assert_eq!(said("sub.h.example"), pair("any", "p"));
        assert_eq!(parse("machine h.example login al", "h.example"), None);
        assert_eq!(parse("machine", "h.example"), None);
        assert_eq!(
            parse("machine h password p", "h"),
            Some(Login { user: String::new(), password: "p".into() })
        );
    }

    #[test]
    fn a_login_is_never_printed() {
        let login = parse("machine h login al password hidden", "h").unwrap();
        assert!(!format!("{login:?}").contains("hidden"));
    }
}
