#!/bin/sh
# tests/deps.sh build|check|bench|cluster|fuzz - install the Debian or Ubuntu packages that are missing, with sudo unless root.
set -eu
build="gcc libc6-dev make pkg-config libcurl4-openssl-dev libsqlite3-dev libmicrohttpd-dev librdkafka-dev libpq-dev libhiredis-dev libinih-dev ca-certificates"
check="check libjansson-dev redis-tools kcat python3 python3-msgpack python3-yaml sqlite3 jq mandoc g++ binutils file locales procps"
case "${1:-build}" in
build) want=$build ;;
check) want="$build $check" ;;
bench) want="$build $check wrk" ;;
cluster) want="$build python3 kcat redis-tools postgresql-client procps" ;;
fuzz) want="$build $check clang llvm libclang-rt-dev" ;;
*) echo "usage: deps.sh build|check|bench|cluster|fuzz" >&2; exit 2 ;;
esac
if ! command -v dpkg-query >/dev/null 2>&1; then
    echo "This is no Debian or Ubuntu. Packages needed, by their Debian names: $want" >&2
    exit 0
fi
missing=
for package in $want; do
    dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -q '^installed$' || missing="$missing $package"
done
[ -n "$missing" ] || exit 0
echo "installing:$missing"
become=
[ "$(id -u)" = 0 ] || become=sudo
export DEBIAN_FRONTEND=noninteractive
$become apt-get update -q
# shellcheck disable=SC2086 # a list of words
$become apt-get install -y -q --no-install-recommends $missing
