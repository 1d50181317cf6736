"""P2: a member that was stopped past its session (SIGSTOP) and wakes up (SIGCONT) while another has its partitions can neither write nor block: TAKEOVERS
(10; 200 nightly). Stopped at random moments; and, with the debug build, exactly between being assigned and claiming, between claiming and reading, with a batch that is
about to be committed, and inside the open transaction. Each time the new owner makes progress within 15 s; at the end nothing is lost, nothing is double."""
import signal, time
import lib_cluster as c
import lib_debug
from lib_group import Group

takeovers = c.count("TAKEOVERS", 10, 200)
rnd = c.seeded()
debug = lib_debug.programs()
kafka, postgres = c.at_once(c.Kafka, c.Postgres)
POINTS = ["place.claim", "place.claimed", "place.commit", "store.begun", "store.rows", "postgresql.commit"]
unknown = [p for p in POINTS if p not in lib_debug.points()]
if unknown:
    c.fail("no such points:", unknown)
group = Group(kafka, postgres, "zombies", rate=200, rnd=rnd, sources=24, bin=debug)
slowest, stopped_at = 0, {}


def stopped(p):
    with open(f"/proc/{p.process.pid}/stat") as f:
        return f.read().rsplit(") ", 1)[1][0] in "Tt"


def wake(victim, other, before):
    global slowest
    at = time.monotonic()
    c.wait_for("the other one to go on with all partitions", lambda: len(group.has(other) or []) == 4 and group.beyond(before), seconds=15)
    slowest = max(slowest, time.monotonic() - at)
    victim.signal(signal.SIGCONT)
    c.wait_for("the one that slept to be back in the group", lambda: len(group.has(victim) or []) + len(group.has(other) or []) == 4 and group.has(victim), seconds=30)


stay = group.start()
c.wait_for("its partitions", lambda: len(group.has(stay) or []) == 4)
pair = [stay, group.start()]
c.wait_for("two members with two partitions each", lambda: all(len(group.has(p) or []) == 2 for p in pair))
for turn in range(takeovers):
    victim, other = rnd.sample(pair, 2)
    if turn % 2 == 0:  # anywhere
        c.pause(rnd.uniform(0, 0.3))
        victim.signal(signal.SIGSTOP)
        point = "anywhere"
    else:              # exactly there: a new member takes the place of the victim and stops itself
        victim.stop()
        group.forget(victim)
        pair.remove(victim)
        point = POINTS[turn // 2 % len(POINTS)]
        # place.claim and the next are passed once for each partition; the others with every batch
        victim = group.start(environment={"FXMON_STOP_AT": f"{point}:{rnd.randint(1, 2) if point.startswith('place.claim') else rnd.randint(2, 9)}"})
        pair.append(victim)
        c.wait_for(f"a stop at {point}", lambda: stopped(victim), seconds=20)
    stopped_at[point] = stopped_at.get(point, 0) + 1
    wake(victim, other, group.places())
fenced = group.fenced()
c.say(f"{takeovers} takeovers, {stopped_at}; {fenced} fenced; the other one was at work on everything after {slowest:.1f} s at the latest")
if fenced < 1:
    c.fail("no write was fenced")
total = group.finish()
c.say(f"P2: {takeovers} takeovers, {fenced} fenced writes, {total} messages: 0 lost, 0 doubled")
