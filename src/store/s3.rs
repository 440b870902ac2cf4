//! Connecting to a bucket: where it is, and with whose keys.

use crate::bad;
use crate::config::S3Settings;
use crate::error::Result;
use object_store::RetryConfig;
use object_store::aws::{AmazonS3, AmazonS3Builder, AmazonS3ConfigKey, Checksum};
use std::time::Duration;

/// The bucket of `url` (`s3://bucket/prefix`) and its prefix; what `settings` leaves open comes from the usual
/// `AWS_` variables. `what` it is for is told in errors.
///
/// # Errors
/// `Bad` if the URL is not of this form, and without any credentials.
pub(super) fn connect(what: &str, url: &str, settings: &S3Settings) -> Result<(AmazonS3, String)> {
    let wrong = || bad!("{what} {url:?} is not s3://BUCKET or s3://BUCKET/PREFIX");
    let place = url.strip_prefix("s3://").ok_or_else(wrong)?;
    let (name, prefix) = place.split_once('/').unwrap_or((place, ""));
    if name.is_empty() {
        return Err(wrong());
    }
    let retry =
        RetryConfig { max_retries: 4, retry_timeout: Duration::from_secs(30), ..RetryConfig::default() };
    let mut builder = AmazonS3Builder::from_env()
        .with_bucket_name(name)
        .with_retry(retry)
        .with_checksum_algorithm(Checksum::SHA256);
    if let Some(endpoint) = &settings.endpoint {
        builder = builder.with_endpoint(endpoint).with_allow_http(endpoint.starts_with("http://"));
    }
    if let Some(region) = &settings.region {
        builder = builder.with_region(region);
    }
    if let (Some(id), Some(secret)) = (&settings.access_key_id, &settings.secret_access_key) {
        builder = builder.with_access_key_id(id).with_secret_access_key(secret);
    }
    has_credentials(what, &builder)?;
    let s3 = builder.build().map_err(|error| bad!("{what} {url}: {error}"))?;
    Ok((s3, prefix.trim_matches('/').to_owned()))
}

/// Without any, the client would ask an address of the machine's cloud, which is none elsewhere;
/// whoever wants that says so with `AWS_METADATA_ENDPOINT`.
fn has_credentials(what: &str, builder: &AmazonS3Builder) -> Result<()> {
    use AmazonS3ConfigKey as Key;
    let sources = [
        Key::AccessKeyId,
        Key::WebIdentityTokenFile,
        Key::ContainerCredentialsRelativeUri,
        Key::ContainerCredentialsFullUri,
        Key::MetadataEndpoint,
    ];
    let set = |key: &Key| builder.get_config_value(key).is_some_and(|value| !value.is_empty());
    let unsigned = builder.get_config_value(&Key::SkipSignature).is_some_and(|value| value == "true");
    if unsigned || sources.iter().any(set) {
        return Ok(());
    }
    Err(bad!(
        "the {what} has no credentials: set s3.access_key_id and s3.secret_access_key (environment \
         WHEELWRIGHT_S3__ACCESS_KEY_ID and WHEELWRIGHT_S3__SECRET_ACCESS_KEY), or AWS_ACCESS_KEY_ID and \
         AWS_SECRET_ACCESS_KEY; for the role of a cloud machine set AWS_METADATA_ENDPOINT"
    ))
}
