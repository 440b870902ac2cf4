//! A small provider of OpenID Connect that signs with real keys, and lies when the story wants it.

use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD as BASE64};
use hmac::{Hmac, KeyInit as _, Mac as _};
use parking_lot::Mutex;
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair,
};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::collections::HashMap;
use std::process::Command;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::net::TcpListener;

/// The one program that knows it.
pub const CLIENT: (&str, &str) = ("wheelwright", "client secret/+");

/// What a runner shows to get a token about itself.
pub const RUNNER: &str = "runner-secret";

/// A key that signs.
pub enum SigningKey {
    Rsa(Box<RsaKeyPair>),
    P256(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

impl SigningKey {
    pub fn rsa() -> Self {
        let made = Command::new("openssl")
            .args(["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-outform", "DER"])
            .output()
            .expect("openssl runs");
        // Versions of openssl differ in which form this is.
        let key = RsaKeyPair::from_der(&made.stdout).or_else(|_| RsaKeyPair::from_pkcs8(&made.stdout));
        Self::Rsa(Box::new(key.expect("a key")))
    }

    pub fn p256() -> Self {
        let random = SystemRandom::new();
        let key = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).expect("a key");
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, key.as_ref(), &random);
        Self::P256(key.expect("a key"))
    }

    pub fn ed25519() -> Self {
        let key = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).expect("a key");
        Self::Ed25519(Ed25519KeyPair::from_pkcs8(key.as_ref()).expect("a key"))
    }

    fn algorithm(&self) -> &'static str {
        match self {
            Self::Rsa(_) => "RS256",
            Self::P256(_) => "ES256",
            Self::Ed25519(_) => "EdDSA",
        }
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match self {
            Self::Rsa(key) => {
                let mut signature = vec![0; key.public().modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).expect("signed");
                signature
            }
            Self::P256(key) => key.sign(&random, message).expect("signed").as_ref().to_vec(),
            Self::Ed25519(key) => key.sign(message).as_ref().to_vec(),
        }
    }

    fn public(&self, kid: &str) -> Value {
        match self {
            Self::Rsa(key) => {
                let parts: ring::rsa::PublicKeyComponents<Vec<u8>> = key.public().into();
                json!({"kty": "RSA", "kid": kid, "use": "sig", "alg": "RS256",
                    "n": BASE64.encode(parts.n), "e": BASE64.encode(parts.e)})
            }
            Self::P256(key) => {
                let point = key.public_key().as_ref();
                json!({"kty": "EC", "crv": "P-256", "kid": kid,
                    "x": BASE64.encode(&point[1..33]), "y": BASE64.encode(&point[33..])})
            }
            Self::Ed25519(key) => {
                json!({"kty": "OKP", "crv": "Ed25519", "kid": kid, "x": BASE64.encode(key.public_key())})
            }
        }
    }
}

/// How a token is made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Forge {
    #[default]
    Honest,
    /// `alg: none`, without a signature.
    AlgNone,
    /// HS256 by the public key.
    HmacByPublicKey,
    /// By another key under the same id.
    OtherKey,
    /// The claims were changed after the signature.
    Changed,
    UnknownKey,
    Critical,
}

/// How documents are answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Documents {
    #[default]
    Good,
    /// Keys without an end.
    Huge,
    Hang,
    Garbage,
    OfAnotherIssuer,
    Fail,
}

#[derive(Default)]
struct Moods {
    forge: Forge,
    documents: Documents,
    /// Put over the claims of tokens.
    claims: Value,
    /// What every login gets instead of its own nonce.
    nonce: Option<String>,
    codes: HashMap<String, HashMap<String, String>>,
    asked_for_keys: usize,
}

struct Provider {
    url: String,
    key: Mutex<(SigningKey, String)>,
    moods: Mutex<Moods>,
}

/// A running provider; stops when dropped.
pub struct OidcIssuer {
    provider: Arc<Provider>,
    serving: tokio::task::JoinHandle<()>,
}

type Shown = State<Arc<Provider>>;
type Fields = HashMap<String, String>;

impl OidcIssuer {
    pub async fn start() -> Self {
        Self::with(SigningKey::p256()).await
    }

    pub async fn with(key: SigningKey) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let key = Mutex::new((key, "key-1".to_owned()));
        let moods = Mutex::new(Moods { claims: json!({}), ..Moods::default() });
        let provider = Arc::new(Provider { url: format!("http://{address}"), key, moods });
        let app = axum::Router::new()
            .route("/.well-known/openid-configuration", get(document))
            .route("/keys", get(keys))
            .route("/authorize", get(authorize))
            .route("/token", post(token))
            .route("/runner", get(runner))
            .with_state(provider.clone());
        let serving = tokio::spawn(async move { axum::serve(listener, app).await.expect("serves") });
        Self { provider, serving }
    }

    pub fn url(&self) -> &str {
        &self.provider.url
    }

    pub fn forge(&self, forge: Forge) {
        self.provider.moods.lock().forge = forge;
    }

    pub fn documents(&self, documents: Documents) {
        self.provider.moods.lock().documents = documents;
    }

    /// What tokens say from now on, over what they would.
    pub fn claims(&self, claims: Value) {
        self.provider.moods.lock().claims = claims;
    }

    pub fn nonce(&self, nonce: &str) {
        self.provider.moods.lock().nonce = Some(nonce.to_owned());
    }

    /// Signs with another key from now on.
    pub fn rotate(&self, key: SigningKey, kid: &str) {
        *self.provider.key.lock() = (key, kid.to_owned());
    }

    /// How often its keys were asked for.
    pub fn asked_for_keys(&self) -> usize {
        self.provider.moods.lock().asked_for_keys
    }

    /// A token with these claims; issuer and times are added.
    pub fn token(&self, claims: Value) -> String {
        self.provider.token(claims)
    }

    /// The URL at which a runner gets a token about itself.
    pub fn runner_url(&self) -> String {
        format!("{}/runner?job=1", self.url())
    }
}

impl Drop for OidcIssuer {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

pub fn seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs()
}

impl Provider {
    fn token(&self, claims: Value) -> String {
        let moods = self.moods.lock();
        let key = self.key.lock();
        let mut all = json!({"iss": self.url, "iat": seconds(), "exp": seconds() + 300});
        for source in [&claims, &moods.claims] {
            for (name, value) in source.as_object().expect("an object") {
                all[name] = value.clone();
            }
        }
        let all = all.as_object().expect("an object").iter().filter(|(_, value)| !value.is_null());
        let all: Value =
            all.map(|(name, value)| (name.clone(), value.clone())).collect::<serde_json::Map<_, _>>().into();
        let algorithm = match moods.forge {
            Forge::AlgNone => "none",
            Forge::HmacByPublicKey => "HS256",
            _ => key.0.algorithm(),
        };
        let kid = if moods.forge == Forge::UnknownKey { "nobody's" } else { &key.1 };
        let mut head = json!({"alg": algorithm, "typ": "JWT", "kid": kid});
        if moods.forge == Forge::Critical {
            head["crit"] = json!(["x"]);
        }
        let mut text = format!("{}.{}", BASE64.encode(head.to_string()), BASE64.encode(all.to_string()));
        let signature = match moods.forge {
            Forge::AlgNone => Vec::new(),
            Forge::HmacByPublicKey => {
                let public = key.0.public(&key.1).to_string();
                let mut mac = Hmac::<Sha256>::new_from_slice(public.as_bytes()).expect("any length");
                mac.update(text.as_bytes());
                mac.finalize().into_bytes().to_vec()
            }
            Forge::OtherKey => SigningKey::p256().sign(text.as_bytes()),
            _ => key.0.sign(text.as_bytes()),
        };
        if moods.forge == Forge::Changed {
            let mut changed = all.clone();
            changed["sub"] = json!("mallory");
            text = format!("{}.{}", BASE64.encode(head.to_string()), BASE64.encode(changed.to_string()));
        }
        format!("{text}.{}", BASE64.encode(signature))
    }
}

async fn document(State(provider): Shown) -> Response {
    let url = &provider.url;
    let documents = provider.moods.lock().documents;
    match documents {
        Documents::Fail => return StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        Documents::Hang => std::future::pending::<()>().await,
        _ => {}
    }
    let issuer = if documents == Documents::OfAnotherIssuer { "https://evil.example" } else { url };
    axum::Json(json!({
        "issuer": issuer, "jwks_uri": format!("{url}/keys"),
        "authorization_endpoint": format!("{url}/authorize"), "token_endpoint": format!("{url}/token"),
    }))
    .into_response()
}

async fn keys(State(provider): Shown) -> Response {
    let mut moods = provider.moods.lock();
    moods.asked_for_keys += 1;
    let key = provider.key.lock();
    let odd = json!({"kty": "new", "kid": "odd"});
    match moods.documents {
        Documents::Huge => vec![b' '; 4 << 20].into_response(),
        Documents::Garbage => "no keys".into_response(),
        _ => axum::Json(json!({"keys": [odd, key.0.public(&key.1)]})).into_response(),
    }
}

/// Everybody is logged in there, and agrees.
async fn authorize(State(provider): Shown, Query(asked): Query<Fields>) -> Response {
    let is = |name: &str, value: &str| asked.get(name).is_some_and(|given| given == value);
    let well =
        is("response_type", "code") && is("client_id", CLIENT.0) && is("code_challenge_method", "S256");
    if !well || !asked["scope"].split(' ').any(|scope| scope == "openid") {
        return (StatusCode::BAD_REQUEST, format!("{asked:?}")).into_response();
    }
    let code = uuid::Uuid::new_v4().simple().to_string();
    let mut back = url::Url::parse(&asked["redirect_uri"]).expect("a URL");
    back.query_pairs_mut().append_pair("code", &code).append_pair("state", &asked["state"]);
    back.query_pairs_mut().append_pair("iss", &provider.url);
    provider.moods.lock().codes.insert(code, asked);
    Redirect::to(back.as_str()).into_response()
}

async fn token(State(provider): Shown, headers: HeaderMap, body: String) -> Response {
    let refused =
        |error: &str| (StatusCode::BAD_REQUEST, axum::Json(json!({"error": error}))).into_response();
    let encoded: String = url::form_urlencoded::byte_serialize(CLIENT.1.as_bytes()).collect();
    let known = format!("Basic {}", BASE64_STANDARD.encode(format!("{}:{encoded}", CLIENT.0)));
    if headers.get("authorization").is_none_or(|given| given != known.as_str()) {
        return refused("invalid_client");
    }
    let sent: Fields = url::form_urlencoded::parse(body.as_bytes()).into_owned().collect();
    let Some(began) = provider.moods.lock().codes.remove(&sent["code"]) else {
        return refused("invalid_grant");
    };
    let challenge = BASE64.encode(Sha256::digest(&sent["code_verifier"]));
    if challenge != began["code_challenge"] || sent["redirect_uri"] != began["redirect_uri"] {
        return refused("invalid_grant");
    }
    let nonce = provider.moods.lock().nonce.clone().unwrap_or_else(|| began["nonce"].clone());
    let claims = json!({
        "aud": CLIENT.0, "sub": "id-1", "preferred_username": "olga", "groups": ["dev", "a b"], "nonce": nonce,
    });
    axum::Json(json!({"access_token": "x", "token_type": "Bearer", "id_token": provider.token(claims)}))
        .into_response()
}

async fn runner(State(provider): Shown, headers: HeaderMap, Query(asked): Query<Fields>) -> Response {
    let known = format!("Bearer {RUNNER}");
    if headers
        .get("authorization")
        .is_none_or(|given| given.as_bytes().to_ascii_lowercase() != known.to_ascii_lowercase().as_bytes())
    {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let claims = json!({"aud": asked["audience"], "jti": uuid::Uuid::new_v4().to_string()});
    let mut all = workflow();
    for (name, value) in claims.as_object().expect("an object") {
        all[name] = value.clone();
    }
    axum::Json(json!({"value": provider.token(all)})).into_response()
}

/// What a workflow of `org/demo` says of itself.
pub fn workflow() -> Value {
    json!({
        "sub": "repo:org/demo:ref:refs/tags/v1", "repository": "org/demo", "ref": "refs/tags/v1",
        "workflow_ref": "org/demo/.github/workflows/release.yml@refs/tags/v1", "run_attempt": 1,
    })
}
