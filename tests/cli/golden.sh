#!/bin/sh
# Golden tests of the command lines: each tests/cli/golden/NAME.sh runs in an empty folder with the programs on its PATH; standard output, standard error and status
# must equal NAME.out, NAME.err and NAME.exit (missing: empty, empty, 0). BLESS=1 rewrites them. In the expected texts VERSION stands for the version.
set -u
status=0 n=0
version=$("$FXMON_BIN/fxmon-produce" --version | sed -n '1s/fxmon-produce \([^ ]*\).*/\1/p')
env_clean() { env -i PATH="$FXMON_BIN:$PATH" HOME="$PWD" LC_ALL=C FXMON_TOP="$FXMON_TOP" "$@"; }
for case in "$FXMON_TOP"/tests/cli/golden/*.sh; do
    name=${case%.sh}
    n=$((n + 1))
    mkdir -p work && cd work || exit 1
    env_clean sh "$case" >../out 2>../err </dev/null
    echo $? >../exit
    cd .. && rm -rf work
    sed -i "s/$version/VERSION/g" out err
    if [ -n "${BLESS:-}" ]; then
        for kind in out err exit; do
            cp $kind "$name.$kind"
            { [ -s "$name.$kind" ] && [ "$kind:$(cat $kind)" != exit:0 ]; } || rm -f "$name.$kind"
        done
        continue
    fi
    for kind in out err exit; do
        if [ -f "$name.$kind" ]; then cp "$name.$kind" want; elif [ $kind = exit ]; then echo 0 >want; else : >want; fi
        diff want $kind >difference || { echo "${case##*/}: $kind differs (< expected, > is)"; cat difference; status=1; }
    done
done
[ $n -ge 10 ] || { echo "only $n golden cases"; exit 1; }
exit $status
