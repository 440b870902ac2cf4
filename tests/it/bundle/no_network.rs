//! The closed side in a network of its own, with an interface on which every packet is counted.

use super::Gap;
use crate::kit::clients::Client;
use std::path::Path;
use std::process::Command;

/// All that happens on the closed side, after `unshare`. The far end of the interface answers nobody.
const SCRIPT: &str = r#"
set -eu
ip link set lo up
echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6
ip link add outside type veth peer name nobody
ip addr add 10.9.0.1/24 dev outside
ip link set outside up
ip link set nobody up
ip route add default via 10.9.0.2
sent() { awk '$1 == "outside:" { print $11 }' /proc/net/dev; }
before=$(sent)
wheelwright serve --offline --upstream http://10.9.0.2/simple/ --listen 127.0.0.1:0 >said 2>log &
server=$!
until grep -q '^listening on ' said; do kill -0 $server; done
url=$(sed -n 's/^listening on //p' said)
wheelwright index create root/base --bases root/pypi
wheelwright bundle import drop.wwb --into root/base --public-key me.key.pub
"$VIRTUAL_ENV/bin/python" -m pip install --index-url "$url/root/base/+simple/" app
uv pip uninstall app
uv pip install --default-index "$url/root/base/+simple/" app
"$VIRTUAL_ENV/bin/python" -m pip install --retries 0 --index-url "$url/root/base/+simple/" absent && exit 9
"$VIRTUAL_ENV/bin/python" -c 'import app, lib; print("installed", app.__version__, lib.__version__)'
token=$(wheelwright token create root | sed -n '$p')
wheelwright bundle request --server "$url" --token "$token" --index root/base -o wishes.txt
kill $server
wait $server
echo "packets $(($(sent) - before))"
"$VIRTUAL_ENV/bin/python" -c 'import socket; socket.socket(type=socket.SOCK_DGRAM).sendto(b"x", ("10.9.0.2", 9))'
until [ $(sent) -gt $before ]; do :; done
echo "counted"
"#;

#[tokio::test(flavor = "multi_thread")]
async fn the_closed_side_takes_a_bundle_and_serves_it_without_sending_a_packet() {
    let gap = Gap::with_app().await;
    gap.create(&["app", "--private", "all", "-o", "drop.wwb"]).await.succeeded();
    gap.desk.environment(true).await;
    let uv = tokio::task::spawn_blocking(|| Client::new("uv").program("uv")).await.expect("uv");
    gap.desk.put(&uv, "uv");
    for tool in ["sh", "ip", "awk", "sed", "grep"] {
        let found = ["/usr/bin", "/bin", "/usr/sbin", "/sbin"].map(|folder| Path::new(folder).join(tool));
        gap.desk.put(found.iter().find(|path| path.exists()).expect("a tool"), tool);
    }
    let unshare = ["/usr/bin/unshare", "/bin/unshare"].into_iter().find(|path| Path::new(path).exists());
    let mut command = Command::new(unshare.expect("unshare"));
    command.args(["-rn", "sh", "-c", SCRIPT]).current_dir(gap.desk.path(".")).env_clear();
    // No compiler is on this PATH.
    command.env("PATH", gap.desk.path("bin")).env("HOME", gap.desk.path(".")).env("LANG", "C.UTF-8");
    command
        .env("VIRTUAL_ENV", gap.desk.path("env"))
        .env("PIP_CONFIG_FILE", "/dev/null")
        .env("UV_NO_CONFIG", "1");
    command.env("UV_PYTHON_DOWNLOADS", "never").env("WHEELWRIGHT_DATA", gap.desk.path("data"));
    let done =
        tokio::task::spawn_blocking(move || command.output().expect("it starts")).await.expect("it ends");
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    assert!(done.status.success(), "{said}\n{}", String::from_utf8_lossy(&done.stderr));
    assert!(said.contains("installed 1.0 1.0"), "{said}");
    assert!(said.contains("packets 0\n") && said.contains("counted"), "{said}");
    assert!(gap.desk.read("wishes.txt").contains("\nabsent\n"));
}
