//! The exact lines to copy: how to install from an index, how to upload to it.

use super::words::shell;
use crate::names::IndexName;

/// A line with what it is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopyableLine {
    pub label: String,
    pub text: String,
}

fn line(label: &str, text: String) -> CopyableLine {
    CopyableLine { label: label.to_owned(), text }
}

/// pip takes plain HTTP from this machine only, unless it is told otherwise.
fn trusted(server: &str) -> Option<String> {
    let url = url::Url::parse(server).ok()?;
    let host = url.host_str()?;
    let local = host == "localhost" || host == "[::1]" || host.starts_with("127.");
    (url.scheme() == "http" && !local).then(|| host.to_owned())
}

/// Which index pip asks, and what else it must be told for that.
pub fn pip_options(server: &str, simple: &str) -> String {
    let trusted = trusted(server).map(|host| format!(" --trusted-host {host}")).unwrap_or_default();
    format!("--index-url {simple}{trusted}")
}

/// Installing something: `what` is a requirement.
pub fn install(server: &str, simple: &str, what: &str) -> Vec<CopyableLine> {
    let what = shell(what);
    vec![
        line("With pip", format!("pip install {} {what}", pip_options(server, simple))),
        line("With uv", format!("uv pip install --index-url {simple} {what}")),
    ]
}

/// The address of an index's simple API.
pub fn simple(server: &str, index: &IndexName) -> String {
    format!("{server}/{}/+simple/", super::index_href(index))
}

/// Making an index the one that pip and uv ask.
pub fn configure(server: &str, simple: &str) -> Vec<CopyableLine> {
    let trusted = trusted(server).map(|host| format!("\ntrusted-host = {host}")).unwrap_or_default();
    vec![
        line("For good, in pip.conf", format!("[global]\nindex-url = {simple}{trusted}")),
        line("For good, in uv.toml", format!("[[index]]\nurl = \"{simple}\"\ndefault = true")),
    ]
}

/// Uploading what a build left in `dist/`.
pub fn upload(server: &str, index: &IndexName, user: &str) -> Vec<CopyableLine> {
    let url = format!("{server}/{}/", super::index_href(index));
    let user = shell(user);
    vec![
        line("With twine", format!("twine upload --repository-url {url} --username {user} dist/*")),
        line("With uv", format!("uv publish --publish-url {url} --username {user} dist/*")),
    ]
}

/// From nothing to an index of one's own.
pub fn first_steps(server: &str, base: &str) -> Vec<CopyableLine> {
    vec![
        line(
            "Create your own index on top of the mirror",
            format!(
                "wheelwright user create alice\nwheelwright index create alice/dev --bases {}",
                shell(base)
            ),
        ),
        line(
            "Upload to it",
            format!("twine upload --repository-url {server}/alice/dev/ --username alice dist/*"),
        ),
        line("Install from it", format!("uv pip install --index-url {server}/alice/dev/+simple/ my-package")),
        line("Where does a version come from?", "wheelwright index explain alice/dev my-package".to_owned()),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pip_is_told_to_trust_plain_http_from_elsewhere() {
        let at = |server: &str| install(server, &format!("{server}/simple/"), "demo").remove(0).text;
        assert_eq!(at("http://127.0.0.1:3141"), "pip install --index-url http://127.0.0.1:3141/simple/ demo");
        let far =
            "pip install --index-url http://pkg.example.org/simple/ --trusted-host pkg.example.org demo";
        assert_eq!(at("http://pkg.example.org"), far);
        assert!(!at("https://pkg.example.org").contains("trusted"));
    }

    #[test]
    fn a_requirement_is_quoted_where_the_shell_would_change_it() {
        let lines = install("https://a", "https://a/simple/", "demo==1!2.0");
        assert!(lines.iter().all(|line| line.text.ends_with(" 'demo==1!2.0'")), "{lines:?}");
    }

    #[test]
    fn uploads_name_the_index_and_the_user() {
        let index = IndexName::parse("alice/dev").unwrap();
        let lines = upload("https://a/p", &index, "alice");
        assert_eq!(
            lines.last().map(|line| line.text.as_str()),
            Some("uv publish --publish-url https://a/p/alice/dev/ --username alice dist/*")
        );
    }
}
