//! A real LDAP server with a company in it: slapd on a free port, with a folder of its own.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use wheelwright::config::auth::LdapSettings;

/// The people of the company, each with the password `NAME-secret`.
const COMPANY: &str = "
dn: dc=example
objectClass: domain
dc: example

dn: ou=people,dc=example
objectClass: organizationalUnit
ou: people

dn: ou=groups,dc=example
objectClass: organizationalUnit
ou: groups

dn: cn=reader,dc=example
objectClass: organizationalRole
objectClass: simpleSecurityObject
cn: reader
userPassword: reader-secret
";

/// A running server; killed when dropped.
pub struct Slapd {
    folder: tempfile::TempDir,
    ports: [u16; 2],
    child: Option<Child>,
}

impl Slapd {
    /// `alice`, `bob` and `carol`; alice and bob are `dev`, alice is `ops`.
    pub fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(folder.path().join("db")).expect("a folder");
        certificates(folder.path());
        let free = [(); 2].map(|()| std::net::TcpListener::bind("127.0.0.1:0").expect("a free port"));
        let ports = free.each_ref().map(|free| free.local_addr().expect("an address").port());
        drop(free);
        let mut this = Self { folder, ports, child: None };
        std::fs::write(this.path("slapd.conf"), this.settings()).expect("written");
        let mut company = COMPANY.to_owned();
        for name in ["alice", "bob", "carol"] {
            company.push_str(&person(name));
        }
        company.push_str(&group("dev", &["alice", "bob"]));
        company.push_str(&group("ops", &["alice"]));
        std::fs::write(this.path("company.ldif"), company).expect("written");
        run(this.program("slapadd").arg("-l").arg(this.path("company.ldif")));
        this.go_on();
        this
    }

    fn settings(&self) -> String {
        let at = self.folder.path().display();
        format!(
            "include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
pidfile {at}/pid
TLSCertificateFile {at}/cert.pem
TLSCertificateKeyFile {at}/key.pem
TLSCACertificateFile {at}/ca.pem
database mdb
suffix dc=example
rootdn cn=admin,dc=example
rootpw admin-secret
directory {at}/db
access to attrs=userPassword by anonymous auth by * none
access to * by dn.base=cn=reader,dc=example read by * auth
"
        )
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn program(&self, name: &str) -> Command {
        let mut command = Command::new(found(name));
        command.arg("-f").arg(self.path("slapd.conf"));
        command
    }

    pub fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Serves (again) on the same ports.
    pub fn go_on(&mut self) {
        let [plain, tls] = self.ports;
        let places = format!("ldap://127.0.0.1:{plain} ldaps://127.0.0.1:{tls}");
        let mut command = self.program("slapd");
        command.args(["-d", "stats", "-h", &places]).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("slapd starts");
        let mut lines = BufReader::new(child.stderr.take().expect("its log")).lines().map_while(Result::ok);
        assert!(lines.any(|line| line.contains("slapd starting")), "slapd ended");
        // Its log goes on: nobody may close it.
        std::thread::spawn(move || lines.for_each(drop));
        self.child = Some(child);
        // It says so before it listens.
        let begun = std::time::Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", plain)).is_err() {
            assert!(begun.elapsed() < std::time::Duration::from_secs(60), "slapd does not listen");
            std::thread::yield_now();
        }
    }

    /// Changes the company: LDIF with `changetype`.
    pub fn change(&self, ldif: &str) {
        let file = self.path("change.ldif");
        std::fs::write(&file, ldif).expect("written");
        let mut command = Command::new("ldapmodify");
        command.args(["-x", "-D", "cn=admin,dc=example", "-w", "admin-secret", "-H", &self.url()]);
        run(command.arg("-f").arg(file));
    }

    /// One more, with the password `NAME-secret`.
    pub fn hire(&self, name: &str) {
        let person = person(name);
        let (dn, rest) = person.trim_start().split_once('\n').expect("lines");
        self.change(&format!("{dn}\nchangetype: add\n{rest}"));
    }

    pub fn url(&self) -> String {
        format!("ldap://127.0.0.1:{}", self.ports[0])
    }

    pub fn tls_url(&self) -> String {
        format!("ldaps://localhost:{}", self.ports[1])
    }

    /// The certificate of the company's own authority.
    pub fn ca(&self) -> PathBuf {
        self.path("ca.pem")
    }

    /// Settings that search it.
    pub fn settings_of_client(&self) -> LdapSettings {
        LdapSettings {
            url: Some(self.url()),
            bind_dn: Some("cn=reader,dc=example".into()),
            bind_password: Some("reader-secret".into()),
            user_base: Some("ou=people,dc=example".into()),
            group_base: Some("ou=groups,dc=example".into()),
            ..LdapSettings::default()
        }
    }
}

impl Drop for Slapd {
    fn drop(&mut self) {
        self.stop();
    }
}

fn person(name: &str) -> String {
    format!(
        "\ndn: uid={name},ou=people,dc=example\nobjectClass: inetOrgPerson\nuid: {name}\ncn: {name}\nsn: {name}\n\
         mail: {name}@example.org\nuserPassword: {name}-secret\n"
    )
}

fn group(name: &str, members: &[&str]) -> String {
    let members = members.iter().map(|member| format!("member: uid={member},ou=people,dc=example\n"));
    let members: String = members.collect();
    format!("\ndn: cn={name},ou=groups,dc=example\nobjectClass: groupOfNames\ncn: {name}\n{members}")
}

/// An authority of the company's own, and the server's certificate by it.
fn certificates(folder: &Path) {
    let openssl = |arguments: &str| {
        run(Command::new("openssl").args(arguments.split_whitespace()).current_dir(folder));
    };
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
    openssl(&format!("req -x509 {key} -subj /CN=authority -days 2 -keyout ca.key -out ca.pem"));
    openssl(&format!("req {key} -subj /CN=localhost -keyout key.pem -out server.csr"));
    std::fs::write(folder.join("names"), "subjectAltName=DNS:localhost,IP:127.0.0.1\n").expect("written");
    openssl(
        "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile names -out cert.pem",
    );
}

/// In `PATH`, or where Debian puts what is not for everybody's `PATH`.
fn found(program: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/usr/local/sbin".into()]);
    let mut files = folders.map(|folder| folder.join(program));
    files
        .find(|file| file.is_file())
        .unwrap_or_else(|| panic!("there is no {program}: scripts/install-missing test"))
}

fn run(command: &mut Command) {
    let output = command.stdin(Stdio::null()).output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}
