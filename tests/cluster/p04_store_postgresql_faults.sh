#!/bin/sh
# P4: the store postgresql:// loses and doubles nothing when backends end, the server restarts, and answers of COMMIT are cut off.
set -u
program=$FXMON_BUILD/tests/conform/test_store_postgresql_faults
[ -x "$program" ] || { echo "skipped: not built"; exit 77; }
set -- fsync=off
. "$FXMON_TOP/tests/cluster/lib_postgresql.sh"
[ -z "${NIGHTLY:-}" ] || export FXMON_TEST_SCALE=15 CK_DEFAULT_TIMEOUT=3600
"$program"
