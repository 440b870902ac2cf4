//! What we hold of an upstream: in memory while it is used, in the database for ever.

use crate::db::mirror::{Found, UpstreamPage, UpstreamTopic};
use crate::error::{Error, Result};
use crate::names::NameList;
use crate::packaging::page::Page;
use crate::tools::gzip;
use crate::tools::time::Micros;
use crate::upstream::pages::{FetchedPage, Format, Validators};
use std::io::Read as _;
use std::sync::Arc;

/// The answer of one upstream page when it was last asked.
#[derive(Clone)]
pub struct Held {
    /// The mirror's URL then.
    pub source: String,
    pub what: What,
    pub validators: Validators,
    pub serial: Option<u64>,
    pub checked_at: Micros,
    /// Bytes in memory, about.
    pub weight: u32,
}

#[derive(Clone)]
pub enum What {
    /// The upstream says that there is no such page.
    Nothing,
    Page(Arc<Page>),
    Names(Arc<NameList>),
    /// A page of many projects' files.
    Flat(Arc<FetchedPage>),
    /// The upstream lists projects, but the list was never read.
    UnreadNames,
}

impl Held {
    pub fn new(source: String, what: What, validators: Validators, serial: Option<u64>, now: Micros) -> Self {
        let weight = u32::try_from(what.weight()).unwrap_or(u32::MAX);
        Self { source, what, validators, serial, checked_at: now, weight }
    }

    /// The row that keeps this; compresses, so not for async threads.
    pub fn to_row(&self) -> Result<UpstreamPage> {
        let (found, body) = match &self.what {
            What::Nothing => (Found::Nothing, None),
            What::UnreadNames => (Found::Page, None),
            What::Page(page) => (Found::Page, Some(gzip::pack(&page.to_stored(), 1)?)),
            What::Names(names) => (Found::Page, Some(gzip::pack(names.as_str().as_bytes(), 1)?)),
            What::Flat(body) => (Found::Flat, Some(gzip::pack(&flat_to_stored(body)?, 1)?)),
        };
        Ok(UpstreamPage {
            source: self.source.clone(),
            found,
            body,
            etag: self.validators.etag.clone(),
            last_modified: self.validators.last_modified.clone(),
            serial: self.serial,
            checked_at: self.checked_at,
        })
    }

    /// Reads a row, which is of `topic`.
    pub fn from_row(topic: &UpstreamTopic, row: UpstreamPage) -> Result<Self> {
        let body = row.body.map(|packed| gunzip(&packed)).transpose()?;
        let what = match (row.found, body) {
            (Found::Nothing, _) => What::Nothing,
            (Found::Page, None) => What::UnreadNames,
            (Found::Page, Some(bytes)) if *topic == UpstreamTopic::Root => {
                let text = String::from_utf8(bytes).map_err(Error::internal)?;
                What::Names(Arc::new(NameList::from_text(text)))
            }
            (Found::Page, Some(bytes)) => What::Page(Arc::new(Page::from_stored(&bytes)?)),
            (Found::Flat, bytes) => What::Flat(Arc::new(flat_from_stored(&bytes.unwrap_or_default())?)),
        };
        let validators = Validators { etag: row.etag, last_modified: row.last_modified };
        Ok(Self::new(row.source, what, validators, row.serial, row.checked_at))
    }
}

impl What {
    fn weight(&self) -> usize {
        match self {
            Self::Nothing | Self::UnreadNames => 200,
            Self::Names(names) => names.as_str().len() + 200,
            Self::Flat(body) => body.bytes.len() + 200,
            // Measured on real pages: strings and their allocations.
            Self::Page(page) => 200 + page.files.len() * 1000,
        }
    }
}

#[derive(serde::Serialize, serde::Deserialize)]
struct StoredFlat {
    url: url::Url,
    format: Format,
    text: String,
}

fn flat_to_stored(body: &FetchedPage) -> Result<Vec<u8>> {
    let text = String::from_utf8_lossy(&body.bytes).into_owned();
    let stored = StoredFlat { url: body.url.clone(), format: body.format, text };
    serde_json::to_vec(&stored).map_err(Error::internal)
}

fn flat_from_stored(bytes: &[u8]) -> Result<FetchedPage> {
    let stored: StoredFlat = serde_json::from_slice(bytes).map_err(Error::internal)?;
    let validators = Validators::default();
    let (bytes, format, url) = (stored.text.into(), stored.format, stored.url);
    Ok(FetchedPage { bytes, format, url, validators, serial: None, framed: true })
}

fn gunzip(packed: &[u8]) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    flate2::read::GzDecoder::new(packed).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::ProjectName;

    fn held(what: What) -> Held {
        let validators = Validators { etag: Some("\"a\"".into()), last_modified: None };
        Held::new("http://index.example/simple/".into(), what, validators, Some(7), 5)
    }

    fn six() -> UpstreamTopic {
        "six".parse().unwrap()
    }

    #[test]
    fn a_page_survives_the_database() {
        let page = Page { more_versions: vec!["1.0".into()], ..Page::new(ProjectName::new("six").unwrap()) };
        let row = held(What::Page(Arc::new(page.clone()))).to_row().unwrap();
        let back = Held::from_row(&six(), row).unwrap();
        assert!(matches!(&back.what, What::Page(read) if **read == page));
        assert_eq!(
            (back.validators.etag.as_deref(), back.serial, back.checked_at),
            (Some("\"a\""), Some(7), 5)
        );
    }

    #[test]
    fn names_and_flat_pages_survive_the_database() {
        let names: NameList = ["six", "flask"].into_iter().collect();
        let row = held(What::Names(Arc::new(names.clone()))).to_row().unwrap();
        assert!(
            matches!(Held::from_row(&UpstreamTopic::Root, row).unwrap().what, What::Names(read) if *read == names)
        );

        let url = url::Url::parse("http://index.example/flat/").unwrap();
        let bytes = "<a href='six-1.0.tar.gz'>six</a>".into();
        let validators = Validators::default();
        let body = FetchedPage { bytes, format: Format::Html, url, validators, serial: None, framed: true };
        let row = held(What::Flat(Arc::new(body))).to_row().unwrap();
        let What::Flat(read) = Held::from_row(&UpstreamTopic::Root, row).unwrap().what else {
            panic!("not flat")
        };
        assert_eq!(read.flat_names().as_str(), "six\n");
        let nothing = held(What::Nothing).to_row().unwrap();
        assert!(matches!(Held::from_row(&six(), nothing).unwrap().what, What::Nothing));
    }
}
