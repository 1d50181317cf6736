"""P4: PostgreSQL's end of the lane dies again and again while the topic grows: backends terminated by pg_terminate_backend (BACKENDS=20; 300 nightly), the server stopped
with -m immediate, which is a crash, and started again (RESTARTS=2; 30), and connections cut by a proxy at the moment of COMMIT, before it reaches the server and after the
server has done it (CUTS=10; 200). The consumers are never restarted. Nothing is lost, nothing is double."""
import re, time
import lib_cluster as c
from lib_group import Group
from lib_proxy import Proxy

backends, restarts, cuts = c.count("BACKENDS", 20, 300), c.count("RESTARTS", 2, 30), c.count("CUTS", 10, 200)
rnd = c.seeded()
kafka, postgres = c.at_once(c.Kafka, c.Postgres)
proxy = Proxy("127.0.0.1", int(postgres.env["POSTGRESQL_PORT"]))
group = Group(kafka, postgres, "database", partitions=3, rate=200, rnd=rnd, sources=24)
direct, group.url = group.url, re.sub(r":\d+/", f":{proxy.port}/", group.url)
for _ in range(2):
    group.start()


def goes_on(what, seconds=40):
    before = group.reached()
    c.wait_for(f"progress after {what}", lambda: group.reached() > before + 20, seconds=seconds)


goes_on("the start")
slowest, terminated = 0, 0
while terminated < backends:
    found = postgres.sql("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = 'database' AND pid <> pg_backend_pid()", group.url)
    terminated += int(found[0][0])
    c.pause(rnd.uniform(0, 0.4))
goes_on(f"{terminated} terminated backends")
c.say(f"{terminated} backends terminated")
for _ in range(restarts):
    postgres.stop("immediate")
    c.pause(rnd.uniform(0, 1))
    postgres.again()
    at = time.monotonic()
    goes_on("a restart")
    slowest = max(slowest, time.monotonic() - at)
c.say(f"{restarts} crashes of the server; rows again after {slowest:.1f} s at the latest")
done = {"before": 0, "after": 0, "stall": 0}
for turn in range(cuts):
    how = "stall" if turn % 5 == 4 else rnd.choice(["before", "after"])
    seen, before = proxy.cuts, group.reached()
    proxy.cut(at=b"COMMIT", how=how)
    c.wait_for("a COMMIT to cut", lambda: proxy.cuts > seen, seconds=30)
    done[how] += 1
    if how == "stall":  # half-open, until the client gives up waiting or the connection is cut
        c.pause(rnd.uniform(0, 1))
        proxy.cut_all()
goes_on(f"{cuts} cut COMMITs")
c.say(f"COMMIT cut: {done}")
if not all(p.alive() for p in group.members):
    c.fail("a consumer ended:", *[p.said()[-1500:] for p in group.members])
group.url = direct
total = group.finish()
c.say(f"P4: {terminated} backends, {restarts} crashes, {cuts} cut COMMITs, {total} messages: 0 lost, 0 doubled")
