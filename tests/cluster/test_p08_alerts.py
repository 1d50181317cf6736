"""P8: the alert history is exact. ALERTS (60; 1,000 nightly) over a topic of four partitions into PostgreSQL, while fxmon-alert is killed (KILLS=20; 300 nightly) and a second one joins
and leaves: the events are those of an independent oracle, none missed, none double, none spurious; and every one of them reached a file of notices under its own id."""
import os, re
import lib_cluster as c
import lib_events

alerts, kills = c.count("ALERTS", 60, 1000), c.count("KILLS", 20, 300)
rnd = c.seeded()
kafka, postgres = c.at_once(c.Kafka, c.Postgres)
kafka.create("ticks", 4)
url = postgres.database("alerts")
lines = lib_events.rules(rnd, alerts)
lib_events.add(url, lines)
feed = c.Feed(kafka, "ticks", c.messages(rnd, 10_000_000, sources=1, split=True, poison=0.01), 250)
notices = f"{c.work}/notices"
words = ["--from", kafka.url("ticks"), "--store", url, "--group", "alerts", "--batch-time", "10ms", "--retry-base", "20ms", "--retry-cap", "300ms", *c.QUICK]
second = None
for turn in range(kills):
    p = c.Program("alert", *words, "--batch", str(rnd.choice([3, 20, 100])), "--notify", "file:" + notices, *(["--member-id", "first"] if turn % 2 else []))
    if second is None and rnd.random() < 0.3:
        second = c.Program("alert", *words, "--notify", "file:" + notices)
    if rnd.random() < 0.8:
        c.wait_for("partitions", lambda: "; has " in p.said() or not p.alive(), seconds=40)
    c.pause(rnd.uniform(0, 0.5))
    if second and rnd.random() < 0.4:
        second.stop() if rnd.random() < 0.5 else second.kill()
        second = None
    if not p.alive():
        c.fail(f"fxmon-alert ended by itself: {p.said()[-2000:]}")
    p.kill()
if second:
    second.stop()
feed.stop()
c.fxmon("alert", *words, "--notify", "file:" + notices, "--until-end", "--log-level", "debug")
records = kafka.records("ticks")
stream = postgres.sql("SELECT DISTINCT stream FROM fxmon_progress", url)[0][0]
got, want = lib_events.postgres(postgres, url), lib_events.expected(lines, records, stream)
missing_at = sorted({(e[0], e[1]) for e in set(want) - set(got)})
if missing_at:
    c.say("missing at", missing_at, "the ends are", kafka.wire.bounds("ticks"), "reached", postgres.sql("SELECT partition, next_offset FROM fxmon_progress", url))
lib_events.compare("history", got, want)
sent = []
for name in sorted(n for n in os.listdir(notices) if n.endswith(".ndjson")):
    with open(f"{notices}/{name}", errors="replace") as f:
        sent += re.findall(r'"event_id":"([0-9a-f]{32})"', f.read())
missing = {e[-1] for e in want} - set(sent)
if missing or set(sent) - {e[-1] for e in want}:
    c.fail(f"{len(missing)} events never reached the file of notices; {len(set(sent) - {e[-1] for e in want})} are in no history")
c.say(f"P8: {alerts} alerts, {len(records)} messages, {kills} kills: {len(got)} events, 0 missed, 0 double, 0 spurious; notified all, {len(sent) - len(set(sent))} repeated")
