"""Alert rules, and the events that they must give, partition by partition: the oracle of tests/e2e, which shares nothing with the library."""
import hashlib, os, sys
import lib_cluster as c
sys.path.insert(0, os.path.join(c.TOP, "tests", "e2e"))
import alert_oracle  # noqa: E402

KINDS = {1: "fired", 2: "repeated", 3: "resolved"}


def rules(rnd, count):
    """Around the levels at which the walks of lib_cluster.messages begin, thresholds on their grid"""
    out = []
    for _ in range(count):
        pair = rnd.choice(list(c.PAIRS)[:4])
        threshold = c.PAIRS[pair] + rnd.randrange(-12, 13) * 20
        condition = rnd.choice(["above", "below", "cross_up", "cross_down", "cross"])
        words = [pair, condition, c.decimal_text(threshold)]
        if rnd.random() < 0.4:
            band = rnd.randrange(0, 4) * 20
            words += ["clear", c.decimal_text(threshold - band if condition in ("above", "cross_up", "cross") else threshold + band)]
        if rnd.random() < 0.3:
            words += ["for", f"{rnd.randrange(0, 40)}ms"]
        if rnd.random() < 0.4:
            words += ["cooldown", f"{rnd.randrange(0, 200)}ms"]
        out.append(" ".join(words + ["repeat", rnd.choice(["episode", "episode", "every", "once"])]))
    return out


def add(store, lines):
    path = f"{c.work}/rules.{len(lines)}"
    with open(path, "w") as f:
        f.write("\n".join(lines) + "\n")
    c.fxmon("alert", "add", "--store", store, "--file", path)


def expected(lines, records, stream):
    """Sorted events; a pair lies in one partition, so each partition is a log of its own"""
    found, (_, dead) = [], c.expected(records)
    records = [r for r in records if (r[0], r[1]) not in dead]
    for partition in sorted({p for p, _, _ in records}):
        mine = {o: d for p, o, d in records if p == partition}
        log = [mine.get(o, b"").decode("utf-8", "replace") for o in range(max(mine) + 1)]
        for offset, alert, kind, pair, text, now, suppressed, duration, worst, _ in alert_oracle.events(lines, log):
            identity = hashlib.sha256(f"{alert}|1|{stream}|{partition}|{offset}|{kind}".encode()).hexdigest()[:32]
            found.append((partition, offset, alert, kind, pair, c.scaled(text), now, suppressed, duration, None if worst == "-" else c.scaled(worst), identity))
    return sorted(found, key=repr)


def postgres(server, url):
    rows = server.sql('SELECT partition, "offset", alert_id, kind, pair, rate, time, suppressed, duration, worst, event_id FROM fxmon_event', url)
    return sorted([(int(r[0]), int(r[1]), int(r[2]), KINDS[int(r[3])], r[4], c.scaled(r[5]), int(r[6]), int(r[7]), int(r[8]), c.scaled(r[9]) if r[9] else None, r[10])
                   for r in rows], key=repr)


def sqlite(path):
    import sqlite3
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as db:
        rows = db.execute('SELECT "partition", "offset", alert_id, kind, pair, rate_text, time, suppressed, duration, worst, event_id FROM fxmon_event').fetchall()
    return sorted([(r[0], r[1], r[2], KINDS[r[3]], r[4], c.scaled(r[5]), r[6], r[7], r[8], c.scaled(str(r[9])) if r[9] else None, r[10]) for r in rows], key=repr)


def compare(what, got, want):
    missed, spurious, double = set(want) - set(got), set(got) - set(want), len(got) - len(set(got))
    c.say(f"{what}: {len(got)} events, {len(missed)} missed, {double} double, {len(spurious)} spurious")
    if missed or spurious or double or not want:
        c.fail(what, "missed", sorted(missed, key=repr)[:3], "spurious", sorted(spurious, key=repr)[:3])
