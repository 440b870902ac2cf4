"""Load by wrk on one server, and what it cost that server."""

import os
import re
import statistics
import subprocess

SECONDS = int(os.environ.get("BENCH_SECONDS", "3"))
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))
CONNECTIONS = 32


class Sample:
    """One server, one URL, one round: microseconds of CPU per request, requests a second, p99 in ms."""

    def __init__(self, cpu, rate, p99):
        self.cpu, self.rate, self.p99 = cpu, rate, p99


def milliseconds(text):
    found = re.fullmatch(r"([\d.]+)(us|ms|s|m)", text)
    return float(found.group(1)) * {"us": 0.001, "ms": 1, "s": 1000, "m": 60_000}[found.group(2)] if found else float("nan")


def run(server, path, headers):
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}s", "--latency", "--timeout", "20s"]
    for name, value in headers.items():
        command += ["-H", f"{name}: {value}"]
    before = server.cpu()
    done = subprocess.run([*command, server.url + path], check=True, capture_output=True, text=True).stdout
    spent = server.cpu() - before
    refused = re.search(r"Non-2xx or 3xx responses: (\d+)", done)
    if refused and int(refused.group(1)) > 0.01 * int(re.search(r"(\d+) requests in", done).group(1)):
        raise SystemExit(f"{server.name} refused {refused.group(1)} requests of {path}")
    requests = int(re.search(r"(\d+) requests in", done).group(1))
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", done).group(1))
    p99 = milliseconds(re.search(r"99%\s+(\S+)", done).group(1))
    return Sample(spent / max(requests, 1) * 1e6, rate, p99)


def interleaved(targets):
    """`targets`: {name: (server, path, headers)}; every round asks each once. {name: [Sample]}."""
    samples = {name: [] for name in targets}
    for _ in range(ROUNDS):
        for name, (server, path, headers) in targets.items():
            samples[name].append(run(server, path, headers))
    return samples


def ratio(samples, name, base="nginx"):
    """CPU per request against `base`, pair by pair within a round: (median, least, most)."""
    pairs = [own.cpu / other.cpu for own, other in zip(samples[name], samples[base]) if other.cpu]
    return (statistics.median(pairs), min(pairs), max(pairs)) if pairs else (float("nan"),) * 3


def median(samples, field):
    """Of those rounds that have a figure (wrk gives no p99 when its clock was moved)."""
    known = [value for value in (getattr(sample, field) for sample in samples) if value == value]
    return statistics.median(known) if known else float("nan")
