//! The fields of a form that a page sends.

use crate::bad;
use crate::error::{Error, Result};
use crate::web::http::{Ctx, slow};

/// Bytes of a form.
const LONGEST: usize = 64 << 10;

/// The fields of a form, in its order.
pub struct FormFields(Vec<(String, String)>);

impl FormFields {
    /// Takes the body of a request.
    ///
    /// # Errors
    /// `WrongType` if it is no form; `TooLarge` beyond 64 KiB.
    pub async fn read(ctx: &mut Ctx) -> Result<Self> {
        if !ctx.is_of("application/x-www-form-urlencoded") {
            return Err(Error::WrongType(
                "the body must be a form: send it with the header Content-Type: application/x-www-form-urlencoded"
                    .into(),
            ));
        }
        let body = std::mem::take(&mut ctx.body);
        let bytes = slow::whole(body, LONGEST, "the form").await?;
        let fields = url::form_urlencoded::parse(&bytes);
        Ok(Self(fields.map(|(name, value)| (name.into_owned(), value.into_owned())).collect()))
    }

    /// The first field of a name; empty if there is none.
    pub fn text(&self, name: &str) -> &str {
        self.0.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value.as_str())
    }

    /// The first field of a name without blanks around it; `None` if that is empty.
    pub fn given(&self, name: &str) -> Option<&str> {
        Some(self.text(name).trim()).filter(|text| !text.is_empty())
    }

    /// The first field of a name that must not be empty.
    ///
    /// # Errors
    /// `Bad` with the name.
    pub fn needed(&self, name: &str) -> Result<&str> {
        self.given(name).ok_or_else(|| bad!("the form has no {name}: fill it in"))
    }

    /// All fields of a name.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}
