"""fxmon-consume is killed, stopped, doubled and fed with poison while a producer writes: every record of the log is in the store once, volatilities bit for bit
those of an undisturbed run. 50 times; 200 nightly, KILLS=N; FXMON_TEST_SEED repeats the moments."""
import calendar, csv, fcntl, json, os, random, shutil, signal, sqlite3, struct, subprocess, sys, tempfile, termios, time
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import lib_programs as fx

KILLS = int(os.environ.get("KILLS", "200" if os.environ.get("NIGHTLY") else "50"))
seed = int(os.environ.get("FXMON_TEST_SEED", time.time_ns() % 1_000_000))
print("seed", seed, "kills", KILLS)
rnd = random.Random(seed)
work = tempfile.mkdtemp()
log = "file:" + work + "/log"


def rows(db):
    with sqlite3.connect(f"file:{db}?mode=ro", uri=True) as c:
        found = c.execute('select "offset", pair, rate_text, volatility, samples, kind, time_ns from fx_rates order by "offset", pair').fetchall()
    return [r[:3] + (None if r[3] is None else struct.pack("<d", r[3]).hex(),) + r[4:] for r in found]


def dead(db):
    with sqlite3.connect(f"file:{db}?mode=ro", uri=True) as c:
        return c.execute('select "offset", data, reason from fxmon_dead_letters order by "offset"').fetchall()


def rows_now(db):
    try:
        return rows(db)
    except sqlite3.OperationalError:
        return []


def log_records():
    lines = []
    for name in sorted(n for n in os.listdir(work + "/log") if n.endswith(".ndjson")):
        with open(work + "/log/" + name, "rb") as f:
            lines += f.read().split(b"\n")[:-1]
    return lines


def check(db, what):
    got, expected = rows(db), rows(work + "/calm.db")
    keys = [r[:2] for r in got]
    duplicated = len(keys) - len(set(keys))
    lost = len(set(r[:2] for r in expected) - set(keys))
    print(f"{what}: {len(got)} rows, {lost} lost, {duplicated} duplicated, {sum(a != b for a, b in zip(got, expected))} different")
    if got != expected:
        sys.exit(f"{what}: not the rows of an undisturbed run")
    if dead(db) != dead(work + "/calm.db"):
        sys.exit(f"{what}: not the dead letters of an undisturbed run")


def catch_up(db, sink=None):
    return fx.run("consume", "--from", log, "--sink", sink or "sqlite:" + db, "--until-end")


def nanoseconds(text):
    whole, _, fraction = text.rstrip("Z").partition(".")
    return calendar.timegm(time.strptime(whole, "%Y-%m-%dT%H:%M:%S")) * 10**9 + int((fraction + "0" * 9)[:9])


def text_rows(path):
    """(time, pair, rate as written) of a file of rows; a volatility as its bits"""
    with open(path, newline="") as f:
        found = list(csv.DictReader(f)) if path.endswith(".csv") else [json.loads(line, parse_float=str) for line in f]
    return [(nanoseconds(r["time"]), r["pair"], str(r["rate"]), struct.pack("<d", float(r["volatility"])).hex() if r["volatility"] not in ("", None) else None)
            for r in found]


def check_file(name):
    """A file of rows equals the rows of the store: none lost, none twice, in order"""
    got, expected = text_rows(work + "/" + name), [(r[6],) + r[1:4] for r in rows(work + "/calm.db")]
    keys = [r[:2] for r in got]
    print(f"{name}: {len(got)} lines, {len(set(r[:2] for r in expected) - set(keys))} lost, {len(keys) - len(set(keys))} duplicated")
    if sorted(got) != sorted(expected) or [k[0] for k in keys] != sorted(k[0] for k in keys):
        sys.exit(f"{name}: not the rows of an undisturbed run")


def time_to_work():
    """How long a consumer needs from its start to its first rows, here and now: random moments are chosen around it"""
    begin = time.monotonic()
    p = fx.start("consume", "--from", log, "--sink", "sqlite:" + work + "/probe.db", "--batch-time", "5ms", stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    fx.wait_for("the first rows", lambda: os.path.exists(work + "/probe.db") and rows_now(work + "/probe.db"), pause=0.002)
    p.kill()
    p.wait()
    return time.monotonic() - begin


def term_handled(p):
    """The program has its handler of SIGTERM (or has ended): /proc tells"""
    if p.poll() is not None:
        return True
    with open(f"/proc/{p.pid}/status") as f:
        caught = next(line for line in f if line.startswith("SigCgt:"))
    return int(caught.split()[1], 16) >> (signal.SIGTERM - 1) & 1


def second_term():
    """A pipe that nobody reads blocks its lane; a first SIGTERM waits for what is begun, a second one gives it up"""
    reading, writing = os.pipe()
    p = fx.start("consume", "--from", log, "--sink", "-", "--batch", "1000", stdout=writing, stderr=subprocess.DEVNULL)
    os.close(writing)
    try:
        full = lambda: int.from_bytes(fcntl.ioctl(reading, termios.FIONREAD, b"\0\0\0\0"), sys.byteorder)
        fx.wait_for("a full pipe", lambda: full() >= 65536 - 4096)
        p.send_signal(signal.SIGTERM)
        try:
            p.wait(0.5)
            sys.exit(f"one SIGTERM, and what was begun was given up at once: status {p.returncode}")
        except subprocess.TimeoutExpired:
            pass
        begin = time.monotonic()
        p.send_signal(signal.SIGTERM)
        p.wait(3)
        print(f"a blocked lane ended {(time.monotonic() - begin) * 1000:.0f} ms after the second SIGTERM, status {p.returncode}")
    finally:
        p.kill()
        p.wait()
        os.close(reading)


def kill_run(sink, kills, moment):
    """kill -9 at random moments, while the log grows"""
    for _ in range(kills):
        p = fx.start("consume", "--from", log, "--sink", sink, "--batch", str(rnd.choice([1, 3, 17, 100])), "--batch-time", "5ms", "--checkpoint", "1s",
                     "--sqlite-synchronous", "normal", stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        time.sleep(rnd.uniform(0.1, 2) * moment)  # the moment of the kill is the point of the test
        p.send_signal(signal.SIGKILL)
        p.wait()


producer = None
try:
    producer = fx.start("produce", "--from", "sim:?seed=7", "--to", log, "--rate", "400", "--duration", "1h", "--batch", "20",
                        stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    fx.wait_for("the log", lambda: os.path.isdir(work + "/log") and any(n.endswith(".ndjson") for n in os.listdir(work + "/log")))
    moment = min(max(0.02, time_to_work()), 0.25)
    print(f"a consumer's first rows after {moment * 1000:.0f} ms")
    kill_run("sqlite:" + work + "/killed.db", KILLS, moment)
    for name in ("killed.ndjson", "killed.csv"):
        kill_run(f"file:{work}/{name}", max(5, KILLS // 3), moment)

    with sqlite3.connect(work + "/killed.db") as c:
        claims, reached = c.execute("select epoch, next_offset from fxmon_progress").fetchone()
    print(f"killed {KILLS} times: {claims} claims, record {reached} reached")
    if claims < KILLS // 4 or reached < 1:
        sys.exit("the kills came before there was anything to lose")

    # two at once, one of them asleep now and then: only one may write
    pair = [fx.start("consume", "--from", log, "--sink", "sqlite:" + work + "/two.db", "--batch-time", "2ms", "--retry-cap", "50ms", "--retry-base", "5ms",
                     stderr=open(work + f"/two.{i}", "wb"), stdout=subprocess.DEVNULL) for i in range(2)]
    def fenced():
        return sum(open(work + f"/two.{i}").read().count("took over") for i in range(2))

    turns = 0
    while (turns < 10 or fenced() < 3) and turns < 200:
        turns += 1
        victim = rnd.choice(pair)
        victim.send_signal(signal.SIGSTOP)
        time.sleep(rnd.uniform(1, 5) * moment)
        victim.send_signal(signal.SIGCONT)
        time.sleep(rnd.uniform(0.5, 2.5) * moment)
    print(f"fenced {fenced()} times in {turns} turns")
    for p in pair:
        fx.stop(p)
    if fenced() < 3:
        sys.exit("two consumers of one lane and hardly any was fenced")

    # SIGTERM at any moment: exit 0 in 5 s, however little was done
    slowest = 0
    for i in range(20):
        p = fx.start("consume", "--from", log, "--sink", "sqlite:" + work + "/term.db", "--sink", f"file:{work}/term.csv", "--batch-time", "5ms",
                     stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, preexec_fn=lambda: signal.signal(signal.SIGTERM, signal.SIG_IGN))
        # from exec to the program's own handler the signal is ignored; it is sent again until it is heard, but never after it was
        time.sleep(rnd.uniform(0, 2) * moment)
        begin = time.monotonic()
        while not term_handled(p):
            if time.monotonic() > begin + 10:
                sys.exit("SIGTERM is never handled")
        p.send_signal(signal.SIGTERM)
        try:
            _, said = p.communicate(timeout=5)
        except subprocess.TimeoutExpired:
            sys.exit("SIGTERM: no end within 5 s")
        slowest = max(slowest, time.monotonic() - begin)
        if p.returncode != 0:
            sys.exit(f"SIGTERM: status {p.returncode}: {said.decode()}")
    print(f"20 times SIGTERM: status 0, the slowest after {slowest * 1000:.0f} ms")

    # a destination that does not answer: the second SIGTERM ends at once
    second_term()

    fx.stop(producer)
    catch_up(work + "/calm.db")
    records = log_records()
    if len(set(r[0] for r in rows(work + "/calm.db"))) != len(records):
        sys.exit("the undisturbed run has not every record of the log")
    for name in ("killed", "two", "term"):
        catch_up(work + f"/{name}.db")
        check(work + f"/{name}.db", name)
    for name in ("killed.ndjson", "killed.csv", "term.csv"):
        catch_up(None, f"file:{work}/{name}")
        check_file(name)

    # one destination down does not hold the other lane
    os.mkdir(work + "/full")
    p = fx.start("consume", "--from", log, "--sink", "sqlite:" + work + "/well.db", "--sink", "sqlite:/proc/fxmon-no-such-place/ill.db", "--until-end",
                 stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    fx.wait_for("the healthy lane", lambda: os.path.exists(work + "/well.db") and len(rows_now(work + "/well.db")) == len(rows(work + "/calm.db")))
    p.send_signal(signal.SIGTERM)
    p.wait(6)
    check(work + "/well.db", "beside a dead destination")

    # poison: 5 % of 20,000 records, in the dead letters once each, in nobody's way
    bad = [b"", b"{", b"[1,2]", b'{"timestamp":"x"}', b'{"timestamp":"2026-01-01T00:00:00Z","base":"USD","rates":{"USD/EUR":-1},"source":"s"}',
           b'{"timestamp":"2026-01-01T00:00:00Z","base":"USD","rates":{"USD/EUR":NaN},"source":"s"}', b"\xff\xfe", b'"text"',
           b'{"timestamp":"2026-01-01T00:00:00Z","base":"USD","rates":{},"source":"s"}', b"null"]
    clean, poisoned, expected = [], [], []
    for i in range(20000):
        good = json.dumps({"timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(1767225600 + i)), "base": "USD",
                           "rates": {"USD/EUR": round(0.8 + i % 977 / 10000, 4)}, "source": "s"}).encode()
        clean.append(good)
        if i % 20 == 7:
            poisoned.append(bad[i // 20 % len(bad)])
            expected.append((i, poisoned[-1]))
        else:
            poisoned.append(good)
    seconds = {}
    for name, lines in (("clean", clean), ("poisoned", poisoned)):
        os.mkdir(work + "/" + name)
        with open(work + f"/{name}/00000000000000000000.ndjson", "wb") as f:
            f.write(b"\n".join(lines) + b"\n")
        begin = time.monotonic()
        fx.run("consume", "--from", f"file:{work}/{name}", "--sink", f"sqlite:{work}/{name}.db", "--until-end")
        seconds[name] = time.monotonic() - begin
    found = [(o, d) for o, d, _ in dead(work + "/poisoned.db")]
    if found != expected:
        sys.exit(f"poison: {len(found)} dead letters, expected {len(expected)}")
    if len(rows(work + "/poisoned.db")) != 20000 - len(expected):
        sys.exit("poison: good rows are missing")
    print(f"poison: {len(found)} dead letters once each; clean {20000 / seconds['clean']:.0f}, poisoned {20000 / seconds['poisoned']:.0f} messages/s")
finally:
    if producer and producer.poll() is None:
        producer.kill()
        producer.wait()
    shutil.rmtree(work, ignore_errors=True)
