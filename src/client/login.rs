//! Logins: a program that is let in by a person with a browser, or that has a password; and who a token belongs to.

use super::{ServerClient, credential};
use crate::access::handover::{HandoverBegun, HandoverState};
use crate::access::{people, tokens};
use crate::error::{Error, Result};
use crate::packaging::filename::encode_segment;
use http::{Method, header};
use serde_json::{Value, json};

/// A token that was made for this program.
#[derive(Clone)]
pub struct GivenToken {
    pub user: String,
    pub token: String,
}

/// Who the credential belongs to.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
pub struct RemoteAccount {
    pub user: String,
    #[serde(default)]
    pub groups: Vec<String>,
    #[serde(default)]
    pub roles: Vec<String>,
    /// The id of the API token that asks.
    #[serde(default)]
    pub token: Option<String>,
}

#[derive(serde::Deserialize)]
struct Session {
    password: String,
}

/// An API token that the server made: its secret is told once.
#[derive(serde::Deserialize)]
pub struct MadeToken {
    pub id: String,
    pub token: String,
}

impl ServerClient {
    fn into_stranger(self) -> Self {
        Self { authorization: None, ..self }
    }

    /// Whether nobody can be between us and the server.
    pub fn is_own_machine(&self) -> bool {
        super::is_own_machine(&self.base)
    }

    /// The same that asks as the holder of an API token.
    #[must_use]
    pub fn with_token(self, token: &str) -> Self {
        Self { authorization: credential::basic_token(token), ..self }
    }

    /// Asks to be let in by a person with a browser.
    ///
    /// # Errors
    /// `Unavailable` if too many programs wait there.
    pub async fn begin_handover(&self, name: &str) -> Result<HandoverBegun> {
        Ok(self.call(Method::POST, "+device", &json!({ "name": name })).await?.result)
    }

    /// Whether somebody let this program in.
    ///
    /// # Errors
    /// `Forbidden` if somebody refused; `Gone` if it is too late.
    pub async fn handover(&self, secret: &str) -> Result<HandoverState> {
        Ok(self.call(Method::POST, "+device/token", &json!({ "secret": secret })).await?.result)
    }

    /// A new API token for who has this password.
    ///
    /// # Errors
    /// `Unauthenticated` if it is wrong.
    pub async fn token_by_password(
        &self,
        user: &str,
        password: &str,
        name: &str,
        expires: u64,
    ) -> Result<GivenToken> {
        let stranger = self.clone().into_stranger();
        let body = json!({ "user": user, "password": password });
        let session: Session =
            stranger.call(Method::POST, "+login", &body).await.map_err(without_advice)?.result;
        let known = stranger.clone().with_login(user, &session.password);
        let made = known.make_token(&json!({ "name": name, "expires": expires })).await;
        // The token is what is used from now on.
        stranger.end_session(&session.password).await;
        Ok(GivenToken { user: user.to_owned(), token: made?.token })
    }

    /// Makes an API token; `asked` says of what kind.
    ///
    /// # Errors
    /// `Forbidden` if the credential may not make tokens.
    pub async fn make_token(&self, asked: &Value) -> Result<MadeToken> {
        Ok(self.call(Method::POST, "+tokens", asked).await?.result)
    }

    /// Ends a login session, as the button of the pages does. One that goes on ends by itself.
    async fn end_session(&self, secret: &str) {
        let Ok(request) = self.request(Method::POST, "+logout") else { return };
        let request = request.header(header::COOKIE, format!("{}={secret}", people::COOKIE));
        let request = request.header("x-csrf-token", tokens::form_token(secret));
        // A change by cookie wants to know which page sent it; none did.
        let request = request.header("sec-fetch-site", "same-origin");
        let _ = self.send_unjudged(request).await;
    }

    fn with_login(self, user: &str, secret: &str) -> Self {
        Self { authorization: crate::upstream::client::basic(user, secret), ..self }
    }

    /// Who the credential belongs to; a token that may only do some things does not learn all of it.
    ///
    /// # Errors
    /// `Unauthenticated` if it is missing or wrong.
    pub async fn account(&self) -> Result<RemoteAccount> {
        match self.get::<RemoteAccount>("+account").await {
            Err(Error::Forbidden(_)) => {}
            known => return known,
        }
        let login = self.login().await?;
        let user = login.user.ok_or_else(|| {
            Error::Unauthenticated(format!("{} knows nobody by this credential", self.base()))
        })?;
        Ok(RemoteAccount { user, groups: login.groups.into_iter().collect(), ..RemoteAccount::default() })
    }

    /// Revokes the token that asks.
    ///
    /// # Errors
    /// `Forbidden` if the token may not manage tokens.
    pub async fn revoke_own_token(&self) -> Result<()> {
        let id = self.account().await?.token;
        let id = id.ok_or_else(|| crate::forbidden!("the token may not revoke itself"))?;
        self.tell(Method::DELETE, &format!("+tokens/{}", encode_segment(&id)), &Value::Null).await.map(drop)
    }
}

/// A login that failed is not to be told to log in.
fn without_advice(error: Error) -> Error {
    match error {
        Error::Unauthenticated(said) => {
            let said = said
                .split(super::answer::ADVICE)
                .next()
                .unwrap_or_default()
                .trim_end_matches(". ")
                .to_owned();
            Error::Unauthenticated(said)
        }
        other => other,
    }
}
