fxmon-alert add --store sqlite:fx.db 'USD/EUR above 0.9 clear 0.895 for 30s' 'usdjpy below 100'
fxmon-alert list --store sqlite:fx.db
fxmon-alert rm --store sqlite:fx.db 7
echo "status $?"
fxmon-alert rm --store sqlite:fx.db 1
fxmon-alert list --store sqlite:fx.db --json | sed 's/"created_at":"[^"]*"/"created_at":"T"/'
fxmon-alert add --store sqlite:fx.db 'USD/EUR abvoe 0.9'
