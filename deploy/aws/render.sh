#!/usr/bin/env bash
# Writes the cloud-init file of every instance of a preset to OUT_DIR/{node-1,proxy-1,client-1,...}.yaml, offline.
#
#   deploy/aws/render.sh OUT_DIR [PRESET] [NAME=HOST ...]
#
# PRESET is a file in presets/ (default: original). NAME=HOST gives another host than NAME.conclave.internal,
# like node-1=10.0.0.1; api is what the client connects to.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)

out=${1:?usage: render.sh OUT_DIR [PRESET] [NAME=HOST ...]}
shift
preset=original
if [[ $# -gt 0 && $1 != *=* ]]; then
    preset=$1
    shift
fi
vars=$here/presets/$preset.tfvars
[[ -f $vars ]] || { echo "error: there is no preset '$preset' in $here/presets" >&2; exit 2; }

hosts=""
for pair in "$@"; do
    [[ $pair == ?*=?* ]] || { echo "error: '$pair' is not NAME=HOST" >&2; exit 2; }
    hosts+="\"${pair%%=*}\"=\"${pair#*=}\","
done

for tool in terraform jq; do
    command -v "$tool" >/dev/null || { echo "MISSING: $tool is needed to render" >&2; exit 77; }
done

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
: >"$work/empty.tfrc"
export TF_CLI_CONFIG_FILE=$work/empty.tfrc TF_DATA_DIR=$work/data CHECKPOINT_DISABLE=1
terraform -chdir="$here/render" init -input=false -no-color -backend=false >"$work/log" || { cat "$work/log" >&2; exit 1; }
terraform -chdir="$here/render" apply -auto-approve -input=false -no-color -var-file="$vars" -var "hosts={$hosts}" \
    -state="$work/state" >"$work/log" || { cat "$work/log" >&2; exit 1; }

mkdir -p "$out"
terraform -chdir="$here/render" output -state="$work/state" -json files >"$work/files.json"
jq -r 'keys[]' "$work/files.json" | while read -r program; do
    jq -r --arg program "$program" '.[$program]' "$work/files.json" >"$out/$program.yaml"
    echo "$out/$program.yaml"
done
