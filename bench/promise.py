"""The first promised wheel of a small pure project, from request to bytes: by HTTP, by pip and by uv."""

import re
import shutil
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

import servers
from builds import Builder

# Sources only, built by setuptools, without dependencies. Each is built once per server.
COLD = "docopt==0.6.2"
WARM = ["sgmllib3k==1.0.0", "wget==3.2", "untokenize==0.1.1", "pyperclip==1.8.2", "termcolor==1.1.0",
        "easydict==1.9", "unicodecsv==0.14.1", "http-ece==1.1.0", "pyperclip==1.8.1"]
STEPS = ["fetch", "unpack", "environment", "build", "check", "report"]
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
SITE = servers.WORK / "promise-site"


def by_http(url, requirement):
    """Asks for the page and then for the file, as long as it takes."""
    name, version = requirement.split("==")
    page = f"{url}/v1/pypi/{PYTHON}/+simple/{name}/"
    with urllib.request.urlopen(page, timeout=60) as answer:
        links = re.findall(r'href="([^"#]*/\+w/[^"#]*)', answer.read().decode())
    link = next(link for link in links if f"-{version}-" in link)
    while True:
        try:
            with urllib.request.urlopen(urllib.parse.urljoin(page, link), timeout=60) as answer:
                return answer.read()
        except urllib.error.HTTPError as error:
            if error.code != 503:
                raise
            time.sleep(int(error.headers["Retry-After"]))


def run(command):
    shutil.rmtree(SITE, ignore_errors=True)
    environment = servers.clean_environment(PATH="/nowhere", PIP_CONFIG_FILE="/dev/null", UV_NO_CONFIG="1")
    subprocess.run([*command, "--target", SITE], env=environment, capture_output=True, check=True)


def by_pip(url, requirement):
    python = servers.tools("pip", "pip==26.3") / "python"
    run([python, "-m", "pip", "install", "--no-cache-dir", "--no-deps", "--only-binary", ":all:", "-i", f"{url}/simple/", requirement])


def by_uv(url, requirement):
    uv = servers.tools("uv", "uv==0.13.9") / "uv"
    run([uv, "pip", "install", "--no-cache", "--no-deps", "--no-build", "--python", sys.executable,
         "--index-url", f"{url}/v1/pypi/auto/+simple/", requirement])


CLIENTS = {"HTTP": by_http, "pip 26.3": by_pip, "uv 0.13.9": by_uv}


def seconds(work, *arguments):
    started = time.monotonic()
    work(*arguments)
    return time.monotonic() - started


def first(builder, client, requirement):
    """What the first request costs, what the client needs for itself, and the steps of the build."""
    url = builder.server.url
    before = builder.cpu()
    wall = seconds(CLIENTS[client], url, requirement)
    cpu = builder.cpu() - before
    # Once more: now the wheel is there, so this is the client's own work.
    own = seconds(CLIENTS[client], url, requirement)
    project = requirement.split("==")[0]
    builds = builder.ask("GET", f"/+builds?project={project}")["result"]
    evidence = builder.ask("GET", f"/+builds/{builds[0]['id']}")["result"]["evidence"]
    steps = {step: evidence["durations"].get(step, 0) for step in STEPS}
    return {"wall": wall, "waited": wall - own, "cpu": cpu, **steps}


def has_setting():
    done = subprocess.run([servers.WHEELWRIGHT, "config", "example"], capture_output=True, text=True, check=True)
    return "\n# prepare = " in done.stdout


def ready(builder, patience=300):
    """Waits until no environment is made any more."""
    folder = servers.WORK / "builds-promise-ready" / "worker" / "environments"
    quiet, until = time.monotonic(), time.monotonic() + patience
    while time.monotonic() - quiet < 5 and time.monotonic() < until:
        if not (folder / "requests").is_dir() or any(folder.glob("new-*")) or not any((folder / "requests").iterdir()):
            quiet = time.monotonic()
        time.sleep(0.1)
    return len(list((folder / "requests").iterdir()))


def row(label, client, measured):
    middle = {key: statistics.median(each[key] for each in measured) for key in measured[0]}
    steps = " | ".join(f"{middle[step]:.2f}" for step in STEPS)
    line = f"| {label} | {client} | {middle['wall']:.2f} | **{middle['waited']:.2f}** | {middle['cpu']:.2f} | {steps} |"
    print(line, flush=True)
    return line


def measure():
    rows = []
    has = has_setting()
    off = {"WHEELWRIGHT_BUILD__PREPARE": "false"} if has else {}
    for client in CLIENTS:
        builder = Builder("promise-cold", **off)
        try:
            # The page of the project and of its tools is known, so that the upstream's line is not measured.
            for name in ["docopt", "setuptools", "pip"]:
                urllib.request.urlopen(f"{builder.server.url}/root/pypi/+simple/{name}/", timeout=60).read()
            rows.append(row("cold: first of all", client, [first(builder, client, COLD)]))
        finally:
            builder.server.stop()
    if has:
        builder = Builder("promise-ready")
        try:
            began = time.monotonic()
            made = ready(builder)
            took = time.monotonic() - began - 5
            spent = builder.cpu()
            rows.append(row("environment made ahead: first of all", "HTTP", [first(builder, "HTTP", COLD)]))
        finally:
            builder.server.stop()
    builder = Builder("promise-warm", **off)
    try:
        by_http(builder.server.url, COLD)
        for at, client in enumerate(CLIENTS):
            rows.append(row("warm, median of 3", client, [first(builder, client, each) for each in WARM[at * 3:at * 3 + 3]]))
    finally:
        builder.server.stop()
    head = ["## The first promised wheel of a small pure project", "",
            "*Waited* is what the first request takes longer than the same one again, when the wheel is there (goal, warm: ≤ 1.0 s). "
            "CPU is the server's with its worker. The last columns are the steps of the wheel's build.", "",
            f"| | client | wall s | waited s | CPU s | {' | '.join(STEPS)} |", f"|{'---|' * (5 + len(STEPS))}"]
    text = "\n".join(head + rows)
    if has:
        text += (f"\n\n{made} usual environments were made ahead for the interpreters of this machine: {took:.0f} s, "
                 f"{spent:.0f} s of CPU in all, while nothing was built.")
    return text
