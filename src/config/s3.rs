//! How a bucket is reached.

/// Without `Debug`: it holds a secret. What is not set comes from the usual `AWS_` variables.
#[derive(Clone, Default)]
pub struct S3Settings {
    pub endpoint: Option<String>,
    pub region: Option<String>,
    pub access_key_id: Option<String>,
    pub secret_access_key: Option<String>,
    /// Answer large files with a presigned redirect instead of passing the bytes through.
    pub redirect: bool,
}
