#!/bin/sh
# Holds the statistics against SciPy. Usage: scripts/evidence/statistics.sh [CASES]
# SciPy comes from PyPI into target/evidence/venv, where it is not there yet.
set -eu

cd "$(dirname "$0")/../.."
cases=${1:-500}
work=target/evidence
mkdir -p "$work"

[ -x "$work/venv/bin/python" ] || python3 -m venv "$work/venv"
"$work/venv/bin/python" -c 'import scipy' 2>/dev/null || "$work/venv/bin/pip" install --quiet scipy
cargo run --release --quiet -p slotbench --no-default-features --features fs,sled,redb \
    --example evidence -- statistics 1 "$cases" >"$work/statistics.json"
"$work/venv/bin/python" scripts/evidence/statistics.py "$work/statistics.json"
