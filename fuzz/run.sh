#!/usr/bin/env bash
# Fuzzes one target, or all of them, for so many seconds each, with libFuzzer. Needs a C++ compiler, and no nightly: nothing here
# is unsafe, so coverage is asked for and no sanitizer.
#   fuzz/run.sh peer 60
#   fuzz/run.sh all 60
#   fuzz/run.sh peer artifacts/peer/crash-...      one input again
set -euo pipefail
cd "$(dirname "$0")"

readonly TARGETS=(peer commands reads pieces files replies lines)
if (($# != 2)) || { [[ $1 != all && " ${TARGETS[*]} " != *" $1 "* ]]; }; then
    echo "error: usage: fuzz/run.sh all|${TARGETS[*]// /|} SECONDS|FILE" >&2
    exit 2
fi

# The product's versions, and whatever libFuzzer needs besides.
cp ../Cargo.lock Cargo.lock
host=$(rustc -vV | sed -n 's/^host: //p')
# What cargo-fuzz sets too. A target is named, so that build scripts and macros are built without these flags.
export RUSTFLAGS="--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
-Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
-Cllvm-args=-sanitizer-coverage-trace-compares"
cargo build --quiet --release --target "$host"

fuzz() {
    local target=$1 how=$2
    mkdir -p "corpus/$target" "artifacts/$target"
    if [[ -f $how ]]; then
        "target/$host/release/$target" "$how"
    else
        "target/$host/release/$target" "corpus/$target" -max_total_time="$how" -max_len=16384 -timeout=10 \
            -rss_limit_mb=2048 -print_final_stats=1 -artifact_prefix="artifacts/$target/"
    fi
}

if [[ $1 == all ]]; then
    for target in "${TARGETS[@]}"; do
        printf '== %s\n' "$target"
        fuzz "$target" "$2"
    done
else
    fuzz "$1" "$2"
fi
