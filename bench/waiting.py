"""Wheels on demand: builds longer than a client's patience, and a thousand requests that wait."""

import asyncio
import http.server
import io
import os
import re
import resource
import shutil
import statistics
import subprocess
import sys
import tarfile
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

import servers

# Seconds of the build that is longer than a client's patience.
SLEEP = int(os.environ.get("BENCH_SLEEP", "100"))
HELD = int(os.environ.get("BENCH_HELD", "1000"))
BUILDS = 20
# Seconds that each of those takes; as many run at once as the worker has slots.
EACH = int(os.environ.get("BENCH_EACH", "20"))
# Seconds for which pages are asked, idle and meanwhile.
WATCHED = int(os.environ.get("BENCH_SECONDS", "10"))

BACKEND = '''
import base64, hashlib, os, time, zipfile

def build_wheel(folder, config_settings=None, metadata_directory=None):
    time.sleep({sleep})
    name, version = "{name}", "1.0"
    info = "%s-%s.dist-info/" % (name, version)
    members = [
        (name + ".py", "version = '1.0'\\n"),
        (info + "METADATA", "Metadata-Version: 2.1\\nName: %s\\nVersion: %s\\n" % (name, version)),
        (info + "WHEEL", "Wheel-Version: 1.0\\nGenerator: bench\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"),
    ]
    record = ""
    for path, text in members:
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")
        record += "%s,sha256=%s,%d\\n" % (path, digest, len(text))
    filename = "%s-%s-py3-none-any.whl" % (name, version)
    with zipfile.ZipFile(os.path.join(folder, filename), "w") as archive:
        for path, text in members + [(info + "RECORD", record + info + "RECORD,,\\n")]:
            archive.writestr(zipfile.ZipInfo(path, (1980, 1, 1, 0, 0, 0)), text)
    return filename
'''
PROJECT = "[build-system]\nrequires = []\nbuild-backend = 'backend'\nbackend-path = ['.']\n"


def sdist(name, sleep):
    """A source whose build takes so many seconds."""
    files = {
        "PKG-INFO": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n",
        "pyproject.toml": PROJECT,
        "backend.py": BACKEND.replace("{sleep}", str(sleep)).replace("{name}", name),
    }
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for path, text in files.items():
            member = tarfile.TarInfo(f"{name}-1.0/{path}")
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))
    return out.getvalue()


class Upstream(http.server.BaseHTTPRequestHandler):
    """A simple index of sources."""

    sources = {}

    def do_GET(self):
        parts = [part for part in self.path.split("/") if part]
        name = parts[-1] if parts else ""
        if name.endswith(".tar.gz"):
            return self.answer("application/gzip", self.sources[name])
        filename = f"{name}-1.0.tar.gz"
        if filename in self.sources:
            return self.answer("text/html", f'<a href="/files/{filename}">{filename}</a>'.encode())
        self.send_error(404)

    def answer(self, kind, body):
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Shop:
    """A server with its own worker in front of an index of sources."""

    def __init__(self, sources, **env):
        Upstream.sources = {f"{name}-1.0.tar.gz": sdist(name, sleep) for name, sleep in sources.items()}
        self.upstream = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Upstream)
        threading.Thread(target=self.upstream.serve_forever, daemon=True).start()
        data = servers.WORK / "waiting"
        shutil.rmtree(data, ignore_errors=True)
        upstream = f"http://127.0.0.1:{self.upstream.server_port}/simple/"
        self.server = servers.wheelwright(data, "--upstream", upstream, log="waiting", env=env)
        self.url = self.server.url

    def promise(self, name, target):
        """The path of what a target's page promises, once the worker offers that target."""
        for _ in range(300):
            try:
                with urllib.request.urlopen(f"{self.url}/v1/pypi/{target}/+simple/{name}/") as page:
                    found = re.search(r'href="[./]*([^"]*/\+w/[^"#]*)', page.read().decode())
                if found:
                    return "/" + found[1]
            except urllib.error.HTTPError:
                pass
            time.sleep(0.1)
        raise SystemExit("nothing is promised: see the log")

    def memory(self):
        """Anonymous MiB of the server's own process."""
        status = Path(f"/proc/{self.server.process.pid}/status").read_text()
        return sum(int(kb) for kb in re.findall(r"^RssAnon:\s+(\d+)", status, re.M)) / 1024

    def stop(self):
        self.server.stop()
        self.upstream.shutdown()


def timed(command):
    folder = servers.WORK / "waiting-site"
    shutil.rmtree(folder, ignore_errors=True)
    began = time.monotonic()
    environment = servers.clean_environment(PATH="/nowhere", HOME=str(folder), PIP_CONFIG_FILE="/dev/null", UV_NO_CONFIG="1")
    done = subprocess.run([*command, "--target", folder], env=environment, capture_output=True, text=True)
    return done.returncode == 0, time.monotonic() - began, done.stdout + done.stderr


def slow():
    """Real clients with their defaults against a build that outlasts them."""
    pip, uv = servers.tools("pip", "pip==26.3"), servers.tools("uv", "uv==0.13.9")
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    rows = []
    shop = Shop({"slowpip": SLEEP, "slowuv": SLEEP})
    try:
        shop.promise("slowpip", python)
        clients = {
            "pip 26.3": [pip / "python", "-m", "pip", "install", "--no-cache-dir", "--only-binary", ":all:", "-i", f"{shop.url}/simple/", "slowpip"],
            "uv 0.13.9": [uv / "uv", "pip", "install", "--no-cache", "--no-build", "--python", sys.executable,
                          "--index-url", f"{shop.url}/v1/pypi/auto/+simple/", "slowuv"],
        }
        for name, command in clients.items():
            for attempt in ("first", "second"):
                fine, seconds, said = timed(command)
                print(f"{name} {attempt}: {'installed' if fine else 'failed'} after {seconds:.1f} s", flush=True)
                told = "installed" if fine else "`" + " ".join(said.split())[-400:] + "`"
                rows.append(f"| {name} | {attempt} | {seconds:.1f} s | {told} |")
    finally:
        shop.stop()
    return (f"## A build of {SLEEP} s, clients with their defaults\n\n| client | try | took | came to |\n|---|---|---|---|\n"
            + "\n".join(rows))


async def hold(shop, path, state):
    """Asks for a promised wheel until it is there, at once again after every 503."""
    host, port = shop.url.removeprefix("http://").split(":")
    while True:
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: pip/26.3 {{}}\r\nConnection: close\r\n\r\n".encode())
        state["held"] += 1
        answer = await reader.read()
        state["held"] -= 1
        writer.close()
        status = int(answer.split(b" ", 2)[1]) if answer else 0
        state["statuses"][status] = state["statuses"].get(status, 0) + 1
        if status != 503:
            return status


async def latencies(shop, path, seconds):
    """Seconds that single requests of a page take, one after the other, on one connection."""
    host, port = shop.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    took, until = [], time.monotonic() + seconds
    while time.monotonic() < until:
        began = time.perf_counter()
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nAccept: application/vnd.pypi.simple.v1+json\r\n\r\n".encode())
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(re.search(rb"content-length: (\d+)", head, re.I)[1])
        await reader.readexactly(length)
        took.append(time.perf_counter() - began)
        await asyncio.sleep(0.005)
    writer.close()
    return took


def told(took):
    ordered = sorted(took)
    return statistics.median(ordered) * 1000, ordered[int(len(ordered) * 0.99)] * 1000


async def crowd(shop, paths, page):
    idle = told(await latencies(shop, page, WATCHED))
    before = shop.memory()
    state = {"held": 0, "statuses": {}}
    waiting = [asyncio.create_task(hold(shop, paths[at % len(paths)], state)) for at in range(HELD)]
    while state["held"] < HELD:
        await asyncio.sleep(0.05)
    await asyncio.sleep(1)
    meanwhile = told(await latencies(shop, page, WATCHED))
    during = shop.memory()
    statuses = await asyncio.gather(*waiting)
    return idle, meanwhile, before, during, state["statuses"], all(status == 200 for status in statuses)


def thousand():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, HELD + 200)), hard))
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    names = [f"held{at}" for at in range(BUILDS)]
    shop = Shop({**{name: EACH for name in names}, "page": 0})
    try:
        paths = [shop.promise(name, python) for name in names]
        page = f"/v1/pypi/{python}/+simple/page/"
        idle, meanwhile, before, during, statuses, fine = asyncio.run(crowd(shop, paths, page))
    finally:
        shop.stop()
    counted = ", ".join(f"{count} × {status}" for status, count in sorted(statuses.items()))
    print(f"idle {idle}, meanwhile {meanwhile}, memory {before:.0f} → {during:.0f} MiB, {counted}", flush=True)
    return "\n".join([
        f"## {HELD} requests held for {BUILDS} builds of {EACH} s",
        "",
        "| what | goal | measured |",
        "|---|---|---|",
        f"| a page, median, meanwhile against idle | ≤ 2 × | **{meanwhile[0] / idle[0]:.2f} ×** ({idle[0]:.2f} ms, {meanwhile[0]:.2f} ms) |",
        f"| the same, p99 | | {meanwhile[1] / idle[1]:.2f} × ({idle[1]:.2f} ms, {meanwhile[1]:.2f} ms) |",
        f"| the server's memory, before and meanwhile | bounded | {before:.0f} MiB, **{during:.0f} MiB**: {(during - before) * 1024 / HELD:.1f} KiB per request |",
        f"| answers until all had their wheel | all 200 in the end | {counted}{'' if fine else ': NOT ALL'} |",
    ])


def measure():
    which = os.environ.get("BENCH_WAITING", "slow,thousand").split(",")
    parts = {"slow": slow, "thousand": thousand}
    return "\n\n".join(parts[name]() for name in which)
