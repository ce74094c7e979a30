#!/usr/bin/env bash
# Tests what runs campaigns on many machines, without AWS and without a network: the Terraform module as deploy/aws/test.sh does, and
# to-s3 with a simulation of its own, against the same server.
#
#   deploy/campaign/test.sh [CONCLAVE-SIM]     with CONCLAVE-SIM (as cargo sim builds it) two real shards run, and are merged
#
# Exit: 0 all holds; 1 something does not; 77 a tool is missing, nothing or not all was tested.
# shellcheck disable=SC2016
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
readonly here
simulation=${1:-}
[[ -z $simulation ]] || simulation=$(realpath "$simulation")
# shellcheck source=../terraform-test.sh
source "$here/../terraform-test.sh"

cp -r "$here/aws" "$work/aws"
rm -rf "$work/aws/.terraform" "$work/aws/.terraform.lock.hcl"
cd "$work/aws"
check_module

step "terraform test, provider mocked"
terraform test -no-color || fail "terraform test"

start_moto
cat >server_override.tf <<'HCL'
provider "aws" {
  s3_use_path_style           = true
  skip_credentials_validation = true
  skip_metadata_api_check     = true
}
HCL
vpc=$(aws ec2 describe-vpcs --query 'Vpcs[0].VpcId' --output text)
subnets=$(aws ec2 describe-subnets --filters "Name=vpc-id,Values=$vpc" --query 'Subnets[].SubnetId' --output json)
tf() {
    terraform "$1" -auto-approve -input=false -no-color -var "vpc_id=$vpc" -var "subnet_ids=$subnets" -var image=conclave-sim:0.1.0 \
        >"$work/log" 2>&1 || { tail -n 40 "$work/log" >&2; fail "terraform $1"; }
    grep -E '^(Apply|Destroy) complete' "$work/log"
}

step "apply, and read back"
tf apply
bucket=$(terraform output -raw bucket)
expect "a queue that takes jobs" "ENABLED" \
    "$(aws batch describe-job-queues --job-queues "$(terraform output -raw queue)" --query 'jobQueues[0].state' --output text)"
expect "machines are Spot instances, and none is kept" "SPOT 0 64" \
    "$(aws batch describe-compute-environments --query 'computeEnvironments[0].computeResources.[type,minvCpus,maxvCpus]' --output text | tr '\t' ' ')"
aws batch describe-job-definitions --job-definition-name "$(terraform output -raw job)" --output json >"$work/job.json"
expect "the job copies its results to the bucket" "/usr/bin/to-s3 s3://$bucket/Ref::name --seed Ref::seed --time Ref::time" \
    "$(jq -r '.jobDefinitions[0].containerProperties.command | join(" ")' "$work/job.json")"
expect "nothing of the bucket is public" "True" "$(aws s3api get-public-access-block --bucket "$bucket" --output text \
    --query 'PublicAccessBlockConfiguration.BlockPublicAcls && PublicAccessBlockConfiguration.RestrictPublicBuckets')"

step "what a shard finds is copied, while it runs and at its end"
mkdir "$work/bin" "$work/shard"
cat >"$work/bin/conclave-sim" <<'SH'
#!/usr/bin/env bash
# Plays the simulation: run --out FILE ARGUMENTS; it ends when it is told to, and is red.
trap 'echo ended >>"$3"; exit 5' TERM
echo "$*" >"$3"
while :; do sleep 0.2; done
SH
chmod +x "$work/bin/conclave-sim"
cd "$work/shard"
export AWS_BATCH_JOB_ARRAY_INDEX=1 AWS_BATCH_JOB_ARRAY_SIZE=2
PATH=$work/bin:$PATH COPY_EVERY_S=1 "$here/to-s3.sh" "s3://$bucket/first" --seed 7 --time 1h &
shard=$!
found() { aws s3 cp --only-show-errors "s3://$bucket/$1" - 2>/dev/null || true; }
for _ in $(seq 60); do
    [[ -z $(found first/results-1.jsonl) ]] || break
    sleep 0.5
done
expect "while it runs" "run --out results.jsonl --seed 7 --time 1h" "$(found first/results-1.jsonl)"
kill -TERM "$shard"
code=0
wait "$shard" || code=$?
expect "a machine that is taken away: it is told to stop, and its code is passed on" "5" "$code"
expect "... and what it wrote last is there" "ended" "$(found first/results-1.jsonl | tail -n 1)"

if [[ -n $simulation ]]; then
    step "two real shards, merged"
    ln -sf "$simulation" "$work/bin/conclave-sim"
    for index in 0 1; do
        mkdir "$work/shard-$index"
        (cd "$work/shard-$index" && PATH=$work/bin:$PATH AWS_BATCH_JOB_ARRAY_INDEX=$index "$here/to-s3.sh" "s3://$bucket/second" \
            --seed 1 --seeds 4 --no-shrink) >"$work/log" || fail "shard $index: $(cat "$work/log")"
    done
    aws s3 sync --only-show-errors "s3://$bucket/second" "$work/second"
    "$simulation" merge "$work"/second/results-*.jsonl --html "$work/second/merged.html" >"$work/log" || fail "merge: $(cat "$work/log")"
    expect "all seeds, and no note" "seeds        4 (1 to 4, in 2 files)" "$(head -n 1 "$work/log")"
fi

step "destroy"
cd "$work/aws"
aws s3 rm --only-show-errors --recursive "s3://$bucket"
tf destroy
expect "no bucket is left" "0" "$(aws s3api list-buckets --query 'length(Buckets)' --output text)"
step "done"
