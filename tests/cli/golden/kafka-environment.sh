KAFKA_BOOTSTRAP_SERVERS=127.0.0.1:9092 KAFKA_TOPIC='fx rates' fxmon-consume --sink -
echo "status $?"
TRACKED_CURRENCIES=EUR,JPY KAFKA_TOPIC=other fxmon-produce --from 'sim:?count=1&start=2026-01-01T00:00:00Z' --to - 2>/dev/null | sed 's/:0\.[0-9]*/:N/; s/:[0-9]*\.[0-9]*/:N/; s/,"ingested_at.*/}/'
DATABASE_URL=postgresql://fx:secret@127.0.0.1:1/fx fxmon-alert list
