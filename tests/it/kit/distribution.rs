//! A small distribution of Debian packages: a repository on this machine, from which apt fetches.

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use wheelwright::tools::{gzip, hex};

/// Where the index of what packages contain lies, below the suite's folder.
fn contents() -> String {
    format!("main/Contents-{}.gz", architecture())
}

fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

/// A package with one header.
#[derive(Clone, Debug)]
pub struct HeaderPackage {
    pub name: String,
    /// Below `/usr/include`.
    pub header: String,
    /// More lines of its control file.
    pub control: String,
}

impl HeaderPackage {
    pub fn new(name: &str, header: &str) -> Self {
        Self { name: name.to_owned(), header: header.to_owned(), control: String::new() }
    }

    pub fn says(mut self, line: &str) -> Self {
        self.control = format!("{line}\n");
        self
    }

    /// Packs it into `pool`, and gives its paragraph of `Packages`.
    fn packed(&self, pool: &Path) -> String {
        let (tree, file) = (pool.join(&self.name), format!("{}_1.0_all.deb", self.name));
        let header = tree.join("usr/include").join(&self.header);
        std::fs::create_dir_all(header.parent().expect("a folder")).expect("a folder");
        std::fs::create_dir_all(tree.join("DEBIAN")).expect("a folder");
        std::fs::write(header, format!("/* of {} */\n", self.name)).expect("a header");
        let control = format!(
            "Package: {}\nVersion: 1.0\nArchitecture: all\nMaintainer: nobody <nobody@example.org>\n{}\
             Description: a header\n",
            self.name, self.control
        );
        std::fs::write(tree.join("DEBIAN/control"), &control).expect("a file");
        let mut pack = Command::new("dpkg-deb");
        pack.args(["--root-owner-group", "-Znone", "-b"])
            .arg(&tree)
            .arg(pool.join(&file))
            .stdout(Stdio::null());
        assert!(pack.status().expect("dpkg-deb").success());
        let bytes = std::fs::read(pool.join(&file)).expect("a package");
        let sha256 = hex::encode(Sha256::digest(&bytes));
        format!("{control}Filename: pool/{file}\nSize: {}\nSHA256: {sha256}\n\n", bytes.len())
    }
}

/// The repository, and the settings that make apt know nothing else.
pub struct Distribution {
    folder: tempfile::TempDir,
    /// The index of what packages contain.
    lines: String,
}

impl Distribution {
    pub async fn start(packages: &[HeaderPackage]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let served = Arc::new(folder.path().join("repository"));
        let app = Router::new().fallback(serve).with_state(served.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(async move { axum::serve(listener, app).await });
        let lines =
            packages.iter().map(|each| format!("usr/include/{} libdevel/{}\n", each.header, each.name));
        let this = Self { folder, lines: lines.collect() };
        for place in ["repository/pool", "lists/partial", "cache/archives/partial"] {
            std::fs::create_dir_all(this.path(place)).expect("a folder");
        }
        let listed: String = packages.iter().map(|each| each.packed(&served.join("pool"))).collect();
        this.write(&format!("main/binary-{}/Packages", architecture()), listed.as_bytes());
        this.write(&contents(), &gzip::pack(this.lines.as_bytes(), 6).expect("packed"));
        this.release();
        let here = |name: &str| this.path(name).display().to_string();
        let settings = format!(
            "Dir::Etc::SourceList \"{}\";\nDir::Etc::SourceParts \"/dev/null\";\nDir::State::lists \"{}\";\n\
             APT::Sandbox::User \"\";\nAcquire::Languages \"none\";\nDebug::NoLocking \"true\";\n",
            here("sources.list"),
            here("lists")
        );
        std::fs::write(this.path("apt.conf"), settings).expect("a file");
        let source = format!("deb [trusted=yes] http://{address} stable main\n");
        std::fs::write(this.path("sources.list"), source).expect("a file");
        let mut update = Command::new("apt-get");
        update.args(["-q", "-o", &format!("Dir::Cache={}", here("cache")), "update"]).stdout(Stdio::null());
        let (name, value) = this.variable();
        update.env(name, value);
        let updated = tokio::task::spawn_blocking(move || update.status().expect("apt-get"));
        assert!(updated.await.expect("it ends").success());
        this
    }

    /// What makes a program's apt know this distribution alone.
    pub fn variable(&self) -> (&'static str, String) {
        ("APT_CONFIG", self.path("apt.conf").display().to_string())
    }

    /// Other bytes take the place of the index of what packages contain; whether the distribution vouches for them.
    pub fn damage_contents(&self, vouched: bool) {
        self.write(&contents(), b"\x1f\x8b\x08\x00 this is damaged");
        if vouched {
            self.release();
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A file of the suite.
    fn write(&self, name: &str, bytes: &[u8]) {
        let path = self.path("repository/dists/stable").join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, bytes).expect("a file");
    }

    /// Vouches for all files of the suite as they are.
    fn release(&self) {
        let mut text =
            format!("Suite: stable\nCodename: stable\nComponents: main\nArchitectures: {}\n", architecture());
        text.push_str("Date: Sun, 01 Nov 2026 00:00:00 UTC\nSHA256:\n");
        let mut vouch = |name: &str, bytes: &[u8]| {
            text.push_str(&format!(" {} {} {name}\n", hex::encode(Sha256::digest(bytes)), bytes.len()));
        };
        for name in [format!("main/binary-{}/Packages", architecture()), contents()] {
            vouch(&name, &std::fs::read(self.path("repository/dists/stable").join(&name)).expect("a file"));
        }
        // apt wants to know the hash of the plain index, too, and fetches the packed one.
        vouch(contents().trim_end_matches(".gz"), self.lines.as_bytes());
        self.write("Release", text.as_bytes());
    }
}

async fn serve(State(folder): State<Arc<PathBuf>>, request: Request) -> Result<Vec<u8>, StatusCode> {
    let path = folder.join(request.uri().path().trim_start_matches('/'));
    tokio::fs::read(path).await.map_err(|_| StatusCode::NOT_FOUND)
}
