//! Upload forms as they go over the wire, made by hand so that they can be wrong.

use super::Server;
use super::packages::Dist;
use super::stages::PASSWORD;

/// The boundary of every form here.
pub const BOUNDARY: &str = "----a-boundary-of-a-test-7d1f";

/// A form being filled in.
#[derive(Clone, Debug, Default)]
pub struct Form {
    body: Vec<u8>,
}

impl Form {
    /// All that publishers send with a file.
    pub fn of(dist: &Dist) -> Self {
        let form = dist.fields().iter().fold(Self::default(), |form, (name, value)| form.field(name, value));
        form.file("content", &dist.filename, &dist.bytes)
    }

    /// The same with one field changed, or left out (`None`).
    pub fn with(dist: &Dist, name: &str, value: Option<&str>) -> Self {
        let mut fields = dist.fields();
        fields.retain(|(key, _)| key != name);
        fields.extend(value.map(|value| (name.to_owned(), value.to_owned())));
        let form = fields.iter().fold(Self::default(), |form, (name, value)| form.field(name, value));
        form.file("content", &dist.filename, &dist.bytes)
    }

    pub fn field(self, name: &str, value: &str) -> Self {
        self.part(&format!("form-data; name=\"{name}\""), value.as_bytes())
    }

    pub fn file(self, name: &str, filename: &str, bytes: &[u8]) -> Self {
        self.part(&format!("form-data; name=\"{name}\"; filename=\"{filename}\""), bytes)
    }

    /// A part with any disposition.
    pub fn part(mut self, disposition: &str, bytes: &[u8]) -> Self {
        let head = format!("--{BOUNDARY}\r\nContent-Disposition: {disposition}\r\n\r\n");
        self.body.extend_from_slice(head.as_bytes());
        self.body.extend_from_slice(bytes);
        self.body.extend_from_slice(b"\r\n");
        self
    }

    pub fn finish(mut self) -> Vec<u8> {
        self.body.extend_from_slice(format!("--{BOUNDARY}--\r\n").as_bytes());
        self.body
    }
}

/// An answer, read: status, reason phrase, body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    pub text: String,
}

impl Server {
    /// Alice publishes on an index of hers (`alice/dev`).
    pub async fn publish(&self, index: &str, dist: &Dist) {
        let answer = self.post(&format!("/{index}/"), Form::of(dist), "alice", PASSWORD).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
    }

    /// Sends a form to an index (`/alice/dev/`) as `user` with `password`.
    pub async fn post(&self, path: &str, form: Form, user: &str, password: &str) -> Answer {
        let request = self
            .http
            .post(self.url(path))
            .basic_auth(user, Some(password))
            .header("content-type", format!("multipart/form-data; boundary={BOUNDARY}"))
            .body(form.finish());
        let response = request.send().await.expect("an answer");
        let status = response.status().as_u16();
        Answer { status, text: response.text().await.expect("a body") }
    }
}
