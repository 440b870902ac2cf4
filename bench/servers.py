"""The servers under comparison: each started by its own id on loopback, with its CPU time readable."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WORK = ROOT / "target" / "bench"
WHEELWRIGHT = Path(os.environ.get("BENCH_WHEELWRIGHT", ROOT / "target" / "release" / "wheelwright"))
TICK = os.sysconf("SC_CLK_TCK")
PASSWORD = "bench-password"


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def tools(name, *packages):
    """A virtual environment with these packages, made once."""
    home = WORK / "tools" / name
    if not (home / "done").exists():
        subprocess.run([sys.executable, "-m", "venv", home], check=True)
        subprocess.run([home / "bin" / "pip", "install", "-q", *packages], check=True)
        (home / "done").write_text(" ".join(packages))
    return home / "bin"


def clean_environment(**more):
    """No installer settings of this machine, except how to trust certificates."""
    kept = {k: v for k, v in os.environ.items() if not re.match(r"(PIP|UV|WHEELWRIGHT|PYTHON)", k) or k == "PIP_CERT"}
    return kept | more


class Process:
    """A running server: `url`, CPU seconds of its whole process tree, resident memory."""

    def __init__(self, name, command, url, log, env=None):
        self.name, self.url = name, url
        WORK.mkdir(parents=True, exist_ok=True)
        self.log = open(WORK / f"{log}.log", "wb")
        self.process = subprocess.Popen(
            [str(part) for part in command], stdout=self.log, stderr=self.log, env=env, start_new_session=True
        )

    def wait(self, path="/", seconds=60):
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if self.process.poll() is not None:
                raise SystemExit(f"{self.name} ended early: see {self.log.name}")
            try:
                urllib.request.urlopen(self.url + path, timeout=5).read(1)
                return self
            except urllib.error.HTTPError:
                return self
            except OSError:
                time.sleep(0.02)
        raise SystemExit(f"{self.name} did not answer in {seconds} s: see {self.log.name}")

    def pids(self):
        found, todo = [], [self.process.pid]
        while todo:
            pid = todo.pop()
            found.append(pid)
            with contextlib.suppress(OSError):
                todo += map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())
        return found

    def cpu(self):
        """User and system seconds so far."""
        total = 0
        for pid in self.pids():
            with contextlib.suppress(OSError):
                fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
                total += int(fields[11]) + int(fields[12])
        return total / TICK

    def memory(self):
        """Resident MiB, without pages of mapped files."""
        total = 0
        for pid in self.pids():
            with contextlib.suppress(OSError):
                status = Path(f"/proc/{pid}/status").read_text()
                total += sum(int(kb) for kb in re.findall(r"^(?:RssAnon|RssShmem):\s+(\d+)", status, re.M))
        return total / 1024

    def stop(self):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()
        self.log.close()


def wheelwright(data, *arguments, log="wheelwright", env=None):
    port = free_port()
    command = [WHEELWRIGHT, "serve", "--data", data, "--listen", f"127.0.0.1:{port}", *arguments]
    env = clean_environment(WHEELWRIGHT_ROOT_PASSWORD=PASSWORD, **(env or {}))
    return Process("wheelwright", command, f"http://127.0.0.1:{port}", log, env).wait("/+health")


def manage(data, *arguments):
    """A command of the binary on the same data; its last line of output."""
    command = [WHEELWRIGHT, *arguments, "--data", data]
    done = subprocess.run([str(c) for c in command], check=True, capture_output=True, text=True, env=clean_environment())
    return (done.stdout.strip().splitlines() or [""])[-1]


def nginx(tree):
    """Serves the folder `tree`; `X.gz` beside `X` is the prepared form of it."""
    port = free_port()
    home = WORK / "nginx"
    (home / "tmp").mkdir(parents=True, exist_ok=True)
    (home / "nginx.conf").write_text(f"""
daemon off; worker_processes auto; pid {home}/pid; error_log {home}/error.log;
events {{ worker_connections 1024; }}
http {{
  access_log off; sendfile on; tcp_nopush on; keepalive_requests 10000000; gzip_static on;
  open_file_cache max=1000 inactive=60s; etag on;
  client_body_temp_path {home}/tmp; proxy_temp_path {home}/tmp; fastcgi_temp_path {home}/tmp;
  uwsgi_temp_path {home}/tmp; scgi_temp_path {home}/tmp;
  types {{ text/html html; application/vnd.pypi.simple.v1+json json; }}
  default_type application/octet-stream;
  server {{ listen 127.0.0.1:{port}; root {tree}; index index.html; }}
}}
""")
    user = ["-g", "user root;"] if os.getuid() == 0 else []
    command = ["nginx", "-p", home, "-c", home / "nginx.conf", *user]
    return Process("nginx", command, f"http://127.0.0.1:{port}", "nginx").wait()


def devpi(upstream):
    binaries = tools("devpi", "devpi-server", "devpi-client")
    data, port = WORK / "devpi-data", free_port()
    if not data.exists():
        subprocess.run(
            [binaries / "devpi-init", "--serverdir", data, "--root-passwd", PASSWORD, "--no-root-pypi"],
            check=True, capture_output=True,
        )
    command = [binaries / "devpi-server", "--serverdir", data, "--host", "127.0.0.1", "--port", port]
    server = Process("devpi", command, f"http://127.0.0.1:{port}", "devpi").wait()
    import json

    def put(path, body, user):
        import base64
        auth = base64.b64encode(f"{user}:{PASSWORD}".encode()).decode()
        headers = {"Content-Type": "application/json", "X-Devpi-Auth": auth, "Accept": "application/json"}
        request = urllib.request.Request(server.url + path, json.dumps(body).encode(), headers, method="PUT")
        with contextlib.suppress(urllib.error.HTTPError):
            urllib.request.urlopen(request, timeout=30).read()

    put("/bench", {"password": PASSWORD}, "root")
    put("/bench/mirror", {"type": "mirror", "mirror_url": upstream, "mirror_no_project_list": True, "mirror_cache_expiry": 86400}, "bench")
    put("/bench/dev", {"type": "stage", "bases": []}, "bench")
    return server


def peryx(upstream):
    binaries = tools("peryx", "peryx")
    port, data = free_port(), WORK / "peryx-data"
    config = WORK / "peryx.toml"
    config.write_text(f"""
[[index]]
name = "mirror"
route = "mirror"
ecosystem = "pypi"
[[index.upstream]]
name = "up"
url = "{upstream}"

[[index]]
name = "dev"
route = "dev"
ecosystem = "pypi"
hosted = true
[[index.access_token]]
name = "bench"
secret = "{PASSWORD}"
actions = ["read", "write"]
""")
    command = [binaries / "peryx", "serve", "-c", config, "--host", "127.0.0.1", "--port", port, "--data-dir", data,
               "--log-level", "error"]
    return Process("peryx", command, f"http://127.0.0.1:{port}", "peryx").wait("/dev/simple/")
