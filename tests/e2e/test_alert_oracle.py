"""Events in the store equal those of the oracle: on recorded rates, and on walks that hug their thresholds; in one run, and in many short ones."""
import os
import random
import re
import shutil
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lib_alerts import add_rules, compare, program, random_rule, shared_stream, walk_messages  # noqa: E402


def write_log(folder, messages):
    """The file log takes lines from any program."""
    log = os.path.join(folder, "log")
    os.makedirs(log, exist_ok=True)
    with open(os.path.join(log, "0" * 20 + ".ndjson"), "a") as out:
        out.writelines(line.rstrip("\n") + "\n" for line in messages)
    return "file:" + log


def run_case(name, rules, messages, pieces):
    folder = tempfile.mkdtemp()
    path = os.path.join(folder, "fx.db")
    add_rules("sqlite:" + path, rules, folder)
    size = -(-len(messages) // pieces)
    for start in range(0, len(messages), size):
        log = write_log(folder, messages[start:start + size])
        program("alert", "--from", log, "--store", "sqlite:" + path, "--until-end", "--sqlite-synchronous", "normal", "--log-level", "error")
    count = compare(path, rules, messages)
    print(f"{name}: {count} events of {len(rules)} rules over {len(messages)} messages in {pieces} runs, as expected")
    shutil.rmtree(folder)


seed = int(os.environ.get("FXMON_TEST_SEED", random.SystemRandom().randrange(10**9)))
print(f"FXMON_TEST_SEED={seed}", flush=True)
r = random.Random(seed)
pairs = {"USD/EUR": (900000, 1000), "USD/JPY": (110000000, 100000)}
for case in range(4):
    rules = [random_rule(r, pair, *pairs[pair]) for pair in r.choices(list(pairs), k=60)]
    run_case(f"walk {case}", rules, walk_messages(r, pairs, 1200), [1, 1, 15, 40][case])

stream = shared_stream()
if stream:
    with open(stream) as lines:
        messages = lines.read().splitlines()
    base = {"USD/EUR": (800000, 10000), "USD/JPY": (95000000, 1000000), "USD/GBP": (640000, 5000), "USD/CHF": (950000, 10000)}
    rules = [re.sub(r"(\d)s\b", r"\1d", random_rule(r, pair, *base[pair])) for pair in r.choices(list(base), k=80)]
    run_case("recorded rates", rules, messages, 7)
else:
    print("recorded rates: skipped, no shared data")
