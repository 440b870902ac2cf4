//! The two ways to keep things, and stories that are told on both.

use super::{Server, postgres, s3};
use wheelwright::config::Config;

/// Where rows and bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// SQLite and a folder.
    Laptop,
    /// Postgres and S3.
    Company,
}

/// What a company runs beside us; ends when dropped.
pub struct Company {
    pub postgres: postgres::Database,
    pub s3: s3::Bucket,
}

impl Company {
    pub async fn start() -> Self {
        let postgres = tokio::task::spawn_blocking(postgres::Database::fresh).await.expect("a database");
        Self { postgres, s3: s3::Bucket::start().await }
    }

    pub fn configure(&self, config: &mut Config) {
        config.database = Some(self.postgres.url.clone());
        self.s3.configure(config);
    }
}

impl Server {
    pub async fn start_on(backend: Backend) -> Self {
        Self::start_on_with(backend, |_| {}).await
    }

    /// The same with changed settings.
    pub async fn start_on_with(backend: Backend, change: impl FnOnce(&mut Config)) -> Self {
        if backend == Backend::Laptop {
            return Self::start_with(change).await;
        }
        let company = Company::start().await;
        let mut server = Self::start_with(|config| {
            company.configure(config);
            change(config);
        })
        .await;
        server.company = Some(company);
        server
    }
}

/// Tells one story on SQLite and a folder, and again on Postgres and S3:
///
/// ```ignore
/// on_both! {
///     async fn an_upload_can_be_read_back(server: Server) {
///         …
///     }
/// }
/// ```
macro_rules! on_both {
    ($(async fn $name:ident($server:ident: Server) $story:block)+) => {
        $(mod $name {
            #[allow(unused_imports)]
            use super::*;
            use $crate::kit::backend::Backend;

            async fn story($server: $crate::kit::Server) $story

            #[tokio::test]
            async fn on_a_laptop() {
                story($crate::kit::Server::start_on(Backend::Laptop).await).await;
            }

            #[tokio::test]
            async fn at_a_company() {
                story($crate::kit::Server::start_on(Backend::Company).await).await;
            }
        })+
    };
}
pub(crate) use on_both;
