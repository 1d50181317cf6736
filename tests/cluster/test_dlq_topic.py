"""The topic of dead letters: made beside the topic, never fed by itself, written before the store, SQLite or PostgreSQL; hops that count and end; a dead
letter shown and replayed to a topic; alert events in fx-alerts with their key and their id; MessagePack in the topic and in the lane."""
import json, os, sqlite3, subprocess
import lib_cluster as c

kafka, postgresql = c.at_once(c.Kafka, c.Postgres)
kafka.create("fx-rates", 1)
kafka.create("fx-other", 1)
GOOD = '{"timestamp":"2026-02-04T10:30:0%dZ","base":"USD","rates":{"USD/EUR":0.9%d},"source":"s"}'
for topic in ("fx-rates", "fx-other"):
    kafka.fill(topic, [GOOD % (i, i) for i in range(3)] + ["no JSON", '{"a":"é"}'] + [GOOD % (i, i) for i in range(3, 6)], partition=0)


def read(topic):
    out = subprocess.run(["kcat", "-C", "-q", "-e", "-b", kafka.bootstrap, "-t", topic, "-o", "beginning", "-J"], stdout=subprocess.PIPE, check=True, timeout=60).stdout.decode()
    found = []
    for line in out.splitlines():
        record = json.loads(line)
        record["headers"] = dict(zip(record.get("headers", [])[::2], record.get("headers", [])[1::2]))
        found.append(record)
    return found


def topics():
    out = subprocess.run(["kcat", "-L", "-J", "-b", kafka.bootstrap], stdout=subprocess.PIPE, check=True, timeout=60).stdout
    return {t["topic"] for t in json.loads(out)["topics"]}


def consume(topic, store, *more, status=0):
    return c.fxmon("consume", "--from", kafka.url(topic), "--sink", f"sqlite:{c.work}/{store}.db", "--store", f"sqlite:{c.work}/{store}.db", "--until-end", "--group", store, *c.QUICK, *more, status=status)


def letters(store):
    return sqlite3.connect(f"{c.work}/{store}.db").execute('SELECT "offset", CAST(data AS TEXT), reason FROM fxmon_dead_letters ORDER BY id').fetchall()


# by default beside the topic, with the raw bytes; not when none is wanted
consume("fx-rates", "quiet", "--dlq", "none")
assert "fx-rates.dlq" not in topics(), topics()
consume("fx-rates", "a")
dead = read("fx-rates.dlq")
assert [d["payload"] for d in dead] == ["no JSON", '{"a":"é"}'] and [d["key"] for d in dead] == ["fx-rates/0/3", "fx-rates/0/4"], dead
assert [d["headers"]["fxmon-hops"] for d in dead] == ["1", "1"] and dead[0]["headers"]["__connect.errors.offset"] == "3", dead
assert dead[0]["headers"]["__connect.errors.connector.name"] == "a/sqlite" and len(letters("a")) == 2
c.say("fx-rates.dlq has both, by default; none without")

# each lane says so for itself
consume("fx-rates", "b")
assert [d["headers"]["__connect.errors.connector.name"] for d in read("fx-rates.dlq")] == ["a/sqlite"] * 2 + ["b/sqlite"] * 2

# the log that is read is refused; a topic of dead letters has none of its own; where one is named, hops count
said = consume("fx-rates", "loop", "--dlq", kafka.url("fx-rates"), status=3)
assert "is the log that is read" in said, said
consume("fx-rates.dlq", "of-letters")
assert len(letters("of-letters")) == 4 and "fx-rates.dlq.dlq" not in topics(), topics()
hop = "fx-rates.dlq"
for n in range(2, 11):
    following = f"hop{n}"
    consume(hop, following, "--dlq", kafka.url(following))
    if n <= 8:
        assert {d["headers"]["fxmon-hops"] for d in read(following)} == {str(n)}, read(following)
    else:
        assert following not in topics() or read(following) == [], "a dead letter goes round for ever"
        break
    hop = following
assert n == 9, n
c.say("hops count to 8, then it ends in the store only")

# a program of the host's own may mend a record: replayed to a topic, with where it came from
c.fxmon("consume", "dlq", "replay", "1", "--to", kafka.url("to-mend"), "--store", f"sqlite:{c.work}/a.db")
mended = read("to-mend")
assert [m["payload"] for m in mended] == ["no JSON"] and mended[0]["headers"]["fxmon-hops"] == "1", mended
assert mended[0]["headers"]["fxmon-replay-of"].endswith("/0/3"), mended
said = subprocess.run([f"{c.BIN}/fxmon-consume", "dlq", "list", "--json", "--store", f"sqlite:{c.work}/a.db"], stdout=subprocess.PIPE, env=c.ENV, check=True).stdout
assert [letter["offset"] for letter in json.loads(said)] == [4], said


def in_sqlite():
    """The log of dead letters away: nothing is set aside that is not in it; the lane goes on when it is back"""
    store = f"{c.work}/away.db"
    p = c.Program("consume", "--from", kafka.url("fx-rates"), "--sink", "sqlite:" + store, "--store", "sqlite:" + store, "--group", "away", "--dlq", "kafka://127.0.0.1:1/away.dlq",
                  "--retry-base", "10ms", "--retry-cap", "100ms", *c.QUICK)
    c.wait_for("the lane to say what is missing", lambda: "append dead letters" in p.said(), seconds=40)
    assert sqlite3.connect(store).execute("SELECT count(*) FROM fxmon_dead_letters").fetchone() == (0,)
    p.stop()
    consume("fx-rates", "away")
    assert len(letters("away")) == 2


def in_postgresql():
    """The same, and what was set aside"""
    url = postgresql.database("letters")
    words = ["--from", kafka.url("fx-other"), "--sink", url, "--store", url, "--group", "other", *c.QUICK]
    letters = lambda: postgresql.sql("SELECT \"offset\", convert_from(data,'UTF8'), reason FROM fxmon_dead_letters ORDER BY id", url, check=False)
    p = c.Program("consume", *words, "--dlq", "kafka://127.0.0.1:1/away.dlq", "--retry-base", "10ms", "--retry-cap", "100ms")
    c.wait_for("the lane to say what is missing", lambda: "append dead letters" in p.said(), seconds=40)
    assert letters() == [], letters()
    p.stop()
    c.fxmon("consume", *words, "--until-end")
    dead = read("fx-other.dlq")
    assert [d["payload"] for d in dead] == ["no JSON", '{"a":"é"}'] and [d["key"] for d in dead] == ["fx-other/0/3", "fx-other/0/4"], dead
    assert dead[0]["headers"]["__connect.errors.connector.name"] == "other/postgresql", dead
    assert letters() == [["3", "no JSON", "syntax"], ["4", '{"a":"é"}', "malformed"]], letters()
    c.fxmon("consume", "dlq", "replay", "1", "--to", kafka.url("other-to-mend"), "--store", url)
    mended = read("other-to-mend")
    assert [m["payload"] for m in mended] == ["no JSON"] and mended[0]["headers"]["fxmon-replay-of"].endswith("/0/3"), mended
    said = subprocess.run([f"{c.BIN}/fxmon-consume", "dlq", "list", "--json", "--store", url], stdout=subprocess.PIPE, env=c.ENV, check=True).stdout
    assert [letter["offset"] for letter in json.loads(said)] == [4], said
    c.say("dead letters in PostgreSQL: after the topic, and replayed to another")


c.together(in_sqlite, in_postgresql)

# alert events: key and id; the JSON is the history's
alerts = f"sqlite:{c.work}/alerts.db"
c.fxmon("alert", "add", "USD/EUR above 0.93", "--store", alerts)
c.fxmon("alert", "--from", kafka.url("fx-rates"), "--store", alerts, "--notify", kafka.url("fx-alerts"), "--until-end", *c.QUICK)
events = read("fx-alerts")
history = [row[0] for row in sqlite3.connect(f"{c.work}/alerts.db").execute("SELECT event_id FROM fxmon_event ORDER BY id")]
assert history and [json.loads(e["payload"])["event_id"] for e in events] == history, (events, history)
assert [e["headers"]["fxmon-event-id"] for e in events] == history and {e["key"] for e in events} == {"USD/EUR"}, events
assert {"alert_id", "pair", "condition", "threshold", "current_rate", "message"} <= set(json.loads(events[0]["payload"])), events
c.say(f"{len(history)} alert events in fx-alerts, keyed by the pair, with their ids")
