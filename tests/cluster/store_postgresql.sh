#!/bin/sh
# The store postgresql:// against a real server: the conformance suite and what is PostgreSQL's own. P29: hostile texts stay texts.
set -u
program=$FXMON_BUILD/tests/conform/test_store_postgresql
[ -x "$program" ] || { echo "skipped: not built"; exit 77; }
set -- fsync=off
. "$FXMON_TOP/tests/cluster/lib_postgresql.sh"
"$program"
