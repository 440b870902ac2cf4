"""What a search costs: 10,000 projects with descriptions, one asker after the other, each word another one."""

import json
import random
import shutil
import sqlite3
import statistics
import time
import urllib.parse
import urllib.request

import scale
import servers

PROJECTS = 10_000
QUERIES = 1000
WORDS = [a + b for a in ("data", "web", "async", "fast", "http", "json", "test", "cloud", "image", "graph")
         for b in ("kit", "tools", "client", "server", "parser", "utils", "core", "flow", "lab", "io")]


def describe(data, index):
    """Gives each release a summary and a description of 300 words from a list that is the same each time."""
    dice = random.Random(7)
    common = WORDS + [f"word{number}" for number in range(20_000)]
    database = sqlite3.connect(data / "wheelwright.db")
    rows = database.execute("SELECT project, version FROM release WHERE index_name = ?", (index,)).fetchall()
    for project, version in rows:
        facts = {"metadata_version": "2.1", "name": project, "version": version,
                 "summary": " ".join(dice.sample(WORDS, 6)), "description": " ".join(dice.choices(common, k=300))}
        database.execute("UPDATE release SET metadata = ? WHERE index_name = ? AND project = ? AND version = ?",
                         (json.dumps(facts), index, project, version))
    database.commit()
    database.close()


def ask(server, text):
    url = f"{server.url}/+search?q={urllib.parse.quote_plus(text)}"
    request = urllib.request.Request(url, headers={"Accept": "application/json"})
    begin = time.monotonic()
    with urllib.request.urlopen(request, timeout=60) as answer:
        found = json.load(answer)["result"]
    return (time.monotonic() - begin) * 1000, found


def measure():
    data = servers.WORK / "search-data"
    shutil.rmtree(data, ignore_errors=True)
    scale.fill(data, "bench/big", PROJECTS, 1)
    describe(data, "bench/big")
    # No event tells of rows that were written past the server.
    shutil.rmtree(data / "search", ignore_errors=True)
    begin = time.monotonic()
    _, server = scale.started(data)
    try:
        while not ask(server, "datakit")[1]["complete"]:
            time.sleep(0.1)
        made = time.monotonic() - begin
        dice, times = random.Random(11), []
        for _ in range(QUERIES):
            kind = dice.randrange(4)
            text = {0: lambda: f"project-{dice.randrange(PROJECTS):06}",
                    1: lambda: dice.choice(WORDS)[: dice.randrange(3, 8)],
                    2: lambda: " ".join(dice.sample(WORDS, 2)),
                    3: lambda: f"word{dice.randrange(20_000)}"}[kind]()
            times.append(ask(server, text)[0])
        memory = server.memory()
    finally:
        server.stop()
    size = sum(path.stat().st_size for path in (data / "search").rglob("*") if path.is_file()) / 2**20
    p50, p99 = statistics.median(times), sorted(times)[int(len(times) * 0.99)]
    rows = [(f"{PROJECTS:,} projects: search index made, from start", "", f"{made:.1f} s, {size:.0f} MiB on the disk"),
            (f"{QUERIES} searches (names, beginnings, words, pairs of words): median", "", f"**{p50:.1f} ms**"),
            ("the same: 99th percentile", "≤ 50 ms", f"**{p99:.1f} ms**"),
            ("resident memory afterwards", "≤ 150 MiB", f"**{memory:.0f} MiB**")]
    out = ["## Search", "", "| what | goal | measured |", "|---|---|---|"]
    out += [f"| {what} | {goal} | {measured} |" for what, goal, measured in rows]
    print("\n".join(out[4:]), flush=True)
    return "\n".join(out)
