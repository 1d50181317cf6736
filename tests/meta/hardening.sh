#!/bin/sh
# What is shipped is hardened: position independent, read-only relocations bound at start, no executable stack, stack protector, fortified calls, control-flow marks.
set -u
[ "$FXMON_VARIANT" = release ] || { echo "release builds only"; exit 77; }
status=0
bad() { echo "$*"; status=1; }
for f in "$FXMON_BIN"/fxmon-produce "$FXMON_BIN"/fxmon-consume "$FXMON_BIN"/fxmon-alert "$FXMON_BIN"/fxmon-serve "$FXMON_LIB"/libfxmon.so "$FXMON_LIB"/libfxmon-core.so; do
    readelf -hW "$f" | grep -q 'Type:.*DYN' || bad "$f: not position independent"
    readelf -lW "$f" | grep -q GNU_RELRO || bad "$f: no RELRO"
    readelf -lW "$f" | grep GNU_STACK | grep -q 'RWE' && bad "$f: executable stack"
    readelf -dW "$f" | grep -qE 'BIND_NOW|FLAGS.*NOW' || bad "$f: relocations are bound lazily"
    readelf -dW "$f" | grep -qE 'TEXTREL|RPATH|RUNPATH' && bad "$f: text relocations or a run path"
    readelf --dyn-syms -W "$f" | grep -q __stack_chk_fail || bad "$f: no stack protector"
    case $f in *core.so) ;; *) readelf --dyn-syms -W "$f" | grep -qE '__[a-z]+_chk' || bad "$f: nothing is fortified" ;; esac
    [ "$(uname -m)" != x86_64 ] || objdump -d "$f" | grep -q endbr64 || bad "$f: no control-flow protection marks"
done
# the check itself can fail: an object without any of it
echo 'int main(void) { return 0; }' >plain.c
$CC -no-pie -O0 -Wl,-z,norelro -o plain plain.c && readelf -lW plain | grep -q GNU_RELRO && bad "this test cannot tell RELRO from none"
exit $status
