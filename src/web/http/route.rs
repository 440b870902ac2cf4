//! One route: its methods, its path, and the permission that it needs.

use crate::access::Need;
use http::{HeaderMap, Method, header};

/// What a POST is called in the table whose body is a call of XML-RPC: it needs another permission than an upload to
/// the same path.
pub const XML_RPC: &str = "XML-RPC";

/// The method of a request, as the table calls it.
pub fn called<'a>(method: &'a Method, headers: &HeaderMap) -> &'a str {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let essence = kind.split(';').next().unwrap_or_default().trim();
    match *method == Method::POST && essence.eq_ignore_ascii_case("text/xml") {
        true => XML_RPC,
        false => method.as_str(),
    }
}

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
        self.path.split(['{', '}', '*']).find(|part| *part == name)
    }

    /// Whether its answers wait on purpose: for a job, for a build, for a wheel that is being built, for others.
    pub fn waits(&self) -> bool {
        let names = ["claim", "log", "events", "+w", "v1", "try", "+replica"];
        self.path == "/+builds/{id}" || self.path.split('/').any(|segment| names.contains(&segment))
    }

    /// The route once, or twice if its path ends in `/?`: without the slash and with it.
    pub fn spelled_out(self) -> impl Iterator<Item = Self> {
        let twin = self.path.strip_suffix("/?").zip(self.path.strip_suffix('?'));
        let (path, twin) = twin.map_or((self.path, None), |(path, twin)| (path, Some(twin)));
        [path].into_iter().chain(twin).map(move |path| Self { path, ..self })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROUTE: Route = Route { methods: &["GET", "POST"], path: "/{user}/{index}/?", need: Need::Read };

    #[test]
    fn a_path_with_a_question_mark_is_known_without_the_slash_and_with_it() {
        let paths = |route: Route| route.spelled_out().map(|route| route.path).collect::<Vec<_>>();
        assert_eq!(paths(ROUTE), ["/{user}/{index}", "/{user}/{index}/"]);
        assert_eq!(paths(Route { path: "/simple/", ..ROUTE }), ["/simple/"]);
        assert_eq!(paths(Route { path: "/", ..ROUTE }), ["/"]);
    }

    #[test]
    fn a_post_of_xml_has_a_name_of_its_own() {
        let named = |method: Method, kind: &'static str| {
            let kind = http::HeaderValue::from_static(kind);
            called(&method, &HeaderMap::from_iter([(header::CONTENT_TYPE, kind)])).to_owned()
        };
        for (kind, name) in [
            ("text/xml", XML_RPC),
            ("Text/XML; charset=utf-8", XML_RPC),
            ("text/xmlx", "POST"),
            ("multipart/form-data; boundary=text/xml", "POST"),
            ("", "POST"),
        ] {
            assert_eq!(named(Method::POST, kind), name, "{kind}");
        }
        assert_eq!(named(Method::PUT, "text/xml"), "PUT");
    }

    #[test]
    fn get_answers_head_and_parameters_are_those_of_the_path() {
        assert!(ROUTE.takes("HEAD") && ROUTE.takes("POST") && !ROUTE.takes("PUT"));
        assert!(!Route { methods: &["POST"], ..ROUTE }.takes("HEAD"));
        assert_eq!((ROUTE.parameter("index"), ROUTE.parameter("project")), (Some("index"), None));
    }
}
