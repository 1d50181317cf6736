"""P10: 5 % poison of many classes among MESSAGES messages (20,000; 100,000 nightly), JSON and MessagePack mixed, through Kafka into SQLite and, by another
group, into PostgreSQL, with KILLS kill -9 of both (5; 200 nightly). Each poison is in the store's dead letters exactly once, with its bytes and its reason; it
is in the topic of dead letters at least once, with all headers, before it is in the store; every good row is there once; and poison does not hold up the rest."""
import json, os, re, sqlite3, subprocess
import lib_cluster as c

total, kills = c.count("MESSAGES", 20000, 100000), c.count("KILLS", 5, 200)
rnd = c.seeded()
TIME = "2026-02-04T10:30:00Z"


def text(timestamp=f'"{TIME}"', base='"USD"', rates='{"USD/EUR":0.9}', more='"source":"s"'):
    return f'{{"timestamp":{timestamp},"base":{base},"rates":{rates},{more}}}'.encode()


def packed(rate, source=b"\xa1s", tail=b""):
    return b"\x84\xa9timestamp\xb4" + TIME.encode() + b"\xa4base\xa3USD\xa5rates\x81\xa7USD/EUR" + rate + b"\xa6source" + source + tail


# class of poison: (reason, what it is)
POISON = {
    "cut JSON": ("syntax", text()[:-9]), "no JSON": ("syntax", b"EUR=0.9"), "NaN": ("syntax", text(rates='{"USD/EUR":NaN}')), "infinite": ("syntax", text(rates='{"USD/EUR":Infinity}')),
    "two values": ("syntax", text() + b"{}"), "not UTF-8": ("syntax", text(more='"source":"').replace(b'"source":"', b'"source":"\xff\xfe"')),
    "trailing comma": ("syntax", text(rates='{"USD/EUR":0.9,}')), "a control character": ("syntax", b'{"\x01":1}'),
    "array": ("malformed", b"[1,2,3]"), "text": ("malformed", b'"EUR"'), "no timestamp": ("malformed", b'{"base":"USD","rates":{"USD/EUR":1},"source":"s"}'),
    "no base": ("malformed", b'{"timestamp":"' + TIME.encode() + b'","rates":{"USD/EUR":1},"source":"s"}'), "no rates": ("malformed", text(rates="null")),
    "no source": ("malformed", text(more='"from":"s"')), "rate as text": ("malformed", text(rates='{"USD/EUR":"0.9"}')), "rate null": ("malformed", text(rates='{"USD/EUR":null}')),
    "member twice": ("malformed", text(more='"source":"s","source":"t"')), "pair twice": ("malformed", text(rates='{"USD/EUR":1,"usd-eur":1}')),
    "zero": ("rejected_by_validation", text(rates='{"USD/EUR":0}')), "negative": ("rejected_by_validation", text(rates='{"USD/EUR":-0.9}')),
    "too small": ("rejected_by_validation", text(rates='{"USD/EUR":1e-19}')), "no time": ("rejected_by_validation", text(timestamp='"yesterday"')),
    "before 1970": ("rejected_by_validation", text(timestamp='"1969-01-01T00:00:00Z"')), "another base": ("rejected_by_validation", text(base='"EUR"')),
    "no pair": ("rejected_by_validation", text(rates='{"USDEURO":1}')), "no rates at all": ("rejected_by_validation", text(rates="{}")),
    "too large": ("too_large", text(more='"source":"s","padding":"' + "x" * 5000 + '"')),
    "cut MessagePack": ("syntax", packed(b"\xa3" + b"0.9")[:-2]), "MessagePack and more": ("syntax", packed(b"\xa3" + b"0.9", tail=b"\x00")),
    "MessagePack negative": ("rejected_by_validation", packed(b"\xff")), "MessagePack 32-bit float": ("malformed", packed(b"\xca\x3f\x66\x66\x66")),
    "MessagePack without source": ("malformed", packed(b"\xa3" + b"0.9").replace(b"\xa6source", b"\xa6origin")),
}
assert len({data for _, data in POISON.values()}) == len(POISON) and not any(b"\n" in data for _, data in POISON.values())
reason_of = {data: reason for reason, data in POISON.values()}

kafka, postgresql = c.at_once(c.Kafka, c.Postgres)
kafka.create("fx-rates", 3)
lines, bad = [], 0
names = list(POISON)
for number, line in enumerate(c.messages(rnd, total - total // 20, sources=12)):
    lines.append(line.encode())
    while bad < total // 20 and bad * 19 <= number:
        lines.append(f"bad{bad}\t".encode() + POISON[names[bad % len(names)]][1])
        bad += 1
pieces = [lines[len(lines) * i // (kills + 1):len(lines) * (i + 1) // (kills + 1)] for i in range(kills + 1)]  # so that there is work for each kill
fill = lambda some: subprocess.run(["kcat", "-P", "-b", kafka.bootstrap, "-t", "fx-rates", "-X", "acks=all", "-K", "\t"], input=b"".join(l + b"\n" for l in some), check=True, timeout=120)
# a part of the good ones as MessagePack, by fxmon itself
replay = f"{c.work}/replay.ndjson"
with open(replay, "w") as out:
    for number in range(500):
        out.write(f'{{"timestamp":"{c.stamp(1770201000 * 10**9 + number * 10**9)}","base":"USD","rates":{{"USD/SEK":{9 + number / 1000:.4f},"USD/NOK":10.{number:04d}}},"source":"packed"}}\n')
c.fxmon("produce", "--from", "replay:" + replay, "--to", kafka.url("fx-rates"), "--payload", "msgpack", "--once")



class Sqlite:
    """A store with what a lane left in it; its group feeds the topic of dead letters that is there by default."""
    name, group, topic, words = "SQLite", "p10", "fx-rates.dlq", []

    def __init__(self):
        self.path = f"{c.work}/fx.db"
        self.url = "sqlite:" + self.path

    def ask(self, query):
        return sqlite3.connect(f"file:{self.path}?mode=ro", uri=True).execute(query).fetchall()

    def reached(self):
        try:
            return self.ask("SELECT coalesce(sum(next_offset),0) FROM fxmon_progress WHERE lane LIKE 'p10/%'")[0][0]
        except sqlite3.OperationalError:
            return 0

    def letters(self):
        return [(p, o, bytes(data), *rest) for p, o, data, *rest in self.ask('SELECT partition, "offset", data, reason, text, lane, stream FROM fxmon_dead_letters')]

    def rows(self):
        return self.ask('SELECT partition, "offset", pair, count(*) FROM fx_rates GROUP BY 1, 2, 3')


class Postgresql:
    name, group, topic, words = "PostgreSQL", "p10-pg", "p10-pg.dlq", ["--dlq", kafka.url("p10-pg.dlq")]

    def __init__(self):
        self.url = postgresql.database("p10")

    def ask(self, query, check=True):
        return postgresql.sql(query, self.url, check)

    def reached(self):
        return int((self.ask("SELECT coalesce(sum(next_offset),0) FROM fxmon_progress WHERE lane LIKE 'p10-pg/%'", check=False) or [[0]])[0][0])

    def letters(self):
        rows = self.ask("SELECT partition, \"offset\", lane, stream, reason, encode(data,'hex'), encode(convert_to(text,'UTF8'),'hex') FROM fxmon_dead_letters")
        return [(int(p), int(o), bytes.fromhex(data), reason, bytes.fromhex(text).decode(), lane, stream) for p, o, lane, stream, reason, data, text in rows]

    def rows(self):
        return [(int(p), int(o), pair, int(n)) for p, o, pair, n in self.ask("SELECT kafka_partition, kafka_offset, pair, count(*) FROM fx_rates GROUP BY 1, 2, 3")]


stores = Sqlite(), Postgresql()


def words(store):
    return ["--from", kafka.url("fx-rates"), "--sink", store.url, "--store", store.url, "--batch", "100", "--max-record", "4096", "--group", store.group,
            "--sqlite-synchronous", "normal", "--log-level", "warning", *store.words, *c.QUICK]


at_work = {store.name: 0 for store in stores}
for kill in range(kills):
    fill(pieces[kill])
    lanes = [(store, store.reached(), c.Program("consume", *words(store))) for store in stores]
    if rnd.random() < 0.8:
        for store, before, p in lanes:
            c.wait_for("work to go on", lambda: store.reached() > before or not p.alive(), seconds=40)
    for _, _, p in rnd.sample(lanes, len(lanes)):
        c.pause(rnd.uniform(0, 0.1))  # the moment of the kill is the point of the test
        p.kill()
    for store, before, _ in lanes:
        at_work[store.name] += store.reached() > before
fill(pieces[kills])
c.together(*[lambda store=store: c.fxmon("consume", *words(store), "--until-end") for store in stores])

# ---- what the log holds ----
good, poison, binary = {}, {}, 0
for partition, offset, data in kafka.records("fx-rates"):
    if data in reason_of:
        poison[partition, offset] = data
    elif data[0] == 0x7B:
        good[partition, offset] = json.loads(data)["rates"].keys()
    else:
        binary += 1
        good[partition, offset] = ["USD/SEK", "USD/NOK"]
assert len(poison) == bad and binary == 500, (len(poison), bad, binary)

seen = {reason_of[d] for d in poison.values()}
assert seen == {"syntax", "malformed", "rejected_by_validation", "too_large"}, seen
# what stands in the log twice is a repeat
want, _ = c.expected([r for r in kafka.records("fx-rates") if r[2] not in reason_of and r[2][:1] == b"{"])
want = {k for k in want} | {(p, o, pair) for (p, o), pairs in good.items() if not isinstance(pairs, type({}.keys())) for pair in pairs}


def set_aside(store):
    """Each poison exactly once in the store: the letters by their places"""
    letters = store.letters()
    found = {(p, o): rest for p, o, *rest in letters}
    if len(letters) != len(found) or set(found) != set(poison):
        c.fail(f"{len(letters)} letters for {len(poison)} poisons: lost {sorted(set(poison) - set(found))[:5]}, strange {sorted(set(found) - set(poison))[:5]}")
    for place, (data, reason, sentence, lane, stream) in found.items():
        whole = poison[place]
        if reason != reason_of[whole] or data != whole[:len(data)] or (len(data) != len(whole) and (reason != "too_large" or len(data) < 4096)) or not sentence:
            c.fail(f"{place}: {reason}: {sentence}: {data[:80]}, expected {reason_of[whole]}: {whole[:80]}")
    return found


def kept(store):
    """Every good row once"""
    rows = store.rows()
    have = {(p, o, pair) for p, o, pair, _ in rows}
    if have != want or any(n != 1 for *_, n in rows):
        c.fail(f"{len(have)} rows, {len(want)} expected: lost {sorted(want - have)[:5]}, strange {sorted(have - want)[:5]}, doubled {[r for r in rows if r[3] != 1][:5]}")
    return len(have)


def told(store, found):
    """And in the topic of dead letters at least once, with all headers: how many came again"""
    out = subprocess.run(["kcat", "-C", "-q", "-e", "-b", kafka.bootstrap, "-t", store.topic, "-o", "beginning", "-J"], stdout=subprocess.PIPE, check=True, timeout=120).stdout
    copies = {}
    for line in out.decode("utf-8", "replace").splitlines():
        record = json.loads(line, strict=False) if line.startswith("{") else {}
        h = dict(zip(record["headers"][::2], record["headers"][1::2]))
        place = int(h["__connect.errors.partition"]), int(h["__connect.errors.offset"])
        if place not in found:
            c.fail(f"{place} is no poison: {h}")
        data, reason, sentence, lane, stream = found[place]
        expected = {"__connect.errors.topic": "fx-rates", "__connect.errors.connector.name": lane, "__connect.errors.stage": "VALUE_CONVERTER", "__connect.errors.class.name": "fxmon.codec",
                    "__connect.errors.exception.class.name": "fxmon." + reason, "__connect.errors.exception.message": sentence, "fxmon-errors.class": reason, "fxmon-stream": stream, "fxmon-hops": "1"}
        wrong = {k: (h.get(k), v) for k, v in expected.items() if h.get(k) != v}
        if wrong or not re.fullmatch(r".+:\d+", h["__connect.errors.task.id"]) or record["key"] != f"fx-rates/{place[0]}/{place[1]}":
            c.fail(f"{place}: {wrong or h}, key {record['key']}")
        copies[place] = copies.get(place, 0) + 1
    if set(copies) != set(poison):
        c.fail(f"{len(set(poison) - set(copies))} of {len(poison)} poisons are not in {store.topic}: {sorted(set(poison) - set(copies))[:5]}")
    raw = {data for _, _, data in kafka.records(store.topic)}
    if raw != {data for data, *_ in found.values()}:
        c.fail(f"the bytes in {store.topic} are not those of the poisons")
    again = sum(copies.values()) - len(copies)
    if again > kills * 100:
        c.fail(f"{again} dead letters came again, more than {kills} batches")
    return again


for store in stores:
    found = set_aside(store)
    have, again = kept(store), told(store, found)
    c.say(f"P10 with {store.name}: {len(lines) + 500} messages, {len(poison)} poison of {len(POISON)} classes, {kills} kill -9 ({at_work[store.name]} at work): "
          f"each set aside once, {again} repeated in {store.topic}; {have} rows, 0 lost, 0 doubled")
one, other = dict(c.sqlite_rows(stores[0].path)), dict(c.postgres_rows(postgresql, stores[1].url))
differing = [key for key in one if one[key] != other.get(key)]
if differing or len(one) != len(other):
    c.fail(f"{len(differing)} of {len(one)} rows differ between the stores:", [(key, one[key], other.get(key)) for key in differing[:3]])
