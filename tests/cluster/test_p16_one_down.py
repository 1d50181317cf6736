"""P16: of four destinations one is down for a while (DOWN=8 s; 600 s nightly): first Redis, then OpenSearch. The lanes of the others do not notice, their lag stays
small; the one that was down catches up when its server is back, and then nothing is missing in it, nor anywhere."""
import time
import lib_cluster as c
from lib_group import Group
from lib_sinks import documents, redis_cli, redis_compare, search_compare

down = c.count("DOWN", 8, 600)
rnd = c.seeded()
rate, behind_at_most = 200, 3  # messages a second; seconds that a lane may be behind while the destination of another is down
kafka, postgres, redis, find = c.at_once(c.Kafka, c.Postgres, lambda: c.Server("redis"), lambda: c.Server("opensearch"))
cache, index, file = redis.env["REDIS_URL"], find.env["OPENSEARCH_URL"], f"{c.work}/beside.db"
group = Group(kafka, postgres, "four", partitions=2, rate=rate, rnd=rnd, split=True, sources=1)  # what Redis keeps of a pair depends on the order of its sources
sinks = ["--sink", "sqlite:" + file, "--sink", cache, "--sink", "elasticsearch+" + index]
member = group.start("--batch", "500", *sinks)
c.wait_for("rows everywhere", lambda: group.reached() > 0 and redis_cli(cache, "KEYS", "rate:*"), seconds=60)


def sqlite_reached():
    import sqlite3
    with sqlite3.connect(f"file:{file}?mode=ro", uri=True) as db:
        return db.execute("SELECT coalesce(sum(max(next_offset, 0)), 0) FROM fxmon_progress").fetchone()[0]


def outage(name, server):
    server.kill()
    c.say(f"{name} is down")
    worst, end = {"PostgreSQL": 0, "SQLite": 0}, time.monotonic() + down
    while time.monotonic() < end:
        held = sum(e for _, e in kafka.wire.bounds("four").values())  # first, so that what comes meanwhile is not counted as lag
        c.pause(0.5)
        for lane, reached in (("PostgreSQL", group.reached()), ("SQLite", sqlite_reached())):
            worst[lane] = max(worst[lane], held - reached)
    if not member.alive():
        c.fail("the consumer ended:", member.said()[-2000:])
    c.say(f"{name} was down for {down} s; most messages behind half a second later: {worst}")
    if max(worst.values()) > behind_at_most * rate:
        c.fail(f"a lane was held up by another's destination: {worst}")
    server.again()
    c.say(f"{name} is back")


outage("Redis", redis)
outage("OpenSearch", find)
group.members.remove(member)
fed = group.feed.stop()
at = time.monotonic()
records = kafka.records("four")
want, _ = c.expected(records)
c.wait_for("OpenSearch to catch up", lambda: len(documents(index, "fx-rates")) >= len(want), seconds=90, pause=0.3)
c.say(f"OpenSearch has caught up {time.monotonic() - at:.1f} s after the feed's end")
member.stop()
group.finish("PostgreSQL")
c.compare("SQLite", c.sqlite_rows(file), want)
search_compare("OpenSearch", index, "fx-rates", want)
c.fxmon("consume", "--from", kafka.url("four"), "--sink", cache.rstrip("/").removesuffix("/0") + "/1", "--group", "calm", *c.QUICK, "--until-end")
redis_compare("Redis", cache, cache.rstrip("/").removesuffix("/0") + "/1")
c.say(f"P16: two outages of {down} s: the other lanes were not held up, {fed} messages, nothing missing anywhere")
