# tests/cluster/lib_postgresql.sh - to be read by a test: DATABASE_URL and POSTGRESQL_FOLDER of a server that ends with the test. Settings may follow.
sh "$FXMON_TOP/tests/servers/postgresql" install || { echo "skipped: no PostgreSQL and no way to get it"; exit 77; }
postgresql_top=$(mktemp -d)
trap 'sh "$FXMON_TOP/tests/servers/postgresql" stop "$postgresql_top/server" immediate; rm -rf "$postgresql_top"' EXIT
trap 'exit 1' HUP INT TERM
POSTGRESQL_FOLDER=$postgresql_top/server
FXMON_SERVER_OWNER=$$ sh "$FXMON_TOP/tests/servers/postgresql" start "$POSTGRESQL_FOLDER" "$@" >"$postgresql_top/env" || exit 1
DATABASE_URL=$(sed -n 's/^DATABASE_URL=//p' "$postgresql_top/env")
export DATABASE_URL POSTGRESQL_FOLDER
