//! A real sshd on a free port of loopback, with a host key and one key that may log in.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

/// A running server; killed when dropped.
pub struct Sshd {
    folder: tempfile::TempDir,
    port: u16,
    child: Child,
}

impl Sshd {
    pub fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        for name in ["host", "deploy", "other"] {
            let made = Command::new("ssh-keygen")
                .args(["-q", "-t", "ed25519", "-N", "", "-f"])
                .arg(at(name))
                .status()
                .expect("ssh-keygen starts");
            assert!(made.success());
        }
        let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = free.local_addr().expect("an address").port();
        drop(free);
        let host = std::fs::read_to_string(at("host.pub")).expect("a key");
        std::fs::write(at("known_hosts"), format!("[127.0.0.1]:{port} {host}")).expect("written");
        std::fs::write(at("nobody"), "").expect("written");
        let settings = format!(
            "Port {port}\nListenAddress 127.0.0.1\nHostKey {0}/host\nAuthorizedKeysFile {0}/deploy.pub\nStrictModes no\n\
             PidFile none\nUsePAM no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n\
             PermitRootLogin prohibit-password\nLogLevel ERROR\n",
            folder.path().display()
        );
        std::fs::write(at("sshd_config"), settings).expect("written");
        // Where sshd separates privileges if it is root's; else it does not ask for it.
        let _ = std::fs::create_dir_all("/run/sshd");
        let child = Command::new("/usr/sbin/sshd")
            .args(["-D", "-e", "-f"])
            .arg(at("sshd_config"))
            .stdin(Stdio::null())
            .spawn()
            .expect("sshd starts: scripts/install-missing test");
        let this = Self { folder, port, child };
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            std::thread::yield_now();
        }
        this
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// `ssh://USER@127.0.0.1:PORT`
    pub fn url(&self) -> String {
        let user = Command::new("id").arg("-un").output().expect("id starts").stdout;
        format!("ssh://{}@127.0.0.1:{}", String::from_utf8_lossy(&user).trim(), self.port)
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
