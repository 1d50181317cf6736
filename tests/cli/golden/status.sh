fxmon-consume status --store sqlite:fx.db
echo "status $?"
fxmon-produce --from sim: --to file:log --rate 1000 --duration 5ms --store sqlite:fx.db --log-level error
fxmon-consume --from file:log --sink sqlite:fx.db --until-end --log-level error
neat() { sed -E 's/[0-9-]+T[0-9:]+Z/TIME/; s/ [^ ]+:[0-9]+/ HOST:PID/; s/ +/ /g; s/ [0-9]+s$/ AGE/'; }
fxmon-consume status --store sqlite:fx.db | neat
fxmon-consume status --store sqlite:fx.db >/dev/null
echo "status $?"
fxmon-consume status --store sqlite:fx.db --json | sed -E 's/"(instance|started_at|last_heartbeat|last_published_at|last_answer_at)":"[^"]*"/"\1":"..."/g; s/"heartbeat_age_seconds":[0-9.]+/"heartbeat_age_seconds":0.5/'
fxmon-consume status
echo "status $?"
fxmon-consume stauts --store sqlite:fx.db
