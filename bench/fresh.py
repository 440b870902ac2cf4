"""Sources that no recipe was written for: what comes of them, beside what plain pip makes of them."""

import functools
import json
import re
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import servers
from builds import Builder

HERE = Path(__file__).parent
# Seconds that plain pip gets for one source.
PATIENCE = 1800


def rows(name):
    lines = (HERE / name).read_text().splitlines()
    return [tuple(line.split("\t")) for line in lines if not line.startswith("#")]


def came_to(state):
    """A word for the end of a build, and what was done or why it failed."""
    failure, evidence = state.get("failure") or {}, state.get("evidence") or {}
    if state["state"] != "built":
        return failure.get("class") or state["state"], failure.get("line") or failure.get("hint") or ""
    doubts = evidence.get("doubts") or []
    return ("doubtful" if doubts else "built"), evidence.get("strategy", "") + "".join(f"; {doubt}" for doubt in doubts)


@functools.cache
def interpreters():
    """Interpreter version (`3.13`) to its program, as the worker finds them."""
    listed = subprocess.run([servers.WHEELWRIGHT, "target", "list", "--json"], check=True, capture_output=True)
    return {".".join(each["version"].split(".")[:2]): each["executable"] for each in json.loads(listed.stdout)}


def plain_pip(requirement, python):
    """What `pip wheel` makes of a source in an isolated environment of this machine: `built` or `fails`."""
    home = servers.WORK / "tools" / f"pip-{python}"
    if not (home / "bin" / "python").exists():
        uv = servers.tools("uv", "uv", "packaging") / "uv"
        subprocess.run([uv, "venv", "-q", "--seed", "--python", interpreters()[python], home], check=True)
    wheels = servers.WORK / "plain-pip"
    shutil.rmtree(wheels, ignore_errors=True)
    project = requirement.partition("==")[0]
    command = [home / "bin" / "python", "-m", "pip", "wheel", "-q", "--no-deps", "--no-cache-dir", "--no-binary", project,
               "-w", wheels, requirement]
    with open(servers.WORK / f"plain-pip-{project}.log", "wb") as log:
        try:
            done = subprocess.run(command, stdout=log, stderr=log, timeout=PATIENCE,
                                  env=servers.clean_environment(PIP_DISABLE_PIP_VERSION_CHECK="1"))
        except subprocess.TimeoutExpired:
            return "fails"
    return "built" if done.returncode == 0 and any(wheels.glob("*.whl")) else "fails"


def compare(title, sources):
    """The table of `(requirement, Python, what plain pip comes to or None)`."""
    builder = Builder("fresh", recipes=False)
    try:
        asked = [(builder.ask_for(requirement, builder.targets[python]), requirement, python, pip)
                 for requirement, python, pip in sources if python in builder.targets]
        lines, counts = [], Counter()
        for build, requirement, python, pip in asked:
            state = builder.ended(build) if isinstance(build, int) else build
            word, why = came_to(state)
            pip = pip or plain_pip(requirement, python)
            counts[pip, word in ("built", "doubtful")] += 1
            # Where things lie on this machine is nobody's business.
            why = re.sub(r"(?<![:/\w])(/[\w.+-]+){2,}/", "…/", why)
            text = " ".join(why.split()).replace("|", "\\|")[:160]
            lines.append(f"| {requirement} | {python} | {pip} | {word} | {text} |")
            print(lines[-1], flush=True)
        skipped = len(sources) - len(asked)
        head = [f"## {title}", "",
                f"Of {counts['built', True] + counts['built', False]} that plain pip builds: {counts['built', True]} built. "
                f"Of {counts['fails', True] + counts['fails', False]} that it does not: {counts['fails', True]} built."
                + (f" {skipped} were not tried: their interpreter is not here." if skipped else ""), "",
                "| source | Python | plain pip | here | how, or why not |", "|---|---|---|---|---|"]
        return "\n".join(head + lines)
    finally:
        builder.server.stop()


def measure():
    return compare("Sources without a recipe", rows("fresh.tsv"))
