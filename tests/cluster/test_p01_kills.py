"""P1: fxmon-consume reads Kafka into PostgreSQL and is killed with SIGKILL at random moments, KILLS times (30; 1,000 nightly), while the topic grows: the table
holds the rows of the log, each once, every value as computed by an independent reader, volatilities bit for bit those of an undisturbed run.
Four groups at once: whole messages and one message a pair, members that come under a new name and members that come back under their own."""
import threading
import lib_cluster as c
from lib_group import Group

kills = c.count("KILLS", 30, 1000)
rnd = c.seeded()
kafka, postgres = c.at_once(c.Kafka, c.Postgres)
done = threading.Semaphore(kills)
lock = threading.Lock()
killed = {"at work": 0, "on the way": 0}


def torment(group, own_name):
    """Start, kill; sometimes before it has a partition, mostly while it writes"""
    r = group.rnd
    while done.acquire(blocking=False):
        p = group.start(*(["--member-id", "itself"] if own_name else []))
        at_work = r.random() < 0.8
        if at_work:
            c.wait_for("its partitions", lambda: group.has(p) or not p.alive(), seconds=40)
            c.pause(r.uniform(0, 0.5))  # the moment of the kill is the point of the test
        else:
            c.pause(r.uniform(0, 0.6))
        if not p.alive():
            c.fail(f"{p.name} ended by itself: {p.said()[-2000:]}")
        p.kill()
        group.forget(p)
        with lock:
            killed["at work" if at_work else "on the way"] += 1


groups = [Group(kafka, postgres, name, split=split, rate=150, rnd=c.random.Random(rnd.random()), poison=0.02)
          for name, split in (("whole", False), ("split", True), ("whole.own", False), ("split.own", True))]
c.together(*[lambda g=g: torment(g, g.name.endswith("own")) for g in groups])
claims = sum(e for g in groups for _, e, _ in g.places().values())
c.say(f"{sum(killed.values())} kills, {killed}; {claims} claims, {sum(g.reached() for g in groups)} records reached before the end")
if claims < kills or any(g.reached() < 1 for g in groups):
    c.fail("the kills came before there was anything to lose")
total = sum(g.finish() for g in groups)
c.say(f"P1: {sum(killed.values())} kill -9, {total} messages: 0 lost, 0 doubled")
