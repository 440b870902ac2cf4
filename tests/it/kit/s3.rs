//! A real S3 server in this process, which checks signatures.

use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use std::path::PathBuf;
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio::task::JoinHandle;
use wheelwright::config::{Config, S3Settings};

const NAME: &str = "wheels";
const KEY_ID: &str = "tester";
const SECRET: &str = "a secret that signs requests";

/// One bucket on a server of its own; the server ends when it is dropped.
pub struct Bucket {
    pub endpoint: String,
    folder: tempfile::TempDir,
    serving: JoinHandle<()>,
}

impl Bucket {
    pub async fn start() -> Self {
        crate::kit::tls::ready();
        let folder = tempfile::tempdir().expect("a folder for objects");
        std::fs::create_dir(folder.path().join(NAME)).expect("a bucket");
        let files = s3s_fs::FileSystem::new(folder.path()).expect("an object store");
        let mut builder = S3ServiceBuilder::new(files);
        builder.set_auth(SimpleAuth::from_single(KEY_ID, SECRET));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
        let serving = tokio::spawn(serve(listener, builder.build()));
        Self { endpoint, folder, serving }
    }

    /// Points the settings here.
    pub fn configure(&self, config: &mut Config) {
        config.storage = Some(format!("s3://{NAME}/some/prefix"));
        config.s3 = self.settings();
    }

    /// How its bucket `wheels` is reached.
    pub fn settings(&self) -> S3Settings {
        S3Settings {
            endpoint: Some(self.endpoint.clone()),
            region: Some("us-east-1".into()),
            access_key_id: Some(KEY_ID.into()),
            secret_access_key: Some(SECRET.into()),
            redirect: false,
        }
    }

    /// The file of the object that has this key.
    pub fn file(&self, key: &str) -> PathBuf {
        self.folder.path().join(NAME).join(key)
    }

    /// The folder of another bucket of this server: it exists once that does.
    pub fn bucket(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Variables that point the settings of a program here.
    pub fn variables(&self) -> [(&'static str, String); 5] {
        [
            ("WHEELWRIGHT_STORAGE", format!("s3://{NAME}/some/prefix")),
            ("WHEELWRIGHT_S3__ENDPOINT", self.endpoint.clone()),
            ("WHEELWRIGHT_S3__REGION", "us-east-1".into()),
            ("WHEELWRIGHT_S3__ACCESS_KEY_ID", KEY_ID.into()),
            ("WHEELWRIGHT_S3__SECRET_ACCESS_KEY", SECRET.into()),
        ]
    }

    /// Points the settings of a program here.
    pub fn configure_program(&self, command: &mut Command) {
        command.envs(self.variables());
    }

    /// The file in which the server keeps a blob.
    pub fn object(&self, sha256: &str) -> PathBuf {
        self.file("some/prefix").join(&sha256[..2]).join(&sha256[2..])
    }
}

impl Drop for Bucket {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn serve(listener: TcpListener, service: S3Service) {
    while let Ok((stream, _)) = listener.accept().await {
        let service = service.clone();
        tokio::spawn(async move {
            let builder = auto::Builder::new(TokioExecutor::new());
            let _ = builder.serve_connection(TokioIo::new(stream), service).await;
        });
    }
}
