"""Builds: the corpus, CPU per wheel against isolated pip, five askers at once, overhead, hostile sdists."""

import base64
import concurrent.futures
import io
import json
import os
import shutil
import statistics
import subprocess
import tarfile
import time
import urllib.error
import urllib.parse
import urllib.request
from collections import Counter
from pathlib import Path

import servers

CORPUS = Path(__file__).parent / "corpus.tsv"
# `all`, or how many projects of each kind.
SHARE = os.environ.get("BENCH_CORPUS", "2")
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5"))
# What hostile builds may use, so that the attack ends soon.
TIGHT = {"WHEELWRIGHT_BUILD__TIMEOUT": "20s", "WHEELWRIGHT_BUILD__MEMORY": "512 MiB", "WHEELWRIGHT_BUILD__DISK": "512 MiB"}


class Builder:
    """A server with its own worker, spoken to as root."""

    def __init__(self, name, recipes=True, **env):
        data = servers.WORK / f"builds-{name}"
        shutil.rmtree(data, ignore_errors=True)
        if not recipes:
            hide_shipped_recipes(data / "recipes")
        self.server = servers.wheelwright(data, log=f"builds-{name}", env=env)
        self.targets = self.wait_for_targets()

    def ask(self, method, path, body=None, raw=None):
        data = raw if raw is not None else json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(self.server.url + path, data=data, method=method)
        secret = base64.b64encode(f"root:{servers.PASSWORD}".encode()).decode()
        request.add_header("Authorization", f"Basic {secret}")
        request.add_header("Accept", "application/json")
        if body is not None:
            request.add_header("Content-Type", "application/json")
        with urllib.request.urlopen(request, timeout=120) as answer:
            return json.loads(answer.read() or b"null")

    def wait_for_targets(self):
        """Interpreter version (`3.13`) to target; the worker offers them a moment after the start."""
        for _ in range(300):
            found = self.ask("GET", "/+targets")["result"]
            if found:
                native = [t for t in found if not t.get("built_on")]
                return {".".join(t["version"].split(".")[:2]): t["name"] for t in native}
            time.sleep(0.1)
        raise SystemExit("no worker offers a target: see the log")

    def build(self, requirement=None, target=None, **more):
        body = {"requirement": requirement, "targets": [target], **more}
        return self.ask("POST", "/+builds", body)["result"][0]["id"]

    def ask_for(self, requirement, target):
        """A build's number; or at once the failure, where the page says that it can not be."""
        try:
            return self.build(requirement, target)
        except urllib.error.HTTPError as error:
            text = error.read().decode()
            kind = "requires-python" if "Requires-Python" in text else "refused"
            return {"state": "failed", "failure": {"class": kind, "hint": text, "line": None}}

    def ended(self, build, seconds=3600):
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            state = self.ask("GET", f"/+builds/{build}")["result"]
            if state["state"] in ("built", "failed"):
                return state
            time.sleep(0.02)
        return {"state": "hangs", "id": build}

    def again(self, build):
        """The same build once more, as a person asks for it; its end."""
        self.ask("POST", f"/+builds/{build}/rebuild", {})
        return self.ended(build)

    def cpu(self):
        """CPU seconds of the server and of all children that ended."""
        fields = Path(f"/proc/{self.server.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return sum(int(f) for f in fields[11:15]) / servers.TICK


def hide_shipped_recipes(folder):
    """An empty recipe hides the shipped one of its name."""
    folder.mkdir(parents=True)
    for recipe in (servers.ROOT / "recipes").glob("*.toml"):
        (folder / recipe.name).write_text(f"name = {recipe.stem!r}\n")


def corpus():
    rows = [line.split("\t") for line in CORPUS.read_text().splitlines() if not line.startswith("#")]
    if SHARE == "all":
        return rows
    chosen = {}
    for project, version, kind, *_ in rows:
        known = chosen.setdefault(kind, [])
        if (project, version) not in known and len(known) < int(SHARE):
            known.append((project, version))
    wanted = {pair for pairs in chosen.values() for pair in pairs}
    return [row for row in rows if (row[0], row[1]) in wanted]


def measure_corpus(recipes):
    builder = Builder("corpus", recipes)
    try:
        asked = []
        for project, version, _, python, expected in corpus():
            if python in builder.targets:
                asked.append((builder.ask_for(f"{project}=={version}", builder.targets[python]), project, version, python, expected))
        kinds, wrong = Counter(), []
        for build, project, version, python, expected in asked:
            state = builder.ended(build) if isinstance(build, int) else build
            what = f"{project} {version} on {python}"
            failure = state.get("failure") or {}
            if state["state"] == "built":
                kinds["built, as a plain builder did" if expected == "plain" else "built besides"] += 1
            elif state["state"] == "hangs":
                kinds["hangs"] += 1
                wrong.append(f"{what}: hangs")
            elif expected.startswith("fails:"):
                kinds["fails as expected"] += 1
                # A page's Requires-Python is known before anything is tried.
                right = failure.get("class") in (expected.partition(":")[2], "requires-python")
                kinds["of these with the class expected and a hint"] += bool(right and failure.get("hint"))
                if not right:
                    wrong.append(f"{what}: class {failure.get('class')}, expected {expected}")
            else:
                kinds[f"lost ({expected})"] += 1
                wrong.append(f"{what}: {failure.get('class')}: {failure.get('line')}")
            print(f"{what}: {state['state']} {failure.get('class') or ''}", flush=True)
        lines = [f"## The corpus: {len(asked)} builds, {'with' if recipes else 'without'} the shipped recipes", "", "| what | builds |", "|---|---|"]
        lines += [f"| {kind} | {count} |" for kind, count in sorted(kinds.items())]
        return "\n".join(lines + [""] + [f"- {line}" for line in wrong])
    finally:
        builder.server.stop()


def measure_cpu():
    """CPU seconds per wheel: `pip wheel` with build isolation, and a build here, in turns."""
    rows = []
    builder = Builder("cpu")
    pip = servers.tools("pip", "pip") / "python"
    tmp = servers.WORK / "pip-wheels"
    version = ".".join(platform_python(pip))
    try:
        for label, requirement, goal in [("pure: docopt 0.6.2", "docopt==0.6.2", 1 / 4), ("small C: MarkupSafe 1.1.1", "MarkupSafe==1.1.1", 1 / 3)]:
            target = builder.targets[version]
            build = builder.build(requirement, target)
            builder.ended(build)
            builder.again(build)
            ours, theirs, overhead = [], [], []
            for _ in range(ROUNDS):
                theirs.append(pip_wheel(pip, requirement, tmp))
                before, started = builder.cpu(), time.monotonic()
                state = builder.again(build)
                wall = time.monotonic() - started
                ours.append(builder.cpu() - before)
                if state["state"] != "built":
                    raise SystemExit(f"{requirement}: {state}")
                overhead.append(wall - backend_alone(requirement))
            ratios = [a / b for a, b in zip(ours, theirs)]
            rows.append(f"| {label} | ≤ {goal:.2f} | **{statistics.median(ratios):.2f}** ({min(ratios):.2f}–{max(ratios):.2f}) | {statistics.median(ours):.2f} | {statistics.median(theirs):.2f} | {statistics.median(overhead):.2f} s |")
            print(rows[-1], flush=True)
    finally:
        builder.server.stop()
    head = ["## CPU seconds per wheel, warm, against isolated `pip wheel`", "",
            "| what | goal | ratio | here | pip | wall time beyond the backend's own (goal for pure: ≤ 0.3 s) |", "|---|---|---|---|---|---|"]
    return "\n".join(head + rows)


def platform_python(python):
    return subprocess.run([python, "-c", "import sys; print('%d %d' % sys.version_info[:2])"],
                          capture_output=True, text=True, check=True).stdout.split()


def backend_alone(requirement):
    """Wall seconds of `build_wheel` itself: no sandbox, no queue, no check."""
    python = servers.tools("backend", "setuptools", "wheel") / "python"
    home = servers.WORK / "backend-alone"
    source = home / requirement
    if not source.exists():
        subprocess.run([python, "-m", "pip", "download", "-q", "--no-deps", "--no-binary", ":all:", "-d", home, requirement],
                       check=True, env=servers.clean_environment())
        archive = next(home.glob(requirement.replace("==", "-") + "*.tar.gz"))
        subprocess.run(["tar", "xf", archive, "--one-top-level=" + str(source), "--strip-components=1"], check=True)
    started = time.monotonic()
    subprocess.run([python, "-c", "import setuptools.build_meta as b; b.__legacy__.get_requires_for_build_wheel(); b.__legacy__.build_wheel('out')"],
                   cwd=source, check=True, capture_output=True, env=servers.clean_environment())
    return time.monotonic() - started


def pip_wheel(python, requirement, folder):
    """CPU seconds of one isolated build by pip; the sdist and its requirements come from pip's cache."""
    shutil.rmtree(folder, ignore_errors=True)
    # A wheel that pip built before would spare it the work; what it downloaded stays.
    cache = servers.WORK / "pip-cache"
    shutil.rmtree(cache / "wheels", ignore_errors=True)
    before = os.times()
    subprocess.run([python, "-m", "pip", "wheel", "-q", "--no-deps", "--no-binary", ":all:", "--only-binary", "setuptools,wheel",
                    "-w", folder, requirement], check=True, env=servers.clean_environment(PIP_DISABLE_PIP_VERSION_CHECK="1", PIP_CACHE_DIR=str(cache)))
    after = os.times()
    return (after.children_user - before.children_user) + (after.children_system - before.children_system)


def measure_together():
    """Five clients ask for the same ten builds at once."""
    builder = Builder("together")
    names = ["docopt==0.6.2", "future==0.18.2", "easydict==1.9", "unicodecsv==0.14.1", "wget==3.2"]
    pythons = [v for v in ("3.13", "3.12", "3.11", "3.8") if v in builder.targets][:2]
    wanted = [(name, builder.targets[python]) for name in names for python in pythons]
    try:
        with concurrent.futures.ThreadPoolExecutor(5) as clients:
            asked = list(clients.map(lambda _: [builder.build(*pair) for pair in wanted], range(5)))
        ends = [builder.ended(build) for build in {b for builds in asked for b in builds}]
        built = sum(end["state"] == "built" for end in ends)
    finally:
        builder.server.stop()
    return ("## Five clients ask for the same ten builds at once\n\n"
            f"{len(asked) * len(wanted)} requests, {len(ends)} builds, {built} built.")


HOSTILE = {
    "network": "import urllib.request; urllib.request.urlopen('http://192.0.2.1/', timeout=5)",
    "host files": "open('/etc/shadow').read()",
    "fork bomb": "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass",
    "memory": "x = []\nwhile True: x.append(bytearray(1 << 24))",
    "disk": "f = open('big', 'wb')\nwhile True: f.write(b'x' * (1 << 20))",
    "sleep": "import time; time.sleep(100000)",
    "log flood": "import sys\nwhile True: sys.stdout.write('x' * 65536 + '\\n')",
}


def sdist(name, body):
    """An sdist whose setup.py does this."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for path, text in [("PKG-INFO", f"Metadata-Version: 1.0\nName: {name}\nVersion: 1.0\n"),
                           ("setup.py", f"{body}\nfrom setuptools import setup\nsetup(name='{name}', version='1.0')\n")]:
            member = tarfile.TarInfo(f"{name}-1.0/{path}")
            member.size = len(text.encode())
            tar.addfile(member, io.BytesIO(text.encode()))
    return out.getvalue()


def latency(url, seconds):
    """Median and 99th percentile of a page's answer, in seconds."""
    taken, until = [], time.monotonic() + seconds
    while time.monotonic() < until:
        started = time.monotonic()
        urllib.request.urlopen(url, timeout=30).read()
        taken.append(time.monotonic() - started)
        time.sleep(0.005)
    taken.sort()
    return taken[len(taken) // 2], taken[len(taken) * 99 // 100]


def measure_hostile():
    builder = Builder("hostile", **TIGHT)
    page = builder.server.url + "/root/pypi/+simple/docopt/"
    try:
        target = builder.targets[max(builder.targets, key=lambda v: [int(x) for x in v.split(".")])]
        builder.ended(builder.build("docopt==0.6.2", target))
        idle = latency(page, 5)
        rows = []
        for name, body in HOSTILE.items():
            project = "hostile-" + name.replace(" ", "-")
            sha = builder.ask("POST", f"/+builds/sources?filename={project}-1.0.tar.gz", raw=sdist(project, body))["result"]["sha256"]
            build = builder.build(None, target, source=sha, filename=f"{project}-1.0.tar.gz")
            with concurrent.futures.ThreadPoolExecutor(1) as other:
                waiting = other.submit(builder.ended, build, 120)
                during = latency(page, 4)
                state = waiting.result()
            failure = state.get("failure") or {}
            rows.append(f"| {name} | {state['state']}: {failure.get('class')} | {failure.get('hint') or ''} | {during[0] / idle[0]:.2f} | {during[1] / idle[1]:.2f} |")
            print(rows[-1], flush=True)
    finally:
        builder.server.stop()
    head = [f"## Hostile sdists; page latency meanwhile against idle (median {idle[0] * 1000:.1f} ms, p99 {idle[1] * 1000:.1f} ms; goal ≤ 2)", "",
            "| what it does | end | what the page says | median | p99 |", "|---|---|---|---|---|"]
    return "\n".join(head + rows)


def measure():
    return "\n\n".join([measure_cpu(), measure_together(), measure_hostile(), measure_corpus(recipes=False), measure_corpus(recipes=True)])
