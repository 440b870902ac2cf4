//! A certificate for a server of ours, made by openssl.

use std::path::Path;
use std::process::Command;
use wheelwright::config::TlsSettings;

/// A new one for `localhost` and `127.0.0.1`, in `folder`; who trusts the certificate itself trusts the server.
pub fn certificate(folder: &Path) -> TlsSettings {
    let tls = TlsSettings { certificate: folder.join("cert.pem"), key: folder.join("key.pem") };
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"])
        .args(["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE", "-days", "2", "-keyout"])
        .arg(&tls.key)
        .arg("-out")
        .arg(&tls.certificate)
        .output()
        .expect("openssl runs");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    tls
}
