#!/bin/sh
# Runs cargo-deny, the pinned version: from PATH if it is that one, else from target/tools, compiled there the first
# time. Usage: scripts/cargo-deny.sh ARGUMENT...; exits with 1 when there is no cargo-deny to be had.
set -eu

version=0.20.2
tools="${CARGO_TARGET_DIR:-target}/tools"

cd "$(dirname "$0")/.."
PATH="$tools/bin:$PATH:${CARGO_HOME:-${HOME:-/root}/.cargo}/bin"

is_pinned() {
    [ "$(cargo-deny --version 2>/dev/null)" = "cargo-deny $version" ]
}

# Unoptimized, without debug information and without the advisories' git support: two or three minutes on two cores.
install_pinned() {
    echo "cargo-deny $version is not on PATH: compiling it into $tools" >&2
    CARGO_PROFILE_DEV_DEBUG=0 cargo install --quiet --locked --debug --no-default-features \
        --root "$tools" --target-dir "$tools/build" "cargo-deny@$version" </dev/null
    rm -rf "$tools/build"
}

is_pinned || install_pinned
exec cargo-deny "$@"
