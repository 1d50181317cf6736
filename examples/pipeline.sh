#!/bin/sh
# pipeline.sh - the whole pipeline on one machine: provider -> file log -> SQLite, alerts, and the page on http://localhost:8000.
#
# Settings: FXMON_DATA (folder, ./fxmon-data), FXMON_LISTEN (127.0.0.1:8000), FXMON_FROM (a source of your choice), FXMON_BIN (folder of the programs).
# Live from keyless providers where there is a network; from the built-in simulator otherwise, and it says which.
set -eu
bin=${FXMON_BIN:-$(dirname "$(command -v fxmon-produce)")}
data=${FXMON_DATA:-fxmon-data}
listen=${FXMON_LISTEN:-127.0.0.1:8000}
live=${FXMON_LIVE:-ecb,frankfurter,open-er-api}
unset FXMON_LISTEN || true # the programs would read it as their own option
from=${FXMON_FROM:-}
unset FXMON_FROM || true
mkdir -p "$data"
chosen=$from
if [ -z "$from" ]; then
    echo "Asking $live for rates ..."
    # 90 days of history first, so that volatility and lines mean something on day one
    if "$bin/fxmon-produce" --log-level error --once --from ecb-90d --to "file:$data/log" 2>/dev/null ||
        "$bin/fxmon-produce" --log-level error --once --from "$live" --to "file:$data/log" 2>/dev/null; then
        chosen=$live
        echo "Live: rates from $live."
    else
        data=$data/simulated
        mkdir -p "$data"
        chosen="sim:?interval=1s"
        echo "No provider can be reached from here: SIMULATED rates from the built-in generator."
    fi
fi
pids=
stop() {
    trap - INT TERM EXIT
    # shellcheck disable=SC2086 # a list of numbers
    [ -z "$pids" ] || kill $pids 2>/dev/null || true
    wait
}
trap 'stop; exit 0' INT TERM
trap stop EXIT
start() {
    "$@" &
    pids="$pids $!"
}
start "$bin/fxmon-produce" --log-level warning --from "$chosen" --to "file:$data/log"
start "$bin/fxmon-consume" --log-level warning --from "file:$data/log" --sink "sqlite:$data/fx.db"
start "$bin/fxmon-alert" --log-level warning --from "file:$data/log" --store "sqlite:$data/fx.db" --notify -
start "$bin/fxmon-serve" --from "file:$data/log" --store "sqlite:$data/fx.db" --listen "$listen"
echo "Open http://localhost:${listen##*:}/   (data in $data; Ctrl-C stops everything)"
# one that ends takes the others with it: a pipeline with a missing part should be seen
while :; do
    for pid in $pids; do
        kill -0 "$pid" 2>/dev/null || { echo "A program ended; stopping the others." >&2; exit 1; }
    done
    sleep 1
done
