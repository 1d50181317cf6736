#!/usr/bin/env python3
"""make demo-cluster: Kafka, PostgreSQL, Redis, OpenSearch and Elasticsearch of their own in a folder, rates flowing through fxmon into all of them, and the
proof that the numbers agree. Ctrl-C stops everything; nothing is left behind.

DEMO_SECONDS=N  ends by itself, with exit status 0 only if all agree        DEMO_LISTEN=127.0.0.1:8000  where the page is
DEMO_FROM=URL   a source of your choice                                     DEMO_FOLDER=DIR     where servers and logs are kept (a temporary folder)
DEMO_KILL=consumer,producer,broker  kills these, one after the other, and watches the recovery (three brokers, three partitions, two consumers)
DEMO_SERVERS=opensearch,elasticsearch  which search servers run; without it as many as memory allows
On a terminal: c, p, b and Enter kill a consumer, the producer, a broker; t prints the table; s the status."""
import os, select, shutil, signal, subprocess, sys, tempfile, time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "servers"))
import lib_agree
from lib_cluster import BIN, Cluster, Failed, memory_available, say, wait_for

RATES, ALERTS = "fx-rates", "fx-alerts"
SEARCH_MIB = 1500  # of free memory for one more search server beside all others
BACK_AFTER = 3     # seconds until something that was killed is started again


class Program:
    """One of fxmon's programs. One that ends unasked ends the demonstration: a missing part should be seen."""

    def __init__(self, demo, name, program, *words, **more):
        self.demo, self.name, self.words, self.more = demo, name, [os.path.join(BIN, program), *words], more
        self.log = os.path.join(demo.folder, name + ".log")
        self.killed = None
        self.start()

    def start(self):
        self.killed = None
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(self.words, stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=self.demo.cluster.environment(), start_new_session=True)

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.killed = time.monotonic()

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                raise Failed(f"{self.name} did not stop within 10 s of SIGTERM") from None
        return self.process.returncode

    def look_after(self):
        if self.killed is not None:
            if time.monotonic() - self.killed >= BACK_AFTER:
                say(f"   {self.name} is started again")
                self.start()
        elif self.process.poll() is not None:
            with open(self.log, encoding="utf-8", errors="replace") as f:
                raise Failed(f"{self.name} ended with status {self.process.returncode}:\n{f.read()[-2000:]}")


class Demo:
    def __init__(self):
        given = os.environ.get("DEMO_FOLDER")
        self.folder = os.path.abspath(given) if given else tempfile.mkdtemp(prefix="fxmon-demo.")
        self.remove = not given
        os.makedirs(self.folder, exist_ok=True)
        os.chmod(self.folder, 0o755)  # PostgreSQL and Elasticsearch run as users of their own
        self.cluster = Cluster(self.folder)
        self.kills = [k for k in os.environ.get("DEMO_KILL", "").split(",") if k]
        for k in self.kills:
            if k not in ("consumer", "producer", "broker"):
                raise Failed(f"DEMO_KILL: {k}: expected consumer, producer or broker")
        self.many = bool(self.kills) or bool(os.environ.get("DEMO_MANY"))  # three brokers, partitions, consumers
        self.programs = {}
        self.broker_down = None
        self.url = self.log = None

    # ---- starting ----

    def servers(self):
        base = ["kafka", "postgresql", "redis"]
        asked = os.environ.get("DEMO_SERVERS")
        search = [s for s in asked.split(",") if s] if asked is not None else ["opensearch", "elasticsearch"]
        if asked is None and memory_available() < SEARCH_MIB * 2 + (1400 if self.many else 600):
            say("Memory is short here: without Elasticsearch.")
            search = ["opensearch"]
        for name in base + search:
            self.cluster.install(name)
        say(f"Starting {', '.join(base + search)} in {self.folder} ...")
        begin = time.monotonic()
        self.cluster.start_all([(name, ["--brokers", "3"] if name == "kafka" and self.many else []) for name in base + search])
        say(f"They answer after {time.monotonic() - begin:.0f} s.")

    def produce(self):
        log = f"kafka://{self.cluster.kafka}/{RATES}"
        more = ["--topic-partitions", "3", "--split"] if self.many else []
        chosen = os.environ.get("DEMO_FROM")
        if not chosen:
            live = os.environ.get("DEMO_LIVE", "ecb,frankfurter,open-er-api")
            say(f"Asking {live} for rates ...")
            # 90 days first, so that volatility means something from the beginning
            for first in ("ecb-90d", live):
                if subprocess.run([os.path.join(BIN, "fxmon-produce"), "--log-level", "error", "--once", "--from", first, "--to", log, *more], stdin=subprocess.DEVNULL,
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=self.cluster.environment()).returncode == 0:
                    chosen = live
                    say(f"Live: rates from {live}.")
                    break
            else:
                chosen = "sim:?interval=1s"
                say("No provider can be reached from here: SIMULATED rates from the built-in generator.")
        self.run("producer", "fxmon-produce", "--log-level", "warning", "--from", chosen, "--to", log, *more)

    def run(self, name, program, *words):
        self.programs[name] = Program(self, name, program, *words)

    def first_rate(self):
        """A level to watch: where the first pair stands now."""
        self.log = lib_agree.Log(self.cluster, RATES)
        line = wait_for("a first rate in the log", lambda: (self.look_after(), self.log.first)[1], 60, 0.1)
        pair, rate = next(iter(line["rates"].items()))
        return pair, rate

    def start(self):
        self.servers()
        c = self.cluster
        log, store = f"kafka://{c.kafka}/{RATES}", c.database
        self.produce()
        pair, rate = self.first_rate()
        # sinks and notifiers, as a data engineer would name them
        search = [c.search_sink(key) for key in lib_agree.SEARCH.values() if key in c.values]
        redis = c.values["REDIS_URL"]
        for rule in (f"{pair} cross {rate}", f"{pair} above {rate}"):
            p = subprocess.run([os.path.join(BIN, "fxmon-alert"), "add", "--store", store, rule], env=c.environment(), capture_output=True, text=True)
            if p.returncode != 0:
                raise Failed(f"fxmon-alert add: {p.stderr}")
        sinks = [w for s in [store, redis, *search] for w in ("--sink", s)]
        for i in range(2 if self.many else 1):
            self.run(f"consumer-{i + 1}", "fxmon-consume", "--log-level", "warning", "--from", log, *sinks)
        self.run("alert", "fxmon-alert", "--log-level", "warning", "--from", log, "--store", store,
                 *[w for n in [f"kafka://{c.kafka}/{ALERTS}", redis, *search] for w in ("--notify", n)])
        listen = os.environ.get("DEMO_LISTEN") or ("127.0.0.1:0" if os.environ.get("DEMO_SECONDS") else "127.0.0.1:8000")
        self.run("serve", "fxmon-serve", "--from", log, "--store", store, "--listen", listen)
        self.url = wait_for("the page", self.page, 30)

    def page(self):
        self.programs["serve"].look_after()
        with open(self.programs["serve"].log, encoding="utf-8", errors="replace") as f:
            words = [w.rstrip("/,.") for w in f.read().split() if w.startswith("http://")]
        return words[0] if words else None

    def urls(self):
        c = self.cluster
        print(f"\n  page and REST      {self.url}/   {self.url}/docs")
        print(f"  Kafka              {c.kafka}   kcat -b {c.kafka} -C -t {RATES}")
        print(f"  PostgreSQL         {c.database}   PGPASSWORD=$(cat {c.path('postgresql')}/password) psql {c.database} -c 'SELECT * FROM fx_latest'")
        print(f"  Redis              {c.values['REDIS_URL']}   redis-cli -u {c.values['REDIS_URL']} hgetall latest:USD/EUR")
        for name, key in lib_agree.SEARCH.items():
            if key in c.values:
                print(f"  {name:18} {c.values[key]}   curl '{c.values[key]}/fx-rates/_search?pretty'")
        print(f"  logs               {self.folder}/*.log", flush=True)

    # ---- looking ----

    def agree(self, seconds, show=True):
        """Looks until all agree, or for that long; prints the last look. While rates flow, servers are a moment apart."""
        end = time.monotonic() + seconds
        problem = None
        while True:
            try:
                log, seen = lib_agree.look(self.cluster, self.url, self.log)
                wrong = lib_agree.differences(log, seen)
                good = bool(log) and not any(wrong.values())
                problem = None
            except (Failed, subprocess.TimeoutExpired) as e:
                good, problem = False, str(e)
            if good or time.monotonic() > end:
                break
            self.look_after()
            time.sleep(0.1)
        if problem:
            say(f"\nThe servers could not be asked: {problem}")
        elif show:
            print()
            print("\n".join(lib_agree.table(log, seen, wrong)))
            print("All agree." if good else "They do NOT agree.", flush=True)
        return good

    def alerts(self, seconds):
        end = time.monotonic() + seconds
        while True:
            try:
                counts = lib_agree.alert_counts(self.cluster, ALERTS)
                if len(set(counts.values())) == 1:
                    break
            except Failed as e:
                counts = {"error": str(e)}
            if time.monotonic() > end:
                break
            time.sleep(0.2)
        good = len(set(counts.values())) == 1 and "error" not in counts
        print("alert events: " + ", ".join(f"{v} in {k}" for k, v in counts.items()) + (": agree" if good else ": they do NOT agree"), flush=True)
        return good

    def status(self):
        p = subprocess.run([os.path.join(BIN, "fxmon-consume"), "status", "--store", self.cluster.database], env=self.cluster.environment(), capture_output=True,
                           text=True, timeout=30, stdin=subprocess.DEVNULL)
        print(p.stdout if p.returncode in (0, 1, 2) and p.stdout else p.stderr, flush=True)

    def look_after(self):
        for program in self.programs.values():
            program.look_after()
        if self.broker_down and time.monotonic() - self.broker_down[1] >= 2 * BACK_AFTER:
            node, self.broker_down = self.broker_down[0], None
            say(f"   broker {node} is started again")
            self.cluster.again("kafka", node)

    # ---- what goes wrong ----

    def rows(self):
        return int(self.cluster.psql("SELECT count(*) FROM fx_rates")[0][0])

    def kill(self, what):
        begin = time.monotonic()
        if what == "broker":
            node = self.leader()
            say(f"\n== kill -9 of broker {node}, which leads a partition")
            self.cluster.kill("kafka", node)
            self.broker_down = (node, begin)
        else:
            name = "producer" if what == "producer" else "consumer-1"
            say(f"\n== kill -9 of {name}")
            self.programs[name].kill()
        before = self.rows()

        def moved():
            self.look_after()
            return self.rows() > before + 8
        wait_for("rates that flow again", moved, 60, 0.1)
        say(f"   rates flow into PostgreSQL {time.monotonic() - begin:.1f} s after the kill")
        wait_for("what was killed to be back", lambda: (self.look_after(), self.broker_down is None and all(p.killed is None for p in self.programs.values()))[1], 60)
        self.status()
        if not self.agree(30):
            raise Failed(f"after the kill of a {what} the numbers do not agree")

    def leader(self):
        for line in self.cluster.kcat("-L", "-t", RATES).splitlines():
            words = line.replace(",", "").split()
            if words[:2] == ["partition", "0"]:
                return words[words.index("leader") + 1]
        raise Failed("partition 0 has no leader")

    # ---- the whole ----

    def keys(self, seconds):
        """One second of life: keys of a terminal are listened to."""
        if not sys.stdin.isatty():
            time.sleep(seconds)
            return
        if select.select([sys.stdin], [], [], seconds)[0]:
            word = sys.stdin.readline().strip()
            what = {"c": "consumer", "p": "producer", "b": "broker"}.get(word)
            if what == "broker" and not self.many:
                say("There is one broker only; make demo-cluster DEMO_MANY=1 has three.")
            elif what:
                self.kill(what)
            elif word == "t":
                self.agree(10)
            elif word == "s":
                self.status()

    def live(self):
        limit = float(os.environ.get("DEMO_SECONDS") or 0)
        self.start()
        begin = time.monotonic()
        self.urls()
        if not self.agree(30):
            say("Rates are still on their way.")
        for what in self.kills:
            self.kill(what)
        if not limit:
            say("\nCtrl-C stops everything." + (" Keys and Enter: c p b kill a consumer, the producer, a broker; t the table; s the status." if sys.stdin.isatty() else ""))
        while not limit or time.monotonic() - begin < limit:
            self.look_after()
            self.keys(0.5)
        return self.end()

    def end(self):
        """No more rates; then every destination must hold exactly what the log holds."""
        self.look_after()
        self.programs.pop("producer").stop()
        good = self.agree(30)
        return self.alerts(15) and good

    def stop(self):
        for program in list(self.programs.values()):
            if program.process.poll() is None:
                program.process.terminate()
        for program in list(self.programs.values()):
            try:
                program.process.wait(10)
            except subprocess.TimeoutExpired:
                program.process.kill()
        if self.log:
            self.log.stop()
        self.cluster.stop_all()
        if self.remove:
            shutil.rmtree(self.folder, ignore_errors=True)


def interrupted(signum, frame):
    raise KeyboardInterrupt


def main():
    signal.signal(signal.SIGTERM, interrupted)
    signal.signal(signal.SIGHUP, interrupted)
    demo = None
    try:
        demo = Demo()
        return 0 if demo.live() else 1
    except KeyboardInterrupt:
        say("\nStopping everything ...")
        return 0 if not os.environ.get("DEMO_SECONDS") else 130
    except Failed as e:
        say(f"demo-cluster: {e}")
        return 1
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        if demo:
            demo.stop()


if __name__ == "__main__":
    sys.exit(main())
