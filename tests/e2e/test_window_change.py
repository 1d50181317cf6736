"""A lane that is started again with another --window computes its statistics anew from the log, and doubles no row."""
import decimal, json, os, sqlite3, statistics, sys
from lib_programs import TOP, run

recorded = os.path.join(TOP, "tests", "data", "usd-base-2015.ndjson")
lines = open(recorded).read().splitlines(True)
store = "sqlite:fx.db"
for count, window in ((30, 20), (60, 5)):
    open("part.ndjson", "w").write("".join(lines[count - 30:count]))
    run("produce", "--from", "replay:part.ndjson", "--once", "--to", "file:log")
    run("consume", "--from", "file:log", "--sink", store, "--until-end", "--window", str(window))
db = sqlite3.connect("fx.db")
have = db.execute('SELECT "offset", volatility FROM fx_rates WHERE pair = \'USD/EUR\' ORDER BY "offset"').fetchall()
values = [decimal.Decimal(json.loads(l, parse_float=str)["rates"]["USD/EUR"]) for l in lines]
want = [(i, float(statistics.stdev(values[max(0, i + 1 - w):i + 1])) if i else None) for i, w in [(i, 20 if i < 30 else 5) for i in range(60)]]
if len(have) != 60 or any(h[0] != w[0] or (h[1] is None) != (w[1] is None) or (h[1] is not None and abs(h[1] - w[1]) > 1e-15) for h, w in zip(have, want)):
    sys.exit(f"volatilities differ: {[(h, w) for h, w in zip(have, want) if h != w][:4]}")
print("60 rows, both windows right")
