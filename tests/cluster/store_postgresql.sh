#!/bin/sh
# The store postgresql:// against a real server.
set -u
program=$FXMON_BUILD/tests/conform/test_store_postgresql
[ -x "$program" ] || { echo "skipped: built without libpq"; exit 77; }
sh "$FXMON_TOP/tests/servers/postgresql" install || { echo "skipped: no PostgreSQL and no way to get it"; exit 77; }
folder=$(mktemp -d)
trap 'sh "$FXMON_TOP/tests/servers/postgresql" stop "$folder/server" immediate; rm -rf "$folder"' EXIT
trap 'exit 1' HUP INT TERM
FXMON_SERVER_OWNER=$$ sh "$FXMON_TOP/tests/servers/postgresql" start "$folder/server" fsync=off >"$folder/env" || exit 1
DATABASE_URL=$(sed -n 's/^DATABASE_URL=//p' "$folder/env")
POSTGRESQL_FOLDER=$folder/server
export DATABASE_URL POSTGRESQL_FOLDER
"$program"
