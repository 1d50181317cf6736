#!/bin/sh
# A build without any of the optional libraries works and names what it lacks; libfxmon-core links a program with libc and libm alone.
set -eu
[ "$FXMON_VARIANT" = release ] || { echo "one build without libraries is enough: the release test does it"; exit 77; }
top=$FXMON_TOP here=$PWD
# a build folder of its own: the links in build/ are those of the build under test
make -s -C "$top" -j2 CC="$CC" B="$here/b" OPTIMIZE=-O0 WITH_CURL=0 WITH_SQLITE=0 WITH_MICROHTTPD=0 WITH_RDKAFKA=0 WITH_PQ=0 WITH_HIREDIS=0 lib programs >built 2>&1 || { tail -n 20 built; exit 1; }
status=0
bad() { echo "$*"; status=1; }
# says WORDS PROGRAM ARGUMENTS...: ends with status 3 and says so
says() {
    words=$1 program=$2
    shift 2
    code=0
    timeout 20 "$here/b/bin/fxmon-$program" "$@" >said 2>&1 || code=$?
    [ $code -eq 3 ] || bad "fxmon-$program $*: status $code, expected 3"
    grep -q "$words" said || bad "fxmon-$program $*: expected \"$words\" in: $(cat said)"
}
says "built without libcurl" produce --once --from ecb --to file:log
says "built without libcurl" produce --once --from https://example.org/rates --to file:log
says "built without libcurl" produce --once --from sim:,frankfurter --to file:log
says "built without SQLite" consume --from file:log --sink sqlite:fx.db
says "built without SQLite" alert --from file:log --store sqlite:fx.db
says "built without SQLite" alert list --store sqlite:fx.db
says "built without SQLite" alert --check --store sqlite:fx.db
says "built without hiredis" consume --from file:log --sink redis://127.0.0.1
says "built without librdkafka" consume --from kafka://127.0.0.1/t --sink -
says "built without libmicrohttpd" serve --from file:log --listen 127.0.0.1:0
for words in "built without libcurl" "built without SQLite" "built without libmicrohttpd" "built without hiredis" "built without librdkafka"; do
    "$here/b/bin/fxmon-produce" --version | grep -q "$words" || bad "--version does not say: $words"
done
for program in "$here"/b/bin/fxmon-*; do
    needed=$(readelf -d "$program" | sed -n 's/.*NEEDED.*\[\(.*\)\]/\1/p' | grep -E 'curl|sqlite|microhttpd|hiredis' || true)
    [ -z "$needed" ] || bad "$program needs $needed"
done
# what needs no library works
timeout 20 "$here/b/bin/fxmon-produce" --from 'sim:?count=20&rate=max' --to file:log 2>said || bad "$(cat said)"
rows=$(timeout 20 "$here/b/bin/fxmon-consume" --from file:log --sink - --until-end 2>said | wc -l)
[ "$rows" -eq 160 ] || bad "$rows rows, expected 160: $(cat said)"

cat >core.c <<'C'
#include <fxmon/core.h>
#include <math.h>
#include <stdio.h>
int main(void)
{
    fxmon_decimal one = {1, 0}, two = {2, 0};
    fxmon_volatility *v = fxmon_volatility_new(20);
    if (!v)
        return 1;
    fxmon_volatility_add(v, one);
    fxmon_volatility_add(v, two);
    double value = fxmon_volatility_value(v);
    fxmon_volatility_free(v);
    return value == sqrt(0.5) ? 0 : 1;
}
C
$CC -std=c11 -I"$top/include" -o core core.c b/lib/libfxmon-core.a -lm || bad "libfxmon-core.a does not link with libc and libm alone"
./core || bad "the program over libfxmon-core.a fails"
$CC -std=c11 -I"$top/include" -o core-shared core.c -Lb/lib -lfxmon-core -lm -Wl,-z,defs || bad "libfxmon-core.so does not link with libc and libm alone"
LD_LIBRARY_PATH=$here/b/lib ./core-shared || bad "the program over libfxmon-core.so fails"
strange=$(LD_LIBRARY_PATH=$here/b/lib ldd ./core-shared | grep -vE 'linux-vdso|libfxmon-core|libm\.so|libc\.so|ld-linux' || true)
[ -z "$strange" ] || bad "libfxmon-core brings along: $strange"
exit $status
