"""What Redis and a search server hold, for comparing: with an undisturbed run, and with the records."""
import json, subprocess, urllib.request
import lib_cluster as c


def redis_cli(url, *words):
    p = subprocess.run(["redis-cli", "-u", url, "--json", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60, env=c.ENV)
    if p.returncode != 0:
        c.fail("redis-cli", *words, p.stderr)
    return json.loads(p.stdout) if p.stdout.strip() else None


def redis_dump(url):
    """{key: value} of all that is for readers; what the lane keeps for itself is left out"""
    found = {}
    ask = {"string": lambda k: ("GET", k), "hash": lambda k: ("HGETALL", k), "list": lambda k: ("LRANGE", k, "0", "-1"),
           "zset": lambda k: ("ZRANGE", k, "0", "-1", "WITHSCORES"), "set": lambda k: ("SMEMBERS", k)}
    for key in sorted(redis_cli(url, "KEYS", "*")):
        if not key.startswith("fxmon:"):
            found[key] = redis_cli(url, *ask[redis_cli(url, "TYPE", key)](key))
    return found


def redis_compare(what, url, calm):
    got, want = redis_dump(url), redis_dump(calm)
    differing = [k for k in sorted(set(got) | set(want)) if got.get(k) != want.get(k)]
    c.say(f"{what}: {len(got)} keys, {len(differing)} differ from those of an undisturbed run")
    if differing or not got:
        c.fail(what, *[f"\n  {k}: {str(got.get(k))[:300]}\n  instead of {str(want.get(k))[:300]}" for k in differing[:4]])


def search(url, path, body=None, method=None):
    request = urllib.request.Request(url + path, data=json.dumps(body).encode() if body is not None else None, method=method or ("POST" if body is not None else "GET"),
                                     headers={"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.loads(answer.read())


def documents(url, index):
    """[(id, source)] of all documents"""
    search(url, f"/{index}/_refresh", {})
    page = search(url, f"/{index}/_search?scroll=1m", {"size": 5000, "query": {"match_all": {}}})
    found = []
    while page["hits"]["hits"]:
        found += [(h["_id"], h["_source"]) for h in page["hits"]["hits"]]
        page = search(url, "/_search/scroll", {"scroll": "1m", "scroll_id": page["_scroll_id"]})
    return found


def search_compare(what, url, index, want):
    """Documents are the rows that the oracle computed: by place and pair, each once, with its numbers"""
    found = documents(url, index)
    keys, different = [], 0
    for _, d in found:
        key = (d["partition"], d["offset"], d["pair"])
        keys.append(key)
        row = want.get(key)
        if row and (float(d["rate"]) != row[0] / 10 ** c.SCALE or d["source"] != row[5]):
            different += 1
    lost, strange = set(want) - set(keys), set(keys) - set(want)
    c.say(f"{what}: {len(keys)} documents, {len(lost)} missing, {len(keys) - len(set(keys))} doubled, {len(strange)} strange, {different} different")
    if lost or strange or different or len(keys) != len(set(keys)):
        c.fail(what, "missing", sorted(lost)[:5], "strange", sorted(strange)[:5])
