#!/bin/sh
# A file log into Redis, whole process, against redis-benchmark with the deepest pipeline on the same server; and every key right at the end.
# Batches are coalesced, so two figures are given: the commands that Redis really executed, and those that a consumer that treats each row by itself would have
# sent for the same keys (nine a quote, two a cross; see fxmon-formats(7)). Each is the median of ROUNDS, taken in turns.
exec python3 - <<'END_OF_PROGRAM'
import os, resource, statistics, subprocess, sys, time

sys.path.insert(0, os.path.join(os.environ["FXMON_TOP"], "tests", "cluster"))
from lib_redis import Redis, differences, expected
from lib_programs import run

MESSAGES, ROUNDS, QUOTE, CROSS = int(os.environ.get("MESSAGES", "100000")), int(os.environ.get("ROUNDS", "5")), 9, 2
redis = Redis("server")
run("produce", "--from", f"sim:?seed=1&count={MESSAGES}&rate=max&interval=7s", "--to", "file:log")


def ceiling():
    out = subprocess.run(["redis-benchmark", "-p", str(redis.port), "-t", "set", "-P", "500", "-c", "1", "-n", "1000000", "--csv"], capture_output=True, text=True, check=True).stdout
    return float(out.strip().split("\n")[-1].split(",")[1].strip('"'))


def calls():
    stats = redis.ask("INFO", "commandstats").split("\r\n")
    return sum(int(line.split("calls=")[1].split(",")[0]) for line in stats if line.startswith("cmdstat_") and not line.startswith(("cmdstat_info", "cmdstat_config")))


def once():
    redis.ask("FLUSHALL")
    redis.ask("CONFIG", "RESETSTAT")
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    said = run("consume", "--from", "file:log", "--sink", redis.url, "--until-end").stderr
    took, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    rows = int(said.split(" messages, ")[1].split(" rows")[0])
    return took, cpu, rows, calls()


ceilings, runs = [], []
for _ in range(ROUNDS):
    ceilings.append(ceiling())
    runs.append(once())
wrong = differences(redis.dump(), expected("log"))
if wrong:
    sys.exit("bench_redis: keys are wrong at the end:\n" + "\n".join(wrong[:5]))
best, took, cpu = statistics.median(ceilings), statistics.median(r[0] for r in runs), statistics.median(r[1] for r in runs)
rows, commands = runs[0][2], statistics.median(r[3] for r in runs)
by_row = MESSAGES * 8 * QUOTE + (rows - MESSAGES * 8) * CROSS
base = f"redis-benchmark SET -P 500 -c 1: {best:,.0f}/s"


def line(name, value, unit, baseline, ratio):
    print(name, f"{value:,.0f}" if value >= 100 else f"{value:.3f}", unit, baseline, ratio, sep="\t")


line("file log to Redis, messages of 8 pairs with 28 crosses", MESSAGES / took, "messages/s", "-", "-")
line("file log to Redis, as commands of a consumer that sends each row", by_row / took, "commands/s", base, f"{by_row / took / best:.2f}")
line("file log to Redis, commands that Redis executed", commands / took, "commands/s", base, f"{commands / took / best:.2f}")
line("file log to Redis, commands by row for each one executed", by_row / commands, "", "-", "-")
line("file log to Redis, CPU of a million rows", cpu / rows * 1e6, "s", "-", "-")
END_OF_PROGRAM
