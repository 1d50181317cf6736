"""What the parts share: servers, the same data for all, running programs to their end with their CPU time and memory, rows of the table."""
import json, os, statistics, subprocess, sys, tempfile, threading, time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(HERE)), "servers"))
from lib_cluster import BIN, TOP, Cluster, Failed, say

BUILD = os.environ.get("FXMON_BUILD") or os.path.join(TOP, "build", "release")
LOOP = os.path.join(BUILD, "tests", "bench", "cluster", "kafka_loop")
PAIRS = 8            # rates in a message, as the seed's
WINDOW = 20
PATIENCE = 900       # seconds for one run of a program


def setting(name, fallback):
    return int(os.environ.get(name) or fallback)


MESSAGES = setting("BENCH_MESSAGES", 175000)                # 1.4 million rows
SEARCH_MESSAGES = setting("BENCH_SEARCH_MESSAGES", max(500, MESSAGES // 5))
ROUNDS = setting("BENCH_ROUNDS", 5)
LONG_MESSAGES = setting("BENCH_LONG_MESSAGES", 1000000)     # memory; 10,000,000 is the long mode
PACE_SECONDS = setting("BENCH_SECONDS", 20)                 # of 1,000 messages a second


class Run:
    """A program that ran to its end: wall seconds, own CPU seconds, most memory in MiB."""

    def __init__(self, words, env, stdout=subprocess.DEVNULL):
        self.words = words
        self.errors = tempfile.TemporaryFile()
        self.begin = time.monotonic()
        self.process = subprocess.Popen(words, env=env, stdin=subprocess.DEVNULL, stdout=stdout, stderr=self.errors)
        self.mib = 0
        threading.Thread(target=self.watch, daemon=True).start()

    def watch(self):
        """The most memory, as the kernel keeps it while the process lives; what it tells at the end counts Python's memory before exec too."""
        try:
            with open(f"/proc/{self.process.pid}/status", encoding="ascii") as f:
                while line := next((line for line in f if line.startswith("VmHWM:")), None):
                    self.mib = int(line.split()[1]) / 1024
                    time.sleep(0.02)
                    f.seek(0)
        except OSError:
            return  # it has ended

    def wait(self, status=0):
        _, code, usage = os.wait4(self.process.pid, 0)
        self.seconds = time.monotonic() - self.begin
        self.process.returncode = os.waitstatus_to_exitcode(code)
        self.cpu = usage.ru_utime + usage.ru_stime
        if status is not None and self.process.returncode != status:
            self.errors.seek(0)
            raise Failed(f"{' '.join(self.words)}: status {self.process.returncode}: {self.errors.read()[-1500:].decode(errors='replace')}")
        return self


class Bench:
    def __init__(self, cluster, folder):
        self.cluster, self.folder = cluster, folder
        self.rows, self.notes = [], []
        self.counter = 0

    # ---- the table ----

    def row(self, figure, value, unit, baseline="", ratio=None, bar=""):
        """ratio > 1 is better than the baseline; bar is what was promised."""
        self.rows.append([figure, value, unit, baseline, "" if ratio is None else f"{ratio:.2f}", bar])
        say("   " + " | ".join(str(c) for c in self.rows[-1]))

    def note(self, text):
        self.notes.append(text)
        say("   " + text)

    # ---- data ----

    def name(self, what):
        """New for each round: a group, a topic."""
        self.counter += 1
        return f"{what}-{os.getpid()}-{self.counter}"

    def messages(self, count, base="USD", track=None):
        """A file of messages, 10 ms apart and ending about now; made once."""
        path = os.path.join(self.folder, f"{base}-{count}-{track or 'eight'}.ndjson")
        if not os.path.exists(path):
            start = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - count // 100))
            quotes = track or ",".join(c for c in ("USD", "EUR", "GBP", "JPY", "CAD", "AUD", "CHF", "CNY", "INR") if c != base)
            words = [os.path.join(BIN, "fxmon-produce"), "--from", f"sim:?seed=1&rate=max&interval=10ms&count={count}&start={start}", "--base", base,
                     "--track", quotes, "--to", "-"]
            with open(path + ".new", "wb") as f:
                Run(words, self.cluster.environment(), stdout=f).wait()
            os.rename(path + ".new", path)
        return path

    def loop(self, *words):
        return subprocess.run([LOOP, *words], check=True, capture_output=True, text=True, stdin=subprocess.DEVNULL).stdout

    def topic(self, partitions=1):
        name = self.name("bench")
        self.loop("create", self.cluster.kafka, name, str(partitions))
        return name

    def fill(self, topic, path, partition=0, base="USD"):
        out = self.loop("produce", self.cluster.kafka, topic, str(partition), f"sim/{base}", path, "compression.codec=lz4", "linger.ms=20", "queue.buffering.max.messages=1000000")
        return int(out.split()[0])

    def log(self, topic):
        return f"kafka://{self.cluster.kafka}/{topic}"

    def consume(self, topic, *sinks, more=(), group=None):
        words = [os.path.join(BIN, "fxmon-consume"), "--from", self.log(topic), "--group", group or self.name("group"), "--log-level", "error"]
        for s in sinks:
            words += ["--sink", s]
        return Run(words + list(more), self.cluster.environment())

    def consume_all(self, topic, *sinks, more=(), group=None):
        return self.consume(topic, *sinks, more=["--until-end", *more], group=group).wait()

    # ---- PostgreSQL between rounds ----

    def empty_tables(self):
        self.cluster.psql("TRUNCATE fx_rates, fxmon_latest, fxmon_progress, fxmon_dead_letters")
        self.cluster.psql("CHECKPOINT")

    def count_rows(self):
        return int(self.cluster.psql("SELECT count(*) FROM fx_rates")[0][0])


def median(values):
    return statistics.median(values)


def spread(values, digits=2):
    return f"{min(values):.{digits}f}-{max(values):.{digits}f}"


def thousands(value):
    return f"{value:,.0f}"


def last_prices(path, keep=WINDOW):
    """{pair: its newest prices, oldest first} of a file of messages: an oracle that is not fxmon."""
    size = os.path.getsize(path)
    with open(path, "rb") as f:
        f.seek(max(0, size - 1000 * (keep + 2)))
        lines = f.read().decode().splitlines()[-keep:]
    found = {}
    for line in lines:
        for pair, rate in json.loads(line, parse_float=str)["rates"].items():
            found.setdefault(pair, []).append(str(rate))
    return found
