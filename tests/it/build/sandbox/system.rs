//! What a build cannot reach: the kernel's sharp tools, the host's files, processes and networks.

use super::{Attack, SandboxPlan, TempDir, sandbox};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{SocketAddr, UnixListener};
use wheelwright::worker::log::Log;
use wheelwright::worker::sandbox::{Mount, RunEnd};

#[tokio::test]
async fn system_calls_that_no_build_needs_are_refused() {
    let told = Attack::python(include_str!("hostile/system.py")).run().await;
    assert_eq!(told.end(), RunEnd::Exit(0), "{}", told.text);
    assert!(!told.text.contains("OPEN") && !told.text.contains("REACHED"), "{}", told.text);
    let tried = told.text.trim().strip_prefix("tried ").and_then(|count| count.parse::<u32>().ok());
    assert!(tried.is_some_and(|count| count > 20), "{}", told.text);
    for entry in std::fs::read_dir(told.out.path()).expect("the output") {
        let facts = entry.expect("an entry").metadata().expect("facts");
        assert_eq!(facts.permissions().mode() & 0o6000, 0, "a set-user-id file is on the host");
    }
}

#[tokio::test]
async fn nothing_of_the_host_is_found() {
    let data = tempfile::tempdir().expect("a folder");
    let secret = data.path().join("secret");
    std::fs::write(&secret, "key").expect("a secret");
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let name = format!("wheelwright-{}", uuid::Uuid::now_v7());
    let address = SocketAddr::from_abstract_name(&name).expect("an address");
    let _abstract = UnixListener::bind_addr(&address).expect("a socket");
    let attack = Attack::python(include_str!("hostile/host.py"))
        .with(secret.display())
        .with(listener.local_addr().expect("an address").port())
        .with(name);
    let told = attack.run().await;
    assert_eq!((told.end(), told.text.as_str()), (RunEnd::Exit(0), "looked\n"));
}

#[tokio::test]
async fn what_is_mounted_read_only_stays_as_it_is() {
    let source = tempfile::tempdir().expect("a folder");
    std::fs::write(source.path().join("setup.py"), "").expect("a file");
    let script = "import os\n\
        for act in (lambda: open('/work/src/setup.py', 'w'), lambda: os.unlink('/work/src/setup.py'),\n\
                    lambda: os.mkdir('/work/src/x'), lambda: os.chmod('/work/src/setup.py', 0o777)):\n\
        \x20   try: act()\n\
        \x20   except OSError: continue\n\
        \x20   print('OPEN')\n\
        print(os.listdir('/work/src'))";
    let mut attack = Attack::python(script);
    attack.plan.mounts.push(Mount::read(source.path(), "/work/src"));
    assert_eq!(attack.run().await.text, "['setup.py']\n");
}

#[tokio::test]
async fn two_builds_at_once_do_not_meet() {
    // Each waits for the other through a folder that only this test gives them.
    let script = "import os, socket, sys, time\n\
        own, other = sys.argv[1:]\n\
        server = socket.socket(socket.AF_UNIX); server.bind('\\0meet-' + own); server.listen()\n\
        inet = socket.socket(); inet.bind(('127.0.0.1', 4000 + ord(own))); inet.listen()\n\
        for place in ('/tmp', '/dev/shm', '/run', os.environ['HOME']): open(place + '/' + own, 'w').close()\n\
        def meet(step):\n\
        \x20   open('/meet/' + step + own, 'w').close()\n\
        \x20   while not os.path.exists('/meet/' + step + other): time.sleep(0.005)\n\
        meet('ready')\n\
        for family, address in ((socket.AF_UNIX, '\\0meet-' + other), (socket.AF_INET, ('127.0.0.1', 4000 + ord(other)))):\n\
        \x20   try: socket.socket(family).connect(address); print('OPEN', address)\n\
        \x20   except OSError: pass\n\
        for place in ('/tmp', '/dev/shm', '/run', os.environ['HOME']):\n\
        \x20   if os.path.exists(place + '/' + other): print('OPEN', place)\n\
        meet('done'); print('did not meet')";
    let meet = tempfile::tempdir().expect("a folder");
    let plan = |own: &str, other: &str, folder: &TempDir| {
        let mut plan: SandboxPlan = Attack::python(script).with(own).with(other).plan;
        plan.mounts = vec![Mount::write(folder.path(), "/meet")];
        plan.watched.clear();
        plan
    };
    let (first, second) = (Log::new(1 << 16), Log::new(1 << 16));
    let (one, two) = (plan("a", "b", &meet), plan("b", "a", &meet));
    let sandbox = sandbox();
    let (one, two) = tokio::join!(sandbox.run(&one, &first), sandbox.run(&two, &second));
    assert!(one.expect("a run").is_good() && two.expect("a run").is_good());
    assert_eq!((first.to_text().as_str(), second.to_text().as_str()), ("did not meet\n", "did not meet\n"));
}
