//! Packages made in code: real wheels and sdists, valid unless a test spoils them.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::io::{Seek, Write};
use std::path::{Path, PathBuf};
use wheelwright::names::ProjectName;
use zip::write::SimpleFileOptions;

/// What is to be packed. `Package::new("demo", "1.0").requires("x>=1").wheel()`
#[derive(Clone, Debug)]
pub struct Package {
    pub name: String,
    pub version: String,
    tag: String,
    build: Option<String>,
    requires: Vec<String>,
    extras: Vec<String>,
    requires_python: Option<String>,
    headers: Vec<(String, String)>,
    description: String,
    members: Vec<(String, Vec<u8>)>,
}

/// A packed distribution.
#[derive(Clone, Debug)]
pub struct Dist {
    pub filename: String,
    pub bytes: Vec<u8>,
    pub package: Package,
}

impl Package {
    /// A pure package with one module that knows its version.
    pub fn new(name: &str, version: &str) -> Self {
        Self {
            name: name.into(),
            version: version.into(),
            tag: "py2.py3-none-any".into(),
            build: None,
            requires: Vec::new(),
            extras: Vec::new(),
            requires_python: None,
            headers: vec![("Summary".into(), "A package made for a test".into())],
            description: "# Made for a test\n".into(),
            members: Vec::new(),
        }
    }

    /// Adds a `Requires-Dist`.
    pub fn requires(mut self, requirement: &str) -> Self {
        self.requires.push(requirement.into());
        self
    }

    /// Adds a `Provides-Extra`.
    pub fn extra(mut self, name: &str) -> Self {
        self.extras.push(name.into());
        self
    }

    pub fn requires_python(mut self, specifiers: &str) -> Self {
        self.requires_python = Some(specifiers.into());
        self
    }

    /// Adds any other header of the core metadata.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// In place of the usual one.
    pub fn summary(mut self, text: &str) -> Self {
        self.headers.retain(|(key, _)| key != "Summary");
        self.header("Summary", text)
    }

    pub fn description(mut self, text: &str) -> Self {
        self.description = text.into();
        self
    }

    /// Of the wheel: `cp312-cp312-manylinux_2_17_x86_64`, compressed sets too.
    pub fn tag(mut self, tag: &str) -> Self {
        self.tag = tag.into();
        self
    }

    pub fn build(mut self, build: &str) -> Self {
        self.build = Some(build.into());
        self
    }

    /// Adds a file to wheel and sdist.
    pub fn member(mut self, path: &str, bytes: impl Into<Vec<u8>>) -> Self {
        self.members.push((path.into(), bytes.into()));
        self
    }

    /// The name as file names write it.
    fn escaped(&self) -> String {
        ProjectName::new(&self.name).expect("a valid name").escaped()
    }

    /// `METADATA`, `PKG-INFO`.
    pub fn metadata(&self) -> String {
        let mut text = format!("Metadata-Version: 2.1\nName: {}\nVersion: {}\n", self.name, self.version);
        let mut line = |key: &str, value: &str| writeln!(text, "{key}: {value}").expect("room");
        self.headers.iter().for_each(|(key, value)| line(key, value));
        self.requires_python.iter().for_each(|value| line("Requires-Python", value));
        self.extras.iter().for_each(|value| line("Provides-Extra", value));
        self.requires.iter().for_each(|value| line("Requires-Dist", value));
        if !self.headers.iter().any(|(key, _)| key == "Description-Content-Type") {
            line("Description-Content-Type", "text/markdown");
        }
        text + "\n" + &self.description
    }

    pub fn wheel_filename(&self) -> String {
        let build = self.build.as_ref().map(|build| format!("{build}-")).unwrap_or_default();
        format!("{}-{}-{build}{}.whl", self.escaped(), self.version, self.tag)
    }

    pub fn wheel(&self) -> Dist {
        let mut bytes = std::io::Cursor::new(Vec::new());
        self.write_wheel(&mut bytes, 0);
        Dist { filename: self.wheel_filename(), bytes: bytes.into_inner(), package: self.clone() }
    }

    /// Writes a wheel with a member of `padding` random-looking bytes into `folder`; in constant
    /// memory.
    pub fn large_wheel(&self, folder: &Path, padding: u64) -> PathBuf {
        let path = folder.join(self.wheel_filename());
        let file = std::fs::File::options().read(true).write(true).create(true).truncate(true).open(&path);
        self.write_wheel(&mut std::io::BufWriter::new(file.expect("a new file")), padding);
        path
    }

    fn write_wheel(&self, out: impl Write + Seek, padding: u64) {
        let info = format!("{}-{}.dist-info", self.escaped(), self.version);
        let module = self.escaped().replace('.', "_");
        let mut zip = Wheel { zip: zip::ZipWriter::new(out), record: String::new() };
        zip.add(&format!("{module}/__init__.py"), format!("__version__ = {:?}\n", self.version).as_bytes());
        for (path, bytes) in &self.members {
            zip.add(path, bytes);
        }
        if padding > 0 {
            zip.add_padding(&format!("{module}/padding.bin"), padding);
        }
        zip.add(&format!("{info}/METADATA"), self.metadata().as_bytes());
        zip.add(&format!("{info}/WHEEL"), self.wheel_file().as_bytes());
        zip.finish(&format!("{info}/RECORD"));
    }

    fn wheel_file(&self) -> String {
        let mut text = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\n".to_owned();
        let mut parts = self.tag.split('-');
        let mut next = || parts.next().expect("a tag of three parts").split('.').collect::<Vec<_>>();
        let (pythons, abis, platforms) = (next(), next(), next());
        for python in &pythons {
            for abi in &abis {
                for platform in &platforms {
                    writeln!(text, "Tag: {python}-{abi}-{platform}").expect("room");
                }
            }
        }
        if let Some(build) = &self.build {
            writeln!(text, "Build: {build}").expect("room");
        }
        text
    }

    /// An sdist that builds without any other package: its backend is in it.
    pub fn sdist(&self) -> Dist {
        let top = format!("{}-{}", self.escaped(), self.version);
        let mut tar =
            tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()));
        let mut add = |path: &str, bytes: &[u8]| {
            let mut header = tar::Header::new_ustar();
            header.set_size(bytes.len() as u64);
            header.set_mode(0o644);
            header.set_mtime(1_700_000_000);
            tar.append_data(&mut header, format!("{top}/{path}"), bytes).expect("room");
        };
        add("PKG-INFO", self.metadata().as_bytes());
        add("pyproject.toml", PYPROJECT.as_bytes());
        add("in_tree_backend.py", BACKEND.as_bytes());
        let wheel = self.wheel();
        add(&format!("built/{}", wheel.filename), &wheel.bytes);
        for (path, bytes) in &self.members {
            add(path, bytes);
        }
        let bytes = tar.into_inner().and_then(|gz| gz.finish()).expect("room");
        Dist { filename: format!("{top}.tar.gz"), bytes, package: self.clone() }
    }
}

const PYPROJECT: &str =
    "[build-system]\nrequires = []\nbuild-backend = \"in_tree_backend\"\nbackend-path = [\".\"]\n";

/// Builds by copying the wheel that lies in the sdist.
const BACKEND: &str = r#"
import os, shutil

def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    name = os.listdir("built")[0]
    shutil.copy(os.path.join("built", name), wheel_directory)
    return name
"#;

/// A wheel being written: members and their `RECORD` lines.
struct Wheel<W: Write + Seek> {
    zip: zip::ZipWriter<W>,
    record: String,
}

impl<W: Write + Seek> Wheel<W> {
    fn start(&mut self, path: &str, method: zip::CompressionMethod) {
        let options = SimpleFileOptions::default().compression_method(method).unix_permissions(0o644);
        self.zip.start_file(path, options).expect("room");
    }

    fn add(&mut self, path: &str, bytes: &[u8]) {
        self.start(path, zip::CompressionMethod::Deflated);
        self.zip.write_all(bytes).expect("room");
        self.note(path, &Sha256::digest(bytes), bytes.len() as u64);
    }

    fn note(&mut self, path: &str, digest: &[u8], size: u64) {
        let digest = BASE64_URL_SAFE_NO_PAD.encode(digest);
        writeln!(self.record, "{path},sha256={digest},{size}").expect("room");
    }

    /// Stored, since random bytes do not shrink.
    fn add_padding(&mut self, path: &str, size: u64) {
        self.start(path, zip::CompressionMethod::Stored);
        let mut state = 0x9e37_79b9_7f4a_7c15u64;
        let mut block = vec![0u8; 1 << 20];
        let mut hash = Sha256::new();
        let mut left = size;
        while left > 0 {
            for word in block.chunks_exact_mut(8) {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                word.copy_from_slice(&state.to_le_bytes());
            }
            let length = left.min(block.len() as u64);
            let part = &block[..usize::try_from(length).expect("at most a block")];
            self.zip.write_all(part).expect("room");
            hash.update(part);
            left -= length;
        }
        self.note(path, &hash.finalize(), size);
    }

    fn finish(mut self, path: &str) {
        self.start(path, zip::CompressionMethod::Deflated);
        let record = format!("{}{path},,\n", self.record);
        self.zip.write_all(record.as_bytes()).expect("room");
        self.zip.finish().expect("room");
    }
}

impl Dist {
    pub fn sha256(&self) -> String {
        hex(&Sha256::digest(&self.bytes))
    }

    /// Attestations (PEP 740) of this file as publishers send them; nobody here verifies signatures.
    pub fn attestations(&self) -> String {
        self.attestations_of(&self.filename, &self.sha256())
    }

    /// The same about any file.
    pub fn attestations_of(&self, filename: &str, sha256: &str) -> String {
        let statement = serde_json::json!({
            "_type": "https://in-toto.io/Statement/v1",
            "subject": [{"name": filename, "digest": {"sha256": sha256}}],
            "predicateType": "https://docs.example/attestations/publish/v1",
            "predicate": null,
        });
        let statement = base64::prelude::BASE64_STANDARD.encode(statement.to_string());
        let material =
            serde_json::json!({"certificate": "MIIC", "transparency_entries": [{"logIndex": "1"}]});
        serde_json::json!([{
            "version": 1,
            "verification_material": material,
            "envelope": {"statement": statement, "signature": "MEU="},
        }])
        .to_string()
    }

    /// Where a page links the file, below its index.
    pub fn path(&self) -> String {
        let sha256 = self.sha256();
        format!("+f/{}/{}/{}", &sha256[..3], &sha256[3..16], self.filename)
    }

    /// Writes the file into `folder`.
    pub fn save(&self, folder: &Path) -> PathBuf {
        let path = folder.join(&self.filename);
        std::fs::write(&path, &self.bytes).expect("a written file");
        path
    }

    /// The text fields that publishers send with this file.
    pub fn fields(&self) -> Vec<(String, String)> {
        let package = &self.package;
        let is_wheel = self.filename.ends_with(".whl");
        let mut fields = vec![
            (":action".to_owned(), "file_upload".to_owned()),
            ("protocol_version".into(), "1".into()),
            ("metadata_version".into(), "2.1".into()),
            ("name".into(), package.name.clone()),
            ("version".into(), package.version.clone()),
            ("filetype".into(), if is_wheel { "bdist_wheel" } else { "sdist" }.into()),
            ("pyversion".into(), if is_wheel { "py3" } else { "source" }.into()),
            ("sha256_digest".into(), self.sha256()),
            ("requires_python".into(), package.requires_python.clone().unwrap_or_default()),
            ("description".into(), package.description.clone()),
        ];
        fields.extend(package.requires.iter().map(|value| ("requires_dist".to_owned(), value.clone())));
        fields.extend(package.extras.iter().map(|value| ("provides_extra".to_owned(), value.clone())));
        fields
    }
}

/// Lower-case hex.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("room");
        text
    })
}

/// A zip of these files.
pub fn zip(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (path, bytes) in files {
        zip.start_file(*path, SimpleFileOptions::default()).expect("room");
        zip.write_all(bytes).expect("room");
    }
    zip.finish().expect("room").into_inner()
}
