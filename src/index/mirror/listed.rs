//! Our page of an upstream's page: our URLs, what we know better, nothing that would not be served.

use super::state::{MirrorPage, Mirrors};
use crate::bad_upstream;
use crate::db::files::StoredFile;
use crate::directory::Index;
use crate::error::Result;
use crate::names::{IndexName, ProjectName};
use crate::packaging::filename::is_variant;
use crate::packaging::page::{CoreMetadata, File, FilePlace, Page, Provenance};
use crate::packaging::upload_time::UploadTime;
use crate::tools::hex;
use std::collections::HashMap;
use url::Url;

/// The upstream URL of a file.
pub(super) fn parsed(file: &File) -> Result<Url> {
    Url::parse(file.link())
        .map_err(|error| bad_upstream!("the upstream's URL of {} is invalid: {error}", file.filename))
}

/// The first 16 hex digits of the sha256 of an upstream URL: what stands for a file whose hash
/// the upstream does not tell. Queries may hold signatures that change, so they do not count.
pub fn url_key(url: &str) -> String {
    let plain = url.split(['?', '#']).next().unwrap_or_default();
    hex::short_sha256(plain, 16)
}

/// What stands for the same in URLs of devpi: scheme, host, port and folder of the upstream URL, joined by `_`. Files of
/// lock files that were made with devpi are found by it; ours tell nobody how the upstream's folders are called.
pub fn devpi_key(url: &str) -> Option<String> {
    let url = Url::parse(url).ok()?;
    let mut key = format!("{}_{}", url.scheme(), url.host_str()?);
    if let Some(port) = url.port() {
        key.push_str(&format!("_{port}"));
    }
    let folder = url.path().rsplit_once('/').map_or("", |(folder, _)| folder);
    key.push_str(&folder.replace('/', "_"));
    Some(key)
}

/// Whether `key` in a URL of ours stands for the file at `url`.
pub fn stands_for(key: &str, url: &str) -> bool {
    url_key(url) == key || devpi_key(url).is_some_and(|known| known == key)
}

/// What stands for a file's content in `remote_metadata`.
pub fn identity(file: &File) -> &str {
    file.hashes.sha256.as_deref().unwrap_or(file.link())
}

impl Mirrors {
    /// Our page of an upstream's page: URLs of ours, hashes and metadata as far as we know more,
    /// nothing advertised that would not be served. Policy is not applied yet.
    ///
    /// # Errors
    /// `Offline`, `Unavailable`: the upstream lists files, but none of them is here and none can be
    /// fetched.
    pub async fn listed(&self, index: &Index, upstream: &MirrorPage) -> Result<Page> {
        let project = &upstream.page.name;
        let mut ours = self.known(&index.name, project).await?;
        self.settle(&index.name, &upstream.page, &mut ours.files).await?;
        let seen = self.0.first_seen(&index.name, &upstream.page).await?;
        let online = !upstream.cut_off;
        let mut page = (*upstream.page).clone();
        self.drop_used(&index.name, &mut page).await?;
        if upstream.cut_off && !page.files.is_empty() {
            self.keep_served(&mut page, &ours).await?;
        }
        for file in &mut page.files {
            if file.uploaded.is_none() {
                file.uploaded = seen.get(file.filename.as_str()).map(|(_, at)| UploadTime::new(*at));
            }
            ours.correct(&index.name, file, online);
        }
        Ok(page)
    }

    /// Leaves on a page what can be served though nothing can be fetched: files whose bytes are here.
    /// A resolver would choose others and fail, though older ones are here.
    async fn keep_served(&self, page: &mut Page, ours: &Ours) -> Result<()> {
        let mut kept = Vec::new();
        for file in std::mem::take(&mut page.files) {
            if let Some(stored) = ours.files.get(file.filename.as_str())
                && self.0.store.size(&stored.sha256).await?.is_some()
            {
                kept.push(file);
            }
        }
        page.files = kept;
        Ok(())
    }

    async fn known(&self, index: &IndexName, project: &ProjectName) -> Result<Ours> {
        let files = self.0.db.project_files(index, project).await?;
        let files = files.into_iter().map(|file| (file.filename.clone(), file)).collect();
        let metadata = self.0.db.remote_metadata(index, project).await?;
        Ok(Ours { files, metadata })
    }
}

/// What we know of a project's files beside what its page says.
struct Ours {
    files: HashMap<String, StoredFile>,
    /// Filename to (identity, sha256 of METADATA).
    metadata: HashMap<String, (String, String)>,
}

impl Ours {
    fn correct(&self, index: &IndexName, file: &mut File, online: bool) {
        let stored = self.files.get(file.filename.as_str());
        file.core_metadata = self.core_metadata(file, stored, online);
        // It depends on nothing but what the upstream said first, so it holds for ever.
        file.place = match file.hashes.sha256 {
            Some(_) => FilePlace::Hosted(index.clone()),
            None => FilePlace::Mirrored(index.clone(), url_key(file.link())),
        };
        if let Some(stored) = stored {
            // If the upstream has other bytes now under a name that was served, the first ones stay.
            file.hashes.sha256 = Some(stored.sha256.clone());
            file.size = Some(stored.size);
        }
        file.hashes.others.clear();
        if !online {
            file.provenance = Provenance::No;
        }
    }

    /// Advertised only if it will be served: an installer that asks in vain gives up.
    fn core_metadata(&self, file: &File, stored: Option<&StoredFile>, online: bool) -> CoreMetadata {
        // Who knows no variants would take a variant's metadata for that of any wheel.
        if !file.filename.ends_with(".whl") || is_variant(&file.filename) {
            return CoreMetadata::No;
        }
        if let Some(sha256) = stored.and_then(|stored| stored.metadata_sha256.as_ref()) {
            return CoreMetadata::Sha256(sha256.clone());
        }
        match self.metadata.get(file.filename.as_str()) {
            Some((of, sha256)) if of == identity(file) => CoreMetadata::Sha256(sha256.clone()),
            // Its hash is passed on once it proved right: an installer that gets other bytes gives up.
            _ if online && file.core_metadata != CoreMetadata::No => CoreMetadata::Yes,
            _ => CoreMetadata::No,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packaging::page::Hashes;

    fn index() -> IndexName {
        IndexName::parse("root/pypi").unwrap()
    }

    fn wheel() -> File {
        let hashes = Hashes { sha256: Some("a1b2c3d4e5f60718".repeat(4)), others: vec![] };
        let place = FilePlace::Link("http://h/demo.whl?sig=1".into());
        File { place, hashes, ..named("demo-1!2.0+local.1-py3-none-any.whl") }
    }

    fn named(filename: &str) -> File {
        File::named(&ProjectName::new("demo").unwrap(), filename)
    }

    fn ours(stored: Vec<StoredFile>) -> Ours {
        let files = stored.into_iter().map(|file| (file.filename.clone(), file)).collect();
        Ours { files, metadata: HashMap::new() }
    }

    fn stored(sha256: &str) -> StoredFile {
        let file = StoredFile::new(index(), "six".parse().unwrap(), &wheel().filename);
        StoredFile { sha256: sha256.into(), size: 7, ..file }
    }

    #[test]
    fn a_file_is_found_by_its_hash_and_without_one_by_its_upstream_url() {
        let mut file = wheel();
        ours(vec![]).correct(&index(), &mut file, true);
        assert_eq!(
            file.href("").to_string(),
            "root/pypi/+f/a1b/2c3d4e5f60718/demo-1%212.0%2Blocal.1-py3-none-any.whl"
        );
        let mut bare = File { hashes: Hashes::default(), ..wheel() };
        ours(vec![]).correct(&index(), &mut bare, true);
        let key = url_key("http://h/demo.whl");
        assert_eq!(
            bare.href("").to_string(),
            format!("root/pypi/+e/{key}/demo-1%212.0%2Blocal.1-py3-none-any.whl")
        );
        assert_eq!(key.len(), 16);
    }

    #[test]
    fn once_stored_a_hash_is_told_under_the_same_url() {
        let mut bare = File { hashes: Hashes::default(), ..wheel() };
        let sha256 = "f".repeat(64);
        ours(vec![stored(&sha256)]).correct(&index(), &mut bare, true);
        assert!(bare.href("").to_string().starts_with("root/pypi/+e/"));
        assert_eq!((bare.hashes.sha256, bare.size), (Some(sha256), Some(7)));
    }

    #[test]
    fn bytes_that_were_served_once_win_over_what_the_upstream_has_now() {
        let mut file = wheel();
        let sha256 = "f".repeat(64);
        ours(vec![stored(&sha256)]).correct(&index(), &mut file, true);
        let url = file.href("").to_string();
        assert!(url.starts_with("root/pypi/+f/fff/fffffffffffff/"), "{url}");
        assert_eq!(file.hashes.sha256, Some(sha256));
    }

    #[test]
    fn metadata_is_advertised_only_if_it_will_be_served() {
        let claimed = || File { core_metadata: CoreMetadata::Yes, ..wheel() };
        let listed = |ours: &Ours, mut file: File, online| {
            ours.correct(&index(), &mut file, online);
            file.core_metadata
        };
        let mut known = ours(vec![]);
        assert_eq!(listed(&known, claimed(), true), CoreMetadata::Yes);
        assert_eq!(listed(&known, claimed(), false), CoreMetadata::No);
        assert_eq!(listed(&known, wheel(), true), CoreMetadata::No);
        let sdist = File { core_metadata: CoreMetadata::Yes, ..named("demo-1.0.tar.gz") };
        assert_eq!(listed(&known, sdist, true), CoreMetadata::No);
        known.metadata.insert(wheel().filename.to_string(), (identity(&wheel()).to_owned(), "m".into()));
        assert_eq!(listed(&known, wheel(), false), CoreMetadata::Sha256("m".into()));
        // The row is of other bytes than the upstream has now.
        known.metadata.insert(wheel().filename.to_string(), ("other".into(), "m".into()));
        assert_eq!(listed(&known, wheel(), true), CoreMetadata::No);
    }

    #[test]
    fn a_file_without_a_hash_is_found_under_devpis_url_too() {
        for (url, key) in [
            ("http://127.0.0.1:13199/files/hello-1.1.tar.gz", "http_127.0.0.1_13199_files"),
            ("https://host.test/a/b/hello-1.1.tar.gz?x=/y#z", "https_host.test_a_b"),
            ("https://host.test/hello-1.1.tar.gz", "https_host.test"),
        ] {
            assert!(stands_for(key, url) && stands_for(&url_key(url), url), "{url}");
            assert!(!stands_for("https_other.test", url) && !stands_for("", url), "{url}");
        }
    }
}
