#!/usr/bin/env python3
"""Runs devpi's own tests against wheelwright: `run.py http`, `run.py client`, `run.py client6`, or several."""

import contextlib
import hashlib
import html
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import threading
import xml.etree.ElementTree
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import relay

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
WORK = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "devpi"
PASSWORD = "root-of-devpis-tests"
CLIENTS = {"client": "7.3.0", "client6": "6.0.7"}
NEEDED = ["devpi-server==6.20.3", "pytest<9", "webtest", "beautifulsoup4", "setuptools<81", "wheel",
          "flit_core<3.10", "sphinx", "tox", "virtualenv", "build", "mercurial"]


def environment(which):
    """A virtual environment with devpi's packages, and the unpacked source of its client: one for each client."""
    client = f"devpi-client=={CLIENTS.get(which, CLIENTS['client'])}"
    work = WORK.with_name("devpi-6") if which == "client6" else WORK
    done, wanted = work / "done", "\n".join([client, *NEEDED])
    if done.is_file() and done.read_text() == wanted:
        return work
    shutil.rmtree(work, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", work / "venv"], check=True)
    pip = [work / "venv" / "bin" / "python", "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "install", client, *NEEDED], check=True)
    subprocess.run([*pip, "download", "--no-deps", "--no-binary", ":all:", "-d", work, client], check=True)
    subprocess.run([*pip, "download", "--no-deps", "-d", work / "wheels", "setuptools<81", "wheel"], check=True)
    with tarfile.open(next(path for path in work.glob("devpi?client-*.tar.gz"))) as archive:
        archive.extractall(work, filter="data")
    done.write_text(wanted)
    return work


class Wheels(BaseHTTPRequestHandler):
    """A simple index of the folder of wheels."""

    folder = WORK / "wheels"

    def do_GET(self):
        parts, files = self.path.strip("/").split("/"), {path.name: path for path in self.folder.iterdir()}
        project = lambda name: re.sub(r"[-_.]+", "-", name.split("-")[0]).lower()  # noqa: E731
        if parts == ["simple"]:
            links = {f'<a href="/simple/{project(name)}/">{project(name)}</a>' for name in files}
        elif parts[0] == "simple":
            of = {name: path for name, path in files.items() if project(name) == parts[1]}
            hashes = {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in of.items()}
            links = {f'<a href="/files/{name}#sha256={hashes[name]}">{html.escape(name)}</a>' for name in of}
        else:
            return self.tell(files[parts[-1]].read_bytes(), "application/octet-stream")
        return self.tell("<br>".join(links).encode(), "text/html") if links else self.send_error(404)

    def tell(self, body, media_type):
        self.send_response(200)
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Says nothing: the tests do."""


@contextlib.contextmanager
def server(program):
    """A new server behind a relay: its URL. Devpi lets everybody create accounts, and mirror what is on this machine."""
    with tempfile.TemporaryDirectory() as folder:
        settings = {"WHEELWRIGHT_ROOT_PASSWORD": PASSWORD, "WHEELWRIGHT_OPEN_REGISTRATION": "true",
                    "WHEELWRIGHT_PRIVATE_HOSTS": "localhost,127.0.0.1"}
        command = [program, "serve", "--data", folder, "--listen", "127.0.0.1:0", "--upstream", "http://127.0.0.1:9/simple/"]
        process = subprocess.Popen(command, cwd=folder, env={**os.environ, **settings}, stdout=subprocess.PIPE, text=True)
        try:
            line = next(line for line in process.stdout if line.startswith("listening on "))
            threading.Thread(target=process.stdout.read, daemon=True).start()
            yield relay.start(line.split()[-1], PASSWORD)
        finally:
            process.terminate()
            process.wait()


def differences(which):
    """Tests that fail on purpose."""
    lines = (HERE / f"differences{'-6' if which == 'client6' else ''}.txt").read_text().splitlines()
    return {line.split(" ")[0] for line in lines if line and not line.startswith("#")}


def run(which, program, work, wheels):
    """Failed tests of one file, and how many passed."""
    report, bin_folder = work / f"{which}.xml", work / "venv" / "bin"
    constraint = work / "constraint.txt"
    constraint.write_text("flit_core<3.10\n")  # a newer one refuses a project of the client's tests
    with server(program) as url, server(program) as second:
        environment = {
            **os.environ, "DEVPI_URL": url, "DEVPI_SECOND_URL": second, "DEVPI_WHEELS": wheels,
            "VIRTUAL_ENV": str(bin_folder.parent), "PATH": f"{bin_folder}:{os.environ['PATH']}",
            "PIP_CONSTRAINT": str(constraint), "PYTHONDONTWRITEBYTECODE": "1", "NO_PROXY": "localhost,127.0.0.1",
        }
        if which in CLIENTS:
            source = str(next(path for path in work.glob("devpi?client-*/") if path.is_dir()))
            environment |= {"DEVPI_CLIENT_SOURCE": source, "PYTHONPATH": source}
        command = [bin_folder / "python", "-m", "pytest", "-q", "-p", "no:cacheprovider", "--tb=short", f"--junit-xml={report}"]
        subprocess.run([*command, HERE / f"test_{which.rstrip('6')}.py"], cwd=work, env=environment, check=False)
    cases = [case for case in xml.etree.ElementTree.parse(report).iter("testcase")]
    named = lambda case: f"{which}::{case.get('classname').rsplit('.', 1)[-1]}::{case.get('name')}"  # noqa: E731
    failed = {named(case) for case in cases if case.find("failure") is not None or case.find("error") is not None}
    skipped = sum(case.find("skipped") is not None for case in cases)
    return failed, len(cases) - len(failed) - skipped


def main():
    program = os.environ.get("WHEELWRIGHT", str(ROOT / "target" / "debug" / "wheelwright"))
    works = {which: environment(which) for which in sys.argv[1:] or ["http", *CLIENTS]}
    Wheels.folder = next(iter(works.values())) / "wheels"
    upstream = ThreadingHTTPServer(("127.0.0.1", 0), Wheels)
    threading.Thread(target=upstream.serve_forever, daemon=True).start()
    wheels = f"http://127.0.0.1:{upstream.server_address[1]}/simple/"
    wrong = False
    for which, work in works.items():
        failed, passed = run(which, program, work, wheels)
        expected = {name for name in differences(which) if name.startswith(f"{which}::")}
        print(f"{which}: {passed} passed, {len(failed)} failed, {len(expected)} of them on purpose")
        for name in sorted(failed - expected):
            print(f"  failed, and is no known difference: {name}")
        for name in sorted(expected - failed):
            print(f"  passed, so it is no difference any more: {name}")
        wrong |= failed != expected or not passed
    sys.exit(wrong)


if __name__ == "__main__":
    main()
