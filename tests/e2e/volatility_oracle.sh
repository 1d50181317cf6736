#!/bin/sh
# The rolling deviation against Python's statistics.stdev on exact fractions: the share of windows with the same bits must be 99.9 % at least.
set -eu
command -v python3 >/dev/null || { echo "no python3"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
oracle=$(dirname "$0")/lib_volatility_oracle.py
python3 "$oracle" make "$work/prices"
FXMON_ORACLE_IN="$work/prices" FXMON_ORACLE_OUT="$work/values" "$FXMON_BUILD/tests/unit/test_volatility"
python3 "$oracle" compare "$work/prices" "$work/values"
