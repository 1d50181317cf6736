#!/usr/bin/env python3
"""P17: a broker's outage loses nothing that was fetched, when there is a spool. kill -9 of the producer in the middle; what was kept is published in order, before what is new."""
import atexit, json, os, signal, subprocess, sys, time
top, programs = os.environ["FXMON_TOP"], os.environ["FXMON_BIN"]
os.environ["FXMON_SERVER_OWNER"] = str(os.getpid())
os.environ["XDG_STATE_HOME"] = os.path.abspath("state")
server = [top + "/tests/servers/kafka"]
here = os.path.abspath("broker")

def kafka(word, *more):
    return subprocess.run([*server, word, here, *more], check=True, capture_output=True, text=True, timeout=120).stdout

if subprocess.run([*server, "install"], stdout=subprocess.DEVNULL).returncode != 0:
    print("kafka cannot be had here")
    sys.exit(77)
started = dict(line.split("=", 1) for line in kafka("start").splitlines())
atexit.register(lambda: kafka("stop"))
address = started["KAFKA_BOOTSTRAP_SERVERS"]

def topic(name):
    out = subprocess.run(["kcat", "-b", address, "-t", name, "-C", "-o", "beginning", "-e", "-q", "-f", "%k\t%s\n"], capture_output=True, text=True, timeout=60)
    return out.stdout.splitlines()

def count(name):
    out = subprocess.run(["kcat", "-b", address, "-Q", "-t", name + ":0:-1"], capture_output=True, text=True, timeout=60).stdout
    return int(out.split()[-1]) if out.strip() else 0

def produce(name, *more, **keywords):
    return subprocess.Popen([programs + "/fxmon-produce", "--to", f"kafka://{address}/{name}", "--spool", "spool-" + name, *more], stderr=subprocess.PIPE, text=True, **keywords)

def spooled(name):
    lines = []
    folder = f"spool-{name}/log"
    for file in sorted(os.listdir(folder)):
        if file.endswith(".ndjson"):
            text = open(os.path.join(folder, file)).read()
            lines += text.split("\n")[:-1]
    return lines

problems = []
def wait(what, condition, limit=30):
    until = time.monotonic() + limit
    while not condition():
        if time.monotonic() > until:
            p.kill()
            print(p.communicate()[1][-2000:])
            sys.exit(f"{what}: not after {limit} s; " + "; ".join(problems))
        time.sleep(0.02)

def check(good, text):
    if not good:
        problems.append(text)

def times(lines):
    texts = [json.loads(line.split("\t", 1)[1])["timestamp"] for line in lines]
    return [t if "." in t else t.replace("Z", ".000Z") for t in texts] # so that they compare as texts

# kcat waits long for a topic that does not exist: each begins with one message
for name in "abcde":
    check(produce(name, "--from", "sim:?count=1&start=2025-01-01T00:00:00Z", "--once").wait(timeout=30) == 0, "no first message")

# 1. the broker dies under a producer, which goes on; it comes back; everything is there, in order, once
p = produce("a", "--from", "sim:?seed=3&start=2026-01-01T00:00:00Z&count=6000", "--rate", "500", "--batch", "50")
wait("messages in the topic", lambda: count("a") > 100)
kafka("kill")
wait("messages in the spool", lambda: os.path.isdir("spool-a/log") and len(spooled("a")) > 200)
kafka("again")
said = p.communicate(timeout=60)[1]
p2 = produce("a", "--from", "sim:?count=1&start=2027-01-01T00:00:00Z", "--once")
check(p2.wait(timeout=60) == 0, "the next one failed: " + p2.stderr.read())
check(p.returncode == 0, f"status {p.returncode}: {said}")
lines = topic("a")
check("batches are kept" in said, f"nothing was said of the outage: {said}")
check(len(lines) == 6002, f"{len(lines)} messages of 6002")
check(times(lines) == sorted(set(times(lines))), f"not in order, or some twice: {len(times(lines)) - len(set(times(lines)))} twice, "
      f"first out of order {next(((i, a, b) for i, (a, b) in enumerate(zip(times(lines), times(lines)[1:])) if a >= b), None)}")
check(all(line.startswith("sim/USD\t") for line in lines), f"keys: {lines[:1]}")
check(spooled("a") == [], "published, and still in the spool")

# 2. kill -9 of the producer while the broker is down: what was kept is published by the next one
p = produce("b", "--from", "sim:?seed=4&start=2026-01-01T00:00:00Z&count=100000", "--rate", "500", "--batch", "50")
wait("messages in the topic", lambda: count("b") > 100)
kafka("kill")
wait("messages in the spool", lambda: os.path.isdir("spool-b/log") and len(spooled("b")) > 200)
p.send_signal(signal.SIGKILL)
p.communicate()
kept = spooled("b")
second = produce("b", "--from", "sim:?count=1", "--once")
said = second.communicate(timeout=30)[1]
check(second.returncode == 0, f"a producer with a spool ends with status {second.returncode} although the broker is away: {said}")
check("stay in the spool" in said, "what stays in the spool is not said")
all_kept = spooled("b")
check(all_kept[:len(kept)] == kept and len(all_kept) > len(kept), "the second one went not behind the first")
kafka("again")
third = produce("b", "--from", "sim:?count=1&start=2027-01-01T00:00:00Z", "--once")
check(third.wait(timeout=60) == 0, "the third one failed: " + third.stderr.read())
lines = topic("b")
stamps = times(lines)[1:-(len(all_kept) - len(kept)) - 1]
expected = times(kept)
missing = set(expected) - set(stamps)
check(not missing, f"{len(missing)} of {len(expected)} kept messages are missing")
check(times(lines)[-1].startswith("2027-01-01"), "what was new did not come last")
double = len(stamps) - len(set(stamps))
check(double <= 50, f"{double} messages twice: more than the batch that was on its way")
distinct = sorted(set(stamps))
first, last = distinct[0], distinct[-1]
check(spooled("b") == [], "published, and still in the spool")

# 3. kill -9 while the spool is being published: at most a batch of it twice
kafka("kill")
p = produce("c", "--from", "sim:?seed=5&start=2026-01-01T00:00:00Z&count=20000", "--rate", "100000", "--batch", "500")
p.wait(timeout=120)
kept = spooled("c")
check(len(kept) == 20000, f"{len(kept)} of 20000 kept")
kafka("again")
for turn in range(4):
    p = produce("c", "--from", "sim:?count=1&start=2026-06-01T00:00:00Z", "--rate", "1", "--duration", "30s")
    place = lambda: int(open("spool-c/place").read().split()[0])
    before = place()
    wait("some of it published", lambda: place() != before or p.poll() is not None)
    if turn == 0:
        other = produce("c", "--from", "sim:?count=1", "--once")
        said = other.communicate(timeout=30)[1]
        check(other.returncode == 3 and "another process uses" in said, f"two at one spool: status {other.returncode}: {said}")
    p.send_signal(signal.SIGKILL)
    p.communicate()
p = produce("c", "--from", "sim:?count=1&start=2027-01-01T00:00:00Z", "--once")
check(p.wait(timeout=60) == 0, "the last one failed: " + p.stderr.read())
stamps = times(topic("c"))
check(set(times(kept)) <= set(stamps), f"{len(set(times(kept)) - set(stamps))} kept messages are missing")
check(len(stamps) - len(set(stamps)) <= 4 * 1000, f"{len(stamps) - len(set(stamps))} twice")

# 4. a full spool: block fetches nothing, drop-oldest says what it gave up
kafka("kill")
p = produce("d", "--from", "sim:?seed=6&start=2026-01-01T00:00:00Z&count=5000", "--rate", "5000", "--batch", "50", "--spool-bytes", "64k", "--duration", "1s", "--breaker-threshold", "2")
check(p.wait(timeout=60) == 4, f"a full spool that blocks: status {p.returncode}")
size = sum(os.path.getsize("spool-d/log/" + f) for f in os.listdir("spool-d/log") if f.endswith(".ndjson"))
check(0 < size <= 65536, f"{size} bytes in a spool of 64 KiB")
p = produce("e", "--from", "sim:?seed=6&start=2026-01-01T00:00:00Z&count=5000", "--rate", "100000", "--batch", "50", "--spool-bytes", "64k", "--spool-full", "drop-oldest")
said = p.communicate(timeout=60)[1]
check(p.returncode == 0 and "are given up" in said, f"drop-oldest: status {p.returncode}: {said[-300:]}")
size = sum(os.path.getsize("spool-e/log/" + f) for f in os.listdir("spool-e/log") if f.endswith(".ndjson"))
check(0 < size <= 65536, f"{size} bytes in a spool of 64 KiB that drops the oldest")
newest = times(spooled("e"))
kafka("again")
p = produce("e", "--from", "sim:?count=1&start=2027-01-01T00:00:00Z", "--once")
check(p.wait(timeout=60) == 0, "publishing what was left failed: " + p.stderr.read())
stamps = times(topic("e"))[:-1]
check(stamps[-len(newest):] == newest, "what was left is not what was published last")

print("\n".join(problems) or "nothing kept was lost")
sys.exit(bool(problems))
