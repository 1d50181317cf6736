"""fxmon-produce into Kafka against a bare librdkafka loop that sends the same messages with the same settings."""
import os

from lib_measure import BIN, LOOP, MESSAGES, ROUNDS, Run, median, say, spread, thousands

SETTINGS = ["enable.idempotence=true", "compression.codec=lz4", "batch.size=16384", "linger.ms=5", "queue.buffering.max.kbytes=65536"]


def main(bench):
    count = MESSAGES * 4
    path = bench.messages(count)
    ours, replay, bare, cpu, bare_cpu = [], [], [], [], []
    for i in range(ROUNDS):
        def program(source, *more):
            topic = bench.topic()
            run = Run([os.path.join(BIN, "fxmon-produce"), "--from", source, "--to", bench.log(topic), "--log-level", "error", *more], bench.cluster.environment()).wait()
            return run
        run = program(f"sim:?seed=1&rate=max&interval=10ms&count={count}")
        ours.append(run.seconds)
        cpu.append(run.cpu)
        replay.append(program(f"replay:{path}", "--once").seconds)
        run = Run([LOOP, "produce", bench.cluster.kafka, bench.topic(), "0", "sim/USD", path, *SETTINGS], bench.cluster.environment()).wait()
        bare.append(run.seconds)
        bare_cpu.append(run.cpu)
        say(f"   round {i + 1}: made up {ours[-1]:.2f} s, replayed {replay[-1]:.2f} s, bare loop {bare[-1]:.2f} s")
    base = f"bare librdkafka loop, same messages and settings {thousands(count / median(bare))}"
    bench.row(f"fxmon-produce to Kafka, {thousands(count)} messages of {8} made-up rates, whole process", thousands(count / median(ours)), "messages/s", base,
              median(bare) / median(ours), "0.8")
    bench.row("the same, replayed from a file", thousands(count / median(replay)), "messages/s", base, median(bare) / median(replay), "0.8")
    bench.row("of the first, own CPU per million messages", f"{median(cpu) / count * 1e6:.2f}", "s", f"bare loop {median(bare_cpu) / count * 1e6:.2f}", median(bare_cpu) / median(cpu))
    bench.note(f"Produce: seconds, made up {spread(ours)}, replayed {spread(replay)}, bare {spread(bare)}. Whole processes, start and end included. The bare loop finds its "
               "messages ready in a file; fxmon makes them up, or reads and checks them, and encodes them.")
