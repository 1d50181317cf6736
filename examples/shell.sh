#!/bin/sh
# shell.sh - fxmon in pipelines: stdout is data, one record a line; stderr is talk; exit codes mean something.
set -eu
# one publication, as rows
fxmon-produce --once --from "${FXMON_SOURCE:-sim:?seed=1&count=1}" --to - | fxmon-consume --from - --sink - |
    while IFS= read -r row; do printf '%s\n' "$row"; done
# keep a log, then read it with ordinary tools
log=$(mktemp -d)
fxmon-produce --from 'sim:?seed=1&count=100&interval=1ms' --to "file:$log" 2>/dev/null
cat "$log"/*.ndjson | wc -l
# volatilities of the newest quotes, straight from the log
fxmon-consume --from "file:$log" --sink - --until-end 2>/dev/null | tail -n 8
rm -rf "$log"
