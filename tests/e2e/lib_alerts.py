"""Shared by the alert tests: rules, walks that hug their levels, and what a store holds against what the oracle says."""
import os
import random
import sqlite3
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import alert_oracle  # noqa: E402

BIN = os.environ["FXMON_BIN"]
STREAM = "usd-base-2009-2015.ndjson"


def program(name, *words, **options):
    return subprocess.run([os.path.join(BIN, "fxmon-" + name), *words], check=True, stdout=subprocess.PIPE, text=True, **options)


def shared_stream():
    folder = os.environ.get("FXMON_SHARED_DATA", os.path.join(os.environ.get("FXMON_TOP", "."), "..", "shared", "data"))
    path = os.path.join(folder, "streams", STREAM)
    return path if os.path.exists(path) else None


def random_rule(r, pair, level, step):
    """A rule around a level, thresholds on the grid of prices so that they are met exactly."""
    threshold = level + r.randrange(-6, 7) * step
    condition = r.choice(["above", "below", "cross_up", "cross_down", "cross"])
    words = [pair, condition, text(threshold)]
    if r.random() < 0.4:
        band = r.randrange(0, 4) * step
        clear = threshold - band if condition in ("above", "cross_up", "cross") else threshold + band
        words += ["clear", text(clear)]
    if r.random() < 0.4:
        words += ["for", f"{r.randrange(0, 8)}s"]
    if r.random() < 0.4:
        words += ["cooldown", f"{r.randrange(0, 20)}s"]
    return " ".join(words + ["repeat", r.choice(["episode", "episode", "every", "once"])])


def text(millionths):
    return f"{millionths // 10**6}.{millionths % 10**6:06d}"


def walk_messages(r, pairs, count):
    """NDJSON of random walks: plateaus, jumps over whole bands, one unit beside a level, late and repeated messages, junk lines."""
    price = {pair: level for pair, (level, _) in pairs.items()}
    second, lines = 0, []
    for _ in range(count):
        second += r.choice([1, 1, 1, 2, 5, 0, -3])
        if r.random() < 0.01:
            lines.append('{"timestamp":"not a time"}')
            continue
        for pair, (level, step) in pairs.items():
            kind = r.random()
            if kind < 0.05:
                price[pair] = level + r.randrange(-8, 9) * step
            elif kind < 0.1:
                price[pair] = level + r.randrange(-6, 7) * step + r.choice([-1, 1])
            elif kind < 0.7:
                price[pair] += r.choice([-1, 0, 1]) * step
        rates = ",".join(f'"{pair}":{text(value)}' for pair, value in price.items())
        stamp = f"2026-02-04T{10 + second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}Z"
        lines.append(f'{{"timestamp":"{stamp}","base":"USD","rates":{{{rates}}},"source":"walk"}}')
    return lines


def add_rules(store, rules, folder):
    path = os.path.join(folder, "rules")
    with open(path, "w") as out:
        out.write("\n".join(rules) + "\n")
    ids = program("alert", "add", "--store", store, "--file", path).stdout.split()
    assert ids == [str(i + 1) for i in range(len(rules))], ids


def stored_events(path):
    """What the store holds, in the shape of the oracle; and the identity of the log."""
    db = sqlite3.connect(path)
    rows = db.execute('SELECT e."offset", e.alert_id, e.kind, e.pair, e.rate_text, e.time, e.suppressed, e.duration, e.worst, e.event_id '
                      "FROM fxmon_event e ORDER BY e.id").fetchall()
    stream = db.execute("SELECT stream FROM fxmon_progress").fetchall()
    db.close()
    kinds = {1: "fired", 2: "repeated", 3: "resolved"}
    return [(r[0], r[1], kinds[r[2]], *r[3:8], r[8] or "-", r[9]) for r in rows], stream[0][0] if stream else ""


def compare(path, rules, messages):
    got, stream = stored_events(path)
    want = list(alert_oracle.events(rules, messages, stream))
    if got != want:
        for i, (a, b) in enumerate(zip(got + [None], want + [None])):
            if a != b:
                sys.exit(f"event {i} of {len(got)} stored and {len(want)} expected differs:\n  stored   {a}\n  expected {b}\n"
                         f"  rule     {rules[(b or a)[1] - 1] if b or a else ''}")
        sys.exit(f"{len(got)} events stored, {len(want)} expected")
    return len(got)
