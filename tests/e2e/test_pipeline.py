"""The whole pipeline on recorded rates, against an independent computation: replay -> file log -> SQLite, alerts -> REST.

Expected values come from this file alone: decimal arithmetic and Python's statistics.stdev on the text of the messages.
"""
import decimal, json, os, sqlite3, statistics, sys
from lib_programs import SHARED, TOP, Server, run, wait_for

recorded = os.path.join(SHARED, "streams", "usd-base-2009-2015.ndjson")
if not os.path.exists(recorded):
    recorded = os.path.join(TOP, "tests", "data", "usd-base-2015.ndjson")
messages = [json.loads(l, parse_float=str, parse_int=str) for l in open(recorded)]
print(f"{len(messages)} messages of {recorded}")
log, store = "file:log", "sqlite:fx.db"

rules = []  # (pair, condition, threshold)
for pair in sorted(messages[0]["rates"]):
    values = sorted(decimal.Decimal(m["rates"][pair]) for m in messages)
    rules.append((pair, "above", str(values[len(values) * 9 // 10])))
    rules.append((pair, "below", str(values[len(values) // 10])))
    rules.append((pair, "above", messages[len(messages) // 2]["rates"][pair]))  # equal at least once: strict comparison matters
ids = []
for pair, condition, threshold in rules:
    out = run("alert", "add", "--store", store, f"{pair} {condition} {threshold}").stdout
    ids.append(int("".join(c for c in out.split()[0] if c.isdigit())))

run("produce", "--from", "replay:" + recorded, "--once", "--to", log)
run("consume", "--from", log, "--sink", store, "--sink", "file:rows.ndjson", "--until-end")
run("alert", "--from", log, "--store", store, "--until-end")

# ---- expected
rows, windows, fired = [], {}, []
state = {i: False for i in ids}
for offset, m in enumerate(messages):
    for pair, text in m["rates"].items():
        w = windows.setdefault(pair, [])
        w.append(decimal.Decimal(text))
        del w[:-20]
        volatility = float(statistics.stdev(w)) if len(w) > 1 else None
        rows.append((offset, pair, m["timestamp"], text, volatility))
        for i, (p, condition, threshold) in zip(ids, rules):
            if p != pair:
                continue
            x, t = decimal.Decimal(text), decimal.Decimal(threshold)
            holds = x > t if condition == "above" else x < t
            if holds != state[i]:
                # with no clear level the band is empty: only equality keeps the side
                if holds or x != t:
                    fired.append((offset, i, "fired" if holds else "resolved", text))
                    state[i] = holds

# ---- the store
db = sqlite3.connect("file:fx.db?mode=ro", uri=True)
have = db.execute('SELECT "offset", pair, timestamp, rate_text, volatility FROM fx_rates ORDER BY "offset", pair').fetchall()
want = sorted(rows, key=lambda r: (r[0], r[1]))
if len(have) != len(want):
    sys.exit(f"rows: {len(have)} in SQLite, {len(want)} in the log")
wrong = same = 0
for h, w in zip(have, want):
    if h[:4] != w[:4]:
        sys.exit(f"row differs: {h} expected {w}")
    same += h[4] == w[4]
    if (h[4] is None) != (w[4] is None) or (h[4] is not None and abs(h[4] - w[4]) > 2e-16 * max(abs(w[4]), 1e-300) * 2):
        wrong += 1
print(f"{len(have)} rows; volatility bit-equal to statistics.stdev in {same}")
if wrong or same < 0.999 * len(have):
    sys.exit(f"{wrong} volatilities differ by more than an ulp; {same} of {len(have)} are bit-equal")

events = db.execute('SELECT "offset", alert_id, kind, rate_text FROM alert_history ORDER BY id').fetchall()
if sorted(events) != sorted(fired):
    sys.exit(f"alert events differ: only expected {sorted(set(fired) - set(events))[:5]}, only there {sorted(set(events) - set(fired))[:5]}")
print(f"{len(events)} alert events as expected, {sum(e[2] == 'fired' for e in events)} fired")

lines = [json.loads(l, parse_float=str, parse_int=str) for l in open("rows.ndjson")]
if [(l["pair"], l["rate"]) for l in lines] != [(r[1], r[3]) for r in rows]:
    sys.exit("the lines of the file sink are not the rows of the log, in order and with their digits")

# ---- REST
server = Server("--from", log, "--store", store)
try:
    last = {pair: (m["timestamp"], text) for m in messages for pair, text in m["rates"].items()}
    got = wait_for("all rates over REST", lambda: (lambda r: r if len(r) == len(last) and all(x["timestamp"] == last[x["pair"]][0] for x in r) else None)(
        json.loads(server.get("/rates")[1], parse_float=str, parse_int=str)))
    if [g["pair"] for g in got] != sorted(last):
        sys.exit("GET /rates is not sorted by pair")
    final = {r[1]: r for r in rows}
    for g in got:
        w = final[g["pair"]]
        if g["rate"] != w[3] or float(g["volatility"]) != db.execute("SELECT volatility FROM fx_rates WHERE pair = ? ORDER BY \"offset\" DESC LIMIT 1", (w[1],)).fetchone()[0]:
            sys.exit(f"GET /rates: {g}, expected {w}")
    for spelling in ("USD%2FEUR", "usd-eur", "USD_EUR", "USDEUR", "USD/EUR"):
        history = json.loads(server.get(f"/rates/{spelling}/history?limit=30")[1], parse_float=str, parse_int=str)
        expected = [(r[2], r[3]) for r in rows if r[1] == "USD/EUR"][::-1][:30]
        if [(h["timestamp"], h["rate"]) for h in history] != expected:
            sys.exit(f"history of {spelling}: {history[:2]} expected {expected[:2]}")
    api = server.json("/alerts/history?limit=500")
    newest = sorted((e for e in fired), key=lambda e: e[0])[::-1][: len(api)]
    if len(api) != min(500, len(fired)) or {a["alert_id"] for a in api} - set(ids):
        sys.exit("GET /alerts/history does not hold the events")
    if len(server.json("/alerts")) != len(rules):
        sys.exit("GET /alerts does not list the alerts")
finally:
    server.stop()
print("REST agrees")
