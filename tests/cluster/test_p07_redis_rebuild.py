"""Promise P7: Redis and the windows recover by themselves, bit for bit.

One consumer writes to a Redis that is emptied and killed, and is killed itself; another one writes the same log to a Redis that nobody touches. After
each blow all keys of the first must equal those of the second to the last digit within five seconds of Redis being there again. KILLS says how often (20; 200 nightly).
"""
import os, random, subprocess, sys, time

sys.path.insert(0, os.path.join(os.environ["FXMON_TOP"], "tests", "cluster"))
from lib_redis import Redis, differences, expected  # noqa: E402
from lib_programs import run, start, stop, wait_for  # noqa: E402

KILLS = int(os.environ.get("KILLS", "200" if os.environ.get("NIGHTLY") else "20"))
LIMIT = 5.0
seed = int(os.environ.get("FXMON_TEST_SEED") or random.SystemRandom().randrange(10**6))
print("FXMON_TEST_SEED", seed)
chance = random.Random(seed)
victim, witness = Redis("victim"), Redis("witness")
log, total, turn = "log", 0, 0


def consume(server):
    # the cooldown of the breaker is the price of a server that stays away; this one comes back at once
    return start("consume", "--from", "file:" + log, "--sink", server.url, "--batch-time", chance.choice(["0s", "20ms", "100ms"]), "--checkpoint",
                 chance.choice(["1s", "10s"]), "--batch", chance.choice(["50", "300", "1000"]), "--breaker-cooldown", "500ms", stderr=subprocess.DEVNULL)


def produce(count, **more):
    global total, turn
    turn += 1
    total += count
    words = ["--from", f"sim:?seed={turn}&count={count}&rate={'max' if not more else 4000}&spread=0.001&interval=40m&start={1970 + turn % 280}-{1 + turn // 280:02d}-01T00:00:00Z",
             "--to", "file:" + log]
    return start("produce", *words, stderr=subprocess.DEVNULL) if more else run("produce", *words)


produce(400)
p, q = consume(victim), consume(witness)
blows = {"FLUSHALL": 0, "FLUSHDB": 0, "kill -9 of Redis": 0, "kill -9 of the consumer": 0, "all keys deleted": 0, "both": 0}
slowest = 0.0
for i in range(KILLS):
    blow = chance.choice(sorted(blows))
    blows[blow] += 1
    busy = chance.random() < 0.6  # while records come, or when nothing happens
    feeding = produce(chance.randint(100, 700), busy=True) if busy else None
    wait_for("the moment", lambda: not busy or victim.place() >= total - chance.randint(0, 700), 20, pause=0.001)
    if blow == "FLUSHALL":
        victim.ask("FLUSHALL")
    elif blow == "FLUSHDB":
        victim.ask("FLUSHDB")
    elif blow == "all keys deleted":
        victim.ask("DEL", "none", *victim.ask("KEYS", "*"))
    if blow in ("kill -9 of the consumer", "both"):
        p.kill()
        p.wait()
    if blow in ("kill -9 of Redis", "both"):
        victim.restart()
    began = time.monotonic()
    if blow in ("kill -9 of the consumer", "both"):
        p = consume(victim)
    if feeding and feeding.wait(60) != 0:
        sys.exit("fxmon-produce failed")
    began = max(began, time.monotonic()) if feeding else began
    wait_for("the witness", lambda: witness.place() == total, 20)
    want = witness.dump()

    def recovered():
        return victim.place() == total and victim.dump() == want
    while not recovered():
        if time.monotonic() - began > 3 * LIMIT:
            have = victim.dump()
            sys.exit(f"{blow} ({i}, seed {seed}): not recovered after {3 * LIMIT} s, place {victim.place()} of {total}\n" +
                     "\n".join(f"{k}: {str(have.get(k))[:200]} and not {str(want.get(k))[:200]}" for k in sorted(want.keys() | have.keys()) if have.get(k) != want.get(k))[:4000])
    took = time.monotonic() - began
    slowest = max(slowest, took)
    if took > LIMIT:
        sys.exit(f"{blow} ({i}, seed {seed}): recovered after {took:.1f} s, {LIMIT} promised")
    if p.poll() is not None or q.poll() is not None:
        sys.exit(f"a consumer ended: {p.returncode} {q.returncode}")
wrong = differences(victim.dump(), expected(log))
if wrong:
    sys.exit("\n".join(wrong[:10]))
stop(p)
stop(q)
print(f"{KILLS} blows ({', '.join(f'{n} times {b}' for b, n in sorted(blows.items()))}), {total} messages: all keys bit-identical, "
      f"{slowest:.2f} s at the slowest; and as exact arithmetic has them")
