# What the tests of Terraform modules share; they source it. `work` is a folder that goes when they end.
# shellcheck shell=bash

readonly PORT=${MOTO_PORT:-5055}
began=$(date +%s)

step() { printf '== %4ss  %s\n' "$(($(date +%s) - began))" "$*"; }
fail() {
    printf 'FAILED: %s\n' "$*" >&2
    exit 1
}
missing() {
    printf '\nMISSING: %s\nThe Terraform module was NOT tested.\n' "$*" >&2
    exit 77
}

# expect WHAT EXPECTED ACTUAL
expect() {
    [[ $2 == "$3" ]] || fail "$1: expected '$2', found '$3'"
    printf '         ok  %s\n' "$1"
}

for tool in terraform jq python3; do
    command -v "$tool" >/dev/null || missing "$tool"
done
for tool in moto_server aws; do
    command -v "$tool" >/dev/null || missing "$tool (pip install 'moto[server]' awscli)"
done
if [[ -z ${PLUGIN_DIR:-} ]]; then
    provider=$(find / -xdev -type d -path '*/registry.terraform.io/hashicorp/aws' -not -path '/proc/*' \
        -not -path '*/.terraform/*' -print -quit 2>/dev/null || true)
    PLUGIN_DIR=${provider%/registry.terraform.io/hashicorp/aws}
fi
[[ -d ${PLUGIN_DIR:-}/registry.terraform.io/hashicorp/aws ]] ||
    missing "the AWS provider, unpacked: set PLUGIN_DIR to the folder above registry.terraform.io/hashicorp/aws"

work=$(mktemp -d)
server=""
cleanup() {
    [[ -z $server ]] || kill "$server" 2>/dev/null || true
    rm -rf "$work"
}
trap cleanup EXIT

: >"$work/empty.tfrc"
export TF_CLI_CONFIG_FILE=$work/empty.tfrc CHECKPOINT_DISABLE=1 TF_IN_AUTOMATION=1 AWS_EC2_METADATA_DISABLED=true

# The module in this folder is formatted and valid.
check_module() {
    step "format"
    terraform fmt -check -recursive . || fail "these files are not formatted: terraform fmt -recursive deploy"
    step "validate"
    terraform init -backend=false -input=false -no-color -plugin-dir="$PLUGIN_DIR" >"$work/log" || { cat "$work/log" >&2; fail "init"; }
    terraform validate -no-color
}

# A server that plays AWS, for terraform and for the aws command line.
start_moto() {
    step "moto server on port $PORT"
    export AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test AWS_DEFAULT_REGION=eu-central-1 AWS_REGION=eu-central-1
    export AWS_ENDPOINT_URL=http://127.0.0.1:$PORT AWS_PAGER=""
    MOTO_IAM_LOAD_MANAGED_POLICIES=true moto_server --host 127.0.0.1 --port "$PORT" >"$work/moto.log" 2>&1 &
    server=$!
    for _ in $(seq 100); do
        if curl --silent --output /dev/null "$AWS_ENDPOINT_URL/moto-api/data.json"; then return 0; fi
        kill -0 "$server" 2>/dev/null || { tail -n 5 "$work/moto.log" >&2; fail "the moto server ended"; }
        sleep 0.3
    done
    fail "the moto server does not answer"
}
