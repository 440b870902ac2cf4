//! A real nginx in front of a server, which keeps what it is allowed to keep for everybody.

use super::Server;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use wheelwright::config::TlsSettings;

/// A running nginx; ends when dropped.
pub struct Nginx {
    port: u16,
    folder: tempfile::TempDir,
    scheme: &'static str,
}

/// What all have in common; `body` stands within `http`.
fn settings(folder: &Path, body: &str) -> String {
    let at = folder.display();
    let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
    let temporary = temporary.map(|kind| format!("    {kind}_temp_path {at}/{kind};\n")).concat();
    format!(
        "worker_processes 1;
pid {at}/nginx.pid;
error_log {at}/error.log;
events {{}}
http {{
{temporary}    access_log {at}/access.log;
{body}
}}
"
    )
}

/// Its default keys, and ten minutes for whatever does not say how long.
fn keeping(folder: &Path, port: u16, upstream: &str) -> String {
    let at = folder.display();
    format!(
        "    proxy_cache_path {at}/cache keys_zone=shared:1m;
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://{upstream};
            proxy_cache shared;
            proxy_cache_valid any 10m;
            add_header X-Cache $upstream_cache_status always;
        }}
    }}"
    )
}

/// Asks the next one where one does not answer, as a balancer before several servers does.
fn balancing(port: u16, upstreams: &[SocketAddr]) -> String {
    let servers: String =
        upstreams.iter().map(|address| format!("        server {address} max_fails=0;\n")).collect();
    format!(
        "    upstream nodes {{
{servers}    }}
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://nodes;
            proxy_http_version 1.1;
            proxy_set_header Host $http_host;
            proxy_connect_timeout 1s;
            proxy_next_upstream error timeout;
        }}
    }}"
    )
}

/// Speaks HTTPS for a server that does not.
fn encrypting(port: u16, upstream: SocketAddr, tls: &TlsSettings) -> String {
    let file = |path: &Option<PathBuf>| path.as_ref().expect("a file").display().to_string();
    format!(
        "    server {{
        listen 127.0.0.1:{port} ssl;
        ssl_certificate {};
        ssl_certificate_key {};
        location / {{
            proxy_pass http://{upstream};
            client_max_body_size 0;
        }}
    }}",
        file(&tls.certificate),
        file(&tls.key)
    )
}

impl Nginx {
    pub fn encrypting(server: SocketAddr, tls: &TlsSettings) -> Self {
        let mut this = Self::start(|_, port| encrypting(port, server, tls));
        this.scheme = "https";
        this
    }

    pub fn before(server: &Server) -> Self {
        let address = server.address.to_string();
        Self::start(|folder, port| keeping(folder, port, &address))
    }

    /// Before several servers that have the same things.
    pub fn balancing(servers: &[SocketAddr]) -> Self {
        Self::start(|_, port| balancing(port, servers))
    }

    fn start(body: impl FnOnce(&Path, u16) -> String) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        // Its workers are of another user.
        let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(folder.path(), open).expect("readable");
        let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = free.local_addr().expect("an address").port();
        drop(free);
        let file = folder.path().join("nginx.conf");
        let body = body(folder.path(), port);
        fs::write(&file, settings(folder.path(), &body)).expect("written");
        let this = Self { port, folder, scheme: "http" };
        // It comes back once it listens.
        this.run(&[]);
        this
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}://127.0.0.1:{}{path}", self.scheme, self.port)
    }

    /// How many requests it has answered.
    pub fn asked(&self) -> usize {
        let log = fs::read_to_string(self.folder.path().join("access.log"));
        log.expect("its log").lines().count()
    }

    fn run(&self, more: &[&str]) {
        let program = std::env::var_os("PATH").unwrap_or_default();
        let program = format!("{}:/usr/sbin", program.to_string_lossy());
        let mut nginx = Command::new("sh");
        nginx.args(["-c", "exec nginx \"$@\"", "nginx", "-p"]).arg(self.folder.path());
        nginx.arg("-c").arg(self.folder.path().join("nginx.conf")).args(more).env("PATH", program);
        let done = nginx.output().expect("a shell");
        let said = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "nginx (scripts/install-missing test) failed:\n{said}");
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        self.run(&["-s", "stop"]);
    }
}
