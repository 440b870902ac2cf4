//! The style sheet, the icon and the scripts, each under the hash of its content and so unchanging for ever.

use crate::error::Result;
use crate::missing;
use crate::tools::{gzip, hex};
use crate::web::http::{Ctx, negotiate};
use axum::body::Body;
use axum::response::Response;
use http::{HeaderValue, header};
use std::sync::LazyLock;

/// A file that is part of this program.
pub struct Asset {
    /// From the root: `+static/{hash}/{name}`.
    pub href: String,
    content_type: &'static str,
    bytes: &'static [u8],
    gzipped: Vec<u8>,
}

pub static STYLE: LazyLock<Asset> = LazyLock::new(|| {
    Asset::new("style.css", "text/css; charset=utf-8", include_bytes!("../../../static/style.css"))
});

pub static ICON: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("icon.svg", "image/svg+xml", include_bytes!("../../../static/icon.svg")));

pub static SCRIPT: LazyLock<Asset> = LazyLock::new(|| {
    Asset::new("act.js", "text/javascript; charset=utf-8", include_bytes!("../../../static/act.js"))
});

/// Follows a build on its page.
pub static FOLLOW: LazyLock<Asset> = LazyLock::new(|| {
    Asset::new("follow.js", "text/javascript; charset=utf-8", include_bytes!("../../../static/follow.js"))
});

/// Suggestions below the search field.
pub static FIND: LazyLock<Asset> = LazyLock::new(|| {
    Asset::new("find.js", "text/javascript; charset=utf-8", include_bytes!("../../../static/find.js"))
});

/// Shows times in the reader's zone.
pub static TIMES: LazyLock<Asset> = LazyLock::new(|| {
    Asset::new("times.js", "text/javascript; charset=utf-8", include_bytes!("../../../static/times.js"))
});

impl Asset {
    fn new(name: &str, content_type: &'static str, bytes: &'static [u8]) -> Self {
        let hash = hex::short_sha256(bytes, 16);
        // Compressing into memory does not fail; without it the plain bytes are served.
        let gzipped = gzip::pack(bytes, 9).unwrap_or_default();
        Self { href: format!("+static/{hash}/{name}"), content_type, bytes, gzipped }
    }
}

/// `GET /+static/{hash}/{name}`
pub async fn get(ctx: Ctx) -> Result<Response> {
    let href = format!("+static/{}/{}", ctx.param("hash"), ctx.param("name"));
    let known =
        [&*STYLE, &*ICON, &*SCRIPT, &*FOLLOW, &*FIND, &*TIMES].into_iter().find(|asset| asset.href == href);
    let asset = known.ok_or_else(|| missing!("this page does not exist"))?;
    let packed = negotiate::takes_gzip(&ctx.headers) && !asset.gzipped.is_empty();
    let body = if packed { asset.gzipped.as_slice() } else { asset.bytes };
    let mut response = Response::new(Body::from(body));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(asset.content_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable"));
    headers.insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; sandbox"));
    if packed {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    Ok(response)
}
