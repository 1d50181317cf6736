"""Kafka -> PostgreSQL, whole process, against psql's binary COPY of the same rows into the same table."""
import os, time

from lib_measure import MESSAGES, PAIRS, ROUNDS, Failed, Run, median, say, spread, thousands

FINGERPRINT = "SELECT count(*),count(volatility),sum(hashtextextended(pair||observed_at||rate||coalesce(volatility::text,'')||kafka_offset,0)::numeric) FROM fx_rates"

# Waits in the server until so many messages are committed, 300 s at most
WAIT_FOR = """DO $$ BEGIN
  FOR i IN 1..30000 LOOP
    IF (SELECT coalesce(sum(next_offset), 0) >= {messages} FROM fxmon_progress) THEN RETURN; END IF;
    PERFORM pg_sleep(0.01);
  END LOOP;
  RAISE 'not all messages came within five minutes';
END $$"""


def copy_words(bench, path):
    return ["psql", "-Xq", "-v", "ON_ERROR_STOP=1", "-d", bench.cluster.database, "-c", f"\\copy fx_rates FROM '{path}' WITH (FORMAT binary)"]


def copy(bench, paths):
    """Sessions at once; wall seconds until the last one has committed."""
    begin = time.monotonic()
    runs = [Run(copy_words(bench, p), bench.cluster.environment()) for p in paths]
    for r in runs:
        r.wait()
    return time.monotonic() - begin


def dump(bench, partitions):
    """The rows that fxmon wrote, by partition of the log, as files of binary COPY."""
    paths = []
    for p in range(partitions):
        paths.append(os.path.join(bench.folder, f"rows-{partitions}-{p}.copy"))
        bench.cluster.psql(f"\\copy (SELECT * FROM fx_rates WHERE kafka_partition={p} ORDER BY kafka_offset) TO '{paths[-1]}' WITH (FORMAT binary)")
    return paths


def consume(bench, topic, members, rows):
    """Wall seconds until all rows are in, and what each member used."""
    group = bench.name("group")
    if members == 1:
        run = bench.consume_all(topic, bench.cluster.database, group=group)
        return run.seconds, [run]
    begin = time.monotonic()
    runs = [bench.consume(topic, bench.cluster.database, group=group) for _ in range(members)]
    bench.cluster.psql(WAIT_FOR.format(messages=rows // PAIRS))  # one session that sleeps: to ask by a new psql again and again would take a core from both sides
    seconds = time.monotonic() - begin
    for r in runs:
        r.process.terminate()
    return seconds, [r.wait(None) for r in runs]


def measure(bench, members):
    topic = bench.topic(members)
    bases = ("USD", "EUR")[:members]
    for i, base in enumerate(bases):
        bench.fill(topic, bench.messages(MESSAGES // members, base), i, base)
    rows = MESSAGES // members * members * PAIRS
    bench.consume_all(topic, bench.cluster.database)  # warm, and the rows for COPY
    paths = dump(bench, members)
    ours, theirs, cpu, prints = [], [], [], set()
    for i in range(ROUNDS):
        bench.empty_tables()
        seconds, runs = consume(bench, topic, members, rows)
        ours.append(seconds)
        cpu.append(sum(r.cpu for r in runs))
        prints.add(tuple(bench.cluster.psql(FINGERPRINT)[0]))
        bench.empty_tables()
        theirs.append(copy(bench, paths))
        prints.add(tuple(bench.cluster.psql(FINGERPRINT)[0]))
        say(f"   round {i + 1}: fxmon {ours[-1]:.2f} s, COPY {theirs[-1]:.2f} s, CPU {cpu[-1]:.2f} s")
    if len(prints) != 1 or int(next(iter(prints))[0]) != rows:
        raise Failed(f"rows differ between rounds: {prints}")
    return rows, ours, theirs, cpu, runs


def main(bench):
    bench.consume_all(bench.topic(), bench.cluster.database)  # makes the tables
    bench.empty_tables()
    rows, ours, theirs, cpu, runs = measure(bench, 1)
    bench.row(f"Kafka to PostgreSQL, {thousands(rows)} rows, whole process", thousands(rows / median(ours)), "rows/s",
              f"psql binary COPY of the same rows {thousands(rows / median(theirs))}", median(theirs) / median(ours), "0.8")
    bench.row("of it, own CPU per million rows", f"{median(cpu) / rows * 1e6:.2f}", "s", "", 0.5 / (median(cpu) / rows * 1e6), "0.5 s")
    bench.row("of it, most memory", f"{runs[0].mib:.0f}", "MiB", "", 64 / runs[0].mib, "64 MiB")
    bench.note(f"PostgreSQL: seconds of {ROUNDS} rounds, fxmon {spread(ours)}, COPY {spread(theirs)}; every round left the same rows, volatilities included.")
    bench.empty_tables()
    rows, ours, theirs, cpu, runs = measure(bench, 2)
    bench.row(f"two consumers of two partitions, {thousands(rows)} rows", thousands(rows / median(ours)), "rows/s",
              f"two sessions of COPY {thousands(rows / median(theirs))}", median(theirs) / median(ours), "0.8")
    bench.note(f"Two consumers: seconds fxmon {spread(ours)}, COPY {spread(theirs)}. From the start of both processes, joining the group included, until the last row is committed.")
    bench.empty_tables()
