# dead letters: listed, shown, replayed into the store and to a log; misuse
mkdir log
printf '%s\n' '{"timestamp":"2026-02-04T10:30:00Z","base":"USD","rates":{"USD/EUR":0.847},"source":"s"}' 'not json' \
    '{"timestamp":"2026-02-04T10:31:00Z","base":"USD","rates":{"USD/EUR":0.848},"source":"s"}' '{"a":"é"}' >log/00000000000000000000.ndjson
printf 'bin\377\001\n' >>log/00000000000000000000.ndjson
fxmon-consume --from file:log --sink sqlite:fx.db --dlq file:dead --until-end
sed 's/"__connect.errors.task.id":"[^"]*"/"__connect.errors.task.id":"TASK"/; s/file:[0-9a-f]\{32\}/LOG/' dead/*.ndjson
hide() { sed 's/file:[0-9a-f]\{32\}/LOG/; s/20[0-9T:.-]*Z/TIME/'; }
fxmon-consume dlq list --store sqlite:fx.db
fxmon-consume dlq list --store sqlite:fx.db --json --limit 1 | hide
fxmon-consume dlq list --store sqlite:fx.db --reason malformed
fxmon-consume dlq show 3 --store sqlite:fx.db | hide
fxmon-consume dlq show 3 --store sqlite:fx.db --json | hide
fxmon-consume dlq show 3 --store sqlite:fx.db --raw | od -An -tx1
echo "--- nothing has changed"
fxmon-consume dlq replay --all --store sqlite:fx.db; echo $?
echo "--- the first one can be read now"
sqlite3 fx.db "UPDATE fxmon_dead_letters SET data=CAST('{\"timestamp\":\"2026-02-04T10:30:30Z\",\"base\":\"USD\",\"rates\":{\"USD/EUR\":0.8475},\"source\":\"s\"}' AS BLOB) WHERE id=1"
fxmon-consume dlq replay 1 --store sqlite:fx.db --dry-run; echo $?
fxmon-consume dlq replay --all --reason syntax --store sqlite:fx.db; echo $?
fxmon-consume dlq replay 1 --store sqlite:fx.db; echo $?
sqlite3 fx.db 'SELECT "offset", timestamp, rate_text, kind FROM fx_rates'
echo "--- to a log"
fxmon-consume dlq replay 2 3 --to file:fixed --store sqlite:fx.db; echo $?
od -An -c fixed/*.ndjson
fxmon-consume dlq list --store sqlite:fx.db
fxmon-consume dlq list --store sqlite:fx.db --all
echo "--- misuse"
for words in "" "lis" "list 3" "show" "show x" "show 99" "replay" "replay 1 99" "replay 1 --all"; do
    fxmon-consume dlq $words --store sqlite:fx.db; echo $?
done
fxmon-consume dlq list; echo $?
fxmon-consume dlq list --store sqlite:none.db; echo $?
fxmon-consume --from file:log --sink - --dlq file:log; echo $?
fxmon-produce --once --from sim: --to file:log --payload msgpack; echo $?
