"""Whole installs by uv: cold through a fresh mirror against direct, warm against a tree of the same files."""

import json
import os
import shutil
import statistics
import subprocess
import sys
import time
import urllib.parse
from pathlib import Path

import servers
from serving import JSON, get

SET = ["flask", "requests", "numpy", "pandas", "boto3", "django", "scikit-learn"]
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))


def install(index):
    """Wall seconds of one `uv pip install` of the set into an empty folder, without uv's cache."""
    uv = servers.tools("uv", "uv", "packaging") / "uv"
    target = servers.WORK / "installed"
    shutil.rmtree(target, ignore_errors=True)
    command = [uv, "pip", "install", "--quiet", "--no-cache", "--python", sys.executable, "--target", target]
    command += ["--index-url", index] if index else []
    started = time.monotonic()
    subprocess.run([*command, *SET], check=True, env=servers.clean_environment())
    return time.monotonic() - started


def installed():
    """(name, version) of everything that the set brought in."""
    for metadata in (servers.WORK / "installed").glob("*.dist-info/METADATA"):
        fields = dict(line.split(": ", 1) for line in metadata.read_text().split("\n\n")[0].splitlines() if ": " in line)
        yield fields["Name"].lower().replace("_", "-").replace(".", "-"), fields["Version"]


def copy_tree(own, tree):
    """The pages and files that the set needs, as plain files at the same relative places."""
    shutil.rmtree(tree, ignore_errors=True)
    for name, version in installed():
        url = f"{own.url}/root/pypi/+simple/{name}/"
        body, _ = get(url, Accept=JSON)
        page = tree / "root/pypi/+simple" / name / "index.json"
        page.parent.mkdir(parents=True)
        page.write_bytes(body)
        wheels = [file for file in json.loads(body)["files"] if file["filename"].endswith(".whl")]
        # A resolver looks at the METADATA of newer releases before it settles on this one.
        for file in wheels[-60:] + [file for file in wheels[:-60] if f"-{version}-" in file["filename"]]:
            where = urllib.parse.urljoin(url, file["url"])
            path = tree / urllib.parse.unquote(urllib.parse.urlsplit(where).path).lstrip("/")
            path.parent.mkdir(parents=True, exist_ok=True)
            if file.get("core-metadata"):
                Path(f"{path}.metadata").write_bytes(get(where + ".metadata")[0])
            if f"-{version}-" in file["filename"] and fits(file["filename"]):
                path.write_bytes(get(where)[0])
    return tree


def fits(filename):
    """Whether this interpreter would install that wheel."""
    code = ("import sys; from packaging import tags, utils; "
            "print(bool(utils.parse_wheel_filename(sys.argv[1])[3] & set(tags.sys_tags())))")
    python = servers.tools("uv", "uv", "packaging") / "python"
    return subprocess.run([python, "-c", code, filename], capture_output=True, text=True).stdout.strip() == "True"


def measure():
    cold, direct = [], []
    data = servers.WORK / "cold-data"
    for _ in range(ROUNDS):
        direct.append(install(None))
        shutil.rmtree(data, ignore_errors=True)
        own = servers.wheelwright(data)
        try:
            cold.append(install(own.url + "/simple/"))
        finally:
            own.stop()
    own = servers.wheelwright(data)
    nginx = None
    try:
        install(own.url + "/simple/")
        nginx = servers.nginx(copy_tree(own, servers.WORK / "install-tree"))
        config = servers.WORK / "nginx/nginx.conf"
        config.write_text(config.read_text().replace("index index.html", "index index.json"))
        nginx.stop()
        nginx = servers.Process("nginx", nginx.process.args, nginx.url, "nginx").wait()
        warm, plain = [], []
        for _ in range(ROUNDS + 2):
            plain.append(install(nginx.url + "/root/pypi/+simple/"))
            warm.append(install(own.url + "/root/pypi/+simple/"))
    finally:
        own.stop()
        if nginx:
            nginx.stop()
    rows = [("cold, against direct", 1.15, cold, direct), ("warm, against nginx with the same files", 1.1, warm, plain)]
    out = [f"## Installing: `uv pip install {' '.join(SET)}`, uv's cache off", "",
           "| what | goal | ratio | seconds | seconds of the other |", "|---|---|---|---|---|"]
    for label, goal, mine, theirs in rows:
        pairs = [a / b for a, b in zip(mine, theirs)]
        out.append(f"| {label} | ≤ {goal} | **{statistics.median(pairs):.2f}** ({min(pairs):.2f}–{max(pairs):.2f}) "
                   f"| {statistics.median(mine):.1f} | {statistics.median(theirs):.1f} |")
        print(out[-1], flush=True)
    return "\n".join(out)
