#!/usr/bin/env python3
"""make bench-cluster: fxmon on real servers beside bare clients of the same servers, in turns, in one run. Writes tests/bench/RESULTS-CLUSTER.md.

PART=postgresql,redis,...  only these parts; what other parts found before stays in the table (kept in build/bench-cluster)
BENCH_MESSAGES, BENCH_SEARCH_MESSAGES, BENCH_ROUNDS, BENCH_LONG_MESSAGES, BENCH_SECONDS  how much; OUT=FILE another file for the table"""
import importlib, json, os, shutil, subprocess, sys, tempfile, time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import lib_measure
from lib_measure import TOP, Bench, Cluster, Failed, say

# part: the servers that it needs
PARTS = {
    "produce": ["kafka"],
    "postgresql": ["kafka", "postgresql"],
    "redis": ["kafka", "redis"],
    "opensearch": ["kafka", "opensearch"],
    "elasticsearch": ["kafka", "elasticsearch"],
    "all": ["kafka", "postgresql", "redis", "opensearch"],
    "latency": ["kafka", "postgresql"],
    "restart": ["kafka", "postgresql"],
    "memory": ["kafka", "postgresql"],
}
# PostgreSQL as it comes, but for room: a checkpoint in the middle of one round and not of another would measure the disk
OPTIONS = {"kafka": ["--set", "group.min.session.timeout.ms=1000", "--set", "group.initial.rebalance.delay.ms=100"],
           "postgresql": ["max_wal_size=8GB", "checkpoint_timeout=30min", "shared_buffers=512MB", "track_commit_timestamp=on"]}
KEPT = os.path.join(TOP, "build", "bench-cluster")
HEAD = "| figure | value | unit | baseline | ratio | bar |\n|---|---|---|---|---|---|\n"


def machine():
    with open("/proc/cpuinfo", encoding="utf-8") as f:
        model = next((line.split(":", 1)[1].strip() for line in f if line.startswith("model name")), "unknown")
    with open("/proc/meminfo", encoding="ascii") as f:
        memory = int(f.readline().split()[1]) / 1024 / 1024
    return f"{model}, {os.cpu_count()} cores, {memory:.0f} GiB, {os.uname().sysname} {os.uname().release}"


def commit():
    p = subprocess.run(["git", "-C", TOP, "rev-parse", "--short", "HEAD"], capture_output=True, text=True)
    return p.stdout.strip() or "unknown"


def run_part(part):
    folder = tempfile.mkdtemp(prefix="fxmon-bench.")
    os.chmod(folder, 0o755)
    cluster = Cluster(folder)
    try:
        for name in PARTS[part]:
            cluster.install(name)
        cluster.start_all([(name, OPTIONS.get(name, [])) for name in PARTS[part]])
        work = os.path.join(folder, "work")
        os.mkdir(work)
        os.chmod(work, 0o777)
        bench = Bench(cluster, work)
        begin = time.monotonic()
        module = "search" if part in ("opensearch", "elasticsearch") else part
        importlib.import_module("part_" + module).main(bench, *([part] if module == "search" else []))
        return {"part": part, "machine": machine(), "when": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()), "commit": commit(), "seconds": round(time.monotonic() - begin),
                "messages": lib_measure.MESSAGES, "rounds": lib_measure.ROUNDS, "rows": bench.rows, "notes": bench.notes}
    finally:
        cluster.stop_all()
        shutil.rmtree(folder, ignore_errors=True)


def render():
    """The table of all that was found, in the order of PARTS."""
    results = []
    for part in PARTS:
        try:
            with open(os.path.join(KEPT, part + ".json"), encoding="utf-8") as f:
                results.append(json.load(f))
        except FileNotFoundError:
            continue
    lines = ["# Measured speed on real servers", "",
             "Made by `make bench-cluster`: Apache Kafka 4.1 (KRaft, one broker), PostgreSQL 15 (fsync on), Redis 7 (nothing on disk), OpenSearch 2.19 and Elasticsearch 8.19, all on loopback on the",
             "machine that runs the clients too. fxmon computes every volatility and keeps every row exactly once meanwhile; the baselines do neither. Rounds alternate between fxmon and the",
             "baseline; figures are medians. A ratio above 1 is better than the baseline, or than the bar where there is none. Compare only inside one part.", ""]
    for machine_name in sorted({r["machine"] for r in results}):
        lines.append(f"Machine: {machine_name}.")
    lines += ["", HEAD.rstrip()]
    for r in results:
        lines += ["| " + " | ".join(str(c) for c in row) + " |" for row in r["rows"]]
    lines.append("")
    for r in results:
        lines += ["* " + note for note in r["notes"]]
    lines += ["", "| part | measured | commit | messages | rounds | seconds |", "|---|---|---|---|---|---|"]
    lines += [f"| {r['part']} | {r['when']} | {r['commit']} | {r['messages']} | {r['rounds']} | {r['seconds']} |" for r in results]
    return "\n".join(lines) + "\n"


def main():
    wanted = [p for p in os.environ.get("PART", "").split(",") if p] or list(PARTS)
    for part in wanted:
        if part not in PARTS:
            sys.exit(f"bench-cluster: no part {part}: {', '.join(PARTS)}")
    os.makedirs(KEPT, exist_ok=True)
    failed = []
    for part in wanted:
        say(f"== {part}")
        try:
            result = run_part(part)
        except (Failed, subprocess.CalledProcessError, subprocess.TimeoutExpired) as e:
            say(f"bench-cluster: {part}: {e} {getattr(e, 'stderr', '') or ''}")
            failed.append(part)
            continue
        with open(os.path.join(KEPT, part + ".json"), "w", encoding="utf-8") as f:
            json.dump(result, f, indent=1)
    out = os.environ.get("OUT") or os.path.join(TOP, "tests", "bench", "RESULTS-CLUSTER.md")
    with open(out, "w", encoding="utf-8") as f:
        f.write(render())
    print(render())
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
