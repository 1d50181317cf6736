#!/bin/sh
# tests/bench/bench_memory.sh - resident memory of each program while all of them work on all currencies at 1000 messages a second.
# Lines: name, value, unit, baseline, ratio. FXMON_BENCH_SECONDS (60) is how long they work before they are looked at; SQLite may lag behind on a
# slow machine, which changes nothing here: what a lane keeps in memory is bounded by its batch. Shared pages of libraries count as resident.
set -eu
seconds=${FXMON_BENCH_SECONDS:-60}
bar=16
running=
trap 'kill $running 2>/dev/null; wait; trap - EXIT' EXIT INT TERM

start() { # NAME COMMAND...: leaves its process number in pid_NAME
    name=$1
    shift
    "$@" >"$name.out" 2>"$name.log" &
    running="$running $!"
    eval "pid_$name=$!"
}

report() { # PROGRAM PROCESS
    if ! kill -0 "$2" 2>/dev/null; then
        echo "bench_memory: $1 ended: $(tail -n 3 "${1#fxmon-}.log")" >&2
        exit 1
    fi
    awk -v program="$1" -v bar="$bar" '$1 == "VmRSS:" { mib = $2 / 1024; printf "resident memory of %s\t%.1f\tMiB\tbar %d\t%.2f\n", program, mib, bar, bar / mib }' \
        "/proc/$2/status"
}

"$FXMON_BIN/fxmon-alert" add --store sqlite:fx.db 'USD/EUR cross 0.9' 'USD/JPY above 121' 'USD/GBP below 0.66' >added.out
start produce "$FXMON_BIN/fxmon-produce" --from 'sim:?seed=1&rate=1000&track=all' --to file:log
start consume "$FXMON_BIN/fxmon-consume" --from file:log --sink sqlite:fx.db
start alert "$FXMON_BIN/fxmon-alert" --from file:log --store sqlite:fx.db
start serve "$FXMON_BIN/fxmon-serve" --from file:log --store sqlite:fx.db --listen 127.0.0.1:0
sleep "$seconds"
report fxmon-produce "$pid_produce"
report fxmon-consume "$pid_consume"
report fxmon-alert "$pid_alert"
report fxmon-serve "$pid_serve"
