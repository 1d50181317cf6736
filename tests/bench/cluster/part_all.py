"""All lanes at once in one process beside each alone."""
from lib_measure import PAIRS, ROUNDS, SEARCH_MESSAGES, Failed, median, say, thousands


def main(bench):
    c = bench.cluster
    topic = bench.topic()
    bench.fill(topic, bench.messages(SEARCH_MESSAGES))
    rows = SEARCH_MESSAGES * PAIRS
    sinks = {"PostgreSQL": c.database, "Redis": c.values["REDIS_URL"], "OpenSearch": "elasticsearch+" + c.values["OPENSEARCH_URL"], "a file of rows": None}
    bench.consume_all(topic, *[s for s in sinks.values() if s], more=["--index-prefix", "wrm-"])

    def once(names, prefix):
        bench.empty_tables()
        c.redis(["FLUSHALL"])
        path = f"file:{bench.folder}/{prefix}.ndjson"
        run = bench.consume_all(topic, *[sinks[n] or path for n in names], more=["--index-prefix", prefix + "-"])
        if "PostgreSQL" in names and bench.count_rows() != rows:
            raise Failed(f"{bench.count_rows()} rows of {rows}")
        if "OpenSearch" in names:
            c.search("OPENSEARCH_URL", f"/{prefix}-fx-rates/_refresh", method="POST", seconds=120)
            count = c.search("OPENSEARCH_URL", f"/{prefix}-fx-rates/_count")["count"]
            c.search("OPENSEARCH_URL", f"/_data_stream/{prefix}-fx-rates", method="DELETE", seconds=120)
            if count != rows:
                raise Failed(f"{count} documents of {rows}")
        return run
    together, memory, cpu, alone = [], [], [], {n: [] for n in sinks}
    for i in range(max(3, ROUNDS // 2 + 1)):
        run = once(list(sinks), f"t{i:02}")
        together.append(run.seconds)
        memory.append(run.mib)
        cpu.append(run.cpu)
        for j, n in enumerate(sinks):
            alone[n].append(once([n], f"a{i}{j}").seconds)
        say(f"   round {i + 1}: together {together[-1]:.2f} s, alone " + ", ".join(f"{n} {s[-1]:.2f} s" for n, s in alone.items()))
    rates = {n: SEARCH_MESSAGES / median(s) for n, s in alone.items()}
    slowest = min(rates.values())
    bench.row(f"four lanes at once: {', '.join(sinks)}; {thousands(SEARCH_MESSAGES)} messages, all of it in all of them", thousands(SEARCH_MESSAGES / median(together)), "messages/s",
              "alone: " + ", ".join(f"{n} {thousands(r)}" for n, r in rates.items()), SEARCH_MESSAGES / median(together) / slowest)
    bench.row("of it, most memory of the one process", f"{max(memory):.0f}", "MiB", "", 64 / max(memory), "64 MiB")
    bench.row("of it, own CPU per million messages, in four places", f"{median(cpu) / SEARCH_MESSAGES * 1e6:.1f}", "s")
    bench.note("All at once: the ratio is to the slowest lane alone; servers, broker and fxmon share the two cores.")
