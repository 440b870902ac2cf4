"""What size costs: start, idle memory, pages of a very large index, the list of all PyPI names."""

import hashlib
import re
import shutil
import sqlite3
import statistics
import subprocess
import time

import load
import servers
from serving import JSON, get


def fill(data, index, projects, files):
    """Writes rows straight into the database: what is measured reads rows, never the bytes."""
    own = servers.wheelwright(data)
    servers.manage(data, "user", "create", "bench", "--password", servers.PASSWORD)
    servers.manage(data, "index", "create", index)
    own.stop()
    database = sqlite3.connect(data / "wheelwright.db")
    now = int(time.time() * 1e6)

    def names():
        return (f"project-{p:06}" for p in range(projects))

    database.executemany(
        "INSERT INTO project (index_name, name, spelling, status, serial) VALUES (?,?,?,'active',0)",
        ((index, name, name) for name in names()))
    database.executemany(
        "INSERT INTO release (index_name, project, version, metadata, created_at) VALUES (?,?,?,?,?)",
        ((index, name, f"1.{v}", f'{{"metadata_version":"2.1","name":"{name}","version":"1.{v}"}}', now)
         for name in names() for v in range(files)))
    database.executemany(
        "INSERT INTO file (index_name, filename, project, version, kind, sha256, size, uploaded_at) VALUES (?,?,?,?,?,?,?,?)",
        ((index, f"{name.replace('-', '_')}-1.{v}-py3-none-any.whl", name, f"1.{v}", "bdist_wheel",
          hashlib.sha256(f"{name} {v}".encode()).hexdigest(), 1000, now)
         for name in names() for v in range(files)))
    database.commit()
    database.close()


def started(data):
    """(seconds until `listening on`, the running server)."""
    command = [servers.WHEELWRIGHT, "serve", "--data", data, "--listen", "127.0.0.1:0"]
    begin = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                               env=servers.clean_environment(), start_new_session=True)
    line = process.stdout.readline()
    seconds = time.monotonic() - begin
    server = servers.Process.__new__(servers.Process)
    server.name, server.process, server.log = "wheelwright", process, process.stdout
    server.url = re.search(r"http://\S+", line).group(0)
    return seconds, server


def start_and_idle(data):
    times, memory = [], 0
    for _ in range(5):
        seconds, server = started(data)
        times.append(seconds)
        time.sleep(2)
        memory = max(memory, server.memory())
        server.stop()
    return statistics.median(times), memory


def page_p99(small, large):
    """p99 of warm pages of the large index against the small one, medians of interleaved rounds."""
    headers = {"Accept": JSON, "Accept-Encoding": "gzip"}
    _, one = started(small)
    _, two = started(large)
    try:
        path = "/bench/big/+simple/project-000007/"
        samples = load.interleaved({"small": (one, path, headers), "large": (two, path, headers)})
    finally:
        one.stop()
        two.stop()
    one_p99, two_p99 = load.median(samples["small"], "p99"), load.median(samples["large"], "p99")
    return two_p99 / one_p99, one_p99, two_p99


def names_memory():
    """Resident MiB (peak) after the list of all PyPI names went out three times, and how many names."""
    data = servers.WORK / "names-data"
    shutil.rmtree(data, ignore_errors=True)
    _, server = started(data)
    try:
        count = 0
        for accept in (JSON, "text/html", JSON):
            body, _ = get(server.url + "/root/pypi/+simple/", Accept=accept)
            count = max(count, body.count(b'"name":'))
        status = open(f"/proc/{server.process.pid}/status").read()
        peak = int(re.search(r"VmHWM:\s+(\d+)", status).group(1)) / 1024
        return count, server.memory(), peak
    finally:
        server.stop()


def measure():
    medium, large, small = (servers.WORK / f"scale-{name}" for name in ("medium", "large", "small"))
    for data, projects, files in [(small, 10, 5), (medium, 10_000, 5), (large, 200_000, 5)]:
        shutil.rmtree(data, ignore_errors=True)
        fill(data, "bench/big", projects, files)
    start, idle = start_and_idle(medium)
    ratio, small_p99, large_p99 = page_p99(small, large)
    count, memory, peak = names_memory()
    rows = [
        ("10,000 projects × 5 files: started in", "≤ 0.2 s", f"**{start:.2f} s**"),
        ("the same: idle memory", "≤ 64 MiB", f"**{idle:.0f} MiB**"),
        ("p99 of a page, 1,000,000 files in the index against 50", "≤ 2 ×", f"**{ratio:.2f} ×** ({large_p99:.2f} ms, {small_p99:.2f} ms)"),
        (f"the list of all PyPI names ({count:,}) sent three times", "≤ 150 MiB", f"**{memory:.0f} MiB** after, {peak:.0f} MiB peak resident"),
    ]
    out = ["## Size", "", "| what | goal | measured |", "|---|---|---|"]
    out += [f"| {what} | {goal} | {measured} |" for what, goal, measured in rows]
    print("\n".join(out[4:]), flush=True)
    return "\n".join(out)
