//! `wheelwright key`: pairs of keys that sign bundles, in minisign's files.

use super::table;
use crate::bad;
use crate::error::Result;
use crate::packaging::bundle::SigningKey;
use crate::packaging::bundle::signature::KeyTexts;
use crate::transfer::bundle::keys;
use serde_json::json;
use std::fs::File;
use std::io::{IsTerminal, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(clap::Subcommand, Debug)]
pub enum KeyCommand {
    /// Make a key: FILE signs, FILE.pub is for those who verify
    ///
    /// Both files have minisign's format.
    Create {
        /// The file of the secret key; nothing is overwritten
        #[arg(value_name = "FILE")]
        file: PathBuf,
        #[command(flatten)]
        password: KeyPassword,
        #[arg(long)]
        json: bool,
    },
}

/// What opens a secret key.
#[derive(clap::Args, Debug)]
pub struct KeyPassword {
    /// The file with the key's password in its first line [default: a question on the terminal]
    #[arg(long, value_name = "FILE", conflicts_with = "no_password")]
    password_file: Option<PathBuf>,
    /// Leave the secret key without a password
    #[arg(long)]
    no_password: bool,
}

/// The variable with the password.
const VARIABLE: &str = "WHEELWRIGHT_KEY_PASSWORD";
/// Characters of the longest password, as minisign has it.
const LONGEST: usize = 1024;

impl KeyCommand {
    pub fn run(self) -> Result<ExitCode> {
        let Self::Create { file, password, json } = self;
        let public = public_path(&file);
        for path in [&file, &public] {
            if path.exists() {
                return Err(bad!("{} exists: choose another name", path.display()));
            }
        }
        let password = password.for_new()?;
        let is_open = password.is_none();
        let KeyTexts { secret, public: text, id } = SigningKey::generate(password)?;
        write(&file, &secret, 0o600)?;
        if let Err(error) = write(&public, &text, 0o644) {
            let _ = std::fs::remove_file(&file);
            return Err(error);
        }
        let (file, public) = (file.display(), public.display());
        let kept = if is_open { "it has no password" } else { "its password opens it" };
        let said = format!("key {id} is in {file} ({kept}); give {public} to those who import");
        let line = text.lines().last().unwrap_or_default();
        let value =
            json!({"key": id, "file": file.to_string(), "public": public.to_string(), "public_key": line});
        table::done(&said, &value, json)?;
        Ok(ExitCode::SUCCESS)
    }
}

/// `me.key.pub`
fn public_path(file: &Path) -> PathBuf {
    let mut path = file.to_owned().into_os_string();
    path.push(".pub");
    path.into()
}

fn write(path: &Path, text: &str, mode: u32) -> Result<()> {
    let file = File::options().write(true).create_new(true).mode(mode).open(path);
    let written = file.and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.sync_all()
    });
    written.map_err(|error| bad!("cannot write {}: {error}", path.display()))
}

impl KeyPassword {
    /// The password of a key that is made; `None`: it gets none, and that was said.
    fn for_new(&self) -> Result<Option<String>> {
        if self.no_password {
            return Ok(None);
        }
        if let Some(password) = self.told()? {
            return Ok(Some(password));
        }
        if !std::io::stdin().is_terminal() {
            eprintln!(
                "warning: the key has no password, as nobody could be asked: whoever reads the file can sign with it. Give one with \
                 --password-file or {VARIABLE}"
            );
            return Ok(None);
        }
        let (first, again) = (ask("password for the new key: ")?, ask("the same once more: ")?);
        match first == again {
            true => usable(first).map(Some),
            false => Err(bad!("the two passwords differ: run the command again")),
        }
    }

    /// Opens the key in a file.
    ///
    /// # Errors
    /// `Bad` with the file's path.
    pub fn open(&self, path: &Path) -> Result<SigningKey> {
        let text = keys::text(path)?;
        let password = match SigningKey::is_encrypted(&text) {
            false => None,
            true => match self.told()? {
                Some(password) => Some(password),
                None => Some(ask(&format!("password of {}: ", path.display()))?),
            },
        };
        SigningKey::open(&text, password).map_err(|error| bad!("{}: {error}", path.display()))
    }

    /// What a file or the variable says.
    fn told(&self) -> Result<Option<String>> {
        if let Some(path) = &self.password_file {
            let text = keys::text(path)?;
            return usable(text.lines().next().unwrap_or_default().to_owned()).map(Some);
        }
        std::env::var(VARIABLE).ok().map(usable).transpose()
    }
}

fn usable(password: String) -> Result<String> {
    match password.len() {
        0 => Err(bad!("the password is empty: give another one")),
        1..=LONGEST => Ok(password),
        _ => Err(bad!("the password is too long: the limit is {LONGEST} bytes")),
    }
}

/// Asks on the terminal, without showing what is typed.
fn ask(question: &str) -> Result<String> {
    if !std::io::stdin().is_terminal() {
        return Err(bad!(
            "the secret key needs a password, and there is no terminal to ask on: use --password-file or {VARIABLE}"
        ));
    }
    rpassword::prompt_password(question).map_err(|error| bad!("cannot ask for the password: {error}"))
}
