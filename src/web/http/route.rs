//! A route: which methods and path, and what it needs.

use crate::access::Need;

/// One row of the table: the tests walk these with every kind of credential.
#[derive(Clone, Copy, Debug)]
pub struct Route {
    pub methods: &'static [&'static str],
    pub path: &'static str,
    pub need: Need,
}

impl Route {
    /// Whether it answers this method; GET answers HEAD too.
    pub fn takes(&self, method: &str) -> bool {
        self.methods.contains(&method) || method == "HEAD" && self.methods.contains(&"GET")
    }

    /// The parameter's name as the (static) path writes it.
    pub fn parameter(&self, name: &str) -> Option<&'static str> {
        self.path.split(['{', '}']).find(|part| *part == name)
    }

    /// Whether its answers wait on purpose: for a job, for a build, for a wheel that is being built.
    pub fn waits(&self) -> bool {
        let names = ["/claim", "/log", "/+w/", "/v1/"];
        self.path == "/+builds/{id}" || names.iter().any(|name| self.path.contains(name))
    }

    /// It, or both of it: a path that ends in `/?` is known without the slash and with it.
    pub fn spelled_out(self) -> impl Iterator<Item = Self> {
        let twin = self.path.strip_suffix("/?").zip(self.path.strip_suffix('?'));
        let (path, twin) = twin.map_or((self.path, None), |(path, twin)| (path, Some(twin)));
        [path].into_iter().chain(twin).map(move |path| Self { path, ..self })
    }
}
