"""What pages for people cost with 10,000 projects: every page that can be reached by links, as root, one asker."""

import base64
import html
import re
import shutil
import statistics
import time
import urllib.error
import urllib.parse
import urllib.request

import scale
import search
import servers

PROJECTS = 10_000
# Pages whose addresses differ only in the names of projects, versions and numbers.
ALIKE = 5
ROUNDS = 10


def shape(path):
    """The path with what differs from one project to the next taken out."""
    return re.sub(r"word\w*|project[-_]\d+|\d+(\.\d+)*", "N", path)


def fetch(server, path):
    """(milliseconds, the page); nothing for what is no page."""
    request = urllib.request.Request(server.url + path, headers={"Accept": "text/html"})
    request.add_header("Authorization", "Basic " + base64.b64encode(f"root:{servers.PASSWORD}".encode()).decode())
    begin = time.monotonic()
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            body = answer.read()
            took = (time.monotonic() - begin) * 1000
            is_page = answer.headers.get_content_type() == "text/html"
            return (took, body) if is_page and answer.geturl() == server.url + path else (took, None)
    except urllib.error.HTTPError:
        return 0, None


def links(server, path, body):
    for href in re.findall(rb'href="([^"]+)"', body):
        url = urllib.parse.urljoin(server.url + path, html.unescape(href.decode()))
        url = urllib.parse.urldefrag(url)[0]
        if url.startswith(server.url + "/") and not re.search(r"/\+f/|/\+simple/|/simple/|/\+static/|logout", url):
            yield url.removeprefix(server.url)


def measure():
    data = servers.WORK / "pages-data"
    shutil.rmtree(data, ignore_errors=True)
    scale.fill(data, "bench/big", PROJECTS, 3)
    search.describe(data, "bench/big")
    shutil.rmtree(data / "search", ignore_errors=True)
    servers.manage(data, "user", "passwd", "root", "--password", servers.PASSWORD)
    _, server = scale.started(data)
    try:
        while not search.ask(server, "datakit")[1]["complete"]:
            time.sleep(0.1)
        waiting, seen, shapes, found = ["/", "/+search?q=data", "/bench/big/project-000042"], set(), {}, {}
        while waiting:
            path = waiting.pop(0)
            kind = shape(path)
            if path in seen or shapes.get(kind, 0) >= ALIKE:
                continue
            seen.add(path)
            shapes[kind] = shapes.get(kind, 0) + 1
            _, body = fetch(server, path)
            if body is not None:
                found[path] = len(body)
                waiting.extend(links(server, path, body))
        times = {path: statistics.median(fetch(server, path)[0] for _ in range(ROUNDS)) for path in found}
    finally:
        server.stop()
    slow, large = sorted(times, key=times.get)[-3:][::-1], sorted(found, key=found.get)[-3:][::-1]
    rows = [("pages that were found by following links, kinds of address", "", f"{len(found)}, {len({shape(path) for path in found})}"),
            ("the median page", "", f"{statistics.median(times.values()):.1f} ms"),
            ("the slowest pages", "≤ 100 ms", ", ".join(f"`{path}` **{times[path]:.1f} ms**" for path in slow)),
            ("the largest pages", "≤ 50 kB", ", ".join(f"`{path}` **{found[path] / 1000:.1f} kB**" for path in large))]
    out = [f"## Pages for people, {PROJECTS:,} projects with 3 releases each", "", "| what | goal | measured |", "|---|---|---|"]
    out += [f"| {what} | {goal} | {measured} |" for what, goal, measured in rows]
    print("\n".join(out[4:]), flush=True)
    return "\n".join(out)
