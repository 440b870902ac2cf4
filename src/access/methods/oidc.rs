//! Logins at a provider of OpenID Connect: a browser is sent there, and comes back with a code (OpenID Connect Core
//! 1.0, 3.1) that only this server can trade, for this browser alone.

use super::issuers::{Issuer, Issuers};
use super::jwt::{Claims, Expected};
use super::vouched::{self, Vouched};
use crate::access::turns::{TurnBounds, Turns};
use crate::config::Config;
use crate::config::auth::OidcSettings;
use crate::db::Db;
use crate::error::{Error, Result, clipped};
use crate::tools::time::{Micros, now, seconds};
use crate::upstream::client::{Trust, UpstreamSource, basic, shown};
use crate::{bad_upstream, forbidden, missing};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use url::Url;

/// Seconds that a login may take.
pub const PATIENCE: u64 = 600;

/// Bytes of the place to go to afterwards.
const LONGEST: usize = 1000;

/// Bytes of an answer of a provider.
const ANSWER: usize = 256 << 10;

const TURNS: TurnBounds = TurnBounds { at_once: 16, each: 4, waiting: 64, patience: Duration::from_secs(20) };

/// The providers of this server. They are asked as the operator named them.
pub struct Providers {
    db: Db,
    issuers: Issuers,
    all: BTreeMap<String, OidcSettings>,
    buttons: Arc<[LoginButton]>,
    key: Vec<u8>,
    /// Requests to providers for those who come back.
    turns: Turns,
}

/// A provider on the login page.
#[derive(Clone, Debug)]
pub struct LoginButton {
    pub name: String,
    pub label: String,
}

/// What this browser keeps of a login that began, signed.
#[derive(Serialize, Deserialize)]
struct Begun {
    provider: String,
    state: String,
    nonce: String,
    /// Of PKCE (RFC 7636).
    verifier: String,
    to: String,
    until: Micros,
}

/// What the provider sends the browser back with.
#[derive(Debug, Default)]
pub struct LoginAnswer {
    pub code: Option<String>,
    pub state: Option<String>,
    pub error: Option<String>,
    /// RFC 9207.
    pub issuer: Option<String>,
}

#[derive(Deserialize)]
struct TokenAnswer {
    id_token: Option<String>,
    error: Option<String>,
}

impl Providers {
    pub async fn open(config: &Config, db: Db, issuers: Issuers) -> Result<Self> {
        let all = config.auth.oidc.clone();
        let button = |(name, provider): (&String, &OidcSettings)| LoginButton {
            name: name.clone(),
            label: provider.label.clone().unwrap_or_else(|| name.clone()),
        };
        let buttons = all.iter().map(button).collect();
        // One for all processes: a login may end at another than where it began.
        let key = match all.is_empty() {
            true => String::new(),
            false => db.settle_fact("login key", &random()).await?,
        };
        Ok(Self { db, issuers, all, buttons, key: key.into_bytes(), turns: Turns::new("logins", TURNS) })
    }

    pub fn buttons(&self) -> Arc<[LoginButton]> {
        self.buttons.clone()
    }

    fn provider(&self, name: &str) -> Result<&OidcSettings> {
        self.all.get(name).ok_or_else(|| missing!("this server has no login '{name}'"))
    }

    async fn issuer(&self, provider: &OidcSettings) -> Result<Arc<Issuer>> {
        self.issuers.get(&provider.issuer, Trust::Operator).await
    }

    /// Begins a login: where to send the browser, and what it must keep.
    pub async fn begin(&self, name: &str, back: &str, to: &str) -> Result<(Url, String)> {
        let provider = self.provider(name)?;
        let issuer = self.issuer(provider).await?;
        let endpoint = issuer.document.authorization_endpoint.clone();
        let mut url = endpoint
            .filter(|url| matches!(url.scheme(), "https" | "http"))
            .ok_or_else(|| bad_upstream!("the issuer {} has no authorization_endpoint", provider.issuer))?;
        let to = if to.len() <= LONGEST { to.to_owned() } else { String::new() };
        let until = now() + seconds(PATIENCE);
        let begun = Begun {
            provider: name.to_owned(),
            state: random(),
            nonce: random(),
            verifier: random(),
            to,
            until,
        };
        url.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &provider.client_id)
            .append_pair("redirect_uri", back)
            .append_pair("scope", &provider.scopes)
            .append_pair("state", &begun.state)
            .append_pair("nonce", &begun.nonce)
            .append_pair("code_challenge", &BASE64.encode(Sha256::digest(&begun.verifier)))
            .append_pair("code_challenge_method", "S256");
        Ok((url, self.signed(&begun)?))
    }

    /// Ends a login: the name of the account, and the place to go to.
    ///
    /// # Errors
    /// `Forbidden` with what does not fit; others if the provider cannot be asked.
    pub async fn end(
        &self,
        name: &str,
        back: &str,
        kept: Option<&str>,
        answer: LoginAnswer,
        asker: &str,
    ) -> Result<(String, String)> {
        let provider = self.provider(name)?;
        let begun = kept.and_then(|kept| self.opened(kept)).filter(|begun| begun.provider == name);
        let begun = begun.ok_or_else(|| {
            forbidden!(
                "this login did not begin in this browser, or took longer than 10 minutes: log in again"
            )
        })?;
        if answer.state.as_deref() != Some(&begun.state) {
            return Err(forbidden!("this login began elsewhere (its state does not fit): log in again"));
        }
        if answer.issuer.as_ref().is_some_and(|issuer| *issuer != provider.issuer) {
            return Err(forbidden!("another provider than {name} answered (iss): log in again"));
        }
        if let Some(error) = answer.error {
            return Err(forbidden!("{name} did not log you in: {}", clipped(&error, 200)));
        }
        let code = answer.code.ok_or_else(|| forbidden!("{name} sent no code: log in again"))?;
        let _turn = self.turns.take(asker).await?;
        let token = self.trade(name, provider, back, &code, &begun.verifier).await?;
        let expected =
            Expected { issuer: &provider.issuer, trust: Trust::Operator, audience: &provider.client_id };
        let claims = self.issuers.verify(&token, expected).await?;
        check(&claims, provider, &begun.nonce)?;
        let account = self.account(name, provider, &claims).await?;
        Ok((account, begun.to))
    }

    /// The code for a token about the person.
    async fn trade(
        &self,
        name: &str,
        provider: &OidcSettings,
        back: &str,
        code: &str,
        verifier: &str,
    ) -> Result<String> {
        let issuer = self.issuer(provider).await?;
        let endpoint = issuer.document.token_endpoint.clone();
        let endpoint =
            endpoint.ok_or_else(|| bad_upstream!("the issuer {} has no token_endpoint", provider.issuer))?;
        let mut fields = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", back),
            ("client_id", &provider.client_id),
            ("code_verifier", verifier),
        ];
        let known = &issuer.document.token_endpoint_auth_methods_supported;
        let by_header = known.is_empty() || known.iter().any(|method| method == "client_secret_basic");
        let authorization = match &provider.client_secret {
            // As RFC 6749, 2.3.1 wants it.
            Some(secret) if by_header => basic(encoded(&provider.client_id), encoded(secret)),
            Some(secret) => {
                fields.push(("client_secret", secret));
                None
            }
            None => None,
        };
        let source = UpstreamSource::new(&endpoint, Trust::Operator);
        let (status, body) = self.issuers.client().send_form(&source, &fields, authorization, ANSWER).await?;
        let answer: TokenAnswer = serde_json::from_slice(&body)
            .map_err(|_| bad_upstream!("{} answered {} and no JSON", shown(&endpoint), status.as_u16()))?;
        match answer {
            TokenAnswer { id_token: Some(token), .. } if status.is_success() => Ok(token),
            TokenAnswer { error: Some(error), .. } => {
                Err(forbidden!("{name} did not log you in: {}", clipped(&error, 200)))
            }
            _ => Err(bad_upstream!("{} answered {} without an id_token", shown(&endpoint), status.as_u16())),
        }
    }

    async fn account(&self, name: &str, provider: &OidcSettings, claims: &Claims) -> Result<String> {
        let text = |claim: &str| claims.get(claim).and_then(Value::as_str).filter(|text| !text.is_empty());
        let subject = text("sub").ok_or_else(|| forbidden!("the token of {name} has no claim 'sub'"))?;
        let user = text(&provider.user_claim).ok_or_else(|| {
            forbidden!(
                "the token of {name} has no claim '{}': an administrator must correct \
                 auth.oidc.{name}.user_claim or scopes",
                provider.user_claim
            )
        })?;
        let groups = provider.groups_claim.as_ref().and_then(|claim| claims.get(claim));
        let groups: BTreeSet<String> = match groups {
            Some(Value::Array(groups)) => {
                groups.iter().filter_map(Value::as_str).map(str::to_owned).collect()
            }
            Some(Value::String(group)) => [group.clone()].into(),
            _ => BTreeSet::new(),
        };
        let source = format!("oidc:{name}");
        let vouched =
            Vouched { source: &source, name: user, subject: Some(subject), groups: &groups, create: true };
        match vouched::account(&self.db, &vouched).await {
            Err(Error::Unauthenticated(_)) => {
                Err(forbidden!("your account is disabled: ask an administrator to enable it"))
            }
            other => other,
        }
    }

    fn signed(&self, begun: &Begun) -> Result<String> {
        let text = BASE64.encode(serde_json::to_vec(begun).map_err(Error::internal)?);
        let signature = BASE64.encode(self.mac(&text)?.finalize().into_bytes());
        Ok(format!("{text}.{signature}"))
    }

    /// `None` for what was not signed here, and for what is over.
    fn opened(&self, kept: &str) -> Option<Begun> {
        let (text, signature) = kept.split_once('.')?;
        self.mac(text).ok()?.verify_slice(&BASE64.decode(signature).ok()?).ok()?;
        let begun: Begun = serde_json::from_slice(&BASE64.decode(text).ok()?).ok()?;
        Some(begun).filter(|begun| now() < begun.until)
    }

    fn mac(&self, text: &str) -> Result<Hmac<Sha256>> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).map_err(Error::internal)?;
        mac.update(text.as_bytes());
        Ok(mac)
    }
}

/// Whether a token is the answer to this login, for us alone.
fn check(claims: &Claims, provider: &OidcSettings, nonce: &str) -> Result<()> {
    if claims.get("nonce").and_then(Value::as_str) != Some(nonce) {
        return Err(forbidden!("the token belongs to another login (its nonce does not fit): log in again"));
    }
    let several = claims.get("aud").and_then(Value::as_array).is_some_and(|all| all.len() > 1);
    match claims.get("azp") {
        None if !several => Ok(()),
        Some(Value::String(party)) if *party == provider.client_id => Ok(()),
        _ => Err(forbidden!("the token was issued to another program (azp)")),
    }
}

fn random() -> String {
    BASE64.encode(rand::random::<[u8; 32]>())
}

fn encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}
