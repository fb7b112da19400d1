#!/usr/bin/env bash
# Shows that each gate of .ci/run can fail, that all are ok on clean code, and that the evidence's patches still apply. Usage: scripts/test-gates.sh
#
# Works on a one-crate workspace in a temporary directory, under this repository's gate scripts and configuration, and
# breaks it in one way at a time. The crate has no dependencies, so it takes seconds.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failures=0

# The pinned cargo-deny, where it has been compiled already.
tools=$(cd "$root" && realpath -m "${CARGO_TARGET_DIR:-target}/tools/bin")
export PATH="$tools:$PATH:${CARGO_HOME:-${HOME:-/root}/.cargo}/bin"
export CARGO_TARGET_DIR=$work/target CARGO_NET_OFFLINE=true

# A fresh, clean workspace, and the current directory from here on.
clean_copy() {
    rm -rf "$work/copy"
    mkdir -p "$work/copy/src"
    cd "$work/copy"
    cp -r "$root"/{.ci,scripts,Makefile,deny.toml,rustfmt.toml} .
    cat >Cargo.toml <<'END'
[workspace]

[package]
name = "example"
version = "0.1.0"
edition = "2024"
rust-version = "1.95"
license = "Apache-2.0"
publish = false

[[bench]]
name = "on_demand"
path = "on_demand.rs"
harness = false
bench = false
END
    printf '//! A bench that runs only when named.\n\nfn main() {}\n' >on_demand.rs
    cat >src/lib.rs <<'END'
//! An example.

/// One more than `number`, or none at the end of the range.
#[must_use]
pub fn next(number: u8) -> Option<u8> {
    number.checked_add(1)
}

#[cfg(test)]
mod tests {
    #[test]
    fn counts() {
        assert_eq!(super::next(1), Some(2));
    }
}
END
    cargo generate-lockfile --quiet
}

# --- one way each to break it --------------------------------------------------------------------------------------

append() {
    printf '%s\n' "$@" >>src/lib.rs
}

rust_too_old() { sed -i 's/^rust-version = .*/rust-version = "1.9999"/' Cargo.toml; }
unformatted_code() { append 'pub fn  spaced( ) { }'; }
banned_licence() { sed -i 's/^license = .*/license = "GPL-3.0-only"/' Cargo.toml; }
absent_licence() { sed -i '/^license/d' Cargo.toml; }
no_cargo_deny() { sed -i 's/^version=.*/version=0.0.1/' scripts/cargo-deny.sh; }
clippy_warning() { append 'pub fn is(answer: bool) -> bool {' '    answer == true' '}'; }
compiler_warning() { append 'fn unused() {}'; }
warning_in_a_bench_on_demand() { echo 'fn unused() {}' >>on_demand.rs; }
stale_lock_file() { sed -i 's/^version = "0.1.0"/version = "0.2.0"/' Cargo.toml; }
failing_test() { sed -i 's/Some(2)/Some(3)/' src/lib.rs; }
test_that_does_not_compile() { sed -i 's/Some(2)/"two"/' src/lib.rs; }

# LLVM's development files bring libclang-cpp, which RocksDB's bindings cannot be made with.
libclang_cpp_alone() {
    mkdir -p "$work/llvm"
    touch "$work/llvm/libclang-cpp.so.14"
    export LIBCLANG_PATH=$work/llvm
}

broken_doc_link() { sed -i 's|An example|An [Absentee]|' src/lib.rs; }

# A stand-in for the counting gate that ends with exit code $1.
counts_end_with() {
    mkdir -p benches/src/bin
    printf '[package]\nname = "slotbench-benches"\nedition = "2024"\nlicense = "Apache-2.0"\n' >benches/Cargo.toml
    printf 'fn main() {\n    eprintln!("counted {}", %d);\n    std::process::exit(%d);\n}\n' "$1" "$1" >benches/src/bin/noise-free.rs
    sed -i 's/^\[workspace\]$/[workspace]\nmembers = ["benches"]/' Cargo.toml
    cargo generate-lockfile --quiet
}

more_instructions() { counts_end_with 1; }
unreadable_figures() { counts_end_with 2; }

git_dependency() {
    mkdir -p "$work/elsewhere/src"
    touch "$work/elsewhere/src/lib.rs"
    printf '[package]\nname = "elsewhere"\nedition = "2024"\nlicense = "MIT"\n' >"$work/elsewhere/Cargo.toml"
    git -C "$work/elsewhere" init --quiet
    git -C "$work/elsewhere" add .
    git -C "$work/elsewhere" -c user.name=test -c user.email=test@localhost commit --quiet --message elsewhere
    printf '[dependencies]\nelsewhere = { git = "file://%s" }\n' "$work/elsewhere" >>Cargo.toml
    CARGO_NET_OFFLINE=false cargo generate-lockfile --quiet
}

# --- what the gates say to it --------------------------------------------------------------------------------------

# Expects `.ci/run $2...` to exit with code $1 and its table to have a line for every `gate:verdict` of $2...
expect() {
    local code=$1 actual=0 want result=ok
    shift
    .ci/run "${@%:*}" >"$work/log" 2>&1 || actual=$?
    for want in "$@"; do
        grep -qE "^${want%:*} +${want#*:} +[0-9]+ s$" "$work/log" || result=FAILED
    done
    [[ $actual == "$code" ]] || result=FAILED
    printf '%-7s %s\n' "$result" "$what"
    if [[ $result != ok ]]; then
        failures=$((failures + 1))
        sed 's/^/        /' "$work/log"
    fi
}

# Expects gate $1 to fail on a copy that is broken by $2, and to have said $3, a pattern.
expect_failure() {
    local what="$1 fails on ${2//_/ }"
    clean_copy
    "$2"
    expect 1 "$1:failed"
    grep -qE "$3" "$work/log" || { echo "FAILED  ... but not for its reason, '$3'" && failures=$((failures + 1)); }
}

clean_copy
what='every gate is ok on clean code'
expect 0 setup:ok fmt:ok deny:ok clippy:ok test:ok doc:ok
what='a failed gate does not hide the next'
unformatted_code
expect 1 fmt:failed doc:ok

expect_failure setup rust_too_old 'is older than 1.9999'
expect_failure setup libclang_cpp_alone 'where there is no libclang'
unset LIBCLANG_PATH
expect_failure fmt unformatted_code '^Diff in '
expect_failure deny banned_licence 'licenses FAILED'
expect_failure deny absent_licence 'licenses FAILED'
expect_failure deny git_dependency 'sources FAILED'
expect_failure deny no_cargo_deny 'could not find .cargo-deny'
expect_failure clippy clippy_warning 'bool-comparison|bool_comparison'
expect_failure clippy compiler_warning 'never used'
expect_failure clippy warning_in_a_bench_on_demand 'never used'
expect_failure clippy stale_lock_file '\-\-locked'
expect_failure test failing_test 'test result: FAILED'
expect_failure test test_that_does_not_compile 'mismatched types|could not compile'
expect_failure doc broken_doc_link 'unresolved link'
expect_failure counts more_instructions '^counted 1'
expect_failure counts unreadable_figures '^counted 2'

clean_copy
what='counts of another compiler are no failure, and said to be none of ours'
counts_end_with 4
expect 0 counts:ok
grep -q 'NOT JUDGED' "$work/log" || { echo "FAILED  ... but it did not say so" && failures=$((failures + 1)); }

for patch in "$root"/scripts/evidence/patches/{,handover/}*.patch; do
    if git -C "$root" apply --check "$patch"; then
        printf '%-7s %s\n' ok "${patch##*/} applies to this tree"
    else
        printf '%-7s %s\n' FAILED "${patch##*/} must apply to this tree" && failures=$((failures + 1))
    fi
done

((failures == 0)) || { echo "$failures of these gates cannot be relied on" && exit 1; }
