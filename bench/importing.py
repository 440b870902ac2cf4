"""Moving in: 1,000 projects with ten files each, imported whole by wheelwright and by devpi itself, then killed on the way."""

import hashlib
import json
import os
import random
import resource
import shutil
import signal
import sqlite3
import subprocess
import time

import servers
from uploading import wheel

PROJECTS = int(os.environ.get("BENCH_IMPORT_PROJECTS", "1000"))
FILES, KILLS = 10, 10
INDEX = "ann/dev"


def export(folder):
    """An export as devpi-server writes it; its files, with their hashes."""
    index = {"indexconfig": {"type": "stage", "bases": [], "acl_upload": ["ann"], "volatile": True}, "projects": {},
             "files": []}
    files = {}
    for number in range(PROJECTS):
        project = f"project{number:04}"
        versions = index["projects"][project] = {}
        for minor in range(FILES):
            version = f"1.{minor}"
            name, data = wheel(project, version)
            path = f"{INDEX}/{project}/{version}/{name}"
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(data)
            digest = hashlib.sha256(data).hexdigest()
            files[name] = digest
            versions[version] = {"name": project, "version": version}
            index["files"].append({
                "type": "releasefile", "projectname": project, "version": version, "relpath": path,
                "entrymapping": {"last_modified": "Sat, 21 Nov 2026 09:30:58 GMT", "hash_spec": f"sha256={digest}",
                                 "hashes": {"sha256": digest}, "project": project, "version": version},
                "log": [{"what": "upload", "who": "ann", "when": [2026, 11, 21, 9, 30, 59], "dst": INDEX}]})
    dump = {"dumpversion": "2", "devpi_server": "6.20.3", "indexes": {INDEX: index}, "secret": "none",
            "uuid": "0" * 32, "pythonversion": [3, 11, 0, "final", 0],
            "users": {"ann": {"username": "ann", "email": "ann@example.org", "created": "2026-11-21T09:30:55Z"},
                      "root": {"username": "root", "pwhash": "", "created": "2026-11-21T09:30:55Z"}}}
    (folder / "dataindex.json").write_text(json.dumps(dump))
    return files


def peak(process):
    """MiB that a process has used at most so far; 0 once it is gone."""
    try:
        for line in open(f"/proc/{process.pid}/status"):
            if line.startswith("VmHWM"):
                return int(line.split()[1]) / 1024
    except OSError:
        pass
    return 0


def run(command):
    """(seconds, MiB, exit code) of a command that runs to its end."""
    begin, most = time.monotonic(), 0
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                               env=servers.clean_environment())
    while process.poll() is None:
        most = max(most, peak(process))
        time.sleep(0.05)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.monotonic() - begin, most, process.returncode, cpu


def taken(data):
    """The files that stand in the index, by name."""
    database = sqlite3.connect(f"file:{data / 'wheelwright.db'}?mode=ro", uri=True, timeout=30)
    try:
        rows = database.execute("SELECT filename, sha256 FROM file WHERE index_name = ?", (INDEX,)).fetchall()
    except sqlite3.OperationalError:
        rows = []
    database.close()
    return rows


def fresh(name):
    data = servers.WORK / name
    shutil.rmtree(data, ignore_errors=True)
    own = servers.wheelwright(data)
    own.stop()
    return data


def importing(data, folder):
    return [servers.WHEELWRIGHT, "import", "--data", data, "devpi", folder]


def killed(folder, seconds):
    """How often an import was killed on its way, and what stood in the index after the last one had run to its end."""
    data, kills = fresh("import-killed"), 0
    for _ in range(KILLS):
        process = subprocess.Popen(importing(data, folder), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                   env=servers.clean_environment())
        time.sleep(random.uniform(0.05, 1.0) * seconds / KILLS * 1.5)
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            kills += 1
        process.wait()
    run(importing(data, folder))
    return kills, taken(data)


def measure():
    folder = servers.WORK / "export"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    files = export(folder)
    data = fresh("import-whole")
    seconds, memory, code, cpu = run(importing(data, folder))
    assert code == 0 and dict(taken(data)) == files, "the import is not whole"
    again, again_memory, code, _ = run(importing(data, folder))
    assert code == 0 and dict(taken(data)) == files, "the second import changed something"
    kills, rows = killed(folder, seconds)
    assert len(rows) == len(files) and dict(rows) == files, "something is missing, or there twice"
    binaries = servers.tools("devpi", "devpi-server", "devpi-client")
    theirs = servers.WORK / "import-devpi"
    shutil.rmtree(theirs, ignore_errors=True)
    devpi_seconds, devpi_memory, code, devpi_cpu = run(
        [binaries / "devpi-import", "--serverdir", theirs, "--no-events", folder])
    devpi = (f"{devpi_seconds:.1f} s, {devpi_memory:.0f} MiB, {devpi_cpu:.1f} s of CPU" if code == 0
             else f"failed with exit code {code}")
    return f"""## An export of {PROJECTS} projects with {FILES} files each

| | time | most memory | CPU |
|---|---|---|---|
| `wheelwright import devpi` | {seconds:.1f} s | {memory:.0f} MiB | {cpu:.1f} s |
| the same again: everything is there | {again:.1f} s | {again_memory:.0f} MiB | |
| killed {kills} times on its way, then run to its end | | | nothing missing, nothing twice |

`devpi-import` of the same export, side by side: {devpi}."""
