//! Wheelhouses that the server keeps: which index is published to which bucket.

use super::s3::S3Settings;

/// One of them. Without `Debug`: it holds a secret.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct WheelhouseSettings {
    /// `user/index`
    pub index: String,
    /// `s3://BUCKET/PREFIX`
    pub to: String,
    /// With what its bases have.
    pub inherited: bool,
    /// Seconds that links last; not set: they are not signed.
    pub presign: Option<u64>,
    /// Seconds that every link on a page is good for at least; default: half of `presign`.
    pub min_valid: Option<u64>,
    /// Projects that are published although they say `Private ::`.
    pub private: Vec<String>,
    pub endpoint: Option<String>,
    pub region: Option<String>,
    pub access_key_id: Option<String>,
    pub secret_access_key: Option<String>,
}

impl WheelhouseSettings {
    /// How its bucket is reached: what is not set here is as for the storage.
    pub fn s3(&self, storage: &S3Settings) -> S3Settings {
        let own_key = self.access_key_id.is_some();
        let key = |own: &Option<String>, storage: &Option<String>| match own_key {
            true => own.clone(),
            false => storage.clone(),
        };
        S3Settings {
            endpoint: self.endpoint.clone().or_else(|| storage.endpoint.clone()),
            region: self.region.clone().or_else(|| storage.region.clone()),
            access_key_id: key(&self.access_key_id, &storage.access_key_id),
            secret_access_key: key(&self.secret_access_key, &storage.secret_access_key),
            redirect: false,
        }
    }
}

/// One spelling of `s3://BUCKET/PREFIX`: the store does not tell empty segments apart.
pub fn bucket_place(url: &str) -> String {
    let parts = url.strip_prefix("s3://").unwrap_or(url).split('/').filter(|part| !part.is_empty());
    format!("s3://{}", parts.collect::<Vec<_>>().join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_in_a_bucket_has_one_spelling() {
        for url in ["s3://b/p/q", "s3://b/p/q/", "s3://b//p/q", "s3://b/p//q//"] {
            assert_eq!(bucket_place(url), "s3://b/p/q", "{url}");
        }
        assert_eq!(bucket_place("s3://b/"), "s3://b");
    }
}
