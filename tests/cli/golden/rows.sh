fxmon-consume --from - --sink - --log-level error <<'END'
{"timestamp":"2026-02-04T10:30:00Z","base":"USD","rates":{"USD/EUR":0.847,"USD/JPY":110.250},"source":"exchangerate-api.com"}
{"timestamp":"2026-02-04T10:30:30Z","base":"USD","rates":{"USD/EUR":0.848,"USD/JPY":110.250},"source":"exchangerate-api.com"}
{"timestamp":"2026-02-04T10:30:30Z","base":"USD","rates":{"USD/EUR":0.848,"USD/JPY":110.250},"source":"exchangerate-api.com"}
{"timestamp":"2026-02-04T10:31:00Z","base":"USD","rates":{"USD/EUR":0.846,"USD/JPY":110.250},"source":"exchangerate-api.com"}
END
