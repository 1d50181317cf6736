"""P3: members join, leave and die while the topic grows, TURNS times (12; 250 nightly) for each of the assignors range and cooperative-sticky: nothing is lost,
nothing is double, and what came and went is in the view rebalancing_events."""
import os

import lib_cluster as c
from lib_group import Group

turns = c.count("TURNS", 12, 250)
rnd = c.seeded()
kafka, postgres = c.at_once(c.Kafka, c.Postgres)


totals = {}


def churn(group):
    r = group.rnd
    for _ in range(turns):
        kind = r.choice(["join", "leave", "die"]) if 0 < len(group.members) < 3 else "join" if not group.members else r.choice(["leave", "die"])
        if kind == "join":
            group.start()
        else:
            p = r.choice(group.members)
            group.forget(p)
            p.stop() if kind == "leave" else p.kill()
        before = group.reached()
        if r.random() < 0.5 and group.members:
            c.wait_for("every partition with somebody", lambda: sum(len(group.has(p) or []) for p in group.members) >= 4, seconds=40)
            c.wait_for("progress", lambda: group.reached() > before, seconds=40)
        else:
            c.pause(r.uniform(0, 1))  # the next change comes into the middle of this one
    while len(group.members) > 2:
        p = r.choice(group.members)
        group.forget(p)
        p.stop()
    while len(group.members) < 2:
        group.start()
    c.wait_for("every partition with one of two", lambda: [len(group.has(p) or []) for p in group.members] == [2, 2], seconds=40)
    group.start()  # a last one, which both of them, or one, must give something to
    c.wait_for("three with something", lambda: all(group.has(p) for p in group.members), seconds=40)
    totals[group.name] = group.finish()  # here, because members die with the thread that started them


assignors = os.environ.get("ASSIGNORS", "range,cooperative-sticky").split(",")  # broker: where librdkafka is 2.12 or newer
groups = [Group(kafka, postgres, a.split("-")[-1], rate=200, rnd=c.random.Random(rnd.random()), words=["--assignor", a]) for a in assignors]
c.together(*[lambda g=g: churn(g) for g in groups])
for g in groups:
    events = postgres.sql("SELECT event_type, count(*), count(DISTINCT consumer_id), count(generation), count(*) FILTER (WHERE duration_seconds >= 0) "
                          "FROM rebalancing_events GROUP BY 1 ORDER BY 1", g.url)
    c.say(f"{g.name}: {turns} joins and leaves, {totals[g.name]} messages; recorded: " + ", ".join(f"{n} {kind} of {who} members" for kind, n, who, _, _ in events))
    kinds = {kind: int(n) for kind, n, *_ in events}
    if kinds.get("assigned", 0) < 4 + turns // 3 or kinds.get("revoked", 0) < 1:
        c.fail("not all rebalances were recorded", events)
c.say(f"P3: {len(groups) * turns} joins and leaves: 0 lost, 0 doubled")
