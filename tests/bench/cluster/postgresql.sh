#!/bin/sh
# tests/bench/cluster/postgresql.sh - bench_postgresql on a server of its own, durable as in production.
set -eu
. "$FXMON_TOP/tests/cluster/lib_postgresql.sh"
export PATH="$(sed -n 's/^POSTGRESQL_BIN=//p' "$POSTGRESQL_FOLDER/env"):$PATH"
"$FXMON_BUILD/tests/bench/bench_postgresql"
