"""From a tick in Kafka to its row committed, at 1,000 messages a second. Both ends have their own clocks' times of the same machine: the broker's append time of the record
(milliseconds) and PostgreSQL's commit time of the row's transaction."""
import os, time

from lib_measure import BIN, PACE_SECONDS, PAIRS, Failed, Run, say, thousands

RATE = 1000


def percentile(values, share):
    return values[min(len(values) - 1, int(len(values) * share))]


def once(bench, more):
    c = bench.cluster
    bench.empty_tables()
    topic = bench.topic()
    consumer = bench.consume(topic, c.database, more=more)
    count = RATE * PACE_SECONDS
    produced = Run([os.path.join(BIN, "fxmon-produce"), "--from", f"sim:?seed=1&count={count}", "--rate", str(RATE), "--to", bench.log(topic), "--log-level", "error"],
                   c.environment()).wait()
    end = time.monotonic() + 30
    while bench.count_rows() < count * PAIRS:
        if time.monotonic() > end or consumer.process.poll() is not None:
            raise Failed(f"{bench.count_rows()} rows of {count * PAIRS}")
        time.sleep(0.1)
    consumer.process.terminate()
    consumer.wait(None)
    committed = {int(o): float(t) for o, t in c.psql("SELECT kafka_offset,extract(epoch FROM max(pg_xact_commit_timestamp(xmin))) FROM fx_rates GROUP BY 1")}
    appended = {}
    for line in c.kcat("-C", "-t", topic, "-e", "-q", "-f", "%o\t%T\n").splitlines():
        offset, when = line.split("\t")
        appended[int(offset)] = int(when) / 1000
    if len(appended) != count or len(committed) != count:
        raise Failed(f"{len(appended)} records, {len(committed)} offsets of {count}")
    warm = count // 10  # joining the group, the first connection
    return sorted((committed[o] - appended[o]) * 1000 for o in appended if o >= warm), consumer, produced


def main(bench):
    bench.consume_all(bench.topic(), bench.cluster.database)
    for words, more in (("as it comes (batch-time 200ms)", []), ("with --batch-time 10ms", ["--batch-time", "10ms"]), ("with --batch-time 0s", ["--batch-time", "0s"])):
        values, consumer, produced = once(bench, more)
        say(f"   {words}: p50 {percentile(values, 0.5):.1f} ms, p99 {percentile(values, 0.99):.1f} ms")
        bench.row(f"tick in Kafka to row committed, {thousands(RATE)} messages/s of {PAIRS} rates, {words}", f"{percentile(values, 0.5):.0f} / {percentile(values, 0.99):.0f} / {values[-1]:.0f}",
                  "ms, median / p99 / most")
        bench.row("of it, own CPU of the consumer", f"{100 * consumer.cpu / consumer.seconds:.1f}", "% of a core")
    bench.note(f"Latency: {PACE_SECONDS} s at {RATE} messages a second, its first tenth left out; from the record's time in Kafka (given by the producer, whole milliseconds) to the commit "
               "time that PostgreSQL keeps. fsync is on, so every commit waits for the disk.")
