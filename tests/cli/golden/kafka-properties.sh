# one by name, unknown, refused with its reason, no property, a secret in argv; the configuration file's own spelling
for property in linger.mss=5 enable.auto.commit=true acks=1 linger.ms ssl.key.password=x; do
    fxmon-consume --from kafka://127.0.0.1:1/t --sink - --kafka "$property" --log-level error
    echo "status $?"
done
printf 'from = kafka://127.0.0.1:1/t\nsink = -\nkafka.session.timeout.ms = 7\n' >fx.conf
fxmon-consume --config fx.conf --log-level error
printf 'from = kafka://127.0.0.1:1/t\nsink = -\nkafka.ssl.key.password = hunter2\n' >fx.conf
chmod 644 fx.conf
fxmon-consume --config fx.conf
FXMON_KAFKA='linger.ms=5
isolation.level=read_uncommitted' fxmon-consume --from kafka://127.0.0.1:1/t --sink - --log-level error
fxmon-consume --from kafka://user:pw@127.0.0.1:1/t --sink - --log-level error
fxmon-consume --from kafka://127.0.0.1:1x/t --sink - --log-level error
FXMON_KAFKA_SASL_PASSWORD=hunter2 fxmon-consume --from kafka://127.0.0.1:1/t --sink - --kafka-sasl-username fx --log-level error
