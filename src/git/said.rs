//! What git says when it fails, told without secrets.

use crate::error::Error;
use crate::{bad, unavailable};

/// What git said, as an error that names the cause and what to do.
pub(super) fn told(said: &str) -> Error {
    let any = |signs: &[&str]| signs.iter().any(|sign| said.contains(sign));
    let line =
        said.lines().map(str::trim).rfind(|line| line.starts_with("fatal: ") || line.starts_with("error: "));
    let line = line.or_else(|| said.lines().last()).unwrap_or_default();
    let line = without_credentials(line);
    if any(&[
        "could not read Username",
        "could not read Password",
        "terminal prompts disabled",
        "Authentication failed",
        "Permission denied (",
        "returned error: 401",
        "returned error: 403",
    ]) {
        return bad!(
            "the repository needs a password or a key: configure a credential for git on the machine that \
             clones (for a watch: the setting git.credentials), or build from a folder or an archive ({line})"
        );
    }
    if any(&["Host key verification failed"]) {
        return bad!("ssh does not know the host of the repository: connect to it once by hand ({line})");
    }
    if any(&[
        "Could not resolve host",
        "Failed to connect",
        "Connection refused",
        "Connection timed out",
        "Could not connect",
        "returned error: 5",
    ]) {
        return unavailable!("cannot reach the repository: {line}");
    }
    if any(&[
        "not found",
        "does not exist",
        "does not appear to be a git repository",
        "returned error: 404",
        "No such file",
        "not a git repository",
    ]) {
        return bad!("the repository does not exist: check its URL ({line})");
    }
    if any(&["transport '", "protocol '"]) {
        return bad!("wheelwright does not clone with this protocol: use git+https ({line})");
    }
    bad!("git failed: {line}")
}

/// `https://user:secret@host/x?token=secret` without what stands before the `@` and behind the `?`.
pub(super) fn without_credentials(line: &str) -> String {
    let mut clean = String::new();
    let mut rest = line;
    while let Some((before, after)) = rest.split_once("://") {
        clean.push_str(before);
        clean.push_str("://");
        let end = after
            .find(|c: char| matches!(c, '/' | '?' | '#' | '\'') || c.is_whitespace())
            .unwrap_or(after.len());
        let (authority, tail) = after.split_at_checked(end).unwrap_or((after, ""));
        clean.push_str(authority.rsplit('@').next().unwrap_or_default());
        // A query may hold a token; git puts URLs in quotes, or at the end of a line.
        let end = tail.find(|c: char| c == '\'' || c.is_whitespace()).unwrap_or(tail.len());
        let (path, tail) = tail.split_at_checked(end).unwrap_or((tail, ""));
        match path.find(['?', '#']).and_then(|at| path.split_at_checked(at)) {
            Some((path, _)) => {
                clean.push_str(path);
                clean.push_str("?…");
            }
            None => clean.push_str(path),
        }
        rest = tail;
    }
    clean + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_git_says_is_told_with_what_to_do_and_without_secrets() {
        let asked = told(
            "fatal: could not read Username for 'https://al:pw@h.example/x': terminal prompts disabled\n",
        );
        assert!(asked.to_string().contains("needs a password"), "{asked}");
        assert!(!asked.to_string().contains("pw"), "{asked}");
        assert!(matches!(
            told("fatal: unable to access 'https://h/': Could not resolve host: h"),
            Error::Unavailable(_)
        ));
        for said in [
            "fatal: unable to access 'https://h.example/x?private_token=hidden': The requested URL returned error: 400",
            "fatal: repository 'https://hidden@h.example/x/?token=hidden#hidden' not found",
            "error: http://a:hidden@h.example?hidden and https://hidden@h.example",
            "remote: see\nssh://hidden:hidden@h.example/hid?hidden",
        ] {
            let text = told(said).to_string();
            assert!(!text.contains("hidden") && text.contains("h.example"), "{text}");
        }
        assert!(
            told("fatal: repository 'https://h/x/' not found")
                .to_string()
                .contains("repository does not exist")
        );
    }
}
