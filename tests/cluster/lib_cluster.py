"""What the tests against real servers share: servers that are gone when the test is, programs under supervision, a topic and who fills it, an oracle that
knows no line of fxmon's code, and comparisons both ways. Waits are bounded and on conditions. FXMON_TEST_SEED repeats what is random."""
import atexit, ctypes, json, os, random, shutil, signal, subprocess, sys, tempfile, threading, time
from decimal import Decimal
from fractions import Fraction
import math, struct

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import lib_kafka_wire  # noqa: E402

TOP, BIN = os.environ["FXMON_TOP"], os.environ["FXMON_BIN"]
NIGHTLY = os.environ.get("NIGHTLY") == "1"
ENV = {k: v for k, v in os.environ.items() if not k.startswith(("FXMON_", "PG", "KAFKA_", "REDIS_")) and k != "DATABASE_URL"}
work = tempfile.mkdtemp(prefix="fxmon-cluster.")
os.chmod(work, 0o755)  # some servers run as a user of their own
ENV["XDG_STATE_HOME"] = work + "/state"
running = []           # programs, for the end
all_programs = []
servers = []
begun = time.monotonic()


def say(*words):
    print(f"[{time.monotonic() - begun:6.1f}]", *words, flush=True)


def fail(*words):
    say("FAILED:", *words)
    if os.environ.get("FXMON_HOLD"):  # for a look at what is there
        say("held:", work)
        signal.pause() if threading.current_thread() is threading.main_thread() else time.sleep(10**6)
    sys.exit(1)


def count(name, ci, nightly):
    """How often: NAME in the environment, or the count of this kind of run"""
    return int(os.environ.get(name, nightly if NIGHTLY else ci))


def seeded():
    seed = int(os.environ.get("FXMON_TEST_SEED", time.time_ns() % 1_000_000_000))
    say("FXMON_TEST_SEED =", seed)
    return random.Random(seed)


def wait_for(what, condition, seconds=30, pause=0.03):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(pause)
    for p in running:
        if p.process.poll() is not None:
            say(f"{p.name} ended with {p.process.returncode}: {p.said()[-1500:]}")
    fail(f"waited {seconds} s in vain for {what}")


def pause(seconds):
    """A random moment, where that is the point of the test"""
    time.sleep(seconds)


@atexit.register
def clean_up():
    for p in running:
        if p.process.poll() is None:
            p.process.kill()
    for s in servers:
        s.run("stop", check=False)
    if os.environ.get("FXMON_KEEP"):
        say("kept:", work)
    else:
        shutil.rmtree(work, ignore_errors=True)


for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
    signal.signal(number, lambda number, frame: sys.exit(128 + number))


def together(*work):
    """Each in a thread of its own; a failure of one is a failure of the test, and so is a skip"""
    trouble, skipped = [], []

    def run(one):
        try:
            one()
        except SystemExit as e:
            (skipped if e.code == 77 else trouble).append("failed")
        except Exception:
            import traceback
            trouble.append(traceback.format_exc())
    threads = [threading.Thread(target=run, args=(one,), daemon=True) for one in work]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    if trouble:
        fail(*trouble)
    if skipped:
        sys.exit(77)


def at_once(*makers):
    """What each of them makes, made at the same time"""
    made = [None] * len(makers)

    def one(i):
        made[i] = makers[i]()
    together(*[lambda i=i: one(i) for i in range(len(makers))])
    return made


# ---- servers ---------------------------------------------------------------------------------------------------------------

class Server:
    """A server of tests/servers/: gone with this process, whatever ends it"""

    def __init__(self, kind, *options, name=None):
        self.script, self.folder = f"{TOP}/tests/servers/{kind}", f"{work}/{name or kind}"
        if subprocess.run([self.script, "install"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL).returncode != 0:
            print(f"{kind} cannot be had here", flush=True)
            sys.exit(77)
        at = time.monotonic()
        servers.append(self)
        self.env = dict(line.split("=", 1) for line in self.run("start", *options).splitlines() if "=" in line)
        say(f"{kind} answers after {time.monotonic() - at:.1f} s")

    def run(self, word, *more, check=True, seconds=200):
        p = subprocess.run([self.script, word, self.folder, *more], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=seconds,
                           env={**ENV, "FXMON_SERVER_OWNER": str(os.getpid())})
        if check and p.returncode != 0:
            fail(f"{self.script} {word}: status {p.returncode}: {p.stderr[-2000:]}")
        return p.stdout

    def kill(self, *node):
        self.run("kill", *node)

    def again(self, *node):
        self.run("again", *node)

    def stop(self, *words):
        self.run("stop", *words)


class Kafka(Server):
    """Sessions may be short here: a group notices within a second that a member was killed"""

    SHORT = ["group.min.session.timeout.ms=500", "group.consumer.min.session.timeout.ms=500", "group.consumer.session.timeout.ms=1500",
             "group.consumer.min.heartbeat.interval.ms=100", "group.consumer.heartbeat.interval.ms=500"]

    def __init__(self, brokers=1, *options):
        super().__init__("kafka", "--brokers", str(brokers), *[word for s in self.SHORT for word in ("--set", s)], *options)
        self.bootstrap, self.brokers = self.env["KAFKA_BOOTSTRAP_SERVERS"], brokers
        self.wire = lib_kafka_wire.Cluster(self.bootstrap)

    def url(self, topic):
        return f"kafka://{self.bootstrap}/{topic}"

    def create(self, topic, partitions=1, **config):
        self.wire.create(topic, partitions, self.brokers, **config)

    def records(self, topic):
        """[(partition, offset, bytes)] of all that is there now, as kcat reads it"""
        bounds = self.wire.bounds(topic)
        found = []
        for partition, (first, end) in sorted(bounds.items()):
            if end == first:
                continue
            data = subprocess.run(["kcat", "-C", "-q", "-b", self.bootstrap, "-t", topic, "-p", str(partition), "-o", str(first), "-c", str(end - first),
                                   "-f", "%o %S %s", "-X", "fetch.wait.max.ms=10"], stdout=subprocess.PIPE, check=True, timeout=120).stdout
            count_before, at = len(found), 0
            while at < len(data):
                head = data.index(b" ", at)
                middle = data.index(b" ", head + 1)
                offset, length = int(data[at:head]), int(data[head + 1:middle])
                at = middle + 1 + max(length, 0)
                found.append((partition, offset, data[middle + 1:at]))
            if len(found) - count_before != end - first:
                fail(f"kcat read {len(found) - count_before} records of {topic}/{partition}, {end - first} are there")
        return found

    def fill(self, topic, lines, partition=None):
        """Lines "KEY TAB VALUE", or plain values with a partition"""
        words = ["kcat", "-P", "-b", self.bootstrap, "-t", topic, "-X", "acks=all"] + (["-K", "\t"] if partition is None else ["-p", str(partition)])
        subprocess.run(words, input="".join(line + "\n" for line in lines), text=True, check=True, timeout=120)


class Feed(threading.Thread):
    """A topic that grows while the test runs: `rate` messages a second, for as long as it takes"""

    def __init__(self, kafka, topic, lines, rate):
        super().__init__(daemon=True)
        self.lines, self.rate, self.fed, self.over = lines, rate, 0, threading.Event()
        self.process = subprocess.Popen(["kcat", "-P", "-b", kafka.bootstrap, "-t", topic, "-K", "\t", "-X", "acks=all", "-X", "linger.ms=5",
                                         "-X", "enable.idempotence=true"], stdin=subprocess.PIPE, stderr=subprocess.DEVNULL, preexec_fn=die_with_parent)
        self.start()

    def run(self):
        at = time.monotonic()
        for line in self.lines:
            try:
                self.process.stdin.write(line.encode() + b"\n")
                self.process.stdin.flush()
            except (OSError, ValueError):
                return
            self.fed += 1
            if self.over.wait(max(0, at + self.fed / self.rate - time.monotonic())):
                return

    def stop(self):
        if self.over.is_set():
            return self.fed
        self.over.set()
        self.join(10)
        self.process.stdin.close()
        if self.process.wait(60) != 0:
            fail(f"kcat, which fills the topic, ended with {self.process.returncode}")
        return self.fed


class Postgres(Server):
    def __init__(self, *settings):
        super().__init__("postgresql", *settings)
        self.base = self.env["DATABASE_URL"]

    def database(self, name):
        self.sql(f'CREATE DATABASE "{name}"')
        return self.base.rsplit("/", 1)[0] + "/" + name

    def drop(self, name):
        self.sql(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def sql(self, text, url=None, check=True):
        """Rows as lists of text"""
        p = subprocess.run(["psql", url or self.base, "-qXAt", "-F", "\t", "-v", "ON_ERROR_STOP=1", "-c", text], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                           text=True, timeout=60, env={**ENV, "PGCONNECT_TIMEOUT": "10"})
        if p.returncode != 0:
            if check:
                fail(f"psql: {text}: {p.stderr}")
            return None
        return [line.split("\t") for line in p.stdout.splitlines()]


# ---- programs --------------------------------------------------------------------------------------------------------------

libc = ctypes.CDLL(None)


def die_with_parent():
    libc.prctl(1, signal.SIGKILL)


class Program:
    """fxmon-WHAT with options; standard error goes to a file that survives a kill"""
    number = 0

    def __init__(self, what, *words, bin=BIN, environment=None, out=None):
        Program.number += 1
        self.name = f"{what}.{Program.number}"
        self.path = f"{work}/{self.name}.err"
        with open(self.path, "wb") as err:
            self.process = subprocess.Popen([f"{bin}/fxmon-{what}", *words], stderr=err, stdout=out or subprocess.DEVNULL, stdin=subprocess.DEVNULL,
                                            env={**ENV, **(environment or {})}, preexec_fn=die_with_parent)
        self.words = words
        running.append(self)
        all_programs.append(self)

    def said(self):
        with open(self.path, errors="replace") as f:
            return f.read()

    def alive(self):
        return self.process.poll() is None

    def signal(self, number):
        self.process.send_signal(number)

    def end(self, seconds=60):
        try:
            status = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            fail(f"{self.name} has not ended after {seconds} s: {self.said()[-2000:]}")
        if self in running:
            running.remove(self)
        return status

    def kill(self):
        self.process.kill()
        return self.end()

    def listens(self):
        """It has its handler of SIGTERM (before, the signal would just end it, as with any program), or has ended: /proc tells"""
        if not self.alive():
            return True
        with open(f"/proc/{self.process.pid}/status") as f:
            caught = next(line for line in f if line.startswith("SigCgt:"))
        return int(caught.split()[1], 16) >> (signal.SIGTERM - 1) & 1

    def stop(self, seconds=5):
        """SIGTERM, status 0 within its five seconds"""
        wait_for("the handler of SIGTERM", self.listens, seconds=10, pause=0.001)
        self.signal(signal.SIGTERM)
        status = self.end(seconds)
        if status != 0:
            fail(f"{self.name}: status {status} after SIGTERM: {self.said()[-2000:]}")

    def expect(self, status=0, seconds=120):
        got = self.end(seconds)
        if got != status:
            fail(f"{self.name}: status {got}, expected {status}: {self.said()[-3000:]}")
        return self.said()


def fxmon(what, *words, status=0, seconds=120, **more):
    return Program(what, *words, **more).expect(status, seconds)


# What tests of groups set: a member that was killed is out of its group after a second.
QUICK = ["--session-timeout", "1s"]


# ---- messages --------------------------------------------------------------------------------------------------------------

PAIRS = {"USD/EUR": 90012, "USD/GBP": 78120, "USD/JPY": 14912345, "USD/CHF": 88123, "USD/CAD": 136540, "USD/AUD": 152011, "USD/CNY": 724100, "USD/INR": 8312345}


def decimal_text(value, scale=5):
    digits = str(value).rjust(scale + 1, "0")
    return digits[:-scale] + "." + digits[-scale:]


def stamp(ns):
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(ns // 10**9)) + f".{ns % 10**9:09d}Z"


def messages(rnd, total, sources=6, pairs=4, split=False, poison=0.0, start=None):
    """ "KEY TAB JSON": random walks of several sources; some repeated, some late; poison: this share is no message at all"""
    names = list(PAIRS)[:pairs]
    level = {(s, p): PAIRS[p] for s in range(sources) for p in names}
    clock = start or time.time_ns() // 10**9 * 10**9
    last = {}
    for number in range(total):
        source = rnd.randrange(sources)
        if poison and rnd.random() < poison:
            yield f"bad{number}\t" + rnd.choice(['{', '[1,2]', '{"timestamp":"x"}', '"text"', '{"timestamp":"2026-01-01T00:00:00Z","base":"USD","rates":{"USD/EUR":-1},"source":"s"}'])
            continue
        kind = rnd.random()
        some = [rnd.choice(names)] if split else names
        clock += rnd.randrange(1, 2_000_000)
        when = clock
        if kind < 0.01 and source in last:
            yield last[source]
            continue
        if kind < 0.02:
            when -= rnd.randrange(10**9)
        for p in some:
            level[source, p] = max(1, level[source, p] + rnd.randint(-40, 40))
        rates = ",".join(f'"{p}":{decimal_text(level[source, p])}' for p in some)
        key = some[0] if split else f"s{source}/USD"
        line = f'{key}\t{{"timestamp":"{stamp(when)}","base":"USD","rates":{{{rates}}},"source":"s{source}"}}'
        last[source] = line
        yield line


# ---- the oracle ------------------------------------------------------------------------------------------------------------

def root(numerator, denominator):
    """Nearest double to the root of a positive fraction"""
    shift = max(0, 120 + denominator.bit_length() - numerator.bit_length())
    shift += shift & 1
    whole, rest = divmod(numerator << shift, denominator)
    low = math.isqrt(whole)
    return float(Fraction(2 * low + (rest != 0 or low * low != whole), 2 << (shift // 2)))


def nanoseconds(text):
    import calendar
    whole, _, fraction = text.rstrip("Z").partition(".")
    return calendar.timegm(time.strptime(whole, "%Y-%m-%dT%H:%M:%S")) * 10**9 + int((fraction + "0" * 9)[:9])


SCALE = 18


def expected(records, window=20):
    """({(partition, offset, pair): (rate, kind, samples, volatility, time, source)}, {(partition, offset): bytes} of dead letters)"""
    rows, dead, series = {}, {}, {}
    for partition, offset, data in records:
        try:
            message = json.loads(data, parse_float=str, parse_int=str)
            when, rates = nanoseconds(message["timestamp"]), message["rates"]
            if not rates or any(Decimal(v) <= 0 for v in rates.values()):
                raise ValueError("no rates")
        except (ValueError, TypeError, KeyError, AttributeError):
            dead[partition, offset] = data
            continue
        for pair, text in rates.items():
            value = int(Decimal(text).scaleb(SCALE))
            s = series.setdefault((partition, pair, message["source"]), [None, None, []])
            if s[0] is not None and when == s[0] and value == s[1]:
                continue
            late = s[0] is not None and when <= s[0]
            if not late:
                s[0], s[1] = when, value
                s[2] = (s[2] + [value])[-window:]
            n, volatility = len(s[2]), None
            if not late and n > 1:
                spread = n * sum(v * v for v in s[2]) - sum(s[2]) ** 2
                volatility = root(spread, n * (n - 1) * 10 ** (2 * SCALE)) if spread else 0.0
            rows[partition, offset, pair] = (value, 1 if late else 0, n, volatility, when, message["source"])
    return rows, dead


def bits(value):
    return None if value is None else struct.pack(">d", value).hex()


def compare(what, got, want, calm=None):
    """got: a list of ((partition, offset, pair), rest). Nothing lost, nothing double, every value as the oracle says; a volatility may differ from the correctly
    rounded one by the last bit in one of a thousand, and must have the bits of an undisturbed run where there is one (calm: the same list of that run)."""
    keys = [k for k, _ in got]
    found = dict(got)
    lost, doubled, strange = set(want) - set(found), len(keys) - len(found), set(found) - set(want)
    different = rounded = 0
    for key, row in found.items():
        if key not in want:
            continue
        value, kind, samples, volatility, when, source = want[key]
        if (row[0], row[1], row[2], row[4], row[5]) != (value, kind, samples, when, source):
            different += 1
            if different <= 3:
                say("differs:", key, row, want[key])
        elif bits(volatility) != row[3]:
            near = volatility is not None and row[3] is not None and abs(struct.unpack(">d", bytes.fromhex(row[3]))[0] - volatility) <= math.ulp(volatility)
            rounded += near
            different += not near
            if not near and different <= 3:
                say("volatility differs:", key, row, want[key], bits(volatility))
    say(f"{what}: {len(keys)} rows, {len(lost)} lost, {doubled} doubled, {len(strange)} strange, {different} different, {rounded} in the last bit")
    if lost or doubled or strange or different or rounded * 1000 > len(keys) + 1000:
        fail(what, "lost", sorted(lost)[:5], "strange", sorted(strange)[:5])
    if calm is not None and found != dict(calm):
        fail(what, "not bit for bit the rows of an undisturbed run:", [(k, found[k], dict(calm).get(k)) for k in found if found[k] != dict(calm).get(k)][:3])


def scaled(text):
    return int(Decimal(text).scaleb(SCALE))


def postgres_rows(server, url):
    query = ("SELECT kafka_partition, kafka_offset, pair, rate, kind, samples, encode(float8send(volatility), 'hex'), "
             "(extract(epoch FROM observed_at) * 1000000)::bigint * 1000 + observed_ns, source FROM fx_rates WHERE kind < 2")
    rows = server.sql(query, url, check=False)
    return None if rows is None else [((int(r[0]), int(r[1]), r[2]), (scaled(r[3]), int(r[4]), int(r[5]), r[6] or None, int(r[7]), r[8])) for r in rows]


def postgres_dead(server, url):
    return sorted((int(p), int(o), bytes.fromhex(d)) for p, o, d in server.sql("SELECT partition, \"offset\", encode(data, 'hex') FROM fxmon_dead_letters", url))


def sqlite_rows(path):
    import sqlite3
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as db:
        rows = db.execute('SELECT "partition", "offset", pair, rate_text, kind = \'late\', samples, volatility, time_ns, source FROM fx_rates WHERE kind <> \'cross\'').fetchall()
    return [((r[0], r[1], r[2]), (scaled(r[3]), r[4], r[5], bits(r[6]), r[7], r[8])) for r in rows]


def sqlite_dead(path):
    import sqlite3
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as db:
        return sorted((p, o, bytes(d) if isinstance(d, bytes) else d.encode()) for p, o, d in
                      db.execute('SELECT "partition", "offset", data FROM fxmon_dead_letters'))


def dead_list(dead):
    return sorted((p, o, d) for (p, o), d in dead.items())
