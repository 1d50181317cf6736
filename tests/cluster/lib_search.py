"""Elasticsearch and OpenSearch in tests: start, ask, kill, and what must be in them, computed from the log without fxmon."""
import atexit, base64, decimal, json, math, os, signal, ssl, subprocess, sys, tempfile, urllib.error, urllib.parse, urllib.request

sys.path.insert(0, os.path.join(os.environ["FXMON_TOP"], "tests", "e2e"))
import lib_programs as fx

SERVERS = os.path.join(os.environ["FXMON_TOP"], "tests", "servers")
# A test that is ended from outside runs its exit handlers too, which stop the servers.
signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by SIGTERM"))


class Search:
    """One server. `url` as the sink takes it, with user and password when there are any."""

    def __init__(self, name, *words):
        self.name, self.dir = name, tempfile.mkdtemp(prefix=name + ".")
        atexit.register(self.stop)
        env = self.script("start", *words)
        values = dict(line.split("=", 1) for line in env.split())
        self.address, self.ca = values[name.upper() + "_URL"], values.get(name.upper() + "_CA_FILE")
        parts = urllib.parse.urlsplit(self.address)
        self.port, self.user, self.password = parts.port, parts.username, parts.password
        self.url = name + "+" + self.address
        self.bare = f"{parts.scheme}://127.0.0.1:{self.port}"  # nobody's
        self.opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=self.ca)))

    def script(self, verb, *words):
        p = subprocess.run([os.path.join(SERVERS, self.name), verb, self.dir, *words], capture_output=True, text=True, timeout=240)
        if p.returncode != 0 and "cannot fetch" in p.stderr:
            print(f"{self.name} cannot be fetched here")
            sys.exit(77)
        if p.returncode != 0:
            sys.exit(f"{self.name} {verb}: status {p.returncode}\n{p.stdout}\n{p.stderr[-3000:]}")
        return p.stdout

    def stop(self):
        if os.path.isdir(self.dir):
            subprocess.run([os.path.join(SERVERS, self.name), "kill", self.dir], timeout=60)
            subprocess.run(["rm", "-rf", self.dir])

    def ask(self, path, method="GET", body=None, status=(200, 201)):
        request = urllib.request.Request(self.bare + path, method=method, headers={"Content-Type": "application/json"},
                                         data=None if body is None else json.dumps(body).encode())
        if self.user:
            request.add_header("Authorization", "Basic " + base64.b64encode(f"{self.user}:{self.password}".encode()).decode())
        try:
            with self.opener.open(request, timeout=30) as r:
                code, text = r.status, r.read().decode()
        except urllib.error.HTTPError as e:
            code, text = e.code, e.read().decode()
        if status is not None and code not in status:
            sys.exit(f"{self.name}: {method} {path}: {code}: {text[:500]}")
        return json.loads(text or "{}") if status is not None else (code, text)

    def documents(self, index, every=5000):
        """All documents of an index or data stream as (id, source), with repeats of an id in several indices behind it."""
        self.ask(f"/{index}/_refresh", "POST")
        found, after = [], None
        while True:
            body = {"size": every, "sort": [{"offset": "asc"}, {"pair": {"order": "asc", "unmapped_type": "keyword"}}, {"_index": "asc"}]}
            if index.endswith(("letters", "alerts")):
                body["sort"] = [{"offset": "asc"}, {"@timestamp": "asc"}, {"_index": "asc"}]
            if after:
                body["search_after"] = after
            hits = self.ask(f"/{index}/_search?allow_partial_search_results=false", "POST", body)["hits"]["hits"]
            found += [(h["_id"], h["_source"]) for h in hits]
            if len(hits) < every:
                return found
            after = hits[-1]["sort"]

    def count(self, index):
        code, text = self.ask(f"/{index}/_count", status=None)
        return json.loads(text)["count"] if code == 200 else -1

    def wipe_documents(self):
        """No rates and no progress any more. Not every build can delete a data stream; an index behind it that is not the newest can always go."""
        code, _ = self.ask("/_data_stream/fx-rates", "DELETE", status=None)
        if code == 405:
            self.ask("/fx-rates/_rollover", "POST")
            for index in sorted(self.ask("/fx-rates/_settings"))[:-1]:
                self.ask(f"/{index}", "DELETE")
        self.ask("/fxmon-progress,fxmon-dead-letters?ignore_unavailable=true", "DELETE")


def expected(log, window=20):
    """(offset, pair) -> (timestamp, rate digits, source, volatility, samples) of every good record of a file log, in exact arithmetic."""
    rows, series, offset = {}, {}, 0
    for name in sorted(n for n in os.listdir(log) if n.endswith(".ndjson")):
        for line in open(os.path.join(log, name), encoding="utf-8"):
            try:
                message = json.loads(line, parse_float=decimal.Decimal, parse_int=decimal.Decimal)
            except ValueError:
                message = None
            for pair, rate in (message or {}).get("rates", {}).items():
                prices = series.setdefault((pair, message["source"]), [])
                prices.append(rate)
                del prices[:-window]
                rows[offset, pair] = (message["timestamp"], rate, message["source"], deviation(prices), len(prices))
            offset += 1
    return rows


def deviation(prices):
    n = len(prices)
    if n < 2:
        return None
    total, squares = sum(prices), sum(p * p for p in prices)
    with decimal.localcontext() as c:
        c.prec = 60
        return float(((squares - total * total / n) / (n - 1)).sqrt())


def compare(server, log, index="fx-rates", missing=()):
    """Every document equals the computation, each once."""
    want = {k: v for k, v in expected(log).items() if k[0] not in missing}
    have, ids = {}, set()
    for id_, d in server.documents(index):
        key = (d["offset"], d["pair"])
        if id_ in ids or key in have:
            sys.exit(f"{server.name}: document {id_} is there twice")
        ids.add(id_)
        have[key] = d
        if not id_.endswith(f"-{d['partition']}-{d['offset']}-{d['pair']}"):
            sys.exit(f"{server.name}: document {id_} is not named by its record: {d}")
    if want.keys() != have.keys():
        lost, extra = sorted(want.keys() - have.keys()), sorted(have.keys() - want.keys())
        sys.exit(f"{server.name}: {len(lost)} documents are missing {lost[:3]}, {len(extra)} are too many {extra[:3]}")
    for key, (time, rate, source, volatility, samples) in want.items():
        d = have[key]
        good = (d["timestamp"] == time and d["@timestamp"] == time and d["rate"] == float(rate) and d["source"] == source and d["samples"] == samples
                and d["base"] + "/" + d["quote"] == d["pair"]
                and (d["volatility"] is None) == (volatility is None) and (volatility is None or math.isclose(d["volatility"], volatility, rel_tol=1e-12, abs_tol=1e-18)))
        if not good:
            sys.exit(f"{server.name}: record {key} is {d}, expected {time} {rate} {source} {volatility} {samples}")
    return len(have)


def produce(log, count, seed=1):
    fx.run("produce", "--from", f"sim:?seed={seed}&count={count}&rate=max", "--to", "file:" + log)


def consume(log, url, *words, **more):
    return fx.run("consume", "--from", "file:" + log, "--sink", url, "--until-end", *words, **more)
