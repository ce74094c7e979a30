#!/usr/bin/env bash
# Mutants of the consensus core: which lines of src/raft can be wrong without a test that fails?
#
#   tests/mutants.sh                            # all: an hour or two
#   tests/mutants.sh --file '**/election.rs'    # of one file; what follows is cargo-mutants' own
#
# The core needs nothing else of this package, nor do its stories, storms and the checks that judge them: so they are copied into a
# small workspace of their own below target/mutants, where a mutant is built in seconds. cargo-mutants changes the core there, one
# place at a time, and does so twice: the first time it runs what takes no time, the unit tests of the core and the stories; those
# mutants that this does not catch it builds again, optimised, and lets them run the storms and the tests of the checks too.
#
# Exit: that of cargo-mutants: 0 all were caught, 2 some were missed, 3 some took too long; 77 it is not installed.
set -euo pipefail
cd "$(dirname "$0")/.."

if ! cargo mutants --version >/dev/null 2>&1; then
    echo "error: cargo-mutants is missing; install it with: cargo install --locked cargo-mutants" >&2
    exit 77
fi

work=$PWD/target/mutants
rm -rf "$work/conclave" "$work/checks" "$work/linearizability"
mkdir -p "$work/conclave/src" "$work/conclave/tests"
cp -r src/raft "$work/conclave/src/"
cp -r tests/consensus "$work/conclave/tests/"
cp -r sim/checks "$work/checks"
cp -r sim/linearizability "$work/linearizability"
cp Cargo.lock "$work/"
echo 'pub mod raft;' >"$work/conclave/src/lib.rs"

# A list of the root's Cargo.toml, without what it says of other packages.
list() { sed -n "/^\[$1\]/,/^$/p" Cargo.toml | grep -v '^conclave\|^linearizability'; }

cat >"$work/Cargo.toml" <<TOML
[workspace]
members = ["conclave", "checks", "linearizability"]
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

cat >"$work/conclave/Cargo.toml" <<TOML
[package]
name = "conclave"
version.workspace = true
edition.workspace = true

[dev-dependencies]
conclave-checks.workspace = true
goldenscript.workspace = true
proptest.workspace = true
TOML

cd "$work"
slow=(--skip storm:: --skip nothing_that_arrives_breaks_a_node)
CARGO_PROFILE_DEV_OPT_LEVEL=0 cargo mutants --in-place --package conclave --timeout 10 "$@" -- -- "${slow[@]}" || true
exec cargo mutants --in-place --package conclave --test-workspace true --timeout 40 --iterate "$@"
