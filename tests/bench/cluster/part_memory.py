"""Resident memory of one consumer over many messages: is it small, and is it flat? BENCH_LONG_MESSAGES=10000000 is the long mode."""
import os

from lib_measure import BIN, LONG_MESSAGES, Failed, Run, say, thousands


def resident(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        return next((int(line.split()[1]) / 1024 for line in f if line.startswith("VmRSS:")), 0)


def main(bench):
    import time
    c = bench.cluster
    bench.consume_all(bench.topic(), c.database)
    bench.empty_tables()
    topic = bench.topic()
    producer = Run([os.path.join(BIN, "fxmon-produce"), "--from", f"sim:?seed=1&rate=max&interval=10ms&count={LONG_MESSAGES}", "--track", "EUR", "--to", bench.log(topic), "--log-level", "error"],
                   c.environment()).wait()
    run = bench.consume(topic, c.database, more=["--until-end"])
    samples = []
    while os.waitid(os.P_PID, run.process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        samples.append(resident(run.process.pid))
        time.sleep(0.1)
    run.wait()
    if bench.count_rows() != LONG_MESSAGES:
        raise Failed(f"{bench.count_rows()} rows of {LONG_MESSAGES} messages")
    samples = [s for s in samples if s > 0]
    quarter = samples[len(samples) // 4]
    bench.row(f"most memory of a consumer over {thousands(LONG_MESSAGES)} messages", f"{run.mib:.1f}", "MiB", "", 64 / run.mib, "64 MiB")
    bench.row("of it, growth from the first quarter to the end", f"{samples[-1] - quarter:+.1f}", "MiB", f"{quarter:.1f} at the first quarter")
    bench.row("most memory of fxmon-produce over the same", f"{producer.mib:.1f}", "MiB", "", 64 / producer.mib, "64 MiB")
    say(f"   {len(samples)} looks, {run.seconds:.1f} s")
