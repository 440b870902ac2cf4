//! Bundles that were imported: which, from where, by whom.

use super::blobs::{BlobCursor, BlobUse};
use super::rows::row;
use super::{Db, Tx};
use crate::error::Result;
use crate::names::IndexName;
use crate::tools::time::Micros;

/// A row of `bundle_import`; see the migration for what the columns mean.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportedBundle {
    pub index: IndexName,
    pub manifest_sha256: String,
    pub installation: String,
    pub origin_index: String,
    pub origin_serial: i64,
    pub created_at: Micros,
    pub signers: String,
    pub files: i64,
    pub who: String,
    pub imported_at: Micros,
}

row!(ImportedBundle of bundle_import {
    index = index_name, manifest_sha256, installation, origin_index, origin_serial, created_at, signers, files,
    who, imported_at
});

/// Rows of a page.
const PAGE: i64 = 2000;

impl Db {
    /// The bundles that an index got, the newest first.
    pub async fn imported_bundles(&self, index: &IndexName) -> Result<Vec<ImportedBundle>> {
        let rows = ImportedBundle::select("WHERE index_name = $1 ORDER BY imported_at DESC, manifest_sha256");
        Ok(rows.bind(index).fetch_all(&self.pool).await?)
    }

    /// The manifests of imported bundles, a page of them; `None` as second part after the last one.
    pub async fn blobs_of_bundles(&self, after: BlobCursor) -> Result<(Vec<BlobUse>, Option<BlobCursor>)> {
        let rows: Vec<(String, String)> = sqlx::query_as(
            "SELECT index_name, manifest_sha256 FROM bundle_import WHERE index_name > $1 \
             OR (index_name = $1 AND manifest_sha256 > $2) ORDER BY index_name, manifest_sha256 LIMIT $3",
        )
        .bind(after.0)
        .bind(after.1)
        .bind(PAGE)
        .fetch_all(&self.pool)
        .await?;
        let what = |index: &str| format!("the manifest of a bundle of {index}");
        let uses = rows.iter().map(|(index, sha256)| BlobUse {
            sha256: sha256.clone(),
            size: None,
            what: what(index),
        });
        Ok((uses.collect(), rows.last().cloned()))
    }
}

impl Tx {
    /// Whether an index has a bundle of the same origin that is not older than this one.
    pub async fn has_newer_bundle(&mut self, bundle: &ImportedBundle) -> Result<bool> {
        let query = sqlx::query_scalar(
            "SELECT count(*) FROM bundle_import WHERE index_name = $1 AND installation = $2 AND origin_index = $3 \
             AND (origin_serial > $4 OR origin_serial = $4 AND created_at >= $5)",
        );
        let query = query.bind(&bundle.index).bind(&bundle.installation).bind(&bundle.origin_index);
        let newer: i64 =
            query.bind(bundle.origin_serial).bind(bundle.created_at).fetch_one(&mut *self.tx).await?;
        Ok(newer > 0)
    }

    /// Records an import; `false` if the index got the bundle meanwhile.
    pub async fn put_imported_bundle(&mut self, bundle: &ImportedBundle) -> Result<bool> {
        let put = sqlx::query(
            "INSERT INTO bundle_import (index_name, manifest_sha256, installation, origin_index, origin_serial, \
             created_at, signers, files, who, imported_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) \
             ON CONFLICT DO NOTHING",
        )
        .bind(&bundle.index)
        .bind(&bundle.manifest_sha256)
        .bind(&bundle.installation)
        .bind(&bundle.origin_index)
        .bind(bundle.origin_serial)
        .bind(bundle.created_at)
        .bind(&bundle.signers)
        .bind(bundle.files)
        .bind(&bundle.who)
        .bind(self.now)
        .execute(&mut *self.tx)
        .await?;
        Ok(put.rows_affected() > 0)
    }
}
