"""Runs the comparisons and writes bench/RESULTS.md."""

import os
import platform
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import builds
import fresh
import importing
import installing
import pages
import promise
import scale
import search
import serving
import unseen
import uploading
import waiting
import wheelhouse

PARTS = {"serving": serving, "installing": installing, "uploading": uploading, "importing": importing, "scale": scale, "search": search, "pages": pages,
         "builds": builds, "fresh": fresh, "unseen": unseen, "waiting": waiting, "promise": promise, "wheelhouse": wheelhouse}
RESULTS = Path(__file__).parent / "RESULTS.md"


def machine():
    model = next((l.split(":", 1)[1].strip() for l in open("/proc/cpuinfo") if l.startswith("model name")), "unknown")
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True).stdout.strip()
    return (f"{time.strftime('%Y-%m-%d')}, commit {commit}, {os.cpu_count()} × {model}, Linux {platform.release()}. "
            "Client and server share these processors; ratios are taken pair by pair within a round, "
            "shown as median (least–most).")


def sections():
    """What RESULTS.md holds already, by part, so that one part can be measured anew."""
    known, name = {}, None
    for line in RESULTS.read_text().splitlines() if RESULTS.exists() else []:
        if line.startswith("<!-- part "):
            name = line.split()[2]
            known[name] = []
        elif name:
            known[name].append(line)
    return {name: "\n".join(lines).strip() for name, lines in known.items()}


def main():
    wanted = sys.argv[1:] or list(PARTS)
    unknown = [name for name in wanted if name not in PARTS]
    if unknown:
        sys.exit(f"unknown part {unknown[0]}: there are {', '.join(PARTS)}")
    text = sections()
    for name in wanted:
        print(f"== {name}", flush=True)
        text[name] = f"{machine()}\n\n{PARTS[name].measure()}"
        body = "\n\n".join(f"<!-- part {n} -->\n{text[n]}" for n in PARTS if n in text)
        RESULTS.write_text(f"# Results\n\nRepeat with `make bench`, or one part with `bench/run PART`.\n\n{body}\n")
    print(f"written: {RESULTS.relative_to(Path.cwd())}")


if __name__ == "__main__":
    main()
