#!/bin/sh
# Puts bugs into the writer's hand-over, one at a time, and expects the model checker to find each.
# Usage: scripts/evidence/handover.sh [NAME...], names of patches/handover without .patch; all of them by default.
# Exit code 1 when one is not found. Works on a copy of the tree below target/evidence.
set -eu

cd "$(dirname "$0")/../.."
root=$PWD
patches=$root/scripts/evidence/patches/handover
copy=target/evidence/handover
# Not the tree's own: cargo would take what it builds here for the tree's.
export CARGO_TARGET_DIR="$root/target/evidence/handover-build" RUST_BACKTRACE=0

[ $# -gt 0 ] || set -- $(cd "$patches" && ls ./*.patch | sed 's|^\./||; s|\.patch$||')
rm -rf "$copy"
mkdir -p "$copy"
git ls-files -z --cached --others --exclude-standard | xargs -0 cp --parents -t "$copy" --
cd "$copy"

test_model() {
    # cargo goes by the time of a file, which must rise when a bug is taken out again.
    find core/src -name '*.rs' -exec touch {} +
    cargo test --release --quiet -p slotbench-core --test fencing_model c044 >"$1.log" 2>&1
}

test_model none || { tail -40 none.log; echo "the model fails without a bug"; exit 1; }
echo "no bug: nothing found"
missed=0
for name; do
    patch --quiet -p1 <"$patches/$name.patch"
    if test_model "$name"; then
        echo "$name: NOT FOUND" && missed=1
    elif grep -q '^test result: FAILED' "$name.log"; then
        echo "$name: found by $(grep -c '^    c044_' "$name.log") tests"
    else
        tail -40 "$name.log" && echo "$name: does not compile" && missed=1
    fi
    patch --quiet --reverse -p1 <"$patches/$name.patch"
done
exit $missed
