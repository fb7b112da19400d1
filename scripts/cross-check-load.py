#!/usr/bin/env python3
"""Compares slotbench's load generator with wrk and oha: the same request to the same node in the same minutes.

Usage: scripts/cross-check-load.py [--rounds N] [--seconds S] [--connections N] [--protocols LIST] [--json FILE]

Starts `slotbench serve --backend memory` and sends, over each protocol, the same request over and over, one at a time on each
connection (default 25): `get` reads where a schedule ends, `post` schedules an ed25519-signed message of 1 KiB. The
generators take turns for N rounds (default 31) of S whole seconds (default 1), in a random order each time, so that a drift
of the machine, and the node's growing store, meet all alike. The node has the first CPU for itself and the generators the
others: on shared ones the figures would be those of a node that its client takes time from, one more and another less.
Compared are requests a second: the median over rounds of the ratio of slotbench's to the other's in that round, with its
95 % confidence interval (order statistics), which says nothing of rounds that the machine spoilt for both.

slotbench's own is `harness/examples/load.rs`: loop, client and recorder of a cell with `--transport`. wrk speaks HTTP/1.1; oha
HTTP/1.1 and HTTP/2 and, built with its feature `http3`, HTTP/3. A generator that is not there is left out, by name.

Needs wrk (Debian package `wrk`) or oha (`cargo install oha --features http3`), and openssl for the certificate of HTTP/3.
Exit code: 0 within 15 %, 1 not, 2 bad usage or something could not be run, 77 neither is there.
"""

import argparse
import json
import math
import os
import pathlib
import random
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile

ALLOWED = 0.15
SCHEDULE = "/~scheduler@1.0/schedule"
FLAGS = {"h1": ["--http-version", "1.1"], "h2": ["--http-version", "2"], "h3": ["--http-version", "3"]}
# wrk's summary has no machine-readable form; its `done` hook makes one.
WRK = """
{body}
done = function(summary, latency)
  local errors = summary.errors
  io.write(string.format('\\nJSON {{"requests": %d, "seconds": %f, "failed": %d, "p50_ns": %d, "p99_ns": %d}}\\n', summary.requests,
    summary.duration / 1e6, errors.connect + errors.read + errors.write + errors.status + errors.timeout,
    latency:percentile(50) * 1000, latency:percentile(99) * 1000))
end
"""
WRK_POST = """
local file = io.open("{file}", "rb")
wrk.method, wrk.body = "POST", file:read("*a")
file:close()
"""


CPUS = sorted(os.sched_getaffinity(0))
# With one CPU alone there is nothing to divide.
NODE_CPUS, GENERATOR_CPUS = (CPUS[:1], CPUS[1:]) if len(CPUS) > 1 else (CPUS, CPUS)


def run(command):
    keep_apart = lambda: os.sched_setaffinity(0, GENERATOR_CPUS)
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=keep_apart)
    return done.stdout


class Node:
    """A running node over one protocol. HTTP/3 has a node of its own, because a certificate given is TCP's as well."""

    def __init__(self, binary, scratch, protocol, certificate):
        command = [binary, "serve", "--backend", "memory", "--durability", "memory", "--any-process"]
        command += ["--listen", "127.0.0.1:0", "--protocol", protocol]
        if protocol == "h3":
            command += ["--tls-cert", certificate["chain"], "--tls-key", certificate["key"]]
        keep_apart = lambda: os.sched_setaffinity(0, NODE_CPUS)
        self.process = subprocess.Popen(command, cwd=scratch, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                                        preexec_fn=keep_apart)
        self.address = self.process.stdout.readline().rpartition("//")[2].strip()
        # The address that signs follows when every listener is there.
        if not self.address or not self.process.stdout.readline().startswith("address "):
            self.stop()
            raise OSError(f"no node over {protocol}")

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()


def certificate(scratch):
    paths = {name: str(pathlib.Path(scratch) / f"{name}.pem") for name in ("chain", "key")}
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    command += ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    command += ["-addext", "basicConstraints=critical,CA:FALSE", "-keyout", paths["key"], "-out", paths["chain"]]
    run(command)
    paths["der"] = str(pathlib.Path(scratch) / "chain.der")
    run(["openssl", "x509", "-in", paths["chain"], "-outform", "DER", "-out", paths["der"]])
    return paths


def slotbench(settings, case):
    command = [settings.load, case["protocol"], case["address"], case["method"], case["path"]]
    command += [str(settings.connections), str(settings.seconds)]
    command += [case["certificate"]["der"]] if case["protocol"] == "h3" else []
    return json.loads(run(command))


def wrk(settings, case):
    script = pathlib.Path(case["scratch"]) / "wrk.lua"
    body = WRK_POST.format(file=case["file"]) if case["method"] == "post" else ""
    script.write_text(WRK.format(body=body))
    command = ["wrk", "-t", str(len(GENERATOR_CPUS)), "-c", str(settings.connections), "-d", f"{settings.seconds}s"]
    said = run([*command, "-s", str(script), f"http://{case['address']}{case['path']}"])
    return json.loads(said.rpartition("JSON ")[2])


def oha(settings, case):
    command = [settings.oha, "--no-tui", "--output-format", "json", "-c", str(settings.connections)]
    command += ["-z", f"{settings.seconds}s", *FLAGS[case["protocol"]]]
    command += ["-m", "POST", "-D", case["file"]] if case["method"] == "post" else []
    scheme = "https" if case["protocol"] == "h3" else "http"
    command += ["--insecure"] if scheme == "https" else []
    said = json.loads(run([*command, f"{scheme}://localhost:{case['address'].rpartition(':')[2]}{case['path']}"]))
    codes = said["statusCodeDistribution"]
    good = sum(count for code, count in codes.items() if code.startswith("2"))
    # Requests under way at the end are aborted by oha, and are no failures.
    late = sum(count for error, count in said["errorDistribution"].items() if "deadline" in error)
    failed = sum(codes.values()) - good + sum(said["errorDistribution"].values()) - late
    quantile = lambda name: round(said["latencyPercentiles"][name] * 1e9)
    # Its own total has the half second in which it closes HTTP/3's connections, with no request under way.
    return {"requests": good, "seconds": settings.seconds, "failed": failed, "p50_ns": quantile("p50"), "p99_ns": quantile("p99")}


def rate(result):
    return result["requests"] / result["seconds"]


def interval(ratios):
    """The median's, exact for any distribution: the widest pair of order statistics that misses it at most once in 20."""
    ratios, tails, count = sorted(ratios), 0, len(ratios)
    for rank in range(count // 2):
        tails += math.comb(count, rank) * 2 ** (1 - count)
        if tails > 0.05:
            return [ratios[max(rank - 1, 0)], ratios[count - max(rank, 1)]]
    return [ratios[0], ratios[-1]]


def compare(settings, case, generators):
    rounds = {name: [] for name in generators}
    names = list(generators)
    for turn in range(settings.rounds + 1):
        random.shuffle(names)
        for name in names:
            result = generators[name](settings, case)
            if result["failed"]:
                raise ValueError(f"{name}: {result}")
            # The first round warms up.
            rounds[name] += [result] if turn else []
    found = []
    for name in list(generators)[1:]:
        ratios = [rate(us) / rate(them) for us, them in zip(rounds["slotbench"], rounds[name])]
        medians = [statistics.median(map(rate, rounds[each])) for each in ("slotbench", name)]
        found.append({"protocol": case["protocol"], "request": case["method"], "other": name, "rates": medians,
                      "ratio": statistics.median(ratios), "interval": interval(ratios)})
        print(f"{case['protocol']:3} {case['method']:5} {name:5} {medians[0]:10,.0f} {medians[1]:10,.0f} "
              f"{found[-1]['ratio']:7.2f}   " + "–".join(f"{end:.2f}" for end in found[-1]["interval"]), flush=True)
    return found, {f"{case['protocol']} {case['method']} {name}": results for name, results in rounds.items()}


def main():
    root = pathlib.Path(__file__).resolve().parent.parent
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=31)
    parser.add_argument("--seconds", type=int, default=1)
    parser.add_argument("--connections", type=int, default=25)
    parser.add_argument("--protocols", default="h1,h2,h3")
    parser.add_argument("--slotbench", default=str(root / "target/release/slotbench"))
    parser.add_argument("--load", default=str(root / "target/release/examples/load"),
                        help="cargo build --release -p slotbench --example load")
    parser.add_argument("--oha", default="oha")
    parser.add_argument("--json", help="where to write every round")
    settings = parser.parse_args()
    random.seed(1)
    there = {"wrk": shutil.which("wrk"), "oha": shutil.which(settings.oha)}
    for name in [name for name, path in there.items() if path is None]:
        print(f"left out: {name}, which is not there", file=sys.stderr)
    if not any(there.values()):
        return 77
    found, rounds = [], {}
    try:
        with tempfile.TemporaryDirectory() as scratch:
            file = str(pathlib.Path(scratch) / "message")
            process = run([settings.load, "message", file]).strip()
            keys = certificate(scratch)
            print(f"protocol, request, other; requests/s of slotbench and the other; ratio and its 95 % interval, {settings.rounds} rounds")
            for protocol in settings.protocols.split(","):
                generators = {"slotbench": slotbench}
                if protocol == "h1" and there["wrk"]:
                    generators["wrk"] = wrk
                if there["oha"]:
                    generators["oha"] = oha
                node = Node(settings.slotbench, scratch, protocol, keys)
                try:
                    case = {"protocol": protocol, "address": node.address, "scratch": scratch, "file": file, "certificate": keys}
                    # Scheduling comes first, so that there is a schedule to read.
                    for method, path in (("post", SCHEDULE), ("get", f"/{process}/slot")):
                        new, details = compare(settings, {**case, "method": method, "path": path}, generators)
                        found += new
                        rounds |= details
                finally:
                    node.stop()
    except subprocess.CalledProcessError as error:
        print(f"cannot compare: {error}\n{error.stderr}", file=sys.stderr)
        return 2
    except (OSError, ValueError, KeyError) as error:
        print(f"cannot compare: {error!r}", file=sys.stderr)
        return 2
    if settings.json:
        pathlib.Path(settings.json).write_text(json.dumps({"compared": found, "rounds": rounds}, indent=1))
    return 0 if all(abs(one["ratio"] - 1) <= ALLOWED for one in found) else 1


if __name__ == "__main__":
    sys.exit(main())
