#!/bin/sh
# Random kill -9 of fxmon-alert on a log that grows meanwhile; the events in the store equal the oracle's: none lost, none twice. KILLS=50.
exec python3 "$FXMON_TOP/tests/e2e/lib_alert_kill.py"
