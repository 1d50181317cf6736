"""Do all servers hold the same? What each says of every pair, side by side.

The truth is the log: how many records of a pair it has, and its newest. Every destination is asked for its own count, newest place in the log, rate and
volatility; numbers are compared as the doubles they are, not as they are printed. While rates flow, the servers are a moment apart: then one look
may differ, and the caller looks again."""
import concurrent.futures, json, re, subprocess, threading, time

from lib_cluster import Failed, http_json

HISTORY = 20  # redis-history's initial value
PAIR_NEWEST = {"size": 0, "aggs": {"pairs": {"terms": {"field": "pair", "size": 1000}, "aggs": {"newest": {"top_hits": {
    "size": 1, "sort": [{"@timestamp": "desc"}, {"offset": "desc"}], "_source": ["rate", "volatility", "timestamp", "partition", "offset"]}}}}},
    "query": {"bool": {"must_not": [{"term": {"kind": "cross"}}]}}}
SEARCH = {"OpenSearch": "OPENSEARCH_URL", "Elasticsearch": "ELASTICSEARCH_URL"}


def number(text):
    return None if text in (None, "", "null", "(nil)") else float(text)


def moment(text):
    """RFC 3339 with any number of decimals as text that compares and is one for one instant."""
    m = re.fullmatch(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:\.(\d+))?(?:Z|\+00(?::?00)?)", text)
    if not m:
        raise Failed(f"{text}: no time in UTC")
    return f"{m[1]}T{m[2]}.{(m[3] or '').ljust(9, '0')}Z"


def nanoseconds(value):
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(value // 10**9)) + f".{value % 10**9:09}Z"


class Log:
    """The topic, followed by kcat from its beginning."""

    def __init__(self, cluster, topic):
        self.lock, self.pairs, self.first, self.stopped = threading.Lock(), {}, None, False
        self.words = ["kcat", "-b", cluster.kafka, "-C", "-t", topic, "-q", "-u", "-f", "%p\t%o\t%s\n"]
        self.process = None
        threading.Thread(target=self.follow, daemon=True).start()

    def follow(self):
        while not self.stopped and not self.first:  # kcat ends at once when the topic is not there yet
            with subprocess.Popen(self.words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, text=True) as self.process:
                for line in self.process.stdout:
                    partition, offset, text = line.split("\t", 2)
                    message = json.loads(text)
                    with self.lock:
                        self.first = self.first or message
                        self.take(message, (int(partition), int(offset)))

    def take(self, message, place):
        when = moment(message["timestamp"])
        for pair, rate in message["rates"].items():
            kept = self.pairs.setdefault(pair, {"count": 0, "time": "", "rate": None})
            kept["count"] += 1
            if when >= kept["time"]:
                kept.update(time=when, rate=float(rate["rate"] if isinstance(rate, dict) else rate), place=place)

    def look(self):
        with self.lock:
            return {pair: dict(kept) for pair, kept in self.pairs.items()}

    def stop(self):
        self.stopped = True
        if self.process:
            self.process.kill()


def ask_postgresql(cluster):
    rows = cluster.psql("SELECT c.pair,c.n,l.rate,l.volatility,l.time_ns,l.partition,l.\"offset\" FROM (SELECT pair,count(*) n FROM fx_rates WHERE kind<2 GROUP BY pair) c "
                        "JOIN fx_latest l USING(pair)")
    return {r[0]: {"count": int(r[1]), "rate": float(r[2]), "volatility": number(r[3]), "time": nanoseconds(int(r[4])), "place": (int(r[5]), int(r[6]))} for r in rows}


def ask_search(cluster, key):
    cluster.search(key, "/fx-rates/_refresh", method="POST")
    found = {}
    for b in cluster.search(key, "/fx-rates/_search", PAIR_NEWEST)["aggregations"]["pairs"]["buckets"]:
        s = b["newest"]["hits"]["hits"][0]["_source"]
        found[b["key"]] = {"count": b["doc_count"], "rate": float(s["rate"]), "volatility": s.get("volatility"), "time": moment(s["timestamp"]),
                           "place": (s["partition"], s["offset"])}
    return found


def ask_redis(cluster, pairs):
    commands = []
    for p in pairs:
        commands += [["GET", "rate:" + p], ["GET", "volatility:" + p], ["LLEN", "history:" + p], ["LINDEX", "history:" + p, "0"],
                     ["HGET", "latest:" + p, "time"], ["HGET", "latest:" + p, "partition"], ["HGET", "latest:" + p, "offset"],
                     ["EXISTS", "rate:" + p, "volatility:" + p, "history:" + p, "latest:" + p, "series:" + p]]
    answers = iter(cluster.redis(*commands))
    found = {}
    for p in pairs:
        rate, volatility, length, head, when, partition, offset, keys = (next(answers) for _ in range(8))
        if rate and when:
            found[p] = {"count": int(length), "keys": int(keys), "rate": float(rate), "head": number(head), "volatility": number(volatility),
                        "time": moment(when), "place": (int(partition), int(offset))}
    return found


def ask_rest(url):
    return {r["pair"]: {"rate": float(r["rate"]), "volatility": r["volatility"], "time": moment(r["timestamp"])} for r in http_json(url + "/rates")}


def look(cluster, url, log):
    """What every server says, asked as nearly at once as it goes."""
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        rest = pool.submit(ask_rest, url)
        jobs = {"PostgreSQL": pool.submit(ask_postgresql, cluster)}
        for name, key in SEARCH.items():
            if key in cluster.values:
                jobs[name] = pool.submit(ask_search, cluster, key)
        jobs["Redis"] = pool.submit(ask_redis, cluster, sorted(log.look()))
        jobs["REST"] = rest
        return log.look(), {name: job.result() for name, job in jobs.items()}


def differences(log, seen):
    """{pair: what differs}, empty texts where all agree."""
    found = {}
    for pair in sorted(log):
        want, wrong = log[pair], []
        volatility = seen["PostgreSQL"].get(pair, {}).get("volatility")
        for name, pairs in seen.items():
            have = pairs.get(pair)
            if have is None:
                wrong.append(f"{name}: nothing")
                continue
            if name not in ("REST", "Redis") and have["count"] != want["count"]:
                wrong.append(f"{name}: {have['count']} of {want['count']}")
            if name == "Redis":
                keys = 5 if have["volatility"] is not None else 4
                if have["count"] != min(want["count"], HISTORY) or have["head"] != have["rate"] or have["keys"] != keys:
                    wrong.append(f"Redis: history of {have['count']}, {have['keys']} keys")
            for what in ("rate", "time", "place"):
                if what in have and have[what] != want[what]:
                    wrong.append(f"{name}: {what} {have[what]}, log {want[what]}")
            if have["volatility"] != volatility:
                wrong.append(f"{name}: volatility {have['volatility']}, PostgreSQL {volatility}")
        found[pair] = "; ".join(wrong[:2])
    for name, pairs in seen.items():
        for pair in set(pairs) - set(log):
            found[pair] = f"{name}: a pair that the log does not have"
    return found


def short(value, digits):
    return "-" if value is None else f"{value:.{digits}g}"


def table(log, seen, wrong):
    """Lines of the table: counts, then rate and volatility by server, then whether all agree."""
    names = list(seen)
    head = ["pair", "log"] + [{"PostgreSQL": "PG rows", "OpenSearch": "OS docs", "Elasticsearch": "ES docs", "Redis": "Redis keys", "REST": ""}[n] for n in names if n != "REST"]
    head += ["newest rate: " + "|".join({"PostgreSQL": "PG", "OpenSearch": "OS", "Elasticsearch": "ES"}.get(n, n) for n in names)]
    head += ["volatility: the same order", "agree"]
    rows = [head]
    for pair in sorted(wrong):
        row = [pair, str(log.get(pair, {}).get("count", 0))]
        for n in names:
            if n != "REST":
                row.append(str(seen[n].get(pair, {}).get("keys" if n == "Redis" else "count", 0)))
        row.append(" ".join(short(seen[n].get(pair, {}).get("rate"), 7) for n in names))
        row.append(" ".join(short(seen[n].get(pair, {}).get("volatility"), 4) for n in names))
        row.append("NO" if wrong[pair] else "yes")
        rows.append(row)
    widths = [max(len(r[i]) for r in rows) for i in range(len(head))]
    lines = ["  ".join(c.ljust(w) if i == 0 or i > len(head) - 4 else c.rjust(w) for i, (c, w) in enumerate(zip(r, widths))).rstrip() for r in rows]
    return lines + [f"  {pair}: {text}" for pair, text in wrong.items() if text][:4]


def alert_counts(cluster, topic):
    """Events of alerts by where they are kept."""
    counts = {"PostgreSQL": int(cluster.psql("SELECT count(*) FROM alert_history")[0][0])}
    counts["topic"] = cluster.kcat("-C", "-t", topic, "-e", "-q", "-f", "%o\n").count("\n") if counts["PostgreSQL"] else 0
    counts["Redis"] = int(cluster.redis(["LLEN", "alerts"])[0])
    for name, key in SEARCH.items():
        if key in cluster.values and counts["PostgreSQL"]:
            cluster.search(key, "/fx-alerts/_refresh", method="POST")
            counts[name] = cluster.search(key, "/fx-alerts/_count")["count"]
    return counts
