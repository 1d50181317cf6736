#!/bin/sh
# Two builds in different folders give the same bytes.
set -eu
[ "$FXMON_VARIANT" = release ] || { echo "release builds only"; exit 77; }
for n in one two/deeper; do
    mkdir -p "$n"
    (cd "$FXMON_TOP" && tar cf - Makefile include libfxmon cli man) | tar xf - -C "$n"
    make -s -C "$n" -j2 CC="$CC" lib programs >"log" 2>&1 || { tail -n 20 log; exit 1; }
done
for f in bin/fxmon-produce bin/fxmon-serve lib/libfxmon.so lib/libfxmon-core.so; do
    a=$(cat one/build/release-*/$f | cksum) b=$(cat two/deeper/build/release-*/$f | cksum)
    [ "$a" = "$b" ] || { echo "$f differs between two builds"; exit 1; }
done
