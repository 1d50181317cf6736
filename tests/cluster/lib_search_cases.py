"""What the sink for Elasticsearch and OpenSearch must do on a real server; one start of the server for all of it."""
import json, os, random, signal, sqlite3, subprocess, sys, tempfile, time
import lib_search as search
from lib_fault_proxy import Proxy
from lib_search import fx

QUICK = ["--retry-base", "10ms", "--retry-cap", "200ms", "--breaker-cooldown", "500ms"]
SEED = int(os.environ.get("SEED", random.SystemRandom().randrange(1 << 30)))
rnd = random.Random(SEED)
print(f"SEED={SEED}")


def check(what, condition, detail=""):
    if not condition:
        sys.exit(f"{what}: {detail}")


def folder(name):
    return os.path.join(tempfile.mkdtemp(), name)


def documents(server):
    """Every document equals the computation; the mapping is the promised one; a second run repeats nothing."""
    log = folder("log")
    search.produce(log, 3000)
    with open(log + "/00000000000000000000.ndjson", "a") as f:
        f.write('{"timestamp":"nonsense"}\n')
    p = search.consume(log, server.url, "--json")
    check("documents", search.compare(server, log) == 24000)
    letters = server.documents("fxmon-dead-letters")
    check("dead letters", [(d["offset"], d["reason"]) for _, d in letters] == [(3000, "malformed")], letters)
    fields = list(server.ask("/fx-rates/_mapping").values())[0]["mappings"]
    kinds = {n: f["type"] for n, f in fields["properties"].items()}
    check("types of the fields", kinds["rate"] == kinds["volatility"] == "double" and kinds["pair"] == "keyword" and kinds["timestamp"] == "date", kinds)
    check("unknown members", fields["dynamic"] == "false", fields["dynamic"])
    search.consume(log, server.url)
    check("documents after a second run", server.count("fx-rates") == 24000 and server.count("fxmon-dead-letters") == 1)
    return log


def rollover(server, log):
    """The progress is lost and the stream has rolled over since: what is written again is found in the older index."""
    server.ask("/fx-rates/_rollover", "POST")
    server.ask("/fxmon-progress", "DELETE")
    p = search.consume(log, server.url)
    check("all records again", "3001 messages" in p.stderr, p.stderr)
    check("documents after the rollover", search.compare(server, log) == 24000)
    check("dead letters after the rollover", server.count("fxmon-dead-letters") == 1)


def deleted(server, log):
    """The data stream is deleted under a consumer that has nothing to do: it notices and writes everything again."""
    p = fx.start("consume", "--from", "file:" + log, "--sink", server.url, *QUICK, stderr=subprocess.PIPE, text=True)
    try:
        fx.wait_for("a claim", lambda: server.ask("/fxmon-progress/_search", "POST", {"query": {"match_all": {}}}, status=None)[0] == 200)
        server.ask("/_data_stream/fx-rates", "DELETE")
        fx.wait_for("all documents again", lambda: server.count("fx-rates") == 24000, 40)
        fx.stop(p)
    finally:
        p.kill()
    check("documents after the deletion", search.compare(server, log) == 24000)


def kills(server):
    """kill -9 of the consumer at random moments, the stream rolled over now and then; then of the server."""
    count = int(os.environ.get("KILLS", "60" if os.environ.get("NIGHTLY") else "4"))
    log = folder("kill")
    server.wipe_documents()
    messages = 1000 * max(4, count)  # work for every kill
    search.produce(log, messages, seed=9)
    claimed = 0
    for i in range(count):
        p = fx.start("consume", "--from", "file:" + log, "--sink", server.url, "--batch", "50", "--checkpoint", "1s", stderr=subprocess.DEVNULL)
        before = server.count("fx-rates")
        fx.wait_for("progress", lambda: server.count("fx-rates") > before or p.poll() is not None, 20)
        time.sleep(rnd.uniform(0, 0.15))  # the moment of the kill is the point of the test
        p.send_signal(signal.SIGKILL)
        p.wait()
        claimed += 1
        if i % 2 == 0:
            server.ask("/fx-rates/_rollover", "POST")
    p = fx.start("consume", "--from", "file:" + log, "--sink", server.url, "--batch", "20", *QUICK, stderr=subprocess.PIPE, text=True)
    before = server.count("fx-rates")
    check("the kills came too late", before < 8 * messages, before)
    fx.wait_for("work before the server is killed", lambda: server.count("fx-rates") > before, 20)
    server.script("kill")
    server.script("again")
    fx.wait_for("all documents", lambda: server.count("fx-rates") >= 8 * messages, 60)
    fx.stop(p)
    print(f"{count} kills of the consumer, one of the server")
    check("documents after the kills", search.compare(server, log) == 8 * messages)


def conflict(server):
    """Documents that the mapping refuses: each in the dead letters once, the others in the index, also after everything came twice."""
    log = folder("poison")
    os.mkdir(log)
    poison = 0
    with open(log + "/00000000000000000000.ndjson", "w") as f:
        for i in range(400):
            bad = rnd.random() < 0.1
            poison += bad
            f.write(json.dumps({"timestamp": f"2026-02-04T10:{i // 60:02}:{i % 60:02}Z", "base": "USD", "rates": {"USD/EUR": 0.8 + i / 1000, "USD/JPY": 150 + i},
                                "source": "bank" if bad else "7"}) + "\n")
    words = ["--index-mode", "plain", "--index-prefix", "odd-", "--batch", "37"]
    mapping = {"properties": {"source": {"type": "integer"}, "offset": {"type": "long"}, "pair": {"type": "keyword"}}}
    server.ask("/odd-fx-rates", "PUT", {"mappings": mapping})
    for _ in range(2):
        search.consume(log, server.url, *words)
        have = server.documents("odd-fx-rates")
        letters = server.documents("odd-fxmon-dead-letters")
        check("good rows", len(have) == 2 * (400 - poison) and all(d["source"] == "7" for _, d in have), (len(have), poison))
        check("poison in the dead letters", len(letters) == 2 * poison and all(d["reason"] == "rejected_by_validation" for _, d in letters), (len(letters), poison))
        check("what was refused is there", all('"source":"bank"' in d["record"] and "source" in d["text"] for _, d in letters), letters[:1])
        server.ask("/odd-fxmon-progress", "DELETE")


def alerts(server, messages=2000):
    """Every event of the history is a document, once, also when the notifier begins anew."""
    log, db = folder("alerts"), folder("fx.db")
    search.produce(log, messages, seed=4)
    first = search.expected(log)[0, "USD/EUR"][1]
    fx.run("alert", "add", "--store", "sqlite:" + db, f"USD/EUR above {first} cooldown 0s", f"USD/EUR below {first} cooldown 0s")
    for _ in range(2):
        fx.run("alert", "--from", "file:" + log, "--store", "sqlite:" + db, "--notify", server.url, "--until-end")
        with sqlite3.connect(db) as c:
            history = {r[0]: r[1:] for r in c.execute("select event_id, alert_id, pair from alert_history")}
            c.execute("delete from fxmon_outbox")  # all events are sent again
        have = server.documents("fx-alerts")
        check("alerts", len(have) == len(history) > 3 and {i: (d["alert_id"], d["pair"]) for i, d in have} == history, (len(have), len(history)))
        check("fields of an alert", all({"triggered_at", "alert_id", "pair", "condition", "threshold", "current_rate", "message"} <= d.keys() for _, d in have), have[0])


def refused(server, password):
    """Security: without credentials the lane ends with a clear text and status 3, and nothing is a dead letter; with them it works."""
    log = folder("secured")
    search.produce(log, 200)
    bare = f"elasticsearch+http://127.0.0.1:{server.port}"
    for url in (bare, f"elasticsearch+http://admin:wrong-{password}@127.0.0.1:{server.port}"):
        p = search.consume(log, url, status=3)
        check("text of refused credentials", "401" in p.stderr and "wrong-" not in p.stderr, p.stderr)
    search.consume(log, server.url)
    check("documents with a password", search.compare(server, log) == 1600)


def narrow(server):
    """Bulks above what the server takes (413) and has memory for (429) are cut until they fit."""
    log = folder("narrow")
    search.produce(log, 4000, seed=3)
    server.wipe_documents()
    proxy = Proxy(server.port, rnd)
    url = server.url.replace(f":{server.port}", f":{proxy.port}")
    search.consume(log, url, "--batch", "4000", *QUICK)
    proxy.stop()
    print(f"statuses of a narrow server: {dict(proxy.statuses)}")
    check("the server was too wide", proxy.statuses[413] > 0 and proxy.statuses[429] > 0, proxy.statuses)
    check("documents through a narrow server", search.compare(server, log) == 32000)
    check("dead letters of a narrow server", server.count("fxmon-dead-letters") <= 0)
