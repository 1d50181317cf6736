"""Digits from the log to every surface: SQLite, NDJSON, CSV and REST must show what an independent reader computes, digit for digit.

The log is written by this file, with what real and hostile providers send: 18 decimals, very large and very small rates, exponents, repeats, late and tied quotes, two sources of one
pair interleaved, messages of 1,024 pairs (the limit) and 1,025, and values that must be refused.
"""
import csv, decimal, json, os, sqlite3, statistics, string, sys
from lib_programs import Server, run

D = decimal.Decimal
decimal.getcontext().prec = 80


def check(what, condition, *detail):
    if not condition:
        sys.exit(f"{what}: {detail}")


lines, good, refused = [], [], []  # good: (offset, time, source, [(pair, text)])


def time_of(second):
    return f"2026-01-05T{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}Z"


def message(second, rates, source="s", fine=True):
    """rates: pair -> text of the number."""
    body = ",".join(f'"{p}":{t}' for p, t in rates)
    lines.append(f'{{"timestamp":"{time_of(second)}","base":"USD","rates":{{{body}}},"source":"{source}"}}')
    if fine:
        good.append((len(lines) - 1, time_of(second), source, rates))
    else:
        refused.append(len(lines) - 1)


for i in range(60):
    message(i, [("USD/EUR", f"0.{918200000000000000 + i * 7919 * (-1) ** i}"), ("USD/IDR", f"{16823450 + i * 37 % 991}.25"),
                ("USD/JPY", f"{110 + i % 7}.{i % 10}0")])
    message(i, [("USD/EUR", f"0.9{i:02d}5")], source="other")
small, large = "0.000000000000000001", "1000000000000000000"
message(100, [("USD/BTC", small), ("USD/VND", large)])
message(101, [("USD/BTC", "0.000000000000000002"), ("USD/VND", "999999999999999999")])
message(102, [("USD/BTC", "1e-18"), ("USD/VND", "1e18")])
message(103, [("USD/EUR", "9.1E-1"), ("USD/GBP", "6.7e-1")])
message(103, [("USD/EUR", "0.91")])                       # a tie: the same source says the same again
message(70, [("USD/EUR", "0.5")])                         # late
for i in range(3):
    message(200, [("USD/CHF", "0.8800")])                 # one publication, three times
message(201, [("USD/CHF", "0.8800")])                     # the same price, a new publication
codes = [a + b + c for a in string.ascii_uppercase for b in string.ascii_uppercase for c in "XYZ"]
codes = [c for c in codes if c not in ("USD",)]
message(300, [("USD/" + c, f"{i + 1}.5") for i, c in enumerate(codes[:1024])])
message(301, [("USD/" + c, "1.5") for c in codes[:1025]], fine=False)
for bad in ("-0.9", "0", "-0", "0.0", "NaN", "Infinity", '"0.9"', "null", "true", "01.5", ".5", "1.", "+1", "0x10", "1e19", "1e-19", "1e400", "{}", "[1]",
            "0.0000000000000000001", "1000000000000000001", "1,5"):
    message(400, [("USD/EUR", bad)], fine=False)
message(401, [("USD/EUR", "0.9"), ("USD/EUR", "0.9")], fine=False)
message(402, [("USD/USD", "1")])                          # providers say it of their base
message(403, [("USD/EU", "1")], fine=False)
message(500, [("USD/EUR", "0.91"), ("USD/NZD", "1.700000000000000001")])

os.mkdir("log")
with open("log/00000000000000000000.ndjson", "w") as f:
    f.write("\n".join(lines) + "\n")

# ---- what must come out: one row for each new quote, volatility over the last 20 prices of its pair and source in their order
rows, newest, windows, latest, last_by_pair = [], {}, {}, {}, {}
for offset, when, source, rates in good:
    for pair, text in rates:
        key = (pair, source)
        if key in newest and when < newest[key]:  # late: kept as history, in no statistic
            rows.append((pair, when, source, D(text), None, offset))
            continue
        if key in newest and when == newest[key]:
            continue
        newest[key] = when
        w = windows.setdefault(key, [])
        w.append(D(text))
        del w[:-20]
        volatility = float(statistics.stdev(w)) if len(w) > 1 else None
        rows.append((pair, when, source, D(text), volatility, offset))
        latest[key] = (when, D(text), volatility)


def plain(text):
    check("digits without exponent", set(text) <= set("0123456789."), text)
    return D(text)


def same(what, got):
    """got: list of (pair, time, source, rate text, volatility) in any order."""
    a = sorted((p, t.replace(".000000000Z", "Z"), s, str(plain(r).normalize()), repr(v)) for p, t, s, r, v in got)
    b = sorted((p, t, s, str(r.normalize()), repr(v)) for p, t, s, r, v, _ in rows)
    extra, missing = [x for x in a if x not in set(b)][:5], [x for x in b if x not in set(a)][:5]
    check(what, a == b, len(a), len(b), "unexpected", extra, "missing", missing)


run("consume", "--from", "file:log", "--sink", "sqlite:fx.db", "--sink", "file:rows.ndjson", "--sink", "file:rows.csv", "--until-end")

with open("rows.ndjson") as f:
    read = [json.loads(l, parse_float=str, parse_int=str) for l in f]
same("NDJSON", [(r["pair"], r["time"], r["source"], r["rate"], None if r["volatility"] is None else float(r["volatility"])) for r in read])
texts = {(r["pair"], r["time"], r["source"]): r["rate"] for r in read}
with open("rows.csv", newline="") as f:
    read = list(csv.DictReader(f))
same("CSV", [(r["pair"], r["time"], r["source"], r["rate"], float(r["volatility"]) if r["volatility"] else None) for r in read])
check("CSV and NDJSON have the same digits", texts == {(r["pair"], r["time"], r["source"]): r["rate"] for r in read})
db = sqlite3.connect("fx.db")
dead = [r[0] for r in db.execute("SELECT offset FROM fxmon_dead_letters ORDER BY offset")]
check("dead letters", dead == refused, [lines[i][:160] for i in sorted(set(dead) ^ set(refused))])
read = list(db.execute("SELECT * FROM fx_rates"))
names = [c[0] for c in db.execute("SELECT * FROM fx_rates LIMIT 1").description]
read = [dict(zip(names, r)) for r in read]
same("SQLite", [(r["pair"], r["timestamp"], r["source"], r["rate_text"], r["volatility"]) for r in read])
check("SQLite and NDJSON have the same digits", texts == {(r["pair"], r["timestamp"], r["source"]): r["rate_text"] for r in read})

server = Server("--from", "file:log", "--store", "sqlite:fx.db", "--track", "all")
by_pair = {}
for pair, when, source, rate, volatility, offset in rows:
    by_pair.setdefault(pair, []).append((when, source, rate, volatility))
for pair in ("USD/EUR", "USD/IDR", "USD/JPY", "USD/BTC", "USD/VND", "USD/CHF", "USD/NZD", "USD/AAX", "USD/GBP"):
    for source in sorted({s for _, s, _, _ in by_pair[pair]}):
        code, text, _ = server.get(f"/rates/{pair.replace('/', '-')}/history?limit=1000&order=asc&source={source}")
        check("history of " + pair, code == 200, code, text[:300])
        got = [(h["timestamp"].replace(".000000000Z", "Z"), plain(h["rate"]), None if h["volatility"] is None else float(h["volatility"]))
               for h in json.loads(text, parse_float=str, parse_int=str)]
        want = sorted((x for x in by_pair[pair] if x[1] == source), key=lambda x: x[0])
        want = [(w, r, v) for w, s, r, v in want]
        check("history of " + pair, got == want, got[-3:], want[-3:])
        for h in json.loads(text, parse_float=str, parse_int=str):
            check("digits of REST and NDJSON", texts[(pair, h["timestamp"], source)] == h["rate"], pair, h)
code, text, _ = server.get("/rates")
shown = {(r["pair"], r["source"]): r for r in json.loads(text, parse_float=str, parse_int=str)}
check("pairs of /rates", {p for p, _ in shown} == {p for p, _ in latest}, len(shown), len(latest))
for key, r in shown.items():
    when, rate, volatility = latest[key]
    check("latest", plain(r["rate"]) == rate and (r["volatility"] is None) == (volatility is None), r, latest[key])
    check("latest volatility", volatility is None or float(r["volatility"]) == volatility, r, latest[key])
check("old rates are no degradation", server.json("/health")["status"] == "healthy", server.json("/health"))
server.stop()
print(len(rows), "rows on four surfaces,", len(refused), "dead letters")
