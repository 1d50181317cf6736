# Nagios: 0 quiet, 1 a warning fires, 2 a critical alert fires, 3 misuse; and what the rules would have said without a store
say() { echo "{\"timestamp\":\"2026-02-04T10:30:0$1Z\",\"base\":\"USD\",\"rates\":{\"USD/EUR\":$2},\"source\":\"test\"}" >>log/00000000000000000000.ndjson; }
watch() { fxmon-alert --from file:log --store sqlite:fx.db --until-end --log-level error; fxmon-alert --check --store sqlite:fx.db; echo "status $?"; }
mkdir log
printf '%s\n' '# two levels' 'USD/EUR above 0.9 clear 0.895' '' 'usd-eur above 0.92 severity critical # far' >rules
fxmon-alert lint rules
fxmon-alert add --store sqlite:fx.db --file rules
say 0 0.89; watch
say 1 0.905; watch
say 2 0.93; watch
say 3 0.91; watch
say 4 0.89; watch
fxmon-alert --check --bogus 2>/dev/null; echo "status $?"
fxmon-alert show 2 --store sqlite:fx.db
fxmon-alert test 'USD/EUR above 0.9 for 2s' --from file:log --log-level error
fxmon-alert test 'USD/EUR cross 0.9' 'USD/EUR cross_down 0.92' --from file:log --log-level error --json
