"""At work again after kill -9: from the kill to the first new row committed, at 1,000 messages a second; and nothing lost or doubled by any of it."""
import os, re, subprocess, time

from lib_cluster import wait_for
from lib_measure import BIN, PAIRS, ROUNDS, Failed, Run, median, say, thousands

RATE = 1000


def progress(bench):
    return int(bench.cluster.psql("SELECT coalesce(sum(next_offset),0) FROM fxmon_progress")[0][0])


def moved(bench, process, seconds=60):
    """Seconds until the progress in the database moves from here."""
    before, begin = progress(bench), time.monotonic()
    while progress(bench) <= before:
        if time.monotonic() - begin > seconds:
            raise Failed(f"no row for {seconds} s")
        if process.poll() is not None:
            raise Failed("the consumer ended")
        time.sleep(0.01)
    return time.monotonic() - begin


def given(run):
    """How many partitions the group gave it last, None before: members say so at log level debug."""
    found = re.findall(rb"_ASSIGN_PARTITIONS, (\d+) partitions", os.pread(run.errors.fileno(), 1 << 20, 0))
    return int(found[-1]) if found else None


def owner(first, second):
    """(who owns the partition, who waits), once both have joined."""
    a, b = given(first), given(second)
    if b is None or a == b:
        return None
    return (first, second) if a else (second, first)


def main(bench):
    c = bench.cluster
    bench.consume_all(bench.topic(), c.database)
    bench.empty_tables()
    topic, group = bench.topic(), bench.name("group")
    producer = Run([os.path.join(BIN, "fxmon-produce"), "--from", "sim:?seed=1", "--rate", str(RATE), "--to", bench.log(topic), "--log-level", "error"], c.environment())
    restart, takeover = [], {6: [], 3: []}
    try:
        run = bench.consume(topic, c.database, group=group)
        moved(bench, run.process)
        for i in range(ROUNDS):
            run.process.kill()
            begin = time.monotonic()
            run.wait(-9)
            run = bench.consume(topic, c.database, group=group)
            moved(bench, run.process)
            restart.append(time.monotonic() - begin)
            say(f"   round {i + 1}: started again at once: {restart[-1]:.2f} s")
        for seconds, kept in takeover.items():
            run.process.kill()
            run.wait(-9)
            more = ["--session-timeout", f"{seconds}s", "--log-level", "debug"]
            run = bench.consume(topic, c.database, group=group, more=more)
            moved(bench, run.process)
            for i in range(ROUNDS):
                other = bench.consume(topic, c.database, group=group, more=more)
                run, other = wait_for("both members in the group", lambda: owner(run, other), 30)
                begin = time.monotonic()
                run.process.kill()
                run.wait(-9)
                moved(bench, other.process)
                kept.append(time.monotonic() - begin)
                run = other
                say(f"   round {i + 1}: taken over by another member, session of {seconds} s: {kept[-1]:.2f} s")
    finally:
        if producer.process.poll() is None:
            producer.process.terminate()
        producer.wait(None)
    end = time.monotonic() + 30
    sent = int(subprocess.run(["kcat", "-b", c.kafka, "-Q", "-t", f"{topic}:0:-1"], capture_output=True, text=True, check=True).stdout.split()[-1])
    while progress(bench) < sent and time.monotonic() < end:
        time.sleep(0.1)
    run.process.terminate()
    run.wait(None)
    rows, offsets = (int(v) for v in c.psql("SELECT count(*),count(DISTINCT kafka_offset) FROM fx_rates")[0])
    if rows != sent * PAIRS or offsets != sent:
        raise Failed(f"{rows} rows of {offsets} messages after the kills, {sent * PAIRS} of {sent} sent")
    bench.row("at work again after kill -9, started again at once", f"{median(restart):.2f} / {max(restart):.2f}", "s, median / most", "", 4 / max(restart), "4 s")
    for seconds, kept in takeover.items():
        bench.row(f"the same, taken over by another member of the group, --session-timeout {seconds}s" + (" (the initial value)" if seconds == 6 else ""),
                  f"{median(kept):.2f} / {max(kept):.2f}", "s, median / most")
    bench.note("Restart: brokers allow no session time-out below 6 s unless they are told to (here they are); for that long a member is missed which nobody starts again.")
    bench.row(f"of it, rows of {thousands(sent)} messages lost / doubled by {3 * ROUNDS + 2} kills", "0 / 0", "rows")
