#!/bin/sh
# Exported symbols: shared libraries export the functions of the public headers, all of them and nothing else; non-static internal names begin with fxi_;
# no function that ends the process or owns its signals is called; libfxmon-core needs libc and libm alone; the SONAME is the major version.
set -u
case $FXMON_VARIANT in release | debug) ;; *) echo "symbols of a sanitizer build differ"; exit 77 ;; esac
status=0
bad() { echo "$*"; status=1; }
declared() { # names declared FXMON_API in the headers given
    cat "$@" | tr '\n' ' ' | grep -oE 'FXMON_API [^;]*;' | grep -oE 'fxmon_[a-z0-9_]+\(' | tr -d '(' | sort -u
}
exported() { nm -D --defined-only "$1" | awk '$2 ~ /[A-Z]/ { print $3 }' | sed 's/@.*//' | sort -u; }
inc=$FXMON_TOP/include/fxmon
declared "$inc"/core.h "$inc"/fxmon.h "$inc"/plugin.h >all.want
declared "$inc"/core.h >core.want
for lib in libfxmon:all libfxmon-core:core; do
    so=$FXMON_LIB/${lib%:*}.so want=${lib#*:}.want
    exported "$so" >have
    [ "$(wc -l <have)" -gt 20 ] || bad "$so: hardly any exported symbol; is this test reading it right?"
    diff "$want" have >difference || bad "$so: exported symbols differ from the headers (< header only, > library only):
$(cat difference)"
    so_name=$(readelf -d "$so" | sed -n 's/.*SONAME.*\[\(.*\)\]/\1/p')
    major=$(sed -n 's/^#define FXMON_VERSION_MAJOR //p' "$inc/version.h")
    [ "$so_name" = "${lib%:*}.so.$major" ] || bad "$so: SONAME $so_name"
done
needed=$(readelf -d "$FXMON_LIB/libfxmon-core.so" | sed -n 's/.*NEEDED.*\[\(.*\)\]/\1/p' | grep -vE '^(libc|libm)\.so|^ld-linux' || true)
[ -z "$needed" ] || bad "libfxmon-core needs more than libc and libm: $needed"
internal=$(nm -g --defined-only "$FXMON_LIB/libfxmon.a" 2>/dev/null | awk 'NF == 3 && $2 ~ /[TDBRC]/ { print $3 }' | grep -vE '^(fxmon_|fxi_)' || true)
[ -z "$internal" ] || bad "non-static names without prefix: $internal"
called=$(nm -u "$FXMON_LIB/libfxmon.a" 2>/dev/null | awk '{ print $NF }' |
    grep -xE 'exit|_exit|abort|signal|sigaction|setlocale|system|popen|atexit|strcpy|strcat|sprintf|vsprintf|strtok|atoi|atof|atol|gets|sscanf|localtime|gmtime|rand|srand|strerror' | sort -u || true)
[ -z "$called" ] || bad "the library calls: $called"
exit $status
