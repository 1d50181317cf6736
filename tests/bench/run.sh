#!/bin/sh
# tests/bench/run.sh - run every bench program and print one table. Each prints lines: name, value, unit, baseline, ratio (tab separated).
# ratio > 1 means better than the baseline of the same run. With OUT=FILE the table is also written there as Markdown.
set -eu
rows=$(mktemp)
trap 'rm -f "$rows"' EXIT
for program in "$FXMON_BUILD"/tests/bench/bench_* "$FXMON_TOP"/tests/bench/bench_*.sh; do
    [ -x "$program" ] && [ ! -d "$program" ] || continue
    case $program in *.d | *.o) continue ;; esac
    name=${program##*/}
    [ -z "${T:-}" ] || case $name in *$T*) ;; *) continue ;; esac
    echo "running $name" >&2
    work=$(mktemp -d)
    case $program in
    *.sh) (cd "$work" && sh "$program") >>"$rows" ;;
    *) (cd "$work" && "$program") >>"$rows" ;;
    esac
    rm -rf "$work"
done
machine="$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1), $(nproc) cores, $(uname -sr), $(${CC:-cc} --version | head -n 1)"
table() {
    printf '| figure | value | unit | baseline | ratio |\n|---|---|---|---|---|\n'
    awk -F'\t' 'NF >= 3 { printf "| %s | %s | %s | %s | %s |\n", $1, $2, $3, $4, $5 }' "$rows"
}
echo "Machine: $machine"
table
if [ -n "${OUT:-}" ]; then
    { printf '# Measured speed\n\nMachine: %s. Made by `make bench`; compare only inside one table.\n\n' "$machine"; table; } >"$OUT"
fi
