#!/bin/sh
# Sees to what a build needs. Usage: scripts/setup.sh NEED...
#
#   cargo      Rust, at least the rust-version of Cargo.toml
#   cc         a C compiler, also Rust's linker
#   c++        a C++ compiler, for RocksDB
#   libclang   the library that generates RocksDB's bindings
#   make, git  for a caller that make did not start; for the tests of the gates
#   valgrind   counts instructions, for the gate `counts`
#
# Does nothing, quickly, when all is there. Otherwise installs what is missing on Debian and Ubuntu, as root or with
# passwordless sudo; anywhere else it prints the command to run and exits with 1.
set -eu

PATH="$PATH:${CARGO_HOME:-${HOME:-/root}/.cargo}/bin"
manifest="$(dirname "$0")/../Cargo.toml"

say() {
    printf 'setup: %s\n' "$*" >&2
}

die() {
    say "$@"
    exit 1
}

on_path() {
    command -v "$1" >/dev/null 2>&1
}

# --- cargo ---------------------------------------------------------------------------------------------------------

required_rust() {
    sed -n 's/^rust-version = "\([0-9.]*\)".*/\1/p' "$manifest"
}

# Whether dotted version $1 is at least $2, by the first two numbers.
at_least() {
    have_major=${1%%.*} have_rest=${1#*.} want_major=${2%%.*} want_rest=${2#*.}
    [ "$have_major" -gt "$want_major" ] ||
        { [ "$have_major" -eq "$want_major" ] && [ "${have_rest%%.*}" -ge "${want_rest%%.*}" ]; }
}

# Not installed for the user: which toolchain manager, if any, is theirs to choose.
see_to_cargo() {
    want=$(required_rust)
    on_path cargo || die "cargo is missing: install Rust $want or newer, see https://rustup.rs"
    have=$(cargo --version) || die "cargo does not run: install Rust $want or newer, see https://rustup.rs"
    have=${have#cargo } have=${have%% *}
    at_least "$have" "$want" || die "Rust $have is older than $want: run 'rustup update stable'"
}

# --- compilers and libclang ----------------------------------------------------------------------------------------

# libclang-cpp is another library, which LLVM's development files bring along.
libclang_in() {
    for library in "$1"/libclang.so "$1"/libclang-*.so "$1"/libclang.so.* "$1"/libclang-*.so.* "$1"/libclang.dylib; do
        case $library in */libclang-cpp.*) continue ;; esac
        [ -e "$library" ] && return 0
    done
    return 1
}

# Where the clang-sys crate looks, the likely places first. It does not ask the dynamic linker.
have_libclang() {
    if [ -n "${LIBCLANG_PATH:-}" ]; then
        [ -f "$LIBCLANG_PATH" ] || libclang_in "$LIBCLANG_PATH" ||
            die "LIBCLANG_PATH is $LIBCLANG_PATH, where there is no libclang: correct it or unset it"
        return 0
    fi
    for directory in /usr/lib/llvm*/lib* /usr/lib/*-linux-gnu* /usr/lib64 /usr/lib /usr/local/lib* /usr/local/llvm*/lib* \
        /Library/Developer/CommandLineTools/usr/lib /usr/local/opt/llvm*/lib \
        /Applications/Xcode.app/Contents/Developer/Toolchains/XcodeDefault.xctoolchain/usr/lib; do
        libclang_in "$directory" && return 0
    done
    listed_libclang "${LD_LIBRARY_PATH:-}:${LIBRARY_PATH:-}" ||
        { on_path "${LLVM_CONFIG_PATH:=llvm-config}" && libclang_in "$("$LLVM_CONFIG_PATH" --libdir)"; }
}

# Whether a directory of the colon-separated list $1 has libclang.
listed_libclang() {
    list=$1
    while [ -n "$list" ]; do
        directory=${list%%:*}
        [ -n "$directory" ] && libclang_in "$directory" && return 0
        case $list in *:*) list=${list#*:} ;; *) list= ;; esac
    done
    return 1
}

have() {
    case $1 in
    cc) on_path "${CC:-cc}" ;;
    c++) on_path "${CXX:-c++}" ;;
    libclang) have_libclang ;;
    make | git | valgrind) on_path "$1" ;;
    *) die "unknown need '$1'" ;;
    esac
}

# --- installing ----------------------------------------------------------------------------------------------------

# The names of this Linux distribution and of those it derives from, most specific first.
os_ids() {
    [ -r /etc/os-release ] || return 0
    # shellcheck source=/dev/null
    (. /etc/os-release && echo "${ID:-} ${ID_LIKE:-}")
}

# The family of systems whose packages this script knows, or `unknown`.
system() {
    case $(uname -s) in
    Darwin) echo macos && return ;;
    Linux) ;;
    *) echo unknown && return ;;
    esac
    for id in $(os_ids); do
        case $id in
        debian | ubuntu) echo debian && return ;;
        fedora | rhel | centos) echo fedora && return ;;
        arch) echo arch && return ;;
        suse | opensuse*) echo suse && return ;;
        esac
    done
    echo unknown
}

# The package of need $2 on system $1.
package() {
    case $1:$2 in
    debian:cc) echo gcc libc6-dev ;;
    debian:c++) echo g++ ;;
    debian:libclang) echo libclang-dev ;;
    fedora:c++) echo gcc-c++ ;;
    fedora:libclang) echo clang-devel ;;
    suse:c++) echo gcc-c++ ;;
    suse:libclang) echo clang-devel ;;
    arch:c++) echo gcc ;;
    arch:libclang) echo clang ;;
    *:cc) echo gcc ;;
    *:*) echo "$2" ;;
    esac
}

packages() {
    of=$1
    shift
    for need in "$@"; do package "$of" "$need"; done | sort -u | tr '\n' ' ' | sed 's/ $//'
}

# The command that installs the needs $2... on system $1.
command_for() {
    of=$1
    shift
    [ "$(id -u)" -eq 0 ] && sudo= || sudo='sudo '
    case $of in
    debian) echo "${sudo}apt-get update && ${sudo}apt-get install -y $(packages debian "$@")" ;;
    fedora) echo "${sudo}dnf install -y $(packages fedora "$@")" ;;
    arch) echo "${sudo}pacman -S --needed $(packages arch "$@")" ;;
    suse) echo "${sudo}zypper install -y $(packages suse "$@")" ;;
    macos) echo "xcode-select --install" ;;
    esac
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo -n "$@"; fi
}

may_install() {
    on_path apt-get && { [ "$(id -u)" -eq 0 ] || { on_path sudo && sudo -n true 2>/dev/null; }; }
}

install_debian() {
    list=$(packages debian "$@")
    say "installing $list"
    as_root apt-get update -qq </dev/null >&2
    # shellcheck disable=SC2086 # one word per package
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
        -o DPkg::Lock::Timeout=300 $list </dev/null >&2
}

explain() {
    line=$(command_for "$@")
    shift
    [ -n "$line" ] || die "missing: $*; install with your system's package manager, then run this again"
    say "missing: $*; run this, then try again:"
    printf '    %s\n' "$line" >&2
    exit 1
}

missing() {
    for need in "$@"; do
        [ "$need" = cargo ] || have "$need" || printf '%s ' "$need"
    done
}

main() {
    for need in "$@"; do
        [ "$need" != cargo ] || see_to_cargo
    done
    needs=$(missing "$@")
    [ -n "$needs" ] || return 0
    # shellcheck disable=SC2086 # one word per need
    set -- $needs
    on=$(system)
    { [ "$on" = debian ] && may_install; } || explain "$on" "$@"
    install_debian "$@" || explain "$on" "$@"
    left=$(missing "$@")
    [ -z "$left" ] || die "still missing after the installation: $left"
}

main "$@"
