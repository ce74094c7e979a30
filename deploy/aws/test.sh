#!/usr/bin/env bash
# Tests the Terraform module without AWS and without a network: format, validation, 'terraform test' with a mocked provider,
# then a real apply against a local moto server, read back with the aws command line, an instance replaced, all destroyed.
#
#   deploy/aws/test.sh
#
# PLUGIN_DIR names the folder that holds registry.terraform.io/hashicorp/aws; it is looked for where it is not given.
# Exit: 0 all holds; 1 something does not; 77 a tool is missing, nothing or not all was tested.
# JMESPath quotes with backticks, and filters have commas:
# shellcheck disable=SC2016,SC2054
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
readonly here
# shellcheck source=../terraform-test.sh
source "$here/../terraform-test.sh"

# The work goes on in a copy: no lock file, state or override is left beside the sources.
cp -r "$here" "$work/aws"
cp -r "$here/../systemd" "$work/systemd"
rm -rf "$work/aws/.terraform" "$work/aws/.terraform.lock.hcl"
cd "$work/aws"

check_module

step "terraform test, provider mocked"
# What a test has made it destroys at its end, volumes too: as README.md says under 'Taking it down'.
cp teardown/override.tf teardown_override.tf
terraform test -no-color -filter=tests/module.tftest.hcl || fail "terraform test"
for preset in original three-zones; do
    terraform test -no-color -filter="tests/${preset//-/_}.tftest.hcl" -var-file="presets/$preset.tfvars" ||
        fail "terraform test of preset $preset"
done

step "every rendered file is YAML that cloud-init takes; its programs are shell"
"$here/render.sh" "$work/rendered" original node-1=10.9.0.1 >/dev/null
python3 - "$work/rendered" <<'PYTHON' || fail "rendered user data"
import glob, os, subprocess, sys
try:
    import yaml
except ImportError:
    sys.exit("MISSING: python's yaml (pip install pyyaml)")
names = sorted(os.path.basename(f) for f in glob.glob(sys.argv[1] + "/*.yaml"))
assert names == ["client-1.yaml", "node-1.yaml", "node-2.yaml", "node-3.yaml", "proxy-1.yaml"], names
for name in names:
    config = yaml.safe_load(open(os.path.join(sys.argv[1], name)))
    for file in config["write_files"]:
        if file["content"].startswith("#!"):
            check = subprocess.run(["bash", "-n"], input=file["content"], text=True, capture_output=True)
            assert check.returncode == 0, (name, file["path"], check.stderr)
    toml = [f["content"] for f in config["write_files"] if f["path"].endswith(".toml")]
    try:
        import tomllib
        settings = [tomllib.loads(t) for t in toml]
    except ImportError:
        print("MISSING: python 3.11's tomllib; the TOML is not parsed", file=sys.stderr)
    assert name.startswith("client") or any("10.9.0.1:23801" in t for t in toml), name
PYTHON

# ---------------------------------------------------------------- a real apply, against a server that plays AWS

start_moto

# What a server that is not AWS needs.
cat >server_override.tf <<'HCL'
provider "aws" {
  s3_use_path_style           = true
  skip_credentials_validation = true
  skip_metadata_api_check     = true
}

provider "aws" {
  alias                       = "replica"
  s3_use_path_style           = true
  skip_credentials_validation = true
  skip_metadata_api_check     = true
}
HCL

ami=$(aws ec2 describe-images --query 'Images[0].ImageId' --output text)
tf() {
    local verb=$1
    shift
    terraform "$verb" -auto-approve -input=false -no-color -parallelism=20 -var-file=presets/original.tfvars -var "ami_id=$ami" \
        -var replica_region=eu-west-1 "$@" >"$work/log" 2>&1 || { tail -n 40 "$work/log" >&2; fail "terraform $verb $*"; }
    grep -E '^(Apply|Destroy) complete' "$work/log"
}

step "apply: the original shape"
tf apply

step "read back"
query() { aws ec2 "$1" --output text --query "$2" "${@:3}"; }
running=(--filters Name=instance-state-name,Values=running)

expect "five instances, by name" "client-1 node-1 node-2 node-3 proxy-1" \
    "$(query describe-instances 'Reservations[].Instances[].Tags[?Key==`Program`].Value[]' "${running[@]}" | tr '\t' '\n' | sort | paste -sd' ')"
expect "nodes in three zones" "eu-central-1a eu-central-1b eu-central-1c" \
    "$(query describe-instances 'Reservations[].Instances[].Placement.AvailabilityZone' "${running[@]}" Name=tag:Kind,Values=node | tr '\t' '\n' | sort | paste -sd' ')"
expect "IMDSv2 is required of all" "5" \
    "$(query describe-instances 'length(Reservations[].Instances[?MetadataOptions.HttpTokens==`required`][])' "${running[@]}")"
expect "no SSH key on any" "0" \
    "$(query describe-instances 'length(Reservations[].Instances[?KeyName][])' "${running[@]}")"

data_volumes='Volumes[?Tags[?Key==`Name` && starts_with(Value, `conclave-node-`)]]'
expect "three data volumes, gp3, encrypted, attached" "3" \
    "$(query describe-volumes "length($data_volumes | [?VolumeType=='gp3' && Encrypted && Size==\`20\` && State=='in-use'])")"

# Every rule of every group: GROUP < SOURCE PORTS.
aws ec2 describe-security-groups --output json >"$work/groups.json"
aws ec2 describe-security-group-rules --output json >"$work/rules.json"
rules() {
    jq -r --slurpfile groups "$work/groups.json" --argjson out "$1" '
        ($groups[0].SecurityGroups | map({key: .GroupId, value: .GroupName}) | from_entries) as $name
        | .SecurityGroupRules[]
        | select(.IsEgress == $out and ($name[.GroupId] | startswith("conclave-")))
        | (if .ReferencedGroupInfo.GroupId then $name[.ReferencedGroupInfo.GroupId] else .CidrIpv4 end) as $other
        | "\($name[.GroupId]) \($other) \(.IpProtocol) \(.FromPort)-\(.ToPort)"
    ' "$work/rules.json" | sed 's/\bconclave-//g' | sort
}
ways_in=$(rules false) || fail "the rules cannot be read"
ways_out=$(rules true) || fail "the rules cannot be read"
expect "ways in" "api client tcp 2379-2379
node client tcp 23901-23901
node node tcp 23801-23801
node proxy tcp 23801-23801
proxy api tcp 2379-2379
proxy api tcp 23901-23901
proxy client tcp 23901-23901" "$ways_in"
expect "nobody at all is let in from everywhere" "" "$(grep -F 0.0.0.0 <<<"$ways_in" || true)"
expect "ways out to everywhere" "client 443-443
client 80-80
node 443-443
node 80-80
proxy 443-443
proxy 80-80" "$(awk '$2 == "0.0.0.0/0" {print $1, $4}' <<<"$ways_out")"

for program in node-1 proxy-1 client-1; do
    kind=${program%-*}
    group=$(query describe-instances 'Reservations[].Instances[].SecurityGroups[].GroupName' "${running[@]}" "Name=tag:Program,Values=$program")
    expect "$program is in its group, and no other" "conclave-$kind" "$group"
done

user_data() {
    local id
    id=$(query describe-instances 'Reservations[0].Instances[0].InstanceId' "${running[@]}" "Name=tag:Program,Values=$1")
    aws ec2 describe-instance-attribute --instance-id "$id" --attribute userData --query UserData.Value --output text |
        base64 -d | python3 -c 'import gzip, sys; sys.stdout.buffer.write(gzip.decompress(sys.stdin.buffer.read()))'
}
user_data node-3 >"$work/node-3.yaml"
content() { python3 -c 'import sys, yaml; print({f["path"]: f["content"] for f in yaml.safe_load(open(sys.argv[1]))["write_files"]}[sys.argv[2]], end="")' "$@"; }
expect "node 3 boots with the preferred leader's configuration" \
    "$(content "$work/rendered/node-3.yaml" /etc/conclave/node.toml | sed 's/10\.9\.0\.1:/node-1.conclave.internal:/')" \
    "$(content "$work/node-3.yaml" /etc/conclave/node.toml)"
expect "... and priority" "priority = 10" "$(content "$work/node-3.yaml" /etc/conclave/node.toml | grep priority)"
volume=$(terraform output -json volumes | jq -r '."node-3"')
expect "... and its own volume" "device=/dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_${volume/-/}" \
    "$(content "$work/node-3.yaml" /usr/local/sbin/conclave-volume | grep '^device=')"
expect "... and the unit of deploy/systemd" "$(cat "$here/../systemd/conclave-node.service")" \
    "$(content "$work/node-3.yaml" /usr/lib/systemd/system/conclave-node.service)"

bucket=$(terraform output -raw bucket)
expect "the bucket has versions" "Enabled" "$(aws s3api get-bucket-versioning --bucket "$bucket" --query Status --output text)"
expect "the bucket is encrypted" "aws:kms" "$(aws s3api get-bucket-encryption --bucket "$bucket" --output text \
    --query 'ServerSideEncryptionConfiguration.Rules[0].ApplyServerSideEncryptionByDefault.SSEAlgorithm')"
expect "nothing of the bucket is public" "True" "$(aws s3api get-public-access-block --bucket "$bucket" --output text \
    --query 'PublicAccessBlockConfiguration.BlockPublicAcls && PublicAccessBlockConfiguration.BlockPublicPolicy && PublicAccessBlockConfiguration.IgnorePublicAcls && PublicAccessBlockConfiguration.RestrictPublicBuckets')"
copy=$(terraform output -raw replica_bucket)
expect "the bucket is copied to another region" "eu-west-1 arn:aws:s3:::$copy Enabled" \
    "$(aws s3api get-bucket-location --bucket "$copy" --query LocationConstraint --output text) $(aws s3api get-bucket-replication \
        --bucket "$bucket" --query 'ReplicationConfiguration.Rules[0].[Destination.Bucket,Status]' --output text | tr '\t' ' ')"
zone=$(aws route53 list-hosted-zones --query 'HostedZones[?Name==`conclave.internal.`].Id' --output text)
# That the zone is private cannot be read back: moto does not keep a zone's VPC. tests/module.tftest.hcl asserts it.
record() { aws route53 list-resource-record-sets --hosted-zone-id "$zone" --query "ResourceRecordSets[?Name=='$1.conclave.internal.'].ResourceRecords[0].Value" --output text; }
address() { query describe-instances 'Reservations[0].Instances[0].PrivateIpAddress' "${running[@]}" "Name=tag:Program,Values=$1"; }
expect "node-2's name leads to node 2" "$(address node-2)" "$(record node-2)"
expect "the load balancer is internal" "internal" "$(aws elbv2 describe-load-balancers --query 'LoadBalancers[0].Scheme' --output text)"
expect "alarms" "17" "$(aws cloudwatch describe-alarms --query 'length(MetricAlarms)' --output text)"

step "what a node reports is what the alarms look at"
content "$work/node-3.yaml" /usr/local/sbin/conclave-report >"$work/report"
mkdir "$work/bin"
# The node's answers, and a volume.
printf '#!/bin/sh\necho "conclave_kv_out_of_space 1"\n' >"$work/bin/curl"
printf '#!/bin/sh\n' >"$work/bin/mountpoint"
printf '#!/bin/sh\nprintf "Use%%%%\\n 61%%%%\\n"\n' >"$work/bin/df"
chmod +x "$work/bin"/*
PATH=$work/bin:$PATH bash "$work/report"
reported() {
    aws cloudwatch get-metric-statistics --namespace Conclave/conclave --metric-name "$1" --statistics Maximum --period 3600 \
        --start-time "$(date -u -d '-1 hour' +%FT%TZ)" --end-time "$(date -u -d '+1 hour' +%FT%TZ)" "${@:2}" \
        --query 'sum(Datapoints[].Maximum)' --output text
}
expect "a node that is ready" "1.0" "$(reported NodeReady --dimensions Name=Program,Value=node-3)"
expect "a volume that is rather full" "61.0" "$(reported DiskUsedPercent --dimensions Name=Program,Value=node-3)"
expect "a state that has outgrown its quota" "1.0" "$(reported OutOfSpace)"
expect "the alarms of node 3 look at that" "DiskUsedPercent node-3 NodeReady node-3" "$(aws cloudwatch describe-alarms \
    --alarm-names conclave-node-3-ready conclave-node-3-disk --query 'MetricAlarms[].[MetricName, Dimensions[0].Value]' --output text |
    sort | paste -sd' ' | tr '\t' ' ')"

step "certificates go to the parameter store"
mkdir "$work/certs"
for name in ca node-1 node-2 node-3 proxy-1 client-1 operator-1; do
    echo "certificate of $name" >"$work/certs/$name.crt"
    echo "key of $name" >"$work/certs/$name.key"
done
"$here/put-certificates.sh" "$work/certs" conclave alias/conclave >/dev/null
expect "node 2's key, encrypted" "SecureString key of node-2" "$(aws ssm get-parameter --with-decryption \
    --name /conclave/conclave/node-2/tls.key --query 'Parameter.[Type,Value]' --output text | tr '\t' ' ')"
expect "the CA's key goes nowhere" "" "$(aws ssm describe-parameters --query 'Parameters[].Name' --output text | tr '\t' '\n' | grep 'ca.key' || true)"

step "an instance is replaced, by one of another type: its volume stays"
before=$(query describe-instances 'Reservations[0].Instances[0].InstanceId' "${running[@]}" Name=tag:Program,Values=node-1)
volume=$(terraform output -json volumes | jq -r '."node-1"')
# moto forgets the VPC of the zone, and refuses to be told it again.
cat >zone_override.tf <<'HCL'
resource "aws_route53_zone" "this" {
  lifecycle {
    ignore_changes = [vpc]
  }
}
HCL
tf apply -refresh=false -var node_instance_type=t3.large -replace='aws_instance.this["node-1"]'
after=$(query describe-instances 'Reservations[0].Instances[0].InstanceId' "${running[@]}" Name=tag:Program,Values=node-1)
[[ $before != "$after" ]] || fail "the instance was not replaced"
expect "the same volume, at the new instance" "$volume $after" \
    "$(terraform output -json volumes | jq -r '."node-1"') $(query describe-volumes 'Volumes[0].Attachments[0].InstanceId' --volume-ids "$volume")"
expect "the same name, at the new address" "$(address node-1)" "$(record node-1)"
expect "the others were left alone, and have their type" "node-1 t3.large node-2 t3.medium node-3 t3.medium" \
    "$(query describe-instances 'Reservations[].Instances[].[Tags[?Key==`Program`].Value | [0], InstanceType]' "${running[@]}" Name=tag:Kind,Values=node | sort | paste -sd' ' | tr '\t' ' ')"
expect "... and there is none besides" "5" "$(query describe-instances 'length(Reservations[].Instances[])' "${running[@]}")"

step "a plan that would destroy a volume is refused"
mv teardown_override.tf teardown_override.off
if terraform plan -destroy -refresh=false -input=false -no-color -var-file=presets/original.tfvars -var "ami_id=$ami" >"$work/log" 2>&1; then
    fail "a plan destroys the volumes"
fi
expect "by prevent_destroy, for each volume" "3" "$(grep -c '^Resource aws_ebs_volume.node.*prevent_destroy set' "$work/log")"
mv teardown_override.off teardown_override.tf

step "a majority of the volumes is lost: new ones, and nodes that wait for a backup"
terraform state rm aws_ebs_volume.node >/dev/null
tf apply -refresh=false -var restore=true -replace='aws_instance.this["node-1"]' -replace='aws_instance.this["node-2"]' \
    -replace='aws_instance.this["node-3"]'
expect "three new volumes are attached; the old ones are kept" "3 3" \
    "$(query describe-volumes "length($data_volumes | [?State=='in-use'])") $(query describe-volumes "length($data_volumes | [?State=='available'])")"
user_data node-2 >"$work/node-2.yaml"
volume=$(terraform output -json volumes | jq -r '."node-2"')
expect "node 2 mounts its new one" "device=/dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_${volume/-/}" \
    "$(content "$work/node-2.yaml" /usr/local/sbin/conclave-volume | grep '^device=')"
expect "... and does not start without data" "AssertPathExists=/var/lib/conclave/node/log.redb" \
    "$(content "$work/node-2.yaml" /etc/systemd/system/conclave-node.service.d/restore.conf | grep Assert)"
content "$work/node-2.yaml" /usr/local/sbin/conclave-restore | bash -n
expect "... which it may fetch" "s3:GetObject" "$(aws iam get-role-policy --role-name conclave-eu-central-1-node-2 --policy-name conclave \
    --query 'PolicyDocument.Statement[?Sid==`Restore`].Action[]' --output text)"

step "destroy: buckets too, with what is in them"
# moto takes a policy's condition for nothing: without TLS or with it, it would let nobody in.
aws s3api delete-bucket-policy --bucket "$bucket"
echo backup | aws s3 cp --only-show-errors - "s3://$bucket/backups/a"
for old in $(query describe-volumes "$data_volumes | [?State=='available'].VolumeId"); do
    aws ec2 delete-volume --volume-id "$old"
done
tf destroy -refresh=false
expect "no volume is left" "0" "$(query describe-volumes "length($data_volumes)")"
expect "no bucket is left" "0" "$(aws s3api list-buckets --query 'length(Buckets)' --output text)"
step "done"
