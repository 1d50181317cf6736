"""P5: every point at which the source says that a crash matters (FXI_CRASH in libfxmon) times every destination that passes it: the process dies there by its own SIGKILL, is
started again, and the destination has every row, document, key or event once. The points are read from the source: one that no scenario covers, and one at which
nobody died, fails the test. CRASHES=pattern runs those whose name matches."""
import fnmatch, json, os, queue, re, threading
import lib_cluster as c
import lib_debug, lib_events, lib_proxy, lib_sinks

rnd = c.seeded()
debug = lib_debug.programs()
points = lib_debug.points()
wanted = os.environ.get("CRASHES", "*")

# point: the scenarios that pass it, and at which pass it is to die (the first unless said)
ROWS = ["sqlite", "postgresql", "redis", "search", "file"]
PLAN = [
    (r"place\.(claim|claimed|sought)", ROWS + ["alert.sqlite", "alert.postgresql"], 2),
    (r"place\.(commit|answered|committed)", ROWS + ["alert.sqlite", "alert.postgresql"], 3),
    (r"place\.release", ["leave.sqlite", "leave.postgresql", "leave.redis", "leave.search"], 1),
    (r"store\.", ["sqlite", "postgresql"], 3),
    (r"sink\.(written|flushed)", ["redis", "search", "file"], 3),
    (r"sink\.letters", ["search"], 1),
    (r"letters\.", ["sqlite", "postgresql"], 1),
    (r"alert\.", ["alert.sqlite", "alert.postgresql"], 3),
    (r"relay\.", ["alert.sqlite", "alert.postgresql", "alert.kafka"], 2),
    (r"sqlite\.", ["sqlite", "alert.sqlite"], 3),
    (r"postgresql\.", ["postgresql", "alert.postgresql"], 3),
    (r"redis\.", ["redis"], 3),
    (r"elasticsearch\.placed", ["search"], 2),
    (r"elasticsearch\.", ["search"], 3),
    (r"output\.", ["file"], 3),
    (r"log\.", ["produce.file", "alert.sqlite"], 2),
    (r"produce\.", ["produce.file", "produce.kafka"], 2),
    (r"spool\.", ["spool.kafka"], 1),
    (r"kafka\.(append|sent|appended)", ["produce.kafka", "alert.kafka"], 2),
    (r"kafka\.(taken|given)", ROWS[:2], 1),
]

kafka, postgres, redis, search = c.at_once(c.Kafka, lambda: c.Postgres("fsync=off"), lambda: c.Server("redis", "--databases", "200"), lambda: c.Server("opensearch"))
REDIS, SEARCH = redis.env["REDIS_URL"].rstrip("/").removesuffix("/0"), search.env["OPENSEARCH_URL"]
kafka.create("rates", 3)
kafka.fill("rates", c.messages(rnd, 240, sources=5, poison=0.04))
kafka.create("ticks", 3)
kafka.fill("ticks", c.messages(rnd, 600, sources=1, split=True, poison=0.02))
records, ticks = kafka.records("rates"), kafka.records("ticks")
rows, dead = c.expected(records)
rules = lib_events.rules(rnd, 40)
c.fxmon("consume", "--from", kafka.url("ticks"), "--sink", REDIS + "/1", "--group", "calm", *c.QUICK, "--until-end")
quick = ["--batch-time", "5ms", "--retry-base", "5ms", "--retry-cap", "100ms", "--session-timeout", "1s"]
bad = []
numbers = iter(range(2, 200))
lock = threading.Lock()


def die(what, words, point, passing, seconds=30):
    p = c.Program(what, *words, bin=debug, environment={"FXMON_CRASH_AT": f"{point}:{passing}"})
    status = p.end(seconds)
    if status != -9:
        c.fail(f"nobody died at {point} for the {passing}. time: status {status} of", what, *words, p.said()[-1500:])


def rows_into(kind, name):
    """(URL, check) of an empty destination"""
    if kind == "sqlite":
        path = f"{c.work}/{name}.db"

        def check():
            c.compare(name, c.sqlite_rows(path), rows)
            if c.sqlite_dead(path) != c.dead_list(dead):
                c.fail(name, "not the dead letters expected")
        return "sqlite:" + path, check
    if kind == "postgresql":
        url = postgres.database(name)

        def check():
            c.compare(name, c.postgres_rows(postgres, url), rows)
            if c.postgres_dead(postgres, url) != c.dead_list(dead):
                c.fail(name, "not the dead letters expected")
            postgres.drop(name)
        return url, check
    if kind == "redis":
        with lock:
            url = f"{REDIS}/{next(numbers)}"
        return url, lambda: lib_sinks.redis_compare(name, url, REDIS + "/1")
    if kind == "search":
        prefix = re.sub(r"[^a-z0-9]", "", name) + "-"
        return "elasticsearch+" + SEARCH, lambda: lib_sinks.search_compare(name, SEARCH, prefix + "fx-rates", rows)
    path = f"{c.work}/{name}.ndjson"

    def check():
        with open(path) as f:
            got = sorted((d["pair"], d["source"], str(d["rate"])) for d in (json.loads(line, parse_float=str) for line in f))
        want = sorted((k[2], r[5], c.decimal_text(r[0] // 10 ** (c.SCALE - 5))) for k, r in rows.items())
        c.say(f"{name}: {len(got)} lines, {len(want)} expected")
        if got != want:
            c.fail(name, "lines differ", [x for x in want if x not in got][:3], [x for x in got if x not in want][:3])
    return "file:" + path, check


def topic_for(kind):
    """What Redis keeps of a pair is of all its sources in the order of their coming, so there the sources of a pair are in one partition"""
    return "ticks" if kind == "redis" else "rates"


def consume(kind, name, point, passing):
    url, check = rows_into(kind, name)
    words = ["--from", kafka.url(topic_for(kind)), "--sink", url, "--group", name, *quick, "--checkpoint", "1s", "--batch", "10", "--until-end"]
    if kind == "search":
        words += ["--index-prefix", re.sub(r"[^a-z0-9]", "", name) + "-"]
    die("consume", words, point, passing)
    c.fxmon("consume", *words)
    check()


def leave(kind, name, point, passing):
    """The first member dies while it gives a partition to a second one"""
    url, check = rows_into(kind, name)
    words = ["--from", kafka.url(topic_for(kind)), "--sink", url, "--group", name, *quick, "--checkpoint", "1s", "--batch", "10", "--member-id", "none"]
    if kind == "search":
        words += ["--index-prefix", re.sub(r"[^a-z0-9]", "", name) + "-"]
    first = c.Program("consume", *words, bin=debug, environment={"FXMON_CRASH_AT": f"{point}:{passing}"})
    c.wait_for("its partitions", lambda: "; has 0,1,2" in first.said(), seconds=40)
    second = c.Program("consume", *words)
    if first.end(40) != -9:
        c.fail(f"nobody died at {point}:", first.said()[-1500:])
    c.wait_for("the heir", lambda: "; has 0,1,2" in second.said(), seconds=40)
    second.stop()
    c.fxmon("consume", *words, "--until-end")
    check()


def alert(kind, name, point, passing):
    store = postgres.database(name) if kind != "sqlite" else f"sqlite:{c.work}/{name}.db"
    lib_events.add(store, rules)
    notices = f"file:{c.work}/{name}.notices" if kind != "kafka" else kafka.url(name + ".notices")
    os.makedirs(f"{c.work}/{name}.notices", exist_ok=True)
    words = ["--from", kafka.url("ticks"), "--store", store, "--group", name, "--notify", notices, *quick, "--batch", "30", "--until-end"]
    die("alert", words, point, passing)
    c.fxmon("alert", *words)
    if kind == "sqlite":
        import sqlite3
        with sqlite3.connect(f"{c.work}/{name}.db") as db:
            stream = db.execute("SELECT stream FROM fxmon_progress").fetchone()[0]
        got = lib_events.sqlite(f"{c.work}/{name}.db")
    else:
        stream, got = postgres.sql("SELECT DISTINCT stream FROM fxmon_progress", store)[0][0], lib_events.postgres(postgres, store)
    want = lib_events.expected(rules, ticks, stream)
    lib_events.compare(name, got, want)
    if kind == "kafka":
        sent = [d.decode() for _, _, d in kafka.records(name + ".notices")]
    else:
        folder, sent = f"{c.work}/{name}.notices", []
        for file in sorted(f for f in os.listdir(folder) if f.endswith(".ndjson")):
            with open(f"{folder}/{file}", errors="replace") as f:
                sent += f.read().splitlines()
    ids = [m for line in sent for m in re.findall(r'"event_id":"([0-9a-f]{32})"', line)]
    if set(ids) != {e[-1] for e in want}:
        c.fail(f"{name}: {len({e[-1] for e in want} - set(ids))} events were never notified, {len(set(ids) - {e[-1] for e in want})} are in no history")
    if kind != "sqlite":
        postgres.drop(name)


def produce(kind, name, point, passing):
    """What was acknowledged before the crash is there, whole and in order; the replay after it adds everything once more, behind it"""
    source = f"{c.work}/{name}.replay"
    lines = [l.split("\t", 1)[1] for l in c.messages(c.random.Random(7), 120, sources=1)]
    with open(source, "w") as f:
        f.write("".join(l + "\n" for l in lines))
    to = kafka.url(name) if kind == "kafka" else f"file:{c.work}/{name}.log"
    if kind == "kafka":
        kafka.create(name, 1)
    words = ["--from", "replay:" + source, "--to", to, "--batch", "10"]
    die("produce", words, point, passing)
    c.fxmon("produce", *words)
    if kind == "kafka":
        got = [d.decode() for _, _, d in kafka.records(name)]
    else:
        got = []
        for file in sorted(f for f in os.listdir(f"{c.work}/{name}.log") if f.endswith(".ndjson")):
            with open(f"{c.work}/{name}.log/{file}") as f:
                got += f.read().splitlines()
    stamps, whole = [json.loads(d)["timestamp"] for d in got], [json.loads(l)["timestamp"] for l in lines]
    before = len(stamps) - len(whole)
    if before < 0 or stamps != whole[:before] + whole:
        c.fail(f"{name}: {before} records before the crash, then not all of {len(whole)} once more")
    c.say(f"{name}: {before} records before the crash, all of {len(whole)} after it")


def spool(kind, name, point, passing):
    """A producer whose broker cannot be reached keeps its batches, or dies at it; the next ones publish them: all are there, in their order, before what is new"""
    host, port = kafka.bootstrap.split(",")[0].rsplit(":", 1)
    door = lib_proxy.Proxy(host, int(port))  # only the first word to a broker goes through it; that is enough to shut it out
    door.refuse = True
    kafka.create(name, 1)
    source = f"{c.work}/{name}.replay"
    lines = [l.split("\t", 1)[1] for l in c.messages(c.random.Random(11), 120, sources=1)]
    with open(source, "w") as f:
        f.write("".join(l + "\n" for l in lines))
    to = ["--to", f"kafka://127.0.0.1:{door.port}/{name}", "--spool", f"{c.work}/{name}.spool", "--batch", "10", "--retry-base", "5ms", "--retry-cap", "100ms"]
    kept, new = ["--from", "replay:" + source, *to], ["--from", "sim:?count=1&start=2037-01-01T00:00:00Z", *to]
    if point == "spool.kept":
        die("produce", kept, point, passing)
    else:
        c.fxmon("produce", *kept)
        door.refuse = False
        die("produce", new, point, passing)
    door.refuse = False
    c.fxmon("produce", *new)
    door.close()
    whole = list(dict.fromkeys(json.loads(l)["timestamp"] for l in lines))
    stamps = [json.loads(d)["timestamp"] for _, _, d in kafka.records(name)]
    first = [s for s in dict.fromkeys(stamps) if not s.startswith("2037")]
    c.say(f"{name}: {len(stamps)} records, {len(first)} of {len(whole)} times that were kept")
    if not first or first != whole[:len(first)] or (point != "spool.kept" and first != whole) or not stamps[-1].startswith("2037"):
        c.fail(f"{name}: not what was kept, in its order, and then what was new")
    if point == "spool.empty" and len(stamps) > len(lines) + 2:
        c.fail(f"{name}: published again although it had been published: {len(stamps)} records")


cases, uncovered = [], []
for point in sorted(points):
    matching = [(kinds, passing) for pattern, kinds, passing in PLAN if re.match(pattern, point)]
    if not matching:
        uncovered.append(f"{point} ({points[point]})")
        continue
    for kind in matching[0][0]:
        if fnmatch.fnmatch(f"{point}@{kind}", wanted):
            cases.append((point, kind, matching[0][1]))
if uncovered:
    c.fail("points that no scenario covers:", ", ".join(uncovered))
work = queue.SimpleQueue()
for case in cases:
    work.put(case)


def worker():
    while True:
        try:
            point, kind, passing = work.get_nowait()
        except queue.Empty:
            return
        name = f"{point}.{kind}".replace("_", ".")
        group, _, destination = kind.partition(".")
        run = {"leave": leave, "alert": alert, "produce": produce, "spool": spool}.get(group, consume)
        try:
            run(destination or kind, name, point, passing)
        except SystemExit:
            bad.append(f"{point}@{kind}")


c.together(worker, worker, worker)
if bad:
    c.fail("crashes that were not made good:", *bad)
c.say(f"P5: {len(points)} points, {len(cases)} crashes: 0 lost, 0 doubled")
