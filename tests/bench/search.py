"""Bulk indexing into OpenSearch and Elasticsearch: a file log through fxmon-consume against the same bodies sent by one curl process, one after the other.
Each has a fresh data stream; they take turns, and the best of ROUNDS counts. Usage: search.py [opensearch|elasticsearch]... ; MESSAGES=N (8 documents each)."""
import json, os, resource, subprocess, sys, tempfile, threading, time

sys.path.insert(0, os.path.join(os.environ["FXMON_TOP"], "tests", "cluster"))
import lib_fault_proxy, lib_search as search
from lib_search import fx

MESSAGES = int(os.environ.get("MESSAGES", "40000"))
ROUNDS = int(os.environ.get("ROUNDS", "3"))


class Recorder(lib_fault_proxy.Handler):
    folder, count = None, 0

    def forward(self, body):
        if self.path.startswith("/_bulk"):
            Recorder.path = self.path
            with open(f"{self.folder}/{Recorder.count:06}", "wb") as f:
                f.write(body)
            Recorder.count += 1
        return super().forward(body)


def record(server, log):
    """The bodies that the sink sends, as files."""
    Recorder.folder, Recorder.count = tempfile.mkdtemp(), 0
    proxy = lib_fault_proxy.Proxy(server.port, None)
    proxy.fault = lambda: None
    proxy.server.RequestHandlerClass = type("Handler", (Recorder,), {"proxy": proxy})
    search.consume(log, server.url.replace(f":{server.port}", f":{proxy.port}"))
    proxy.stop()
    return Recorder.folder


def curl(server, bodies):
    config = os.path.join(bodies, "config")
    with open(config, "w") as f:
        for i, name in enumerate(sorted(n for n in os.listdir(bodies) if n.isdigit())):
            f.write(("next\n" if i else "") + f'url = "http://127.0.0.1:{server.port}{Recorder.path}"\nrequest = POST\nheader = "Content-Type: application/json"\nheader = "Expect:"\n'
                    f'data-binary = "@{bodies}/{name}"\noutput = /dev/null\nsilent\nnoproxy = "*"\n')
    begin = time.monotonic()
    subprocess.run(["curl", "-K", config], check=True)
    return time.monotonic() - begin


def fxmon(server, log):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    begin = time.monotonic()
    search.consume(log, server.url)
    took = time.monotonic() - begin
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return took, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def fresh(server):
    server.wipe_documents()
    server.ask("/_data_stream/fx-rates", "PUT", status=None)


log = os.path.join(tempfile.mkdtemp(), "log")
search.produce(log, MESSAGES)
documents = MESSAGES * 8
for name in sys.argv[1:] or ["opensearch", "elasticsearch"]:
    server = search.Search(name)
    bodies = record(server, log)
    best = {"curl": 1e9, "fxmon": 1e9}
    for _ in range(ROUNDS):
        for who in best:
            fresh(server)
            if who == "curl":
                took = curl(server, bodies)
            else:
                took, cpu = fxmon(server, log)
            server.ask("/fx-rates/_refresh", "POST")
            if server.count("fx-rates") != documents:
                sys.exit(f"{name}: {server.count('fx-rates')} documents after {who}, expected {documents}")
            best[who] = min(best[who], took)
    print(f"{name}: {documents} documents in {Recorder.count} bulks: curl {documents / best['curl']:.0f}/s, fxmon {documents / best['fxmon']:.0f}/s, "
          f"ratio {best['curl'] / best['fxmon']:.2f}; own CPU {cpu / documents * 1e6:.2f} s a million documents", flush=True)
    server.stop()
