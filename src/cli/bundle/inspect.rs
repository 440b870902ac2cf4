//! `wheelwright bundle inspect` and `verify`: what is in a bundle, and whether it is what its signers made.

use super::show;
use crate::bad;
use crate::cli::{installation, table};
use crate::config::Config;
use crate::config::load::ResolvedConfig;
use crate::error::Result;
use crate::names::IndexName;
use crate::packaging::bundle::TrustedKey;
use crate::transfer::bundle::{OpenBundle, SignerTrust, keys};
use serde_json::json;
use std::path::PathBuf;
use std::process::ExitCode;

/// Whose signatures count.
#[derive(clap::Args, Debug)]
pub struct Signers {
    /// A public key whose signature counts; may be repeated [default: those of bundles.trusted_keys]
    #[arg(long = "public-key", value_name = "FILE")]
    pub public_keys: Vec<PathBuf>,
    /// How many of these keys must have signed [default: bundles.signers]
    #[arg(long, value_name = "N")]
    pub signers: Option<usize>,
}

impl Signers {
    /// The keys that are given, else those of the settings; `None`: neither.
    pub fn trust(&self, config: &Config) -> Result<Option<SignerTrust>> {
        let given: Vec<TrustedKey> = match self.public_keys.is_empty() {
            true => keys::configured(&config.bundles.trusted_keys, &config.data)?,
            false => self.public_keys.iter().map(|path| keys::public(path)).collect::<Result<_>>()?,
        };
        let configured = usize::try_from(config.bundles.signers).unwrap_or(usize::MAX);
        Ok((!given.is_empty()).then(|| SignerTrust::Keys(given, self.signers.unwrap_or(configured))))
    }

    /// The same where somebody must be trusted.
    pub fn needed(&self, config: &Config) -> Result<SignerTrust> {
        self.trust(config)?.ok_or_else(|| {
            bad!("no public key is given: name one with --public-key, or in the setting bundles.trusted_keys")
        })
    }
}

/// Show what is in a bundle, and with --against what of it an index lacks.
#[derive(clap::Args, Debug)]
pub struct InspectCommand {
    /// The bundle, or all its volumes
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// An index of this installation
    #[arg(long, value_name = "USER/INDEX", value_parser = crate::cli::index::parse)]
    against: Option<IndexName>,
    #[command(flatten)]
    signers: Signers,
    /// The whole manifest
    #[arg(long)]
    json: bool,
}

impl InspectCommand {
    pub async fn run(self, resolved: ResolvedConfig) -> Result<ExitCode> {
        let trust = self.signers.trust(&resolved.config)?;
        let bundle = OpenBundle::open(&self.files, trust.as_ref().unwrap_or(&SignerTrust::Nobody)).await?;
        let against = match &self.against {
            Some(index) => Some((index, installation::existing(resolved).await?)),
            None => None,
        };
        let mut here = Vec::new();
        if let Some((index, app)) = &against {
            for file in bundle.manifest.files.iter().filter(|file| file.is_distribution()) {
                let known = app.db.file_of_any_spelling(index, &file.filename).await?;
                let state = match known {
                    None => "new",
                    Some(known) if known.sha256 != file.sha256 => "other bytes here",
                    Some(known) if known.deleted_at.is_some() => "deleted here",
                    Some(_) => "here",
                };
                here.push((file.filename.clone(), state));
            }
        }
        if self.json {
            let states: std::collections::BTreeMap<_, _> = here.into_iter().collect();
            table::json(&json!({
                "bundle": bundle.identity, "signers": bundle.signers, "verified": trust.is_some(),
                "manifest": bundle.manifest, "against": states,
            }))?;
            return Ok(ExitCode::SUCCESS);
        }
        show::contents(&bundle.manifest, &bundle.identity, &bundle.signers, trust.is_some())?;
        if let Some((index, _)) = against {
            let new: Vec<_> = here.iter().filter(|(_, state)| *state != "here").collect();
            for (filename, state) in &new {
                table::line(&format!("{state}: {filename}"))?;
            }
            table::line(&format!("{index} has {} of {} files", here.len() - new.len(), here.len()))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Check signatures and hashes of a bundle, with nothing but the file and the keys.
#[derive(clap::Args, Debug)]
pub struct VerifyCommand {
    /// The bundle, or all its volumes
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    signers: Signers,
    #[arg(long)]
    json: bool,
}

impl VerifyCommand {
    pub async fn run(self, config: &Config) -> Result<ExitCode> {
        let mut bundle = OpenBundle::open(&self.files, &self.signers.needed(config)?).await?;
        bundle.verify_files(|_, _| {}).await?;
        let signers: Vec<&str> = bundle.trusted.iter().map(String::as_str).collect();
        let count = bundle.manifest.files.len();
        let said =
            format!("bundle {} is whole: {count} files, signed by {}", bundle.identity, signers.join(", "));
        let value = json!({"ok": true, "bundle": bundle.identity, "signers": signers, "files": count});
        table::done(&said, &value, self.json)?;
        Ok(ExitCode::SUCCESS)
    }
}
