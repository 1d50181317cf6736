"""P6: however bulks fail, OpenSearch ends up with exactly the documents of the log: none missing, none twice, and what the mapping refuses in the dead letters alone.
BULKS=200 batches (10,000 nightly), a quarter of all bulks spoiled, the data stream rolled over meanwhile, SEED=N for one run again."""
import json, os, random, subprocess, sys, tempfile, threading
import lib_search as search
from lib_fault_proxy import Proxy
from lib_search import Search, fx

BULKS = int(os.environ.get("BULKS", "10000" if os.environ.get("NIGHTLY") else "200"))
BATCH = 10
SEED = int(os.environ.get("SEED", random.SystemRandom().randrange(1 << 30)))
print(f"SEED={SEED} BULKS={BULKS}")
rnd = random.Random(SEED)

log = os.path.join(tempfile.mkdtemp(), "log")
os.mkdir(log)
poison = set()
with open(log + "/00000000000000000000.ndjson", "w") as f:
    for i in range(BULKS * BATCH):
        bad = rnd.random() < 0.02
        if bad:
            poison.add(i)
        minute = i // 60
        f.write(json.dumps({"timestamp": f"2026-02-{4 + minute // 1440:02}T{minute // 60 % 24:02}:{minute % 60:02}:{i % 60:02}Z", "base": "USD",
                            "rates": {"USD/EUR": round(0.8 + rnd.random() / 10, 6), "USD/JPY": round(150 + rnd.random(), 3)}, "source": "x" if bad else "7"}) + "\n")

server = Search("opensearch")
empty = tempfile.mkdtemp()
search.consume(empty, server.url)  # makes the template, in which the source becomes a number: so one in fifty records is refused by the server itself
template = server.ask("/_index_template/fx-rates")["index_templates"][0]["index_template"]
template["template"]["mappings"]["properties"]["source"] = {"type": "integer"}
server.ask("/_data_stream/fx-rates", "DELETE")
server.ask("/_index_template/fx-rates", "PUT", template)

proxy = Proxy(server.port, rnd, share=0.25, slow=1)
done = threading.Event()


def roll():
    due = BULKS // 8
    while not done.wait(0.05):
        if proxy.bulks < due:
            continue
        due += max(BULKS // 8, 100)
        server.ask("/fx-rates/_rollover", "POST", status=None)


threading.Thread(target=roll, daemon=True).start()
p = fx.run("consume", "--from", "file:" + log, "--sink", f"opensearch+http://127.0.0.1:{proxy.port}", "--until-end", "--batch", str(BATCH), "--batch-time", "1s", "--json",
           "--retry-base", "1ms", "--retry-cap", "20ms", "--breaker-threshold", "1000", timeout=60 + BULKS)
done.set()
print(f"{proxy.bulks} bulks, spoiled: {dict(proxy.seen)}")
if proxy.bulks < BULKS or sum(proxy.seen.values()) < BULKS // 8 or len(proxy.seen) < 10:
    sys.exit("hardly anything went wrong: this proves nothing")
indices = len(server.ask("/fx-rates/_settings"))
if indices < 2:
    sys.exit("the data stream never rolled over")
documents = search.compare(server, log, missing=poison)
letters = server.documents("fxmon-dead-letters")
if sorted(d["offset"] for _, d in letters) != sorted(list(poison) * 2):
    sys.exit(f"{len(letters)} dead letters, expected 2 for each of {len(poison)} records")
print(f"{documents} documents in {indices} indices, {len(letters)} dead letters: as they should be")
proxy.stop()
