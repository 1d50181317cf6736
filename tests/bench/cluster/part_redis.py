"""Kafka -> Redis, whole process, against the pipelined ceiling of redis-benchmark; and every key right at the end."""
import statistics
from decimal import Decimal

from lib_measure import MESSAGES, PAIRS, ROUNDS, WINDOW, Failed, Run, last_prices, median, say, spread, thousands


def ceiling(bench):
    """SET by one connection, 500 commands in flight."""
    import subprocess
    count = max(100000, MESSAGES * PAIRS)
    out = subprocess.run(["redis-benchmark", "-p", bench.cluster.values["REDIS_PORT"], "-t", "set", "-P", "500", "-c", "1", "-n", str(count), "--csv"],
                         check=True, capture_output=True, text=True, stdin=subprocess.DEVNULL).stdout
    return float(out.splitlines()[-1].split(",")[1].strip('"'))


def commands(bench):
    total = 0
    for line in bench.cluster.redis(["INFO", "commandstats"]):
        if line.startswith("cmdstat_"):
            total += int(line.split("calls=")[1].split(",")[0])
    return total


def check(bench, path):
    """Keys that are not what the log's newest prices make of them, by Python's own arithmetic."""
    wrong, keys = [], 0
    for pair, prices in last_prices(path).items():
        rate, volatility, head, length = bench.cluster.redis(["GET", "rate:" + pair], ["GET", "volatility:" + pair], ["LRANGE", "history:" + pair, "0", "0"],
                                                             ["LLEN", "history:" + pair])
        history = bench.cluster.redis(["LRANGE", "history:" + pair, "0", "-1"])
        want = float(statistics.stdev([Decimal(p) for p in prices[-WINDOW:]]))
        keys += 4
        if Decimal(rate) != Decimal(prices[-1]):
            wrong.append(f"rate:{pair} {rate}")
        if abs(float(volatility) - want) > 1e-14 * want:
            wrong.append(f"volatility:{pair} {volatility}, expected {want!r}")
        if [Decimal(h) for h in history] != [Decimal(p) for p in reversed(prices)] or int(length) != WINDOW or head != history[0]:
            wrong.append(f"history:{pair}")
    return wrong, keys


def main(bench):
    c = bench.cluster
    path = bench.messages(MESSAGES)
    topic = bench.topic()
    bench.fill(topic, path)
    rows = MESSAGES * PAIRS
    ours, cpu, sent, most = [], [], [], []
    for i in range(ROUNDS):
        c.redis(["FLUSHALL"])
        most.append(ceiling(bench))
        c.redis(["FLUSHALL"], ["CONFIG", "RESETSTAT"])
        run = bench.consume_all(topic, c.values["REDIS_URL"])
        sent.append(commands(bench))
        ours.append(run.seconds)
        cpu.append(run.cpu)
        wrong, keys = check(bench, path)
        if wrong:
            raise Failed("keys are wrong: " + "; ".join(wrong[:5]))
        say(f"   round {i + 1}: fxmon {run.seconds:.2f} s, {sent[-1]} commands; ceiling {most[-1]:.0f} SET/s")
    plain = MESSAGES * (PAIRS * 4 + PAIRS * (PAIRS - 1) // 2)  # SET rate, SET volatility, LPUSH, LTRIM of a rate; SET of a cross
    bench.row(f"Kafka to Redis, {thousands(MESSAGES)} messages: the {thousands(plain)} plain commands that they are, whole process", thousands(plain / median(ours)), "commands/s",
              f"redis-benchmark -P 500 -c 1: {thousands(median(most))} SET/s", plain / median(ours) / median(most), "0.5")
    bench.row("of it, rates a second, if only one command a rate is counted", thousands(rows / median(ours)), "rows/s", f"the same {thousands(median(most))} SET/s", rows / median(ours) / median(most))
    bench.row("of it, keys checked against Python's arithmetic", str(keys), f"keys, 0 wrong in {ROUNDS} rounds")
    bench.row("of it, own CPU per million rows", f"{median(cpu) / rows * 1e6:.2f}", "s")
    bench.row("of it, most memory", f"{run.mib:.0f}", "MiB", "", 64 / run.mib, "64 MiB")
    bench.note(f"Redis: seconds of {ROUNDS} rounds {spread(ours)}. Plain commands are SET rate, SET volatility, LPUSH and LTRIM a rate and SET a cross, {plain // MESSAGES} a message. fxmon coalesces "
               f"them by batch and keeps hashes, series, movers and its place in the log as well: Redis ran {thousands(median(sent))} commands, all of a batch in one transaction.")
