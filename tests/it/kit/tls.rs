//! A certificate for a server of ours, made by openssl.

use std::path::Path;
use std::process::Command;
use wheelwright::config::TlsSettings;

/// Makes TLS ready in this process, which every client needs before it is built; may be called again.
pub fn ready() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// A new one for `localhost` and `127.0.0.1`, in `folder`; who trusts the certificate itself trusts the server.
pub fn certificate(folder: &Path) -> TlsSettings {
    let (certificate, key) = (folder.join("cert.pem"), folder.join("key.pem"));
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"])
        .args(["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE", "-days", "2", "-keyout"])
        .arg(&key)
        .arg("-out")
        .arg(&certificate)
        .output()
        .expect("openssl runs");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    TlsSettings { certificate: Some(certificate), key: Some(key) }
}
