#!/usr/bin/env bash
# Mutants: which lines of a room can be wrong without a test that fails?
#
#   tests/mutants.sh raft                            # all of the consensus core: an hour or two
#   tests/mutants.sh kv --file '**/range_scan.rs'    # of one file; what follows is cargo-mutants' own
#   tests/mutants.sh storage
#   tests/mutants.sh proxy                           # its core: what is around it is for the simulation and the real programs
#
# A room is copied, with those rooms that it needs, into a small workspace of its own below target/mutants, where a mutant is built in
# seconds. cargo-mutants changes the room there, one place at a time, and runs the room's unit tests. The consensus core has more: the
# stories, and the storms with the checks that judge them. So its mutants are run twice: first through what takes no time, the unit
# tests and the stories; those that this does not catch are built again, optimised, and meet the storms and the tests of the checks too.
#
# Exit: that of cargo-mutants: 0 all were caught, 2 some were missed, 3 some took too long; 77 it is not installed.
set -euo pipefail
cd "$(dirname "$0")/.."

room=${1:-}
shift || true
# What else of src it needs, and what of it is left out.
needs=() around=()
case $room in
    raft | kv) ;;
    storage) needs=(env kv raft) ;;
    proxy) needs=(env kv raft rpc storage wire) around=('proxy/*.rs' 'proxy/services/**') ;;
    *)
        echo "error: say which room: raft, kv, storage or proxy" >&2
        exit 64
        ;;
esac

if ! cargo mutants --version >/dev/null 2>&1; then
    echo "error: cargo-mutants is missing; install it with: cargo install --locked cargo-mutants" >&2
    exit 77
fi

work=$PWD/target/mutants/$room
rm -rf "$work/conclave" "$work/checks" "$work/linearizability"
mkdir -p "$work/conclave/src"
for name in "$room" ${needs[@]+"${needs[@]}"}; do
    cp -r "src/$name" "$work/conclave/src/"
    echo "pub mod $name;" >>"$work/conclave/src/lib.rs"
done
# cargo-mutants knows tests by this attribute alone.
find "$work/conclave/src" -name '*.rs' -exec sed -i -E 's/^( *)#\[cfg\(all\((test, .*|not\(madsim\), any\(test, .*)\)\)\]$/\1#[cfg(test)]/' {} +
cp Cargo.lock "$work/"

# A list of the root's Cargo.toml, without what it says of other packages.
list() { sed -n "/^\[$1\]/,/^$/p" Cargo.toml | grep -v '^conclave\|^linearizability'; }
# All that the package depends on: cargo builds it once, and links what the rooms use.
dependencies() { sed -n '/^\[dependencies\]/,/^\[features\]/p' Cargo.toml | grep -v '^conclave-checks\|^\[features\]'; }
# What the core and the state machine's tests need: they are pure.
pure() { printf '%s\n' '[dev-dependencies]' 'goldenscript.workspace = true' 'proptest.workspace = true'; }

members='"conclave"'
if [ "$room" = raft ]; then
    members='"conclave", "checks", "linearizability"'
    mkdir "$work/conclave/tests"
    cp -r tests/consensus "$work/conclave/tests/"
    cp -r sim/checks "$work/checks"
    cp -r sim/linearizability "$work/linearizability"
elif [ "$room" = proxy ]; then
    cp -r build.rs proto "$work/conclave/"
fi

cat >"$work/Cargo.toml" <<TOML
[workspace]
members = [$members]
resolver = "3"

$(list workspace.package)

$(list workspace.dependencies)
conclave = { path = "conclave" }
conclave-checks = { path = "checks" }
linearizability = { path = "linearizability" }

[workspace.lints.rust]
unexpected_cfgs = { level = "allow" }

[profile.dev]
opt-level = 1
debug = false
TOML

{
    cat <<TOML
[package]
name = "conclave"
version.workspace = true
edition.workspace = true

TOML
    case $room in
        raft) pure && echo 'conclave-checks.workspace = true' ;;
        kv) pure ;;
        storage | proxy) dependencies ;;
    esac
} >"$work/conclave/Cargo.toml"

cd "$work"
excluded=()
for name in ${needs[@]+"${needs[@]/%//**}"} ${around[@]+"${around[@]}"}; do
    excluded+=(--exclude "conclave/src/$name")
done
mutants() { cargo mutants --in-place --package conclave ${excluded[@]+"${excluded[@]}"} "$@"; }
if [ "$room" = raft ]; then
    slow=(--skip storm:: --skip nothing_that_arrives_breaks_a_node)
    CARGO_PROFILE_DEV_OPT_LEVEL=0 mutants --timeout 10 "$@" -- -- "${slow[@]}" || true
    mutants --test-workspace true --timeout 40 --iterate "$@"
else
    CARGO_PROFILE_DEV_OPT_LEVEL=0 mutants --timeout 60 "$@" -- --lib "$room::"
fi
