//! Exports as devpi-server writes them, made in code so that they can be of any age, and wrong.

use crate::kit::packages::{Dist, hex};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};

/// `annpw`, by devpi-server 6.20.
pub const ANN: &str =
    "$argon2id$v=19$m=65536,t=3,p=4$wDjH2FvrHQNgLIVwjjGGMA$LYe/jPG9PJk42bwsI11tP+gfwiuLjdCiHzQa7Kjn6Do";

/// An export's folder; `write` makes it readable.
pub struct Export {
    folder: tempfile::TempDir,
    pub dump: Value,
}

impl Export {
    pub fn new(version: &str) -> Self {
        let dump = json!({"dumpversion": version, "users": {}, "indexes": {}, "devpi_server": "6.20.3"});
        Self { folder: tempfile::tempdir().expect("a folder"), dump }
    }

    /// One with user ann (password `annpw`) and her stage `ann/dev`.
    pub fn of_ann() -> Self {
        let mut export = Self::new("2");
        export.user(
            "ann",
            json!({"pwhash": ANN, "email": "ann@example.org", "created": "2026-11-21T09:30:55Z"}),
        );
        export
            .index("ann/dev", json!({"type": "stage", "bases": [], "acl_upload": ["ann"], "volatile": true}));
        export
    }

    pub fn path(&self) -> PathBuf {
        self.folder.path().to_owned()
    }

    pub fn user(&mut self, name: &str, user: Value) {
        self.dump["users"][name] = user;
        self.dump["users"][name]["username"] = name.into();
    }

    pub fn index(&mut self, name: &str, config: Value) {
        self.dump["indexes"][name] = json!({"indexconfig": config, "projects": {}, "files": []});
    }

    /// A release without files, or the metadata of one that has some.
    pub fn release(&mut self, index: &str, project: &str, version: &str, metadata: Value) {
        self.dump["indexes"][index]["projects"][project][version] = metadata;
    }

    /// A file with its release; its entry can be changed before it is written.
    pub fn file(&mut self, index: &str, dist: &Dist) -> &mut Value {
        let (name, version) = (&dist.package.name, &dist.package.version);
        let project = wheelwright::names::ProjectName::new(name).expect("a name").to_string();
        self.release(
            index,
            &project,
            version,
            json!({"name": name, "version": version, "summary": "claimed"}),
        );
        let path = format!("{index}/{project}/{version}/{}", dist.filename);
        self.entry(index, "releasefile", &project, version, &path, &dist.bytes)
    }

    pub fn documentation(&mut self, index: &str, dist: &Dist, bytes: &[u8]) -> &mut Value {
        let (name, version) = (dist.package.name.clone(), dist.package.version.clone());
        let path = format!("{index}/{name}-{version}.doc.zip");
        self.entry(index, "doczip", &name, &version, &path, bytes)
    }

    pub fn result(&mut self, index: &str, dist: &Dist, number: u32, bytes: &[u8]) -> &mut Value {
        let (name, version) = (dist.package.name.clone(), dist.package.version.clone());
        let path = format!(
            "{index}/{name}/sha256={}/{}.toxresult-20261121093100-{number}",
            dist.sha256(),
            dist.filename
        );
        let tested = format!("{index}/{}", dist.path());
        let entry = self.entry(index, "toxresult", &name, &version, &path, bytes);
        entry["for_entrypath"] = tested.into();
        entry["log"][0]["who"] = Value::Null;
        entry
    }

    fn entry(
        &mut self,
        index: &str,
        kind: &str,
        project: &str,
        version: &str,
        path: &str,
        bytes: &[u8],
    ) -> &mut Value {
        let place = self.folder.path().join(path);
        std::fs::create_dir_all(place.parent().expect("a folder")).expect("a folder");
        std::fs::write(place, bytes).expect("a written file");
        let sha256 = hex(&Sha256::digest(bytes));
        let files = self.dump["indexes"][index]["files"].as_array_mut().expect("a list");
        files.push(json!({
            "type": kind, "projectname": project, "version": version, "relpath": path,
            "entrymapping": {
                "last_modified": "Sat, 21 Nov 2026 09:30:58 GMT", "hash_spec": format!("sha256={sha256}"),
                "hashes": {"sha256": sha256}, "project": project, "version": version,
            },
            "log": [{"what": "upload", "who": "ann", "when": [2026, 11, 21, 9, 30, 59], "dst": index}],
        }));
        files.last_mut().expect("the new one")
    }

    /// Writes `dataindex.json`; the folder, as an argument.
    pub fn write(&self) -> String {
        let path = self.folder.path();
        std::fs::write(path.join("dataindex.json"), self.dump.to_string()).expect("a written export");
        path.display().to_string()
    }

    pub fn delete(&self, path: &str) {
        std::fs::remove_file(self.folder.path().join(path)).expect("a file that was there");
    }
}

/// A zip of documentation.
pub fn zip_of(page: &str) -> Vec<u8> {
    use std::io::Write;
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    zip.start_file("index.html", zip::write::SimpleFileOptions::default()).expect("room");
    zip.write_all(page.as_bytes()).expect("room");
    zip.finish().expect("room").into_inner()
}

/// A result of tox whose commands ended so.
pub fn result_of(code: &str) -> Vec<u8> {
    let commands = json!([{"command": ["pytest"], "retcode": code, "output": ""}]);
    json!({"toxversion": "4", "testenvs": {"py311": {"setup": [], "test": commands}}})
        .to_string()
        .into_bytes()
}

/// All files below a folder, for a second look at an export.
pub fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a readable folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() { found.extend(files_below(&path)) } else { found.push(path) }
    }
    found
}
