#!/usr/bin/env python3
"""Reads .hlog files with another HdrHistogram implementation and compares what it finds with what slotbench says.

Usage: scripts/check-hlog.py RUN_DIR          every .hlog of a run against the rounds in its run.json
       scripts/check-hlog.py LOG EXPECTED     one log against a list of intervals in JSON, bucket by bucket

Needs the Python package `hdrhistogram` (PyPI). Exit code: 0 all equal, 1 something differs, 2 bad usage or file,
77 the package is missing.
"""

import json
import math
import pathlib
import sys

try:
    from hdrh.histogram import HdrHistogram
    from hdrh.log import HistogramLogReader
except ImportError:
    print("skipped: needs the Python package hdrhistogram (pip install hdrhistogram)", file=sys.stderr)
    sys.exit(77)

QUANTILES = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p999": 0.999}
HIGHEST_NS = 600_000_000_000


def intervals(path):
    """Every interval of a log as (tag, start in milliseconds after the base time, histogram)."""
    reference = HdrHistogram(1, HIGHEST_NS, 3)
    reader = HistogramLogReader(str(path), reference)
    while (histogram := reader.get_next_interval_histogram()) is not None:
        start_ms = histogram.get_start_time_stamp() - reader.base_time_sec * 1000
        yield histogram.get_tag(), round(start_ms), histogram


def buckets(histogram):
    """Highest value and count of each bucket that is not empty."""
    for index in range(histogram.counts_len):
        count = histogram.get_count_at_index(index)
        if count:
            yield histogram.get_highest_equivalent_value(histogram.get_value_from_index(index)), count


def figures(histogram):
    """Count, extremes and quantiles. A quantile's rank is rounded up, as in slotbench; the package's own rounds."""
    found = {"count": histogram.get_total_count(), "min": 0, "max": 0}
    if not found["count"]:
        return found | dict.fromkeys(QUANTILES, 0)
    found |= {"min": histogram.get_min_value(), "max": histogram.get_max_value()}
    for name, quantile in QUANTILES.items():
        rank = max(1, math.ceil(quantile * found["count"]))
        seen = 0
        for value, count in buckets(histogram):
            seen += count
            if seen >= rank:
                found[name] = min(value, found["max"])
                break
    return found


def differences(where, found, expected):
    """What differs, in sentences. Only what both name is compared."""
    for name in found.keys() & expected.keys():
        if found[name] != expected[name]:
            yield f"{where}: {name} is {found[name]}, slotbench says {expected[name]}"


def check_run(directory):
    """Compares all logs of a run; yields differences, returns how many intervals there were."""
    run = json.loads((directory / "run.json").read_text())
    checked = 0
    for cell in run["cells"]:
        rounds = {r["start_ms"]: r for r in cell["rounds"]}
        expected = {(tag, start) for start, r in rounds.items() for tag in r["latency_ns"]}
        if not expected:
            continue
        seen = set()
        for tag, start, histogram in intervals(directory / f"{cell['id']}.hlog"):
            # Starts go through a floating-point number of seconds, which may move the last millisecond.
            start = min(rounds, key=lambda known: abs(known - start))
            seen.add((tag, start))
            checked += 1
            yield from differences(f"{cell['id']} {tag} {start}", figures(histogram), rounds[start]["latency_ns"][tag])
        for tag, start in sorted(expected ^ seen):
            yield f"{cell['id']}: interval {tag} at {start} ms is on one side only"
    return checked


def check_log(path, expected):
    """Compares one log with a list of intervals in the same order, bucket by bucket."""
    found = list(intervals(path))
    expected = json.loads(expected.read_text())
    if len(found) != len(expected):
        yield f"{len(found)} intervals, slotbench says {len(expected)}"
    for (tag, start, histogram), known in zip(found, expected):
        where = f"{tag} {start}"
        yield from differences(where, {"tag": tag} | figures(histogram), known)
        if [list(bucket) for bucket in buckets(histogram)] != known["buckets"]:
            yield f"{where}: bucket counts differ"
    return len(found)


def main(arguments):
    match [pathlib.Path(argument) for argument in arguments]:
        case [directory]:
            differing = check_run(directory)
        case [log, expected]:
            differing = check_log(log, expected)
        case _:
            print(__doc__, file=sys.stderr)
            return 2
    failed = False
    try:
        while True:
            print(next(differing))
            failed = True
    except StopIteration as end:
        checked = end.value
    except (OSError, ValueError, KeyError) as error:
        print(f"cannot check: {error!r}", file=sys.stderr)
        return 2
    print(f"{checked} intervals read by the Python package: {'DIFFERENT' if failed else 'equal'}")
    # A run without a single interval proves nothing.
    return 1 if failed or not checked else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
