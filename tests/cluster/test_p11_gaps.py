"""P11: records that are gone before a lane has read them are never skipped in silence. GAPS (6; 50 nightly) injected: records deleted on the broker, a topic
deleted and made anew, a file log whose segments are gone or which was cut. Each is reported with its exact bounds; by default the lane halts, with status 1 and
nothing written; with --on-gap earliest it notes [from, to) as a dead letter and goes on behind it. A log that is shorter than what was read always halts."""
import json, os, re
import lib_cluster as c

gaps = c.count("GAPS", 6, 50)
rnd = c.seeded()
kafka, postgres = c.at_once(c.Kafka, c.Postgres)
BAD_GAP = re.compile(r"records (\d+) to (\d+) are gone")


def consume(source, url, name, *words):
    return c.Program("consume", "--from", source, "--sink", url, "--group", name, "--until-end", "--retry-cap", "200ms", *c.QUICK, *words)


def halted(p, what, word=None):
    """It ended by itself with a failure, and said why"""
    status = p.end(60)
    if status in (0, -9):
        c.fail(what, "was skipped: status", status, p.said()[-1500:])
    if word and not re.search(word, p.said()):
        c.fail(what, "halted, but does not say", word, p.said()[-1500:])
    return p.said()


def deleted_records(number):
    """[place, cut) of one partition is deleted; the other partition has no gap"""
    topic = f"deleted{number}"
    kafka.create(topic, 2)
    url = postgres.database(topic)
    lines = list(c.messages(rnd, 400))
    at = rnd.randint(1, 150)
    if at > 0:
        kafka.fill(topic, [l.split("\t", 1)[1] for l in lines[:at]], partition=0)
    kafka.fill(topic, [l.split("\t", 1)[1] for l in lines[200:260]], partition=1)
    consume(kafka.url(topic), url, topic, "--checkpoint", "1s").expect()
    kafka.fill(topic, [l.split("\t", 1)[1] for l in lines[at:200]], partition=0)
    cut = rnd.randint(at + 1, 200)
    before = kafka.records(topic)
    kafka.wire.delete_records(topic, 0, cut)
    untouched = len(c.postgres_rows(postgres, url))
    text = halted(consume(kafka.url(topic), url, topic), f"gap [{at}, {cut})", "gone")
    told = [(int(a), int(b) + 1) for a, b in BAD_GAP.findall(text)]
    if told[:1] != [(at, cut)]:
        c.fail(f"gap [{at}, {cut}) was told as {told}", text[-800:])
    if len(c.postgres_rows(postgres, url)) != untouched:
        c.fail("a lane that halts for a gap has written")
    consume(kafka.url(topic), url, topic, "--on-gap", "earliest").expect()
    kept = [r for r in before if r[0] == 1 or r[1] < at or r[1] >= cut]
    have = {k for k, _ in c.postgres_rows(postgres, url)}
    want = {k for k in c.expected(kept)[0]}
    if {k[:2] for k in have} != {k[:2] for k in want}:
        c.fail(f"gap [{at}, {cut}): not the rows around it", sorted({k[:2] for k in want} ^ {k[:2] for k in have})[:5])
    noted = postgres.sql("SELECT partition, \"offset\", reason, text FROM fxmon_dead_letters WHERE reason LIKE '%gap%'", url)
    if [(int(p), int(o)) for p, o, *_ in noted] != [(0, at)] or f"[{at}, {cut})" not in noted[0][3]:
        c.fail(f"gap [{at}, {cut}) is noted as {noted}")
    c.say(f"records [{at}, {cut}) deleted: told, halted; with earliest noted and gone on behind them")


def new_topic(number):
    """Deleted and made anew with fewer records: whatever the option says, the lane halts"""
    topic = f"anew{number}"
    kafka.create(topic, 1)
    url = postgres.database(topic)
    lines = [l.split("\t", 1)[1] for l in c.messages(rnd, 60)]
    kafka.fill(topic, lines, partition=0)
    consume(kafka.url(topic), url, topic).expect()
    kafka.wire.delete(topic)
    kafka.create(topic, 1)
    kafka.fill(topic, lines[:rnd.randint(0, 59)] or lines[:1], partition=0)
    rows = len(c.postgres_rows(postgres, url))
    for words in ([], ["--on-gap", "earliest"]):
        halted(consume(kafka.url(topic), url, topic, *words), "a topic that was made anew", "cut or replaced|another topic|not the topic|made anew")
    if len(c.postgres_rows(postgres, url)) != rows:
        c.fail("records of the new topic were taken for the old one's")
    c.say("a topic made anew: halted")


def file_log(number, cut):
    """A file log: its first segment is gone (a gap), or it was cut behind what was read (always halts)"""
    folder, url = f"{c.work}/log{number}{cut}", f"sqlite:{c.work}/log{number}{cut}.db"
    lines = [l.split("\t", 1)[1] for l in c.messages(rnd, 300)]
    os.mkdir(folder)
    starts = [0, 100, 200]
    for start in starts:
        with open(f"{folder}/{start:020d}.ndjson", "w") as f:
            f.write("".join(l + "\n" for l in lines[start:start + 100]))
    consume("file:" + folder, url, "file", *(["--batch", "50"])).expect()
    if cut:
        with open(f"{folder}/{200:020d}.ndjson", "w") as f:
            f.write(lines[200] + "\n")
        for words in ([], ["--on-gap", "earliest"]):
            halted(consume("file:" + folder, url, "file", *words), "a log that was cut", "cut or replaced")
        c.say("a file log that was cut: halted")
        return
    late = f"sqlite:{c.work}/log{number}late.db"
    with open(f"{folder}/{300:020d}.ndjson", "w") as f:
        f.write("".join(l + "\n" for l in lines[:50]))
    # a lane that has read up to 100 meets a log that begins at 200
    p = c.Program("consume", "--from", "file:" + folder, "--sink", late, "--group", "late", "--batch", "100", environment={"FXMON_CRASH_AT": "place.committed:1"},
                  bin=debug)
    if p.end(30) != -9:
        c.fail("no crash after the first batch")
    os.unlink(f"{folder}/{0:020d}.ndjson")
    os.unlink(f"{folder}/{100:020d}.ndjson")
    text = halted(consume("file:" + folder, late, "late"), "a dropped segment", "gone")
    if BAD_GAP.findall(text)[:1] != [("100", "199")]:
        c.fail("the gap [100, 200) was told as", text[-600:])
    consume("file:" + folder, late, "late", "--on-gap", "earliest").expect()
    if sorted({k[1] for k, _ in c.sqlite_rows(late[7:])})[-1] != 349:
        c.fail("the lane did not go on behind the gap")
    c.say("segments of a file log dropped: told, halted; with earliest gone on")


import lib_debug
debug = lib_debug.programs()
for number in range(max(1, gaps - 3)):
    deleted_records(number)
for number in range(1 + gaps // 10):
    new_topic(number)
    file_log(number, cut=False)
    file_log(number, cut=True)
c.say(f"P11: {max(1, gaps - 3) + 3 * (1 + gaps // 10)} gaps, all told with their bounds, none skipped in silence")
