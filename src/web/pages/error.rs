//! A refusal or a failure, told to a person.

use super::Frame;
use askama::Template;
use http::StatusCode;

/// The page.
#[derive(Template)]
#[template(path = "error.html")]
pub struct ErrorPage<'a> {
    pub frame: Frame,
    pub status: u16,
    pub title: &'a str,
    pub message: &'a str,
    pub advice: &'static str,
}

/// The page's HTML; what was asked for lies `up` folders below the root.
pub fn render(status: StatusCode, message: &str, up: usize) -> String {
    let mut frame = Frame::new("/", &[], None);
    frame.root = super::up(up);
    frame.title = format!("{} · wheelwright", status.as_u16());
    let page = ErrorPage {
        frame,
        status: status.as_u16(),
        title: status.canonical_reason().unwrap_or("Error"),
        message,
        advice: advice(status),
    };
    page.render().unwrap_or_else(|_| format!("<!DOCTYPE html><title>{0}</title>{0}", status.as_u16()))
}

fn advice(status: StatusCode) -> &'static str {
    match status {
        StatusCode::UNAUTHORIZED => "Log in with a user name and password, or with a token as the password.",
        StatusCode::FORBIDDEN => "You are logged in, but you may not do this.",
        StatusCode::NOT_FOUND => "It may not exist, or it may be private: try to log in.",
        StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT => {
            "An upstream failed. Try again soon. Files that this server already has are still available."
        }
        StatusCode::INTERNAL_SERVER_ERROR => "This is a fault of the server. See the server's log.",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hostile_message_is_text() {
        let html = render(StatusCode::NOT_FOUND, "no <script>alert(1)</script>", 1);
        assert!(html.contains("no &#60;script&#62;") && !html.contains("<script>"), "{html}");
        assert!(html.contains("href=\"../+static/"), "{html}");
    }
}
