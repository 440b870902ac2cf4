//! Stories of wheelhouses: an index as static pages, in a folder or in a bucket; and what must not leave.

mod bucket;
mod check;
mod company;
mod export;
mod keeping;
mod kills;
mod many;
mod private;
mod redirects;

use crate::kit::Server;
use crate::kit::folder::files_below;
use crate::kit::names::index_name;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use wheelwright::error::Result;
use wheelwright::tools::time::now;
use wheelwright::transfer::wheelhouse::{
    HouseSource, Presign, WheelhouseOrder, WheelhouseTally, WheelhouseTarget, export,
};

/// All of an index, for a place that is not ours alone.
fn order(index: &str) -> WheelhouseOrder {
    WheelhouseOrder {
        index: index_name(index),
        projects: Vec::new(),
        inherited: false,
        public_url: None,
        presign: None,
        private: None,
    }
}

/// The same with signed links, at a place of the bucket.
pub fn target(bucket: &crate::kit::s3::Bucket, index: &str, presign: Option<u64>) -> WheelhouseTarget {
    let presign = presign.map(|lasts| Presign::new(lasts, None));
    let order = WheelhouseOrder { presign, private: Some(Vec::new()), ..order(index) };
    WheelhouseTarget { order, to: "s3://wheels/house".into(), s3: bucket.settings() }
}

impl Server {
    async fn export(&self, order: &WheelhouseOrder, to: &Path) -> Result<WheelhouseTally> {
        let source = HouseSource { indexes: &self.app.indexes, store: &self.app.store };
        export(source, order, to, now()).await
    }
}

/// A web server that knows nothing of us; it ends when it is dropped.
struct StaticServer {
    child: Child,
    port: u16,
}

impl StaticServer {
    async fn start(folder: &Path) -> Self {
        let port = {
            let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
            listener.local_addr().expect("an address").port()
        };
        let mut command = Command::new("python3");
        command.args(["-m", "http.server", &port.to_string(), "--bind", "127.0.0.1", "--directory"]);
        let child = command.arg(folder).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let server = Self { child: child.expect("python3 starts"), port };
        while tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            tokio::task::yield_now().await;
        }
        server
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}/{path}", self.port)
    }
}

impl Drop for StaticServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The files below a folder with their bytes, but for what the next export needs.
fn tree(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let named = files_below(folder).into_iter().filter_map(|path| {
        let name = path.strip_prefix(folder).expect("below it").to_str().expect("text").to_owned();
        // It may be replaced at this moment.
        Some((name, std::fs::read(&path).ok()?))
    });
    named.filter(|(name, _)| !name.starts_with('.')).collect()
}

/// Every `href` of the HTML pages that leads nowhere.
fn broken_links(folder: &Path) -> Vec<String> {
    let tree = tree(folder);
    let mut broken = Vec::new();
    for (path, bytes) in tree.iter().filter(|(path, _)| path.ends_with(".html")) {
        let page = String::from_utf8_lossy(bytes);
        let base = url::Url::parse(&format!("http://host/{path}")).expect("a URL");
        for link in page.split("href=\"").skip(1) {
            let link = link.split(['"', '#']).next().unwrap_or_default();
            let url = base.join(link).expect("a link");
            let leads =
                percent_encoding::percent_decode_str(&url.path()[1..]).decode_utf8_lossy().into_owned();
            let leads = if leads.ends_with('/') { format!("{leads}index.html") } else { leads };
            if !tree.contains_key(&leads) {
                broken.push(format!("{path} -> {leads}"));
            }
        }
    }
    broken
}
