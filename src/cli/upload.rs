//! `wheelwright upload`: wheels and sdists to an index of a server.

use super::place::PlaceFlags;
use super::progress::Progress;
use super::table;
use crate::client::logins::Logins;
use crate::client::{FileToUpload, ServerClient};
use crate::config::load::ResolvedConfig;
use crate::config::units::rounded;
use crate::conflict;
use crate::error::Result;
use crate::index::upload::{CheckedFile, check_file};
use crate::names::IndexName;
use crate::packaging::filename::WheelFilename;
use crate::words::FileKind;
use crate::{bad, usage};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// What stands beside files in a folder `dist` and is none of them: signatures and attestations.
const BESIDE: [&str; 5] = ["asc", "sig", "sigstore", "attestation", "json"];

/// Upload wheels and sdists to an index.
///
/// A file that is there already with the same bytes is fine. Signatures and attestations beside the files are left alone.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  wheelwright upload dist/*
  wheelwright upload dist/* --index alice/dev --server http://host:3141")]
pub struct UploadCommand {
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// The index to upload to [default: that of wheelwright use]
    #[arg(long, value_name = "USER/INDEX", value_parser = super::index::parse)]
    index: Option<IndexName>,
    #[arg(long)]
    json: bool,
}

/// What a file became.
enum Became {
    Uploaded,
    /// It was there, with the same bytes.
    Known,
}

impl Became {
    fn word(&self) -> &'static str {
        match self {
            Self::Uploaded => "uploaded",
            Self::Known => "is there already",
        }
    }
}

impl UploadCommand {
    pub async fn run(self, place: &PlaceFlags, resolved: &ResolvedConfig) -> Result<ExitCode> {
        let server = place.server()?;
        let index = match &self.index {
            Some(index) => index.clone(),
            None => chosen(&server)?,
        };
        let (aside, files): (Vec<&PathBuf>, Vec<&PathBuf>) =
            self.files.iter().partition(|path| stands_beside(path));
        if files.is_empty() {
            return Err(bad!("none of these files is a wheel or an sdist: name files like dist/*"));
        }
        let largest = resolved.config.limits.upload;
        let progress = Progress::new();
        let (mut all, mut failed) = (Vec::new(), 0);
        for path in files {
            let became = one(&server, &index, path, largest, &progress).await;
            failed += usize::from(became.is_err());
            let said = match &became {
                Ok((became, _)) => became.word().to_owned(),
                Err(error) => error.to_string(),
            };
            if !self.json {
                table::line(&format!("{}: {said}", path.display()))?;
            }
            let file = became.as_ref().ok().map(|(_, file)| file);
            all.push(json!({
                "file": path.display().to_string(), "ok": became.is_ok(), "message": said,
                "project": file.map(|file| file.project.as_str()), "version": file.map(|file| &file.version),
                "sha256": file.map(|file| &file.sha256),
            }));
        }
        if self.json {
            let aside: Vec<String> = aside.iter().map(|path| path.display().to_string()).collect();
            let url = server.url(&format!("{index}/"))?;
            table::json(&json!({"index": index, "url": url.as_str(), "files": all, "left_alone": aside}))?;
        } else {
            for path in aside {
                table::line(&format!("{}: left alone", path.display()))?;
            }
        }
        Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

/// The index that was chosen for this server.
fn chosen(server: &ServerClient) -> Result<IndexName> {
    let logins = Logins::load()?;
    let chosen = logins.of(server.base()).and_then(|login| login.index.as_deref()).and_then(IndexName::parse);
    chosen.ok_or_else(|| {
        usage!("which index? Name it with --index, or choose one with wheelwright use USER/INDEX")
    })
}

fn stands_beside(path: &Path) -> bool {
    let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
    BESIDE.contains(&ending)
}

async fn one(
    server: &ServerClient,
    index: &IndexName,
    path: &Path,
    largest: u64,
    progress: &Progress,
) -> Result<(Became, CheckedFile)> {
    let file = path.to_owned();
    let file = tokio::task::spawn_blocking(move || check_file(&file, largest)).await??;
    match server.hash_of(index, &file.project, &file.filename).await? {
        Some(sha256) if sha256 == file.sha256 => return Ok((Became::Known, file)),
        Some(sha256) => {
            return Err(conflict!(
                "{index} has {} with other bytes (sha256 {sha256}): use a new version",
                file.filename
            ));
        }
        None => {}
    }
    send(server, index, path, &file, progress).await?;
    Ok((Became::Uploaded, file))
}

/// Uploads, and shows how far it is.
async fn send(
    server: &ServerClient,
    index: &IndexName,
    path: &Path,
    file: &CheckedFile,
    progress: &Progress,
) -> Result<()> {
    let (kind, python) = match WheelFilename::parse(&file.filename) {
        Ok(wheel) => (FileKind::Wheel, wheel.python.join(".")),
        Err(_) => (FileKind::Sdist, "source".to_owned()),
    };
    let more =
        [("filetype", kind.name()), ("pyversion", python.as_str()), ("sha256_digest", file.sha256.as_str())];
    let sent = Arc::new(AtomicU64::new(0));
    let heard = Arc::clone(&sent);
    let uploading =
        FileToUpload { path, filename: &file.filename, size: file.size, fields: &file.fields, more: &more };
    let upload = server.publish(index, &uploading, move |bytes| {
        heard.fetch_add(bytes, Ordering::Relaxed);
    });
    let line = progress.is_live().then(|| progress.begin(&file.filename, "upload"));
    tokio::pin!(upload);
    loop {
        tokio::select! {
            done = &mut upload => return done,
            () = tokio::time::sleep(Duration::from_millis(200)) => {
                if let Some(line) = &line {
                    let sent = rounded(sent.load(Ordering::Relaxed));
                    line.doing(&format!("{sent} of {}", rounded(file.size)));
                }
            }
        }
    }
}
