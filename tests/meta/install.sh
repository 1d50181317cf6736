#!/bin/sh
# Install into a folder, list every file, build the examples against the installed library by pkg-config (C and C++), link the programs with public symbols only.
set -eu
case $FXMON_VARIANT in release | debug) ;; *) echo "installed files are checked in a release build"; exit 77 ;; esac
dest=$PWD/dest
make -s -C "$FXMON_TOP" VARIANT="$FXMON_VARIANT" CC="$CC" install DESTDIR="$dest" PREFIX=/usr >install.log 2>&1 || { tail -n 20 install.log; exit 1; }
cd dest
version=$(sed -n 's/^Version: //p' usr/lib/pkgconfig/fxmon.pc)
for f in usr/bin/fxmon-produce usr/bin/fxmon-consume usr/bin/fxmon-alert usr/bin/fxmon-serve usr/include/fxmon/core.h usr/include/fxmon/fxmon.h \
    usr/include/fxmon/plugin.h usr/include/fxmon/version.h usr/lib/libfxmon.a usr/lib/libfxmon-core.a "usr/lib/libfxmon.so.$version" \
    "usr/lib/libfxmon.so.${version%%.*}" usr/lib/libfxmon.so usr/lib/libfxmon-core.so usr/lib/pkgconfig/fxmon-core.pc usr/share/man/man1/fxmon-produce.1 \
    usr/share/man/man1/fxmon-consume.1 usr/share/man/man1/fxmon-alert.1 usr/share/man/man1/fxmon-serve.1 usr/share/man/man3/libfxmon.3 \
    usr/share/man/man5/fxmon.conf.5 usr/share/man/man7/fxmon-formats.7; do
    [ -e "$f" ] || { echo "not installed: $f"; exit 1; }
done
cd ..
export PKG_CONFIG_PATH=$dest/usr/lib/pkgconfig PKG_CONFIG_SYSROOT_DIR=$dest LD_LIBRARY_PATH=$dest/usr/lib
pc() { pkg-config "$@"; }
pkg-config --validate fxmon fxmon-core
for f in "$FXMON_TOP"/examples/*.c; do
    case $(sed -n 's/.*pkg-config: \(fxmon[a-z-]*\).*/\1/p' "$f" | head -n 1) in
    fxmon-core) p=fxmon-core ;;
    *) p=fxmon ;;
    esac
    # shellcheck disable=SC2046 # words
    $CC -std=c11 -D_POSIX_C_SOURCE=200809L -Wall -Wextra -Werror -o "$(basename "${f%.c}")" "$f" $(pc --cflags "$p") $(pc --libs "$p") -lm
    echo "built $(basename "$f") with $p"
done
# the programs need nothing but the public library
inih=$(pkg-config --libs inih 2>/dev/null || echo -linih)
for f in fxmon-produce fxmon-consume fxmon-alert fxmon-serve; do
    shared=$(ls "$FXMON_TOP"/cli/*.c | grep -v '/fxmon-')
    # shellcheck disable=SC2046,SC2086
    $CC -std=c11 -D_GNU_SOURCE -Wall -o "$f" "$FXMON_TOP/cli/$f.c" $shared $(pc --cflags fxmon) $(pc --libs fxmon) $inih
    ./"$f" --version | grep -q "$version"
done
# headers from C++ and from strict C99, each alone
for h in core fxmon plugin version; do
    echo "#include <fxmon/$h.h>
int main(void) { return 0; }" >one.c
    # shellcheck disable=SC2046
    $CC -std=c99 -pedantic -Wall -Wextra -Werror -fsyntax-only one.c $(pc --cflags fxmon)
    # shellcheck disable=SC2046
    ${CXX:-g++} -std=c++11 -Wall -Wextra -Werror -x c++ -fsyntax-only one.c $(pc --cflags fxmon)
done
# all headers in two units of one program: nothing in them may define anything
for unit in one two; do
    printf '#include <fxmon/fxmon.h>\n#include <fxmon/core.h>\nint %s(void);\nint %s(void) { return fxmon_strerror(FXMON_E_IO)[0] == 0; }\n' $unit $unit >unit_$unit.c
done
printf 'int two(void);\nint main(void) { return one() + two(); }\n' >>unit_one.c
# shellcheck disable=SC2046
$CC -std=c11 -Wall -Wextra -Werror -o units unit_one.c unit_two.c $(pc --cflags fxmon) $(pc --libs fxmon)
./units
make -s -C "$FXMON_TOP" VARIANT="$FXMON_VARIANT" CC="$CC" uninstall DESTDIR="$dest" PREFIX=/usr >/dev/null
left=$(find dest ! -type d)
[ -z "$left" ] || { echo "left behind by uninstall: $left"; exit 1; }
