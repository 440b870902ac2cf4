//! Programs of the administrator: those of a folder are asked before something is taken in, those of its folder `after`
//! are told when a webhook names them.
//!
//! Each gets one JSON document on its standard input. What cannot be asked does not agree: a program that hangs, crashes
//! or may not be run refuses, by its name.

use crate::config::Config;
use crate::error::{Error, Result};
use crate::forbidden;
use crate::names::{IndexName, ProjectName};
use crate::packaging::metadata::Metadata;
use crate::tools::process::{ProcessGroup, all_of};
use crate::words::WebhookEvent;
use serde::Serialize;
use serde_json::{Map, Value};
use std::fs::Metadata as Inode;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;
use tokio::sync::Semaphore;

/// Programs that run at once; more wait for their turn.
const AT_ONCE: usize = 8;

/// Bytes of each stream of a program.
const OUTPUT: usize = 64 << 10;

/// Characters of a refusal.
const LONGEST_REFUSAL: usize = 1000;

/// The folder of programs that are told afterwards.
const AFTER: &str = "after";

/// What is about to be taken in, as programs read it.
#[derive(Serialize)]
pub struct Upcoming<'a> {
    /// `upload` or `push`.
    pub event: WebhookEvent,
    pub who: &'a str,
    pub index: &'a IndexName,
    /// Of a push: where the file is now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<&'a IndexName>,
    pub project: &'a ProjectName,
    pub version: String,
    pub filename: &'a str,
    pub sha256: &'a str,
    pub size: u64,
    /// The file's own, in the JSON form of PEP 566.
    pub metadata: &'a Metadata,
}

/// The folder and its limits. Cheap to clone.
#[derive(Clone)]
pub struct HookPrograms {
    folder: Option<PathBuf>,
    timeout: Duration,
    turns: Arc<Semaphore>,
}

/// How a program ended, and what it wrote.
struct Ended {
    status: ExitStatus,
    out: Vec<u8>,
    err: Vec<u8>,
}

impl HookPrograms {
    /// A relative folder is below `data`.
    pub fn new(config: &Config) -> Result<Self> {
        let folder = config.hooks.folder.as_ref().map(|folder| std::path::absolute(config.data.join(folder)));
        Ok(Self {
            folder: folder.transpose()?,
            timeout: Duration::from_secs(config.hooks.timeout.max(1)),
            turns: Arc::new(Semaphore::new(AT_ONCE)),
        })
    }

    /// Asks all programs, in the order of their names. What they add to the event: a JSON object, if they add
    /// anything.
    ///
    /// # Errors
    /// `Forbidden` with the words of the first program that refuses, or with the name of one that cannot be asked.
    pub async fn ask(&self, upcoming: &Upcoming<'_>) -> Result<Option<String>> {
        let Some(folder) = self.folder.clone() else { return Ok(None) };
        let programs = tokio::task::spawn_blocking(move || programs_in(&folder)).await??;
        if programs.is_empty() {
            return Ok(None);
        }
        let document = serde_json::to_vec(upcoming).map_err(Error::internal)?;
        let mut added = Map::new();
        for (name, path) in programs {
            let ended = self.run(&name, &path, &document).await?;
            match ended.status.code() {
                Some(0) => added.extend(object(&ended.out).unwrap_or_default()),
                Some(1) => return Err(forbidden!("{}", refusal(&name, upcoming.filename, &ended))),
                _ => return Err(broken(&name, &ended)),
            }
        }
        Ok((!added.is_empty()).then(|| Value::Object(added).to_string()))
    }

    /// Tells a program of the folder `after` what happened.
    ///
    /// # Errors
    /// `Forbidden` if it does not end with 0.
    pub async fn tell(&self, name: &str, document: &[u8]) -> Result<()> {
        let path = self.told(name)?;
        let ended = self.run(name, &path, document).await?;
        match ended.status.code() {
            Some(0) => Ok(()),
            _ => Err(broken(name, &ended)),
        }
    }

    /// Where a program is that is told what happened.
    ///
    /// # Errors
    /// `Forbidden` if there is none that may be run.
    pub fn told(&self, name: &str) -> Result<PathBuf> {
        let folder = self.folder.as_ref().ok_or_else(|| forbidden!("the setting hooks.folder is not set"))?;
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        if name.is_empty() || name.starts_with('.') || !name.bytes().all(fits) {
            return Err(forbidden!("'{name}' is not the name of a hook program"));
        }
        let folder = folder.join(AFTER);
        sound_folder(folder.parent().unwrap_or(&folder))?;
        sound_folder(&folder)?;
        let path = folder.join(name);
        sound_program(name, &path)?;
        Ok(path)
    }

    async fn run(&self, name: &str, path: &Path, document: &[u8]) -> Result<Ended> {
        let _turn = self.turns.acquire().await.map_err(Error::internal)?;
        let mut command = Command::new(path);
        command.env_clear().env("PATH", "/usr/local/bin:/usr/bin:/bin").env("LANG", "C.UTF-8");
        command.current_dir(path.parent().unwrap_or(Path::new("/"))).process_group(0).kill_on_drop(true);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|error| {
            tracing::warn!(program = name, %error, "cannot start a hook program");
            forbidden!("the hook program {name} does not start: {error}")
        })?;
        // Its helpers end with it.
        let mut group = ProcessGroup::of(&child);
        let (stdin, out, err) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let feed = async {
            // A program that decides without reading closes its end.
            if let Some(mut stdin) = stdin {
                let _ = stdin.write_all(document).await;
            }
        };
        let most = OUTPUT as u64 + 1;
        let work = async { tokio::join!(feed, all_of(out, most), all_of(err, most), child.wait()) };
        let Ok(((), out, err, status)) = tokio::time::timeout(self.timeout, work).await else {
            tracing::warn!(program = name, "a hook program did not end in time; it was killed");
            let seconds = self.timeout.as_secs();
            return Err(forbidden!("the hook program {name} did not end within {seconds} s"));
        };
        group.disarm();
        let ended = Ended { status: status?, out: out?, err: err? };
        if ended.out.len() > OUTPUT || ended.err.len() > OUTPUT {
            return Err(forbidden!("the hook program {name} wrote more than {OUTPUT} bytes"));
        }
        Ok(ended)
    }
}

/// The programs of the folder by name, in order. Folders and names with a dot at their beginning are none.
fn programs_in(folder: &Path) -> Result<Vec<(String, PathBuf)>> {
    sound_folder(folder)?;
    let mut programs = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.starts_with('.') || path.symlink_metadata().is_ok_and(|inode| inode.is_dir()) {
            continue;
        }
        sound_program(&name, &path)?;
        programs.push((name, path));
    }
    programs.sort();
    Ok(programs)
}

/// Refuses a folder into which somebody else can put programs.
fn sound_folder(folder: &Path) -> Result<()> {
    let shown = folder.display();
    match std::fs::metadata(folder) {
        Err(error) => Err(forbidden!("the folder of hook programs {shown} cannot be read: {error}")),
        Ok(inode) if !inode.is_dir() || !is_ours_alone(&inode) => Err(forbidden!(
            "the folder of hook programs {shown} must belong to root or the server's user, and nobody else may \
             write to it"
        )),
        Ok(_) => Ok(()),
    }
}

/// Refuses a program that somebody else can change, and what is none.
fn sound_program(name: &str, path: &Path) -> Result<()> {
    match std::fs::symlink_metadata(path) {
        Err(error) => Err(forbidden!("the hook program {name} cannot be read: {error}")),
        Ok(inode) if !inode.is_file() => {
            Err(forbidden!("the hook program {name} is not a file: put the program itself into the folder"))
        }
        Ok(inode) if !is_ours_alone(&inode) => Err(forbidden!(
            "the hook program {name} must belong to root or the server's user, and nobody else may write to it"
        )),
        Ok(inode) if inode.mode() & 0o111 == 0 => {
            Err(forbidden!("the hook program {name} is not executable: run chmod +x, or move it away"))
        }
        Ok(_) => Ok(()),
    }
}

fn is_ours_alone(inode: &Inode) -> bool {
    let own = rustix::process::geteuid().as_raw();
    [0, own].contains(&inode.uid()) && inode.mode() & 0o022 == 0
}

fn object(out: &[u8]) -> Option<Map<String, Value>> {
    serde_json::from_slice(out).ok()
}

/// The words of a program that refuses: from its standard error, else its standard output.
fn refusal(name: &str, filename: &str, ended: &Ended) -> String {
    let said = [&ended.err, &ended.out].map(|bytes| one_line(bytes));
    let said = said.into_iter().find(|text| !text.is_empty());
    said.unwrap_or_else(|| format!("the hook program {name} refuses {filename}"))
}

/// That a program did not do what it should; what it wrote is for the server's log.
fn broken(name: &str, ended: &Ended) -> Error {
    let (status, said) = (ended.status, one_line(&ended.err));
    tracing::warn!(program = name, %status, said, "a hook program failed");
    forbidden!("the hook program {name} failed ({status}): see the server's log")
}

fn one_line(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let words = text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join(" ").chars().take(LONGEST_REFUSAL).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_program_says_becomes_one_line_of_bounded_length() {
        assert_eq!(one_line(b"  no\r\n licence\x07\n"), "no licence");
        assert_eq!(one_line(&[b'x'; 5000]).len(), LONGEST_REFUSAL);
        assert_eq!(object(b"{\"a\": 1}").map(|map| map.len()), Some(1));
        assert_eq!(object(b"all is well"), None);
        assert_eq!(object(b"[1]"), None);
    }
}
