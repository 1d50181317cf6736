"""Three brokers, three partitions with three replicas, three consumers. Each broker is killed once (kill -9) and comes back, each consumer is killed once and is replaced,
while the topic grows: rows flow on after each (how long that took is printed), every rebalance is recorded, and at the end nothing is lost and nothing is double. ROUNDS=1;
5 nightly."""
import time
import lib_cluster as c
from lib_group import Group

rounds = c.count("ROUNDS", 1, 5)
rnd = c.seeded()
kafka, postgres = c.at_once(lambda: c.Kafka(3), c.Postgres)
group = Group(kafka, postgres, "rates", partitions=3, rate=150, rnd=rnd, sources=24)
kafka.wire.metadata("rates")
if any(len(s) != 3 for s in kafka.wire.in_sync.values()):
    c.fail("not three replicas in sync:", kafka.wire.in_sync)
for _ in range(3):
    group.start("--batch", "100")
c.wait_for("three members with a partition each", lambda: all(len(group.has(p) or []) == 1 for p in group.members), seconds=40)
slowest = {"broker": 0, "consumer": 0}


def flows(what, kind):
    """Every partition has gone on since, behind what the log held at the moment of the kill"""
    at = time.monotonic()
    held = group.places()
    c.wait_for(f"rows of all partitions after {what}", lambda: group.beyond(held), seconds=60)
    slowest[kind] = max(slowest[kind], time.monotonic() - at)
    c.say(f"{what}: rows of all three partitions after {time.monotonic() - at:.1f} s")


def in_sync():
    kafka.wire.metadata("rates")
    return all(len(s) == 3 for s in kafka.wire.in_sync.values())


def again(node):
    kafka.again(node)

    def whole():
        try:
            return in_sync()
        except Exception:
            return False
    c.wait_for("all replicas in sync again", whole, seconds=60)


for _ in range(rounds):
    for node in rnd.sample(["1", "2", "3"], 3):
        kafka.wire.insist("metadata", lambda: kafka.wire.metadata("rates"))
        led = sum(n == int(node) for n in kafka.wire.leader_nodes.values())
        kafka.kill(node)
        flows(f"broker {node}, which led {led} of 3 partitions, killed", "broker")
        again(node)
    for _ in range(3):
        p = rnd.choice(group.members)
        had = group.has(p)
        p.kill()
        group.forget(p)
        flows(f"the consumer of partition {had} killed", "consumer")
        group.start("--batch", "100")
        c.wait_for("three members with a partition each", lambda: all(len(group.has(p) or []) == 1 for p in group.members), seconds=40)
total = group.finish()
events = int(postgres.sql("SELECT count(*) FROM rebalancing_events", group.url)[0][0])
if events < 6 * rounds:
    c.fail(f"only {events} rows in rebalancing_events")
c.say(f"fail-over: {3 * rounds} brokers and {3 * rounds} consumers killed, {total} messages: 0 lost, 0 doubled; {events} changes recorded; "
      f"rows of all partitions after at most {slowest['broker']:.1f} s (broker), {slowest['consumer']:.1f} s (consumer)")
