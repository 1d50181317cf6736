"""Dead letters in both stores, SQLite and PostgreSQL: fxmon-consume dlq lists, shows and replays them with the same words, statuses and bytes. More letters than
one look at the store returns, of every kind; a replay that is killed, two at a time, one beside a lane that adds letters, and one whose store goes away:
each mended record is in the store once, in its place, and each letter is open or resolved as its row says."""
import json, os, re, signal, sqlite3, subprocess, threading
import lib_cluster as c

rnd = c.seeded()
KILLS = c.count("KILLS", 4, 40)
LARGE = 300_000
server = c.Postgres()


def good(number, source="s"):
    return f'{{"timestamp":"{c.stamp(1770201000 * 10**9 + number * 10**9)}","base":"USD","rates":{{"USD/EUR":0.{80000 + number},"USD/JPY":1{number}.5}},"source":"{source}"}}'.encode()


# what a record may be that is none: text that is no text, long, and with all that a database or a terminal might trip over
POISON = [b"no JSON", '{"a":"é"}'.encode(), b"bin\xff\x01\x00end", b'{"timestamp":"\x00"}', b"tab\there, 'quotes' \"both\" \\x41 \\N {a,b} $1 %s ; --", "ü".encode() * 200,
          b"", b'"' + b"x" * LARGE + b'"', b'{"timestamp":"2026-02-04T10:30:00Z","base":"USD","rates":{"USD/EUR":-1},"source":"s"}', b"\xed\xa0\x80\xf4\x90\x80\x80",
          b"\x84\xa9timestamp", "\u202e\u0007\u009b31m".encode(), b'{"timestamp":"2026-02-04T10:30:00Z","base":"USD","rates":{"USD/EUR":NaN},"source":"s"}']
POISON = [p for p in POISON if b"\n" not in p]
count = 2400
log = f"{c.work}/log"
os.mkdir(log)
records = []
while len(records) < count:
    records.append(good(len(records)))
    records.append(POISON[len(records) // 2 % len(POISON)] if len(records) < 4 * len(POISON) else b"{%d" % len(records))


def append(some):
    with open(log + "/00000000000000000000.ndjson", "ab") as f:
        f.write(b"".join(r + b"\n" for r in some))


append(records)
poison = {offset: data for offset, data in enumerate(records) if offset % 2}
mended = sorted(o for i, o in enumerate(sorted(poison)) if i % 3)  # these can be read one day


class Sqlite:
    name = "sqlite"

    def __init__(self):
        self.path = f"{c.work}/fx.db"
        self.url = "sqlite:" + self.path

    def ask(self, query):
        with sqlite3.connect(self.path, timeout=20) as db:
            return [[str(v) for v in row] for row in db.execute(query).fetchall()]

    def mend(self, offsets):
        with sqlite3.connect(self.path, timeout=20) as db:
            for offset in offsets:
                db.execute('UPDATE fxmon_dead_letters SET data=? WHERE "offset"=?', (good(offset), offset))

    def resolved(self):
        return int(self.ask("SELECT count(*) FROM fxmon_dead_letters WHERE resolved<>0")[0][0])

    def rows(self):
        return sorted(c.sqlite_rows(self.path))

    def dead(self):
        return c.sqlite_dead(self.path)


class Postgresql:
    name, resolved = "postgresql", Sqlite.resolved

    def __init__(self):
        self.url = server.database("letters")

    def ask(self, query):
        return server.sql(query, self.url)

    def mend(self, offsets):
        for at in range(0, len(offsets), 200):
            values = ",".join(f"({o},'\\x{good(o).hex()}'::bytea)" for o in offsets[at:at + 200])
            server.sql(f'UPDATE fxmon_dead_letters d SET data=v.data FROM (VALUES{values}) AS v(o,data) WHERE d."offset"=v.o', self.url)

    def rows(self):
        return sorted(c.postgres_rows(server, self.url))

    def dead(self):
        return c.postgres_dead(server, self.url)


stores = Sqlite(), Postgresql()


def start(store, *words):
    return subprocess.Popen([f"{c.BIN}/fxmon-consume", "dlq", *words, "--store", store.url], stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, env=c.ENV,
                            preexec_fn=c.die_with_parent)


def dlq(store, *words):
    """(status, stdout, stderr), without what differs by its nature"""
    p = start(store, *words)
    out, err = p.communicate(timeout=120)
    neat = lambda text: re.sub(rb"20\d\d-\d\d-\d\dT[0-9:.]+Z", b"TIME", text.replace(f"fxmon/{store.name}".encode(), b"LANE"))
    return p.returncode, out if "--raw" in words else neat(out), neat(err)


def same(*words, status=0):
    answers = [dlq(store, *words) for store in stores]
    if answers[0] != answers[1] or answers[0][0] != status:
        c.fail(f"dlq {' '.join(words)}: expected status {status}:", *[f"\n{store.name}: {s} {out[-700:]} {err[-700:]}" for store, (s, out, err) in zip(stores, answers)])
    return answers[0][1]


def numbers(*words):
    """{offset: (number, resolved)} of what is listed, which is the same in both"""
    letters = json.loads(same("list", "--json", "--limit", "100000", *words))
    return {letter["offset"]: (letter["id"], letter["resolved"]) for letter in letters}


def expect(what, got, want):
    if got != want:
        c.fail(f"{what}: {str(got)[:600]}, expected {str(want)[:600]}")


def fill():
    c.together(*[lambda s=s: c.fxmon("consume", "--from", "file:" + log, "--sink", s.url, "--until-end", "--log-level", "error", "--sqlite-synchronous", "normal")
                 for s in stores])


def shown():
    """Lists and single letters, with their bytes"""
    for store in stores:
        expect(f"bytes of the letters in {store.name}", [(o, d) for _, o, d in store.dead()], sorted(poison.items()))
    listed = numbers()
    expect("letters", sorted(listed), sorted(poison))
    text = same("list", "--limit", "100000").splitlines()
    expect("order", [int(line.split(b"\t")[0]) for line in text], sorted((i for i, _ in listed.values()), reverse=True))
    expect("a short list", same("list", "--limit", "3").splitlines(), text[:3])
    expect("the limit of a list", len(same("list").splitlines()), 100)
    for reason in ("syntax", "malformed", "rejected_by_validation"):
        expect(f"list of {reason}", len(same("list", "--limit", "100000", "--reason", reason).splitlines()), sum(line.split(b"\t")[4] == reason.encode() for line in text))
    expect("an unknown reason", same("list", "--reason", "nothing"), b"")
    for offset in sorted(poison)[:len(POISON)]:
        number = str(listed[offset][0])
        same("show", number)
        expect("raw bytes", same("show", number, "--raw"), poison[offset])
        letter = json.loads(same("show", number, "--json"))
        expect("length", letter["length"], len(poison[offset]))
    for words, status in ((("show", "99999"), 1), (("replay", "1", "99999"), 1), (("show",), 2), (("replay",), 2), (("replay", "1", "--all"), 2)):
        same(*words, status=status)


def replayed():
    """What cannot be read stays open; what was mended is read, through kills and by two at once; rows come late, once, at their record's place"""
    before = [store.rows() for store in stores]
    expect("rows of both", before[0], before[1])
    same("replay", "--all", "--dry-run")
    same("replay", "--all", status=1)
    expect("nothing has changed", [store.rows() for store in stores], before)
    for store in stores:
        store.mend(mended)
    for store in stores:
        killed = 0
        for _ in range(KILLS):
            p, resolved = start(store, "replay", "--all"), store.resolved()
            c.wait_for("a replayed letter", lambda: store.resolved() > resolved or p.poll() is not None, pause=0)
            c.pause(rnd.uniform(0, 0.03))  # the moment of the kill is the point of the test
            p.kill()
            p.communicate()
            killed += p.returncode == -signal.SIGKILL and resolved < store.resolved() < len(mended)
        two = [start(store, "replay", "--all") for _ in range(2)]
        said = [p.communicate(timeout=120)[1] for p in two]
        c.say(f"{store.name}: {killed} of {KILLS} replays killed in the middle, then two at once with statuses {[p.returncode for p in two]}")
        if not killed or any(p.returncode != 1 for p in two):
            c.fail(*said)
    same("replay", "--all", status=1)
    listed = numbers("--all")
    expect("resolved letters", sorted(o for o, (_, resolved) in listed.items() if resolved), mended)
    after = [store.rows() for store in stores]
    expect("rows of both after the replay", after[0], after[1])
    new = sorted(key for key, _ in after[0] if key[1] % 2)
    expect("new rows", new, sorted((0, o, pair) for o in mended for pair in ("USD/EUR", "USD/JPY")))
    expect("old rows", [row for row in after[0] if not row[0][1] % 2], before[0])
    expect("late ones", {row[1] for key, row in after[0] if key[1] % 2}, {1})
    number = str(listed[mended[0]][0])
    same("replay", number)
    expect("again", [store.rows() for store in stores], after)


def to_a_log():
    """Copied to a log, oldest first, whatever they are"""
    open_ones = sorted(set(poison) - set(mended))
    listed = numbers()
    chosen = rnd.sample([o for o in open_ones if 0 < len(poison[o]) < LARGE], 90)
    for store in stores:
        status, out, err = dlq(store, "replay", *[str(listed[o][0]) for o in chosen], "--to", f"file:{c.work}/fixed-{store.name}")
        expect(f"replay to a log: {err}", (status, len(out.splitlines())), (0, 90))
        with open(f"{c.work}/fixed-{store.name}/00000000000000000000.ndjson", "rb") as f:
            expect("the log", f.read().split(b"\n")[:-1], [poison[o] for o in sorted(chosen)])
    expect("open ones", sorted(numbers()), sorted(set(open_ones) - set(chosen)))


def beside_a_lane():
    """A replay that goes on while a lane sets more aside: those that were there are replayed, the new ones are found by the next"""
    global poison
    left = sorted(numbers())[:100]
    for store in stores:
        store.mend(left)
    more = [good(count + i) if i % 2 else b"[%d" % i for i in range(2400)]
    append(more)
    lane = threading.Thread(target=fill)
    lane.start()
    both = [start(store, "replay", "--all") for store in stores]
    said = [p.communicate(timeout=120) for p in both]
    lane.join()
    expect(f"statuses beside a lane: {[e[-500:] for _, e in said]}", [p.returncode for p in both], [1, 1])
    for out, err in said:
        expect("replayed beside a lane", len([line for line in out.splitlines() if b"replayed" in line]), 100)
    poison.update({count + i: data for i, data in enumerate(more) if not i % 2})
    for store in stores:
        expect(f"letters in {store.name}", {o for _, o, _ in store.dead()}, set(poison))
        expect(f"resolved in {store.name}", store.resolved(), len(mended) + 90 + 100)
    expect("rows of both", stores[0].rows(), stores[1].rows())


def without_a_server():
    """A server that goes away in the middle of a replay: it says so and ends with 4; what was done is marked, the rest is done by the next one"""
    store = stores[1]
    rest = sorted(o for _, o, d in store.dead() if o >= count)
    store.mend(rest)
    p, resolved = start(store, "replay", "--all", "--reason", "syntax"), store.resolved()
    c.wait_for("the first of them", lambda: store.resolved() > resolved, pause=0)
    server.run("kill")
    out, err = p.communicate(timeout=60)
    expect(f"status without a server: {err}", p.returncode, 4)
    if b"stays open" not in err or server.base.split("@")[0].encode() in err:
        c.fail("what is said without a server:", err)
    status, _, err = dlq(store, "list")
    expect(f"list without a server: {err}", status, 4)
    server.again()
    dlq(store, "replay", "--all")
    listed = {letter["offset"]: letter["resolved"] for letter in json.loads(dlq(store, "list", "--json", "--all", "--limit", "100000")[1])}
    expect("resolved at last", sorted(o for o in rest if not listed[o]), [])
    keys = [key for key, _ in store.rows()]
    expect("rows at last", sorted(k for k in keys if k[1] in rest), sorted((0, o, pair) for o in rest for pair in ("USD/EUR", "USD/JPY")))
    expect("doubled rows", len(keys), len(set(keys)))


fill()
shown()
c.say(f"{len(poison)} letters are listed and shown alike")
replayed()
to_a_log()
beside_a_lane()
without_a_server()
c.say(f"{len(poison)} letters in both stores: {len(mended) + 100} mended and replayed, 90 to a log, through {KILLS} kills each, beside a lane; and {len(poison) - count // 2} through a "
      "server that went away")
