#!/usr/bin/env bash
# Stores what 'conclave cert init' wrote in the parameter store, each instance's under its own prefix, encrypted with the
# cluster's key. The CA's key stays where it is: no instance needs it.
#
#   deploy/aws/put-certificates.sh DIR CLUSTER KMS_KEY        KMS_KEY is 'terraform output -raw kms_key'
set -euo pipefail
[[ $# -eq 3 ]] || { echo "usage: put-certificates.sh DIR CLUSTER KMS_KEY" >&2; exit 2; }
dir=$1 cluster=$2 key=$3
[[ -f $dir/ca.crt ]] || { echo "error: there is no ca.crt in $dir; 'conclave cert init' writes one" >&2; exit 1; }

# put NAME FILE; the value is read from the file, so that it is on no command line.
put() {
    aws ssm put-parameter --name "/conclave/$cluster/$1" --type SecureString --key-id "$key" --overwrite \
        --value "file://$2" >/dev/null
    echo "/conclave/$cluster/$1"
}

shopt -s nullglob
for certificate in "$dir"/{node,proxy,client}-*.crt; do
    program=$(basename "$certificate" .crt)
    # The key first: an instance that fetches in between keeps its old pair until both are there.
    put "$program/tls.key" "$dir/$program.key"
    put "$program/tls.crt" "$certificate"
    put "$program/ca.crt" "$dir/ca.crt"
    if [[ $program == client-* ]]; then
        put "$program/operator.key" "$dir/operator-${program#client-}.key"
        put "$program/operator.crt" "$dir/operator-${program#client-}.crt"
    fi
done
