"""P15: SIGTERM at a random moment, TERMS times (20; 1,000 nightly), to fxmon-consume and fxmon-alert that read Kafka and write PostgreSQL, Redis and SQLite: each
ends with status 0 within 5 s, however little was done; nothing is lost, nothing is double."""
import time
import lib_cluster as c
from lib_group import Group

terms = c.count("TERMS", 20, 1000)
rnd = c.seeded()
kafka, postgres, redis = c.at_once(c.Kafka, c.Postgres, lambda: c.Server("redis"))
slowest = 0


def end(p):
    global slowest
    c.wait_for("the handler of SIGTERM", p.listens, seconds=10, pause=0.001)
    at = time.monotonic()
    p.stop(5)
    slowest = max(slowest, time.monotonic() - at)


def consumers(group):
    for _ in range(terms * 7 // 10):
        p = group.start("--sink", redis.env["REDIS_URL"], "--sink", f"sqlite:{c.work}/{group.name}.db")
        if group.rnd.random() < 0.6:
            c.wait_for("partitions", lambda: group.has(p) or not p.alive(), seconds=40)
        c.pause(group.rnd.uniform(0, 0.7))
        group.forget(p)
        end(p)


def alerts(group):
    for _ in range(terms - terms * 7 // 10):
        p = c.Program("alert", "--from", kafka.url(group.name), "--store", group.url, "--group", "alerts", "--batch-time", "20ms", *c.QUICK,
                      "--notify", f"file:{c.work}/events.ndjson")
        c.pause(group.rnd.uniform(0, 2))
        end(p)


group = Group(kafka, postgres, "term", rate=200, rnd=rnd)
first = group.start()
c.wait_for("the tables", lambda: group.places())
first.stop()
group.forget(first)
c.together(lambda: consumers(group), lambda: alerts(group))
total = group.finish()
c.fxmon("consume", "--from", kafka.url("term"), "--sink", f"sqlite:{c.work}/term.db", "--group", "term", *c.QUICK, "--until-end")
c.compare("SQLite beside it", c.sqlite_rows(f"{c.work}/term.db"), c.expected(kafka.records("term"))[0])
c.say(f"P15: {terms} times SIGTERM: status 0, the slowest after {slowest * 1000:.0f} ms; {total} messages, 0 lost, 0 doubled")
