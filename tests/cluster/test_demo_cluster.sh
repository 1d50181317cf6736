#!/bin/sh
# make demo-cluster on real servers: rates flow into PostgreSQL, Redis, OpenSearch and Elasticsearch, and every number agrees with the log and with REST.
set -u
python3 -c 'import sys; sys.path.insert(0, sys.argv[1]); from lib_cluster import memory_available; sys.exit(memory_available() < 2500)' "$FXMON_TOP/tests/servers" || {
    echo "less than 2500 MiB of memory are free"
    exit 77
}
for server in kafka postgresql redis opensearch elasticsearch; do
    "$FXMON_TOP/tests/servers/$server" install >/dev/null || { echo "$server cannot be had here"; exit 77; }
done
out=$(mktemp)
demo=
trap 'kill "$demo" 2>/dev/null; wait' EXIT INT TERM
DEMO_SECONDS=5 DEMO_FROM='sim:?interval=1s' timeout 300 python3 "$FXMON_TOP/tests/demo/cluster.py" >"$out" 2>&1 &
demo=$!
wait "$demo"
status=$?
cat "$out"
[ "$status" = 0 ] || { echo "the demonstration ended with status $status"; exit 1; }
# It says so, and the table it shows has the pairs of the simulator in it.
grep -q '^All agree' "$out" && grep -q '^USD/EUR .* yes$' "$out" && grep -q '^alert events: .*agree$' "$out" || { echo "no proof was shown"; exit 1; }
! grep -q 'NOT agree' "$out"
