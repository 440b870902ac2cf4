//! How to install something from an index: with pip, uv, Poetry and PDM.

use super::lines::{self, CopyableLine};
use super::words::shell;
use super::{Visit, is_private};
use crate::build::target::Target;
use crate::directory::Index;
use crate::directory::reference;

/// The user's name with which a token is a password.
const TOKEN_USER: &str = "__token__";

/// One installer, and what to type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstallTool {
    /// For the page's own anchors.
    pub id: &'static str,
    pub name: &'static str,
    pub lines: Vec<CopyableLine>,
}

/// What the lines depend on.
struct Place<'a> {
    server: &'a str,
    /// Of the index, at this server as its reader sees it.
    simple: String,
    /// A name for settings of tools: `alice-dev`.
    name: String,
    private: bool,
    /// Where wheels are promised, if somebody builds them.
    promised: Option<String>,
}

/// The lines for `what`, a requirement, from the index.
pub fn tools(ctx: &Visit, index: &Index, what: &str, offered: &[Target]) -> Vec<InstallTool> {
    let server = ctx.root();
    let dotted = format!("{}.{}", index.name.user(), index.name.name());
    // A name that could be read in two ways has no such page.
    let known = reference::parse_all(&dotted, &ctx.app.config.aliases, &ctx.directory);
    let is_one =
        matches!(&*known, [one] if one.index(&ctx.directory).is_ok_and(|found| found.name == index.name));
    let promised = !offered.is_empty() && is_one;
    let place = Place {
        simple: lines::simple(&server, &index.name),
        name: format!("{}-{}", index.name.user(), index.name.name()),
        private: is_private(ctx, &index.name),
        promised: promised.then(|| format!("{server}/v1/{dotted}/auto/+simple/")),
        server: &server,
    };
    place.tools(what)
}

fn line(label: &str, text: String) -> CopyableLine {
    CopyableLine { label: label.to_owned(), text }
}

impl Place<'_> {
    fn tools(&self, what: &str) -> Vec<InstallTool> {
        let what = shell(what);
        vec![
            InstallTool { id: "pip", name: "pip", lines: self.pip(&what) },
            InstallTool { id: "uv", name: "uv", lines: self.uv(&what) },
            InstallTool { id: "poetry", name: "Poetry", lines: self.poetry(&what) },
            InstallTool { id: "pdm", name: "PDM", lines: self.pdm(&what) },
        ]
    }

    /// What programs look up that read `.netrc`.
    fn netrc(&self) -> Option<CopyableLine> {
        let host = url::Url::parse(self.server).ok()?.host_str()?.to_owned();
        let text = format!("machine {host} login {TOKEN_USER} password TOKEN");
        self.private.then(|| line("Log in first: one line in ~/.netrc, with a token of yours", text))
    }

    fn pip(&self, what: &str) -> Vec<CopyableLine> {
        let pip = |more: &str, url: &str| {
            format!("pip install {more}{} {what}", lines::pip_options(self.server, url))
        };
        let mut all: Vec<CopyableLine> = self.netrc().into_iter().collect();
        all.push(line("Install", pip("", &self.simple)));
        if let Some(promised) = &self.promised {
            let label = "Without a compiler: the server builds missing wheels for your Python";
            all.push(line(label, pip("--only-binary :all: ", promised)));
        }
        all
    }

    fn uv(&self, what: &str) -> Vec<CopyableLine> {
        let mut all: Vec<CopyableLine> = self.netrc().into_iter().collect();
        let simple = &self.simple;
        all.push(line("In a project", format!("uv add --default-index {simple} {what}")));
        all.push(line("In an environment", format!("uv pip install --index-url {simple} {what}")));
        if let Some(promised) = &self.promised {
            let label = "Without a compiler: the server builds missing wheels for your Python";
            all.push(line(label, format!("uv pip install --no-build --index-url {promised} {what}")));
        }
        all
    }

    fn poetry(&self, what: &str) -> Vec<CopyableLine> {
        let Self { simple, name, .. } = self;
        let mut all = vec![line(
            "Once for each project",
            format!("poetry source add --priority primary {name} {simple}"),
        )];
        if self.private {
            all.push(line(
                "Log in, with a token of yours",
                format!("poetry config http-basic.{name} {TOKEN_USER} TOKEN"),
            ));
        }
        all.push(line("Install", format!("poetry add --source {name} {what}")));
        all
    }

    fn pdm(&self, what: &str) -> Vec<CopyableLine> {
        let Self { simple, .. } = self;
        let mut all = vec![line("Once for each project", format!("pdm config --local pypi.url {simple}"))];
        if self.private {
            let text = format!(
                "pdm config --local pypi.username {TOKEN_USER}\npdm config --local pypi.password TOKEN"
            );
            all.push(line("Log in, with a token of yours", text));
        }
        all.push(line("Install", format!("pdm add {what}")));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(private: bool, promised: bool) -> Place<'static> {
        Place {
            server: "https://pkg.example",
            simple: "https://pkg.example/alice/dev/+simple/".into(),
            name: "alice-dev".into(),
            private,
            promised: promised.then(|| "https://pkg.example/v1/alice.dev/auto/+simple/".into()),
        }
    }

    fn texts(place: &Place<'_>, id: &str) -> Vec<String> {
        let tools = place.tools("demo==1!2.0");
        let tool = tools.into_iter().find(|tool| tool.id == id).unwrap();
        tool.lines.into_iter().map(|line| line.text).collect()
    }

    #[test]
    fn each_installer_has_its_own_lines() {
        let public = place(false, false);
        let simple = "https://pkg.example/alice/dev/+simple/";
        assert_eq!(texts(&public, "pip"), [format!("pip install --index-url {simple} 'demo==1!2.0'")]);
        assert_eq!(texts(&public, "uv")[0], format!("uv add --default-index {simple} 'demo==1!2.0'"));
        assert_eq!(
            texts(&public, "poetry"),
            [
                format!("poetry source add --priority primary alice-dev {simple}"),
                "poetry add --source alice-dev 'demo==1!2.0'".into()
            ]
        );
        assert_eq!(texts(&public, "pdm")[1], "pdm add 'demo==1!2.0'");
    }

    #[test]
    fn a_private_index_says_how_to_log_in_and_promises_are_told_where_there_are_some() {
        assert_eq!(
            texts(&place(true, false), "pip")[0],
            "machine pkg.example login __token__ password TOKEN"
        );
        assert_eq!(
            texts(&place(true, false), "poetry")[1],
            "poetry config http-basic.alice-dev __token__ TOKEN"
        );
        let promised = texts(&place(false, true), "uv").pop().unwrap();
        assert!(
            promised.contains("--no-build --index-url https://pkg.example/v1/alice.dev/auto/"),
            "{promised}"
        );
    }
}
