//! Servers of two versions, one after the other, on one database whose schema changes meanwhile.

use super::two_nodes::{free_address, furnish, install_on, run, this_version};
use crate::kit::backend::Company;
use crate::kit::nginx::Nginx;
use crate::kit::packages::Package;
use crate::kit::program::{Program, wheelwright};
use serde_json::Value;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::process::Command;
use tokio::task::JoinHandle;

/// What the next version may do to the schema: to tables that every server reads and writes all the time.
const EXPANDS: [&str; 7] = [
    "ALTER TABLE event ADD COLUMN next_one TEXT",
    "ALTER TABLE file ADD COLUMN next_one BIGINT NOT NULL DEFAULT 7",
    "ALTER TABLE namespace ADD COLUMN next_one TEXT",
    "ALTER TABLE measure ADD COLUMN next_one TEXT",
    "CREATE TABLE next_one (name TEXT PRIMARY KEY, index_name TEXT REFERENCES namespace (name) ON DELETE CASCADE)",
    "CREATE INDEX file_next_one ON file (next_one)",
    "INSERT INTO _sqlx_migrations (version, description, installed_on, success, checksum, execution_time) \
     SELECT 9999, 'next one', installed_on, success, checksum, execution_time FROM _sqlx_migrations WHERE version = 1",
];

/// Two servers behind a balancer, and installers that never rest.
struct Fleet {
    company: Company,
    folders: [tempfile::TempDir; 2],
    addresses: [SocketAddr; 2],
    nodes: [Option<Program>; 2],
    _balancer: Nginx,
    over: Arc<AtomicBool>,
    installers: Vec<(JoinHandle<()>, Arc<AtomicUsize>)>,
}

impl Fleet {
    async fn start(program: impl Fn() -> Command) -> Self {
        let company = Company::start().await;
        let folders = [tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder")];
        let addresses = [free_address(), free_address()];
        let one = run(draining(program()), &company, folders[0].path(), addresses[0]).await;
        let two = run(draining(program()), &company, folders[1].path(), addresses[1]).await;
        furnish(&one).await;
        let balancer = Nginx::balancing(&addresses);
        let (index, over) = (balancer.url("/root/dev/+simple/"), Arc::new(AtomicBool::new(false)));
        let installers = ["pip", "uv"].map(|program| {
            let installed = Arc::new(AtomicUsize::new(0));
            let at_work = tokio::spawn(install_on(program, index.clone(), over.clone(), installed.clone()));
            (at_work, installed)
        });
        let nodes = [Some(one), Some(two)];
        let fleet = Self {
            company,
            folders,
            addresses,
            nodes,
            _balancer: balancer,
            over,
            installers: installers.into(),
        };
        fleet.installs_on().await;
        fleet
    }

    /// Until each installer installed once more, from its first request on.
    async fn installs_on(&self) {
        let done = || self.installers.iter().map(|(_, installed)| installed.load(Ordering::Relaxed));
        let before: Vec<usize> = done().collect();
        while done().zip(&before).any(|(now, before)| now < before + 2) {
            assert!(self.installers.iter().all(|(at_work, _)| !at_work.is_finished()), "an installer failed");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    fn node(&self, number: usize) -> &Program {
        self.nodes[number].as_ref().expect("it runs")
    }

    /// SIGTERM: it says "no longer", serves on, and ends; then this program takes its place.
    async fn replace(&mut self, number: usize, program: Command) {
        let old = self.nodes[number].take().expect("it runs");
        old.terminate();
        let (mut told, mut served) = (String::new(), 0);
        while let Ok(answer) = get(old.url("/+health")).await {
            if answer.status() == 503 {
                told = answer.text().await.unwrap_or_default();
                let page = get(old.url("/root/dev/+simple/demo/")).await;
                served += usize::from(page.is_ok_and(|page| page.status() == 200));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert!(told.contains("stopping") && served > 0, "{told} {served}");
        let serving = std::fs::File::open(self.folders[number].path().join("serving")).expect("a file");
        while serving.try_lock_shared().is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        drop((serving, old));
        let new = run(draining(program), &self.company, self.folders[number].path(), self.addresses[number]);
        self.nodes[number] = Some(new.await);
    }

    /// A file that comes in at one of them is soon to be had from the other.
    async fn hand_on(&self, version: &str) {
        for (from, to) in [(0, 1), (1, 0)] {
            let news = Package::new(&format!("news{from}"), version).wheel();
            self.node(from).client().upload("root/dev", &news).await.expect("an answer");
            let url = self.node(to).url(&format!("/root/dev/{}", news.path()));
            let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
            while get(&url).await.expect("an answer").status() != 200 {
                assert!(tokio::time::Instant::now() < deadline, "{version} never came");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }

    async fn execute(&self, statements: &[&'static str]) {
        sqlx::any::install_default_drivers();
        let pool = sqlx::AnyPool::connect(&self.company.postgres.url).await.expect("the database");
        for statement in statements {
            sqlx::query(*statement).execute(&pool).await.expect(statement);
        }
    }

    async fn end(self) {
        self.over.store(true, Ordering::Relaxed);
        for (at_work, _) in self.installers {
            at_work.await.expect("it installed on");
        }
    }
}

fn draining(mut command: Command) -> Command {
    command.env("WHEELWRIGHT_LIMITS__DRAIN", "1s");
    command
}

/// On a new connection.
async fn get(url: impl reqwest::IntoUrl) -> reqwest::Result<reqwest::Response> {
    reqwest::Client::builder().no_proxy().build()?.get(url).send().await
}

async fn health(node: &Program) -> (u16, Value, String) {
    let answer = get(node.url("/+health")).await.expect("an answer");
    let (status, text) = (answer.status().as_u16(), answer.text().await.expect("text"));
    (status, serde_json::from_str(&text).unwrap_or_default(), text)
}

#[tokio::test]
async fn servers_go_on_beside_a_newer_version_until_it_takes_something_away() {
    let mut fleet = Fleet::start(this_version).await;
    assert_eq!(health(fleet.node(0)).await.1["schema"], Value::Null);
    fleet.execute(&EXPANDS).await;
    fleet.hand_on("1.0").await;
    fleet.installs_on().await;
    for number in [0, 1] {
        let (status, told, _) = health(fleet.node(number)).await;
        assert_eq!((status, told["schema"]["database"].as_i64()), (200, Some(9999)), "{told}");
        assert!(told["schema"]["program"].as_i64() < Some(9999), "{told}");
    }
    // One is started again before it is replaced.
    fleet.replace(0, this_version()).await;
    fleet.hand_on("2.0").await;
    fleet.installs_on().await;

    fleet.execute(&["INSERT INTO fact (name, value) VALUES ('schema needs', '9998')"]).await;
    let (status, _, told) = health(fleet.node(0)).await;
    assert!(status == 503 && told.contains("start the newer version"), "{told}");
    let refused = refusal(&fleet.company, fleet.folders[1].path()).await;
    assert!(refused.contains("needs a version that knows step 9998"), "{refused}");
    fleet.end().await;
}

/// Why the program does not start.
async fn refusal(company: &Company, beside: &Path) -> String {
    let data = beside.join("another");
    let mut command = wheelwright(&["serve", "--offline", "--listen", "127.0.0.1:0"]);
    command.env("WHEELWRIGHT_DATABASE", &company.postgres.url).arg("--data").arg(data);
    company.s3.configure_program(&mut command);
    let output = command.output().await.expect("it ends");
    assert!(!output.status.success());
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[tokio::test]
async fn the_version_before_is_replaced_server_by_server() {
    // `make rolling OLD=…` names the program of the last release; else it is this one, whose database does not change.
    let old = std::env::var_os("WHEELWRIGHT_LAST_RELEASE").filter(|path| !path.is_empty());
    let last_release = || match &old {
        None => this_version(),
        Some(old) => {
            let mut command = Command::new(old);
            command.args(["serve", "--offline"]);
            command
        }
    };
    let mut fleet = Fleet::start(last_release).await;
    fleet.replace(0, this_version()).await;
    fleet.hand_on("1.0").await;
    fleet.installs_on().await;
    fleet.replace(1, this_version()).await;
    fleet.hand_on("2.0").await;
    fleet.installs_on().await;
    fleet.end().await;
}
