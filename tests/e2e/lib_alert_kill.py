"""alert_kill.sh: kill fxmon-alert at random moments while a producer appends, then let it finish and compare with the oracle."""
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lib_alerts import BIN, add_rules, compare, program, random_rule, walk_messages  # noqa: E402

kills = int(os.environ.get("KILLS", "200" if os.environ.get("NIGHTLY") else "50"))
seed = int(os.environ.get("FXMON_TEST_SEED", random.SystemRandom().randrange(10**9)))
print(f"FXMON_TEST_SEED={seed} KILLS={kills}", flush=True)
r = random.Random(seed)
folder = tempfile.mkdtemp()
log, path = os.path.join(folder, "log"), os.path.join(folder, "fx.db")
os.makedirs(log)
pairs = {"USD/EUR": (900000, 1000), "USD/JPY": (110000000, 100000)}
rules = [random_rule(r, pair, *pairs[pair]) for pair in r.choices(list(pairs), k=40)]
messages = walk_messages(r, pairs, 100 * kills + 6000)
add_rules("sqlite:" + path, rules, folder)
segment = os.path.join(log, "0" * 20 + ".ndjson")
open(segment, "w").close()
killed, done = threading.Event(), threading.Event()


def produce():
    """Whole lines, a few at a time, for as long as there are kills to come; then fewer at a time for the zombies; then the rest."""
    with open(segment, "a") as out:
        def feed(lines, at_once):
            for start in range(0, len(lines), at_once):
                out.write("".join(line + "\n" for line in lines[start:start + at_once]))
                out.flush()
                done.wait(0.01)

        feed(messages[:100 * kills], 20)
        killed.wait()
        feed(messages[100 * kills:], 5)


words = [os.path.join(BIN, "fxmon-alert"), "--from", "file:" + log, "--store", "sqlite:" + path, "--log-level", "error", "--batch", "7",
         "--batch-time", "5ms", "--sqlite-synchronous", "normal", "--notify", "-"]
environment = {k: v for k, v in os.environ.items() if not k.startswith("FXMON_")}
received = open(os.path.join(folder, "received"), "ab")
producer = threading.Thread(target=produce, daemon=True)
producer.start()
for _ in range(kills):
    process = subprocess.Popen(words, stdout=received, env=environment)
    time.sleep(r.uniform(0.005, 0.12))  # the moment of the kill is the point of the test
    process.kill()
    process.wait()
killed.set()

# two at once, one of them asleep now and then: the one that slept through its replacement must not write
pair = [subprocess.Popen([*words, "--log-level", "warning", "--retry-base", "5ms", "--retry-cap", "50ms"], stdout=received,
                         stderr=open(os.path.join(folder, f"zombie.{i}"), "wb"), env=environment) for i in range(2)]
turns = fenced = 0
while (turns < 10 or fenced < 3) and turns < 200:
    turns += 1
    zombie = r.choice(pair)
    zombie.send_signal(signal.SIGSTOP)
    time.sleep(r.uniform(0.03, 0.2))
    zombie.send_signal(signal.SIGCONT)
    time.sleep(r.uniform(0.02, 0.1))
    fenced = sum(open(os.path.join(folder, f"zombie.{i}")).read().count("took over") for i in range(2))
print(f"fenced {fenced} times in {turns} turns", flush=True)
for process in pair:
    process.terminate()
    if process.wait(6) != 0:
        sys.exit(f"status {process.returncode} after SIGTERM")
if fenced < 3:
    sys.exit("two alert lanes over one store and hardly any was fenced")
done.set()
producer.join()
subprocess.run([*words, "--until-end"], stdout=received, env=environment, check=True)
received.close()
count = compare(path, rules, messages)

# destinations: every event at least once, in order of first appearance, under its own id; a torn line of a killed writer counts as not received
import json  # noqa: E402
import sqlite3  # noqa: E402

ids, repeats = {}, 0
for line in open(os.path.join(folder, "received")):
    for piece in line.split('{"event_id":')[1:]:
        try:
            event = json.loads('{"event_id":' + piece)
        except ValueError:
            continue
        repeats += event["event_id"] in ids
        ids[event["event_id"]] = True
want = [row[0] for row in sqlite3.connect(path).execute("SELECT event_id FROM fxmon_event ORDER BY id")]
if set(want) != set(ids):
    sys.exit(f"{len(set(want) - set(ids))} of {len(want)} events never reached the destination, {len(set(ids) - set(want))} are in no history")
if list(ids) != want:
    sys.exit("events reached the destination out of order")
print(f"{kills} kills: {count} events stored, 0 lost, 0 duplicated; notified all of them, {repeats} repeated under their own id")
