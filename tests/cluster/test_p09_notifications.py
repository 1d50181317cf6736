"""P9: the relay of alert events is killed KILLS times (30; 500 nightly) between the acknowledgement of an event and its mark, and at random moments, once into
a file log and once into Kafka: every event of the history is in the log at least once, in order of its first appearance and under its own id, there are not
more repeats than kills."""
import json, os, sqlite3, subprocess, sys
import lib_cluster as c
import lib_debug

kills = c.count("KILLS", 30, 500)
rnd = c.seeded()
debug = lib_debug.programs()
assert "relay.sent" in lib_debug.points(), "the point between acknowledgement and mark is gone"
kafka = c.Kafka()


def grow(log, begin, count):
    """Up and down over both levels: events all the time, so that there is one to be killed at whenever a relay starts"""
    os.makedirs(log, exist_ok=True)
    with open(f"{log}/{'0' * 20}.ndjson", "a") as out:
        out.write("".join(f'{{"timestamp":"{c.stamp(1770201000 * 10**9 + n * 10**9)}","base":"USD","rates":{{"USD/EUR":{"0.95" if n % 2 else "0.85"},'
                          f'"USD/GBP":{"0.75" if n % 4 < 2 else "0.7"}}},"source":"s"}}\n' for n in range(begin, begin + count)))


def file_events():
    found = []
    for name in sorted(n for n in os.listdir(f"{c.work}/alerts") if n.endswith(".ndjson")):
        for line in open(f"{c.work}/alerts/{name}"):
            try:
                found.append(json.loads(line)["event_id"])
            except (ValueError, KeyError):
                pass  # a line that a killed writer did not end
    return found


def kafka_events():
    return [json.loads(data)["event_id"] for _, _, data in kafka.records("fx-alerts")]


for name, url, read in (("file log", f"file:{c.work}/alerts", file_events), ("Kafka", kafka.url("fx-alerts"), kafka_events)):
    path = f"{c.work}/{name.split()[0]}.db"
    for rule in ("USD/EUR above 0.9 cooldown 0s", "USD/GBP below 0.72 cooldown 0s"):
        c.fxmon("alert", "add", rule, "--store", "sqlite:" + path)
    log = f"{c.work}/log.{name.split()[0]}"
    words = ["--from", "file:" + log, "--store", "sqlite:" + path, "--notify", url, "--batch", "20", "--sqlite-synchronous", "normal", "--log-level", "error"]
    exact = other = 0
    for n in range(kills):
        grow(log, 20 * n, 20)
        if n % 3:  # right behind the acknowledgement
            p = c.Program("alert", *words, bin=debug, environment={"FXMON_CRASH_AT": "relay.sent"})
            c.wait_for("the relay to die between acknowledgement and mark", lambda: not p.alive(), seconds=30)
            if p.end() != -9:
                c.fail(f"{p.name} was to be killed: {p.said()}")
            exact += 1
        else:
            p = c.Program("alert", *words)
            c.pause(rnd.uniform(0.01, 0.3))  # the moment of the kill is the point of the test
            p.kill()
            other += 1
    c.fxmon("alert", *words, "--until-end")
    history = [row[0] for row in sqlite3.connect(path).execute("SELECT event_id FROM fxmon_event ORDER BY id")]
    got = read()
    first = list(dict.fromkeys(got))
    repeats = len(got) - len(first)
    if len(set(history)) != len(history) or len(history) < 5 * kills:
        c.fail(f"{name}: {len(history)} events in the history, {len(set(history))} different")
    if first != history:
        c.fail(f"{name}: lost {len(set(history) - set(first))}, strange {len(set(first) - set(history))}, or out of order")
    if repeats < exact:
        c.fail(f"{name}: {exact} kills behind an acknowledgement and {repeats} repeats: they did not come where they should")
    if repeats > kills:
        c.fail(f"{name}: {repeats} repeats, more than {kills} kills")
    c.say(f"P9, {name}: {exact} kills between acknowledgement and mark, {other} at random: {len(history)} events, 0 lost, {repeats} repeated under their own id")
