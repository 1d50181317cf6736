#!/bin/sh
# tests/fuzz/run.sh FOLDER SECONDS [NAME] - run every libFuzzer program in FOLDER on a copy of its corpus; red when one crashes.
set -eu
folder=$1 seconds=$2 name=${3:-}
status=0
for program in "$folder"/fuzz_${name:-*}; do
    case $program in *-replay) continue ;; esac
    target=${program##*/fuzz_}
    work=$(mktemp -d)
    [ ! -d "tests/fuzz/corpus/$target" ] || cp "tests/fuzz/corpus/$target"/* "$work"/ 2>/dev/null || true
    echo "fuzz $target, $seconds s"
    if ! "$program" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 -artifact_prefix="$folder/crash-$target-" "$work" >"$work.log" 2>&1; then
        tail -n 40 "$work.log"
        echo "FAILED: $target; the input is $folder/crash-$target-*" >&2
        status=1
    else
        grep -E 'number_of_executed_units|new_units' "$work.log" || true
    fi
    rm -rf "$work" "$work.log"
done
exit $status
