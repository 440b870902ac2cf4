"""CPU per request of prepared pages and files, against nginx serving the very same bytes."""

import base64
import gzip
import json
import shutil
import time
import urllib.parse
import urllib.request

import load
import servers

JSON = "application/vnd.pypi.simple.v1+json"
FORMS = {"json": JSON, "html": "text/html"}


def get(url, **headers):
    request = urllib.request.Request(url, headers={k.replace("_", "-"): v for k, v in headers.items()})
    with urllib.request.urlopen(request, timeout=120) as answer:
        return answer.read(), answer.headers


def save(tree, name, url, **headers):
    """Puts the bytes that wheelwright answers where nginx finds them, with their prepared gzip form."""
    path = tree / name
    path.parent.mkdir(parents=True, exist_ok=True)
    for _ in range(20):  # a mirror that still reads metadata ahead changes its page between two requests
        body, _ = get(url, **headers)
        packed, answer = get(url, Accept_Encoding="gzip", **headers)
        coded = answer.get("Content-Encoding") == "gzip"
        if (gzip.decompress(packed) if coded else packed) == body:
            break
        time.sleep(1)
    else:
        raise SystemExit(f"{url}: gzip and identity differ")
    path.write_bytes(body)
    if coded:
        (tree / f"{name}.gz").write_bytes(packed)
    return len(body)


def wheel(url, least, most, metadata=False):
    """The URL path of the newest wheel on a project page whose size lies between these bounds.

    An upstream may tell neither sizes nor metadata: then HEAD tells the one, and the mirror's own
    reading ahead brings the other after a moment.
    """
    for _ in range(50):
        page, _ = get(url, Accept=JSON)
        wheels = [f for f in json.loads(page)["files"] if f["filename"].endswith(".whl")]
        for file in reversed(wheels[-60:]):
            where = urllib.parse.urljoin(url, file["url"])
            if metadata and not file.get("core-metadata"):
                continue
            request = urllib.request.Request(where, method="HEAD")
            size = file.get("size") or int(urllib.request.urlopen(request, timeout=120).headers["Content-Length"])
            if least <= size <= most:
                return urllib.parse.urlsplit(where).path
        time.sleep(0.2)
    raise SystemExit(f"no wheel of {least} to {most} bytes on {url}")


def prepare(data):
    servers.manage(data, "user", "create", "bench", "--password", servers.PASSWORD)
    for index, bases in [("one", ""), ("two", ""), ("three", "bench/one,bench/two,root/pypi")]:
        servers.manage(data, "index", "create", f"bench/{index}", *(["--bases", bases] if bases else []))
    servers.manage(data, "index", "create", "bench/private", "--bases", "root/pypi", "acl_read=bench")
    return servers.manage(data, "token", "create", "bench", "--action", "read")


def rows(own, tree, token):
    """(label, goal, path on wheelwright, path on nginx, headers, path on the peers)."""
    basic = base64.b64encode(f"__token__:{token}".encode()).decode()
    for project in ["six", "requests", "numpy"]:
        for form, accept in FORMS.items():
            url = f"/root/pypi/+simple/{project}/"
            size = save(tree, f"{project}.{form}", own.url + url, Accept=accept)
            for encoding in ["identity", "gzip"]:
                headers = {"Accept": accept, "Accept-Encoding": encoding}
                label = f"{project} page, {form}, {encoding} ({size // 1024} KiB)"
                goal = 1.2 if size > 500_000 else 1.5
                yield label, goal, url, f"/{project}.{form}", headers, project
    for project in ["six", "numpy"]:
        url = f"/bench/three/+simple/{project}/"
        save(tree, f"three-{project}.json", own.url + url, Accept=JSON)
        headers = {"Accept": JSON, "Accept-Encoding": "gzip"}
        yield f"{project} page through three bases, json, gzip", 1.6, url, f"/three-{project}.json", headers, None
    small = wheel(own.url + "/root/pypi/+simple/six/", 9_000, 14_000, metadata=True)
    large = wheel(own.url + "/root/pypi/+simple/numpy/", 16_000_000, 22_000_000)
    plain = {"Accept-Encoding": "identity"}
    for label, goal, path in [("11 kB wheel", 1.5, small), (".metadata", 1.5, small + ".metadata"), ("20 MB wheel", 2.0, large)]:
        name = path.rsplit("/", 1)[1]
        save(tree, name, own.url + path)
        yield label, goal, path, f"/{name}", plain, (path if label != ".metadata" else None)
    url = "/bench/private/+simple/six/"
    headers = {"Accept": JSON, "Accept-Encoding": "gzip", "Authorization": f"Basic {basic}"}
    save(tree, "private.json", own.url + url, Accept=JSON, Authorization=f"Basic {basic}")
    yield "private page, authenticated, json, gzip", 2.0, url, "/private.json", headers, None


def warmed(url):
    """Whether a peer serves this page in both forms, given a few tries to fetch it first."""
    for _ in range(5):
        try:
            for accept in FORMS.values():
                get(url, Accept=accept)
            return True
        except OSError:  # a refusal, or no answer in time
            time.sleep(1)
    return False


def peer_paths(server, simple, wanted):
    """Where a peer serves the same thing; None if it does not."""
    if wanted is None:
        return None
    if not wanted.startswith("/"):
        path = f"{simple}/{wanted}/"
        return path if warmed(server.url + path) else None
    filename = wanted.rsplit("/", 1)[1]
    project = filename.split("-")[0]
    url = f"{server.url}{simple}/{project}/"
    if not warmed(url):
        return None
    page, _ = get(url, Accept=JSON)
    for file in json.loads(page)["files"]:
        if file["filename"] == filename:
            found = urllib.parse.urljoin(url, file["url"])
            get(found)  # warm
            return urllib.parse.urlsplit(found).path
    return None


def measure():
    data, tree = servers.WORK / "serving-data", servers.WORK / "tree"
    shutil.rmtree(tree, ignore_errors=True)
    tree.mkdir(parents=True)
    (tree / "index.html").write_text("ok")
    fresh = not data.exists()
    own = servers.wheelwright(data)
    running = [own]
    try:
        if fresh:
            token = prepare(data)
            (data / "bench-token").write_text(token)
        token = (data / "bench-token").read_text()
        table = list(rows(own, tree, token))
        nginx = servers.nginx(tree)
        running.append(nginx)
        upstream = own.url + "/root/pypi/+simple/"
        peers = {"devpi": (servers.devpi(upstream), "/bench/mirror/+simple"), "peryx": (servers.peryx(upstream), "/mirror/simple")}
        running += [server for server, _ in peers.values()]
        return render(table, own, nginx, peers)
    finally:
        for server in reversed(running):
            server.stop()


def render(table, own, nginx, peers):
    out = ["## Serving, 32 connections, warm", "",
           "CPU per request as a multiple of nginx serving the same bytes as files; requests a second and p99 beside it.", "",
           "| what | goal | wheelwright | µs, nginx µs | req/s (nginx) | p99 ms (nginx) | peryx | devpi |", "|---|---|---|---|---|---|---|---|"]
    for label, goal, path, plain, headers, wanted in table:
        targets = {"nginx": (nginx, plain, headers), "wheelwright": (own, path, headers)}
        for name, (server, simple) in peers.items():
            where = peer_paths(server, simple, wanted)
            if where:
                targets[name] = (server, where, headers)
        samples = load.interleaved(targets)
        middle, least, most = load.ratio(samples, "wheelwright")
        others = [f"{load.ratio(samples, name)[0]:.1f}" if name in samples else "—" for name in ("peryx", "devpi")]
        cpu, rate, p99 = ([load.median(samples[n], f) for n in ("wheelwright", "nginx")] for f in ("cpu", "rate", "p99"))
        line = (f"| {label} | ≤ {goal} | **{middle:.2f}** ({least:.2f}–{most:.2f}) | {cpu[0]:.0f}, {cpu[1]:.0f} "
                f"| {rate[0]:.0f} ({rate[1]:.0f}) | {p99[0]:.1f} ({p99[1]:.1f}) | {others[0]} | {others[1]} |")
        print(line, flush=True)
        out.append(line)
    return "\n".join(out)
