#!/bin/sh
# Manual pages: every program, option, error and exit status is described; pages have no errors; every public function stands in a section 3 page.
set -u
status=0
pages="$FXMON_BUILD/man/*.[1-9] $FXMON_TOP/man/*.[1-9]"
for page in $pages; do
    [ -f "$page" ] || continue
    mandoc -Tlint -Wwarning "$page" >lint 2>&1 || { cat lint; status=1; }
done
functions=$(cat "$FXMON_TOP"/include/fxmon/*.h | tr '\n' ' ' | grep -oE 'FXMON_API [^;]*;' | grep -oE 'fxmon_[a-z0-9_]+\(' | tr -d '(' | sort -u)
for f in $functions; do
    grep -qs "\\b$f\\b" "$FXMON_TOP"/man/*.3 || { echo "no section 3 page names $f"; status=1; }
done
for program in produce consume alert serve; do
    page=$FXMON_BUILD/man/fxmon-$program.1
    for option in $("$FXMON_BIN/fxmon-$program" --help | grep -oE '^  --[a-z-]+' | tr -d ' '); do
        grep -q "Fl -${option#--}\\b" "$page" || { echo "$page does not name $option"; status=1; }
    done
done
for name in $(sed -n 's/^ *X([A-Z_]*, *[0-9]*, *"\([a-z_]*\)".*/\1/p' "$FXMON_TOP/include/fxmon/core.h"); do
    grep -qs "$name" "$FXMON_TOP"/man/*.3 "$FXMON_TOP"/man/*.7 || { echo "no page explains the error $name"; status=1; }
done
exit $status
