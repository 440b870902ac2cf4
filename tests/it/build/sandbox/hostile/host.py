"""Looks for anything of the host: files, processes, networks, secrets; prints what it finds."""
import os, socket, sys

secret, port, abstract = sys.argv[1:4]


def found(name, *what):
    print("OPEN", name, *what)


def may_connect(name, family, address):
    try:
        with socket.socket(family, socket.SOCK_STREAM) as client:
            client.settimeout(3)
            client.connect(address)
            found(name)
    except OSError:
        pass


may_connect("the internet", socket.AF_INET, ("1.1.1.1", 53))
may_connect("the cloud's metadata", socket.AF_INET, ("169.254.169.254", 80))
may_connect("the host's loopback", socket.AF_INET, ("127.0.0.1", int(port)))
may_connect("wheelwright", socket.AF_INET, ("127.0.0.1", 3141))
may_connect("IPv6", socket.AF_INET6, ("2606:4700:4700::1111", 53))
may_connect("an abstract socket", socket.AF_UNIX, "\0" + abstract)
for place in ("/var/run/docker.sock", "/run/dbus/system_bus_socket", "/tmp/.X11-unix/X0", "/run/systemd/private"):
    may_connect(place, socket.AF_UNIX, place)
try:
    found("DNS", socket.getaddrinfo("example.org", 80))
except OSError:
    pass

for path in (secret, os.path.dirname(secret), "/etc/shadow", "/etc/sudoers", "/etc/machine-id", "/root",
             os.path.expanduser("~/.ssh"), "/var", "/sys", "/boot", "/proc/kcore/x",
             "/run/secrets", "/mnt", "/srv", "/.dockerenv"):
    if os.path.lexists(path):
        found(path)
for path in ("/", "/usr", "/usr/bin", "/etc", "/dev", "/proc/sys/kernel", "/wheelwright"):
    try:
        descriptor = os.open(path + "/canary" if os.path.isdir(path) else path, os.O_CREAT | os.O_WRONLY)
        found("writing to " + path)
    except OSError:
        pass
for path in ("/proc/sys/kernel/core_pattern", "/proc/sys/vm/drop_caches", "/proc/sysrq-trigger",
             "/proc/self/oom_score_adj"):
    try:
        os.open(path, os.O_WRONLY)
        found("writing to " + path)
    except OSError:
        pass

others = [name for name in os.listdir("/proc") if name.isdigit()]
for pid in others:
    try:
        text = open("/proc/%s/environ" % pid, "rb").read()
    except OSError:
        continue
    if b"CARGO" in text or secret.encode() in text:
        found("a secret in the environment of", pid)
    if os.path.lexists("/proc/%s/root%s" % (pid, secret)):
        found("the root of", pid)
if len(others) > 2:
    found("processes", others)

allowed = {"HOME", "LANG", "LC_ALL", "LC_CTYPE", "LOGNAME", "PATH", "PWD", "PYTHONHASHSEED", "SHELL", "TERM", "TZ", "USER"}
for name in set(os.environ) - allowed:
    found("environment", name)
descriptors = sorted(int(name) for name in os.listdir("/proc/self/fd"))
# One is the listing's own.
if descriptors[:3] != [0, 1, 2] or len(descriptors) > 4:
    found("descriptors", descriptors)
if os.read(0, 1) != b"":
    found("standard input")
if os.getcwd() != "/home/build" or os.umask(0) != 0o022:
    found("folder or mask", os.getcwd())
print("looked")
