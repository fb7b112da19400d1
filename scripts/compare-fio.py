#!/usr/bin/env python3
"""Compares slotbench's floors with what fio reports for the same pattern on the same file system in the same minute.

Usage: scripts/compare-fio.py [--rounds N] [--cpu N] [--slotbench BIN] [DIR]

The pattern is a new file of 4 KiB blocks, each appended with pwrite; for the second figure each followed by fdatasync.
DIR (default: .) is where both write. The two take turns for N rounds (default 5), so that a drift of the machine meets
both; what is compared are the medians over rounds of each one's median. fio has no other figure that is the time of
one write and its sync together, so its medians of the two are added.

The same for both: one CPU (--cpu, default the last one allowed), because on a virtual machine a sync is answered
sooner on the CPU that takes the disk's interrupt; and no CPU ever idle, which programs of the scheduling class SCHED_IDLE
see to, because waking a halted virtual CPU takes tens of microseconds, more or fewer from one second to the next.

Needs fio (Debian package `fio`). Exit code: 0 within 10 %, 1 not, 2 bad usage or something could not be run, 77 fio is
missing.
"""

import argparse
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile

ALLOWED = 0.10
# As in slotbench's own floors (harness/src/driver/floors.rs).
SYNCS, APPENDS = 200, 2000


def run_json(command):
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    # fio may print notes before its document.
    return json.loads(done.stdout[done.stdout.index("{"):])


def slotbench(binary, directory):
    with tempfile.TemporaryDirectory(dir=directory) as scratch:
        command = [binary, "run", "--json", "--backend", "null", "--durability", "memory", "--mode", "local"]
        command += ["--workers", "1", "--ops", "1", "--warmup", "0", "--rounds", "1"]
        command += ["--data-dir", f"{scratch}/data", "--out", f"{scratch}/out"]
        floors = run_json(command)["floors"]
    return {"append": floors["append_ns"], "fdatasync": floors["fdatasync_ns"]}


def fio_medians(directory, blocks, extra):
    with tempfile.TemporaryDirectory(dir=directory) as scratch:
        command = ["fio", "--name=floor", f"--filename={scratch}/floor", "--ioengine=psync", "--rw=write", "--bs=4k"]
        # --fallocate=none: blocks are appended, as in slotbench, not written into space that is there already.
        # --thread: a job in a process makes a session of its own, and would take turns with the idle programs.
        command += [f"--size={4 * blocks}k", "--fallocate=none", "--thread", "--output-format=json", *extra]
        job = run_json(command)["jobs"][0]
    median = lambda latency: latency["percentile"]["50.000000"]
    return median(job["write"]["clat_ns"]), median(job["sync"]["lat_ns"]) if extra else 0


def fio(directory):
    append, _ = fio_medians(directory, APPENDS, [])
    write, sync = fio_medians(directory, SYNCS, ["--fdatasync=1"])
    return {"append": append, "fdatasync": write + sync}


# Keeps a CPU from halting, and gives way to everybody.
def spin(cpu):
    idle = "import os\nos.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))\n"
    idle += f"os.sched_setaffinity(0, {{{cpu}}})\nwhile os.getppid() == {os.getpid()}: pass"
    return subprocess.Popen([sys.executable, "-c", idle])


def main():
    root = pathlib.Path(__file__).resolve().parent.parent
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--cpu", type=int, default=max(os.sched_getaffinity(0)))
    parser.add_argument("--slotbench", default=str(root / "target/release/slotbench"))
    parser.add_argument("directory", nargs="?", default=".")
    arguments = parser.parse_args()
    if shutil.which("fio") is None:
        print("skipped: needs fio (Debian package fio)", file=sys.stderr)
        return 77
    ours, theirs = [], []
    spinning = []
    try:
        spinning = [spin(cpu) for cpu in os.sched_getaffinity(0)]
        # Children inherit it.
        os.sched_setaffinity(0, {arguments.cpu})
        for _ in range(max(1, arguments.rounds)):
            ours.append(slotbench(arguments.slotbench, arguments.directory))
            theirs.append(fio(arguments.directory))
    except (OSError, subprocess.CalledProcessError, ValueError, KeyError) as error:
        print(f"cannot compare: {error} {getattr(error, 'stderr', '') or ''}".strip(), file=sys.stderr)
        return 2
    finally:
        for process in spinning:
            process.kill()
    print(f"{'':10} {'slotbench':>10} {'fio':>10} {'difference':>11}   medians over {len(ours)} rounds; range")
    worst = 0.0
    for name in ("fdatasync", "append"):
        us, them = [[one[name] / 1000 for one in side] for side in (ours, theirs)]
        ratio = statistics.median(us) / statistics.median(them) - 1
        # The page cache's own speed is shown; what is promised is the sync.
        worst = abs(ratio) if name == "fdatasync" else worst
        ranges = f"{min(us):.1f}–{max(us):.1f}, {min(them):.1f}–{max(them):.1f}"
        print(f"{name:10} {statistics.median(us):7.1f} µs {statistics.median(them):7.1f} µs {ratio:+10.1%}   {ranges}")
    return 0 if worst <= ALLOWED else 1


if __name__ == "__main__":
    sys.exit(main())
