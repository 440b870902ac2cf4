//! The call of the JSON API that a script makes instead of a form: `templates/call.html` shows it beside the form.

/// A call: `PUT`, `/alice/dev`, and JSON if it has a body.
#[derive(Clone, Debug, Default)]
pub struct ScriptCall {
    pub method: &'static str,
    /// From the root, with its slash, percent-encoded.
    pub path: String,
    pub body: Option<String>,
}

impl ScriptCall {
    /// A call without a body.
    pub fn new(method: &'static str, path: impl Into<String>) -> Self {
        Self { method, path: path.into(), body: None }
    }

    /// A call with a body of JSON.
    pub fn with(method: &'static str, path: impl Into<String>, body: &serde_json::Value) -> Self {
        Self { body: Some(body.to_string()), ..Self::new(method, path) }
    }

    /// How the command line begins.
    pub fn curl(&self) -> String {
        format!("curl -X {} -H \"Authorization: Bearer $WHEELWRIGHT_TOKEN\"", self.method)
    }

    /// Its URL; `home` is this server's root as its reader sees it.
    pub fn place(&self, home: &str) -> String {
        quoted(&format!("{}{}", home.trim_end_matches('/'), self.path))
    }

    /// What the command line says of the body; empty without one.
    pub fn data(&self) -> String {
        self.body.as_deref().map_or_else(String::new, |body| format!(" --json {}", quoted(body)))
    }
}

/// As one word for a shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_one_line_for_a_shell_whatever_it_says() {
        let call = ScriptCall::with("PATCH", "/alice/dev", &serde_json::json!({"title": "it's"}));
        assert_eq!(
            format!("{} {}{}", call.curl(), call.place("https://w.example/prefix"), call.data()),
            "curl -X PATCH -H \"Authorization: Bearer $WHEELWRIGHT_TOKEN\" 'https://w.example/prefix/alice/dev' \
             --json '{\"title\":\"it'\\''s\"}'"
        );
        assert_eq!(ScriptCall::new("DELETE", "/alice/dev").data(), "");
    }
}
