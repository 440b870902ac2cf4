"""Eight uploaders of small wheels at once: acknowledged, durable uploads a second."""

import base64
import hashlib
import http.client
import io
import multiprocessing
import os
import shutil
import statistics
import time
import urllib.parse
import zipfile

import servers

UPLOADERS = 8
SECONDS = float(os.environ.get("BENCH_SECONDS", "3"))
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))
BOUNDARY = "b0undary"


def wheel(name, version):
    """A small valid wheel."""
    info = f"{name}-{version}.dist-info"
    members = {
        f"{name}.py": f"version = {version!r}\n".encode() + b"# " + b"x" * 6000 + b"\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: bench\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    digest = {path: base64.urlsafe_b64encode(hashlib.sha256(body).digest()).rstrip(b"=").decode() for path, body in members.items()}
    record = "".join(f"{path},sha256={digest[path]},{len(body)}\n" for path, body in members.items()) + f"{info}/RECORD,,\n"
    members[f"{info}/RECORD"] = record.encode()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for path, body in members.items():
            archive.writestr(path, body)
    return f"{name}-{version}-py3-none-any.whl", buffer.getvalue()


def form(name, version):
    filename, body = wheel(name, version)
    fields = {
        ":action": "file_upload", "protocol_version": "1", "metadata_version": "2.1", "name": name, "version": version,
        "filetype": "bdist_wheel", "pyversion": "py3", "sha256_digest": hashlib.sha256(body).hexdigest(),
        "md5_digest": hashlib.md5(body).hexdigest(), "blake2_256_digest": hashlib.blake2b(body, digest_size=32).hexdigest(),
    }
    parts = [f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{k}"\r\n\r\n{v}\r\n'.encode() for k, v in fields.items()]
    parts.append(f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="content"; filename="{filename}"\r\n'
                 "Content-Type: application/octet-stream\r\n\r\n".encode() + body + b"\r\n")
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


def upload(url, user, prefix, results):
    """One uploader: as many as it can in the time; puts (count, seconds) into `results`."""
    where = urllib.parse.urlsplit(url)
    basic = base64.b64encode(f"{user}:{servers.PASSWORD}".encode()).decode()
    headers = {"Authorization": f"Basic {basic}", "Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    connection = http.client.HTTPConnection(where.hostname, where.port, timeout=60)
    done, started = 0, time.monotonic()
    while time.monotonic() < started + SECONDS:
        body = form(prefix, f"1.{done}")
        try:
            connection.request("POST", where.path, body, headers)
            answer = connection.getresponse()
            text = answer.read()
        except (http.client.HTTPException, ConnectionError):
            connection.close()
            continue
        if answer.status != 200:
            raise SystemExit(f"{url}: {answer.status} {answer.reason} {text[:200]}")
        done += 1
    results.put((done, time.monotonic() - started))


def rate(url, user, run):
    results = multiprocessing.Queue()
    workers = [multiprocessing.Process(target=upload, args=(url, user, f"pkg{run}x{n}", results)) for n in range(UPLOADERS)]
    for worker in workers:
        worker.start()
    total = sum(done / seconds for done, seconds in (results.get(timeout=SECONDS * 10 + 60) for _ in workers))
    for worker in workers:
        worker.join()
    return total


def measure():
    for data in ("upload-data", "devpi-data", "peryx-data"):
        shutil.rmtree(servers.WORK / data, ignore_errors=True)
    running = []
    try:
        own = servers.wheelwright(servers.WORK / "upload-data")
        running.append(own)
        servers.manage(servers.WORK / "upload-data", "user", "create", "bench", "--password", servers.PASSWORD)
        servers.manage(servers.WORK / "upload-data", "index", "create", "bench/dev")
        upstream = own.url + "/root/pypi/+simple/"
        peryx, devpi = servers.peryx(upstream), servers.devpi(upstream)
        running += [peryx, devpi]
        targets = {"wheelwright": (own.url + "/bench/dev/", "bench"), "peryx": (peryx.url + "/dev/", "__token__"),
                   "devpi": (devpi.url + "/bench/dev/", "bench")}
        rates = {name: [] for name in targets}
        for run in range(ROUNDS):
            for name, (url, user) in targets.items():
                rates[name].append(rate(url, user, run))
    finally:
        for server in reversed(running):
            server.stop()
    out = [f"## Uploading: {UPLOADERS} uploaders of small wheels, each acknowledged", "",
           "| server | uploads a second | wheelwright is … times it (goal) |", "|---|---|---|"]
    goals = {"wheelwright": "", "peryx": "≥ 2", "devpi": "≥ 20"}
    for name, goal in goals.items():
        pairs = [a / b for a, b in zip(rates["wheelwright"], rates[name])]
        compared = f"**{statistics.median(pairs):.1f}** ({min(pairs):.1f}–{max(pairs):.1f}) ({goal})" if goal else ""
        out.append(f"| {name} | {statistics.median(rates[name]):.0f} | {compared} |")
        print(out[-1], flush=True)
    return "\n".join(out)
