fxmon-consume --from - --sink - --crosses --track EUR,GBP,JPY --log-level error <<'END'
{"timestamp":"2026-02-04T10:30:00Z","base":"USD","rates":{"USD/EUR":0.847,"USD/GBP":0.789,"USD/JPY":110.25},"source":"exchangerate-api.com"}
END
