#!/bin/sh
# A pipeline of a shell, as the README has it: no file, no server; rows on standard output, talk on standard error, a quiet end when the reader goes away.
set -eu
"$FXMON_BIN/fxmon-produce" --from 'sim:?seed=3&count=5&interval=1ms' --to - 2>produce.err | "$FXMON_BIN/fxmon-consume" --from - --sink - >rows 2>consume.err
[ "$(wc -l <rows)" -eq 40 ] || { echo "expected 5 x 8 rows:"; cat rows produce.err consume.err; exit 1; }
jq -e -s 'length == 40 and all(.[]; has("pair") and has("time") and has("rate") and has("volatility") and has("source"))' rows >/dev/null
jq -s -e '[.[] | select(.volatility == null)] | length == 8' rows >/dev/null # the first of each pair
"$FXMON_BIN/fxmon-produce" --from 'sim:?seed=3&count=20000&interval=1us' --to - 2>err | head -n 1 | jq -e .base >/dev/null
! grep -qi 'broken pipe' err || { echo "a reader that goes away is no error to talk about"; cat err; exit 1; }
# the same words give the same rates
"$FXMON_BIN/fxmon-produce" --from 'sim:?seed=3&count=5&interval=1s&start=2026-01-01T00:00:00Z' --to - 2>/dev/null >one
"$FXMON_BIN/fxmon-produce" --from 'sim:?seed=3&count=5&interval=1s&start=2026-01-01T00:00:00Z' --to - 2>/dev/null >two
for f in one two; do jq -c 'del(.ingested_at)' $f >$f.rates; done
[ "$(wc -l <one.rates)" -eq 5 ] && cmp one.rates two.rates
