#!/usr/bin/env python3
"""Tries the gate on builds whose difference is known.

Usage: gate.py EXPERIMENT [--runs N] [--work DIR] [--out FILE] [-- OPTIONS OF run]

  aa-gate        one build, N + 1 runs one after the other, each gated against the one before
  aa-ab          one build against itself with `ab`, N times
  ab-apply       against a build whose every apply takes 10 % longer, N times
  ab-sync        against a build with one more sync in five, N times
  instructions   against a build whose chain step has 5 % more instructions, N times, with `noise-free`

Builds what it needs from the working tree into DIR/builds (target/evidence by default): the changed builds are copies of
the tree under a patch of scripts/evidence/patches, so nothing of them is in what ships. Options after `--` replace
what is run: the plan short.toml beside this file. Prints a summary and writes it to --out as JSON. Exit code
1 when the experiment does not show what it must.
"""

import argparse
import json
import math
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PATCHES = Path(__file__).resolve().parent / "patches"
FEATURES = ["--no-default-features", "--features", "fs,sled,redb"]
SHORT = [str(ROOT / "scripts" / "evidence" / "short.toml")]
VARIANTS = {
    "plain": None,
    "apply": "apply-ten-percent.patch",
    "sync": "one-more-sync-in-five.patch",
    "chain": "chain-step-five-percent.patch",
}


def run(command, **options):
    return subprocess.run([str(word) for word in command], text=True, capture_output=True, check=False, **options)


def must(command, **options):
    done = run(command, **options)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def build(work, variant, binary):
    """A binary of the tree under a patch. External crates are compiled once: all builds share a target directory."""
    built = work / "builds" / variant / binary
    if built.exists():
        return built
    source = work / "source" / variant
    if source.exists():
        shutil.rmtree(source)
    source.mkdir(parents=True)
    files = must(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT).split("\0")
    for name in filter(None, files):
        if (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, source / name)
    if VARIANTS[variant]:
        must(["patch", "-p1", "-i", PATCHES / VARIANTS[variant]], cwd=source)
    package = "slotbench" if binary == "slotbench" else "slotbench-benches"
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    environment = {**os.environ, "CARGO_TARGET_DIR": str(target)}
    command = ["cargo", "build", "--release", "-p", package, "--bin", binary, *FEATURES]
    must(command, cwd=source, env=environment)
    built.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(target / "release" / binary, built)
    return built


def upper_bound(hits, trials, level=0.95):
    """Clopper and Pearson's one-sided upper bound of a proportion."""
    if hits >= trials:
        return 1.0
    low, high = 0.0, 1.0
    for _ in range(60):
        p = (low + high) / 2
        tail = sum(math.comb(trials, k) * p**k * (1 - p) ** (trials - k) for k in range(hits + 1))
        low, high = (p, high) if tail > 1 - level else (low, p)
    return high


def lower_bound(hits, trials):
    return 1 - upper_bound(trials - hits, trials)


def tally(comparisons):
    verdicts = [figure["verdict"] for one in comparisons for cell in one["cells"] for figure in cell["figures"]]
    count = {name: verdicts.count(name) for name in ("improved", "regressed", "unchanged", "inconclusive")}
    decided = count["improved"] + count["regressed"] + count["unchanged"]
    alarms = count["improved"] + count["regressed"]
    refused = sum(bool(cell["obstacle"]) for one in comparisons for cell in one["cells"])
    return {
        **count,
        "cells": sum(len(one["cells"]) for one in comparisons),
        "cells_not_compared": refused,
        "decided": decided,
        "false_alarms": alarms,
        "false_alarms_at_most": round(upper_bound(alarms, decided), 5) if decided else None,
        "inconclusive_part": round(count["inconclusive"] / max(1, decided + count["inconclusive"]), 4),
    }


def ab(work, old, new, number, options):
    out = work / "runs" / f"ab-{number}"
    shutil.rmtree(out, ignore_errors=True)
    begun = time.monotonic()
    command = [old.parent.parent / "plain" / "slotbench", "ab", old, new, *options, "--out", out, "--seed", number + 1]
    done = run(command, cwd=work)
    comparison = json.loads((out / "comparison.json").read_text())
    rounds = max(len(cell["rounds"]) for cell in json.loads((out / "new" / "run.json").read_text())["cells"])
    shutil.rmtree(out)
    return {"exit": done.returncode, "pairs": rounds, "seconds": round(time.monotonic() - begun), "comparison": comparison}


def aa_ab(work, runs, options):
    plain = build(work, "plain", "slotbench")
    done = [log(ab(work, plain, plain, number, options)) for number in range(runs)]
    result = tally([one["comparison"] for one in done])
    result.update(runs=runs, pairs=[one["pairs"] for one in done], exits=[one["exit"] for one in done])
    return result, is_quiet(result)


def aa_gate(work, runs, options):
    plain = build(work, "plain", "slotbench")
    comparisons, before = [], None
    for number in range(runs + 1):
        out = work / "runs" / f"aa-{number}"
        shutil.rmtree(out, ignore_errors=True)
        must([plain, "run", *options, "--seed", number, "--out", out], cwd=work)
        if before:
            done = run([plain, "gate", before, out, "--format", "json"])
            comparisons.append(json.loads(done.stdout))
            log({"exit": done.returncode, "comparison": comparisons[-1]})
            shutil.rmtree(before)
        before = out
    result = tally(comparisons)
    result.update(runs=runs)
    return result, is_quiet(result)


def is_quiet(result):
    return result["decided"] >= 300 and result["false_alarms"] <= 0.01 * result["decided"] and result["inconclusive_part"] <= 0.2


def ab_slower(work, runs, options, variant):
    plain, slower = build(work, "plain", "slotbench"), build(work, variant, "slotbench")
    done = [log(ab(work, plain, slower, number, options)) for number in range(runs)]
    found = sum(one["exit"] == 1 for one in done)
    result = {
        "runs": runs,
        "found": found,
        "found_at_least": round(lower_bound(found, runs), 4),
        "pairs": [one["pairs"] for one in done],
        "seconds": [one["seconds"] for one in done],
        "exits": [one["exit"] for one in done],
    }
    return result, found >= 0.95 * runs


def instructions(work, runs, _):
    plain, slower = build(work, "plain", "noise-free"), build(work, "chain", "noise-free")
    figures = work / "noise-free.json"
    must([plain, "record", figures])
    same = [run([plain, "check", figures]).returncode for _ in range(runs)]
    last = [run([slower, "check", figures]) for _ in range(runs)]
    chain = next(line for line in last[-1].stdout.splitlines() if line.startswith("chain_step   instructions"))
    result = {"runs": runs, "same_build": same, "slower_build": [done.returncode for done in last], "chain_step": chain}
    return result, same == [0] * runs and result["slower_build"] == [1] * runs


def log(one):
    brief = {key: value for key, value in one.items() if key != "comparison"}
    changes = [
        f"{cell['label']} {figure['metric']} {figure['change']:+.1%} (margin {figure['margin']:.1%})"
        for cell in one["comparison"]["cells"]
        for figure in cell["figures"]
        if figure["verdict"] in ("improved", "regressed")
    ]
    obstacles = [cell["obstacle"] for cell in one["comparison"]["cells"] if cell["obstacle"]]
    told = {**brief, **tally([one["comparison"]]), "changes": changes, "obstacles": obstacles}
    print(json.dumps(told), file=sys.stderr, flush=True)
    return one


def main():
    arguments, options = sys.argv[1:], SHORT
    if "--" in arguments:
        cut = arguments.index("--")
        arguments, options = arguments[:cut], arguments[cut + 1 :]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    experiments = {
        "aa-gate": aa_gate,
        "aa-ab": aa_ab,
        "ab-apply": lambda *a: ab_slower(*a, "apply"),
        "ab-sync": lambda *a: ab_slower(*a, "sync"),
        "instructions": instructions,
    }
    parser.add_argument("experiment", choices=experiments)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--work", type=Path, default=ROOT / "target" / "evidence")
    parser.add_argument("--out", type=Path)
    given = parser.parse_args(arguments)
    work = given.work.resolve()
    (work / "runs").mkdir(parents=True, exist_ok=True)
    result, is_shown = experiments[given.experiment](work, given.runs, options)
    document = {"experiment": given.experiment, "options": [str(option).replace(f"{ROOT}/", "") for option in options], **result, "shows_what_it_must": is_shown}
    text = json.dumps(document, indent=1)
    print(text)
    if given.out:
        given.out.write_text(text + "\n")
    return 0 if is_shown else 1


if __name__ == "__main__":
    sys.exit(main())
