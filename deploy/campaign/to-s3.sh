#!/usr/bin/env bash
# Runs this machine's shard of a campaign, and copies what it finds to S3: every minute, and at the end. What a Spot instance that is
# taken away had found until a minute before is there.
#
#   to-s3 s3://BUCKET/CAMPAIGN ARGUMENTS OF cargo sim
#
# Exit: as the simulation's; 2 if the results cannot be copied.
set -euo pipefail

readonly target=${1%/} shard=${AWS_BATCH_JOB_ARRAY_INDEX:-0}
shift

copy() {
    aws s3 cp --only-show-errors results.jsonl "$target/results-$shard.jsonl"
    if [[ -e results.html ]]; then aws s3 cp --only-show-errors results.html "$target/results-$shard.html"; fi
    if [[ -d target/sim/failures ]]; then aws s3 sync --only-show-errors target/sim/failures "$target/failures"; fi
}

conclave-sim run --out results.jsonl "$@" &
readonly simulation=$!
# AWS asks to stop before it takes the machine away: the simulation then tells what it had.
trap 'kill -TERM "$simulation" 2>/dev/null || true' TERM INT

while kill -0 "$simulation" 2>/dev/null; do
    for _ in $(seq "${COPY_EVERY_S:-60}"); do
        sleep 1
        kill -0 "$simulation" 2>/dev/null || break
    done
    [[ ! -e results.jsonl ]] || copy || echo "error: the results cannot be copied to $target; they will be tried again" >&2
done
code=0
wait "$simulation" || code=$?
if [[ -e results.jsonl ]]; then copy || exit 2; fi
exit "$code"
