fxmon-consume --from - --sink - 2>talk <<'END'
{"timestamp":"2026-02-04T10:30:00Z","base":"USD","rates":{"USD/EUR":-1},"source":"x"}
not json
{"timestamp":"2026-02-04T10:30:00Z","base":"USD","rates":{"USD/EUR":0.847},"source":"x"}
END
sed -E 's/"stream":"[^"]*"/"stream":"S"/; s/"first_seen":"[^"]*"/"first_seen":"T"/' talk >&2
