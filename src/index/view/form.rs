//! How a page is written.

use http::HeaderValue;

/// How a page is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PageForm {
    /// `application/vnd.pypi.simple.v1+json`
    Json,
    /// `application/vnd.pypi.simple.v1+html`
    V1Html,
    /// `text/html`
    Html,
}

impl PageForm {
    pub fn content_type(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Json => "application/vnd.pypi.simple.v1+json",
            Self::V1Html => "application/vnd.pypi.simple.v1+html",
            Self::Html => "text/html; charset=utf-8",
        })
    }
}
