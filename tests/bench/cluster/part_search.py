"""Kafka -> OpenSearch or Elasticsearch, whole process, against the same bulk bodies sent by a bare curl, one after the other over one connection."""
import os, shutil

from lib_measure import PAIRS, ROUNDS, SEARCH_MESSAGES, Failed, Run, median, say, spread, thousands
from lib_recorder import Recorder

KEYS = {"opensearch": ("OpenSearch 2.19", "OPENSEARCH_URL"), "elasticsearch": ("Elasticsearch 8.19", "ELASTICSEARCH_URL")}


def documents(bench, key, prefix):
    bench.cluster.search(key, f"/{prefix}fx-rates/_refresh", method="POST", seconds=120)
    return bench.cluster.search(key, f"/{prefix}fx-rates/_count")["count"]


def drop(bench, key, prefix):
    """Documents of a round make the next one's merges slower."""
    try:
        bench.cluster.search(key, f"/_data_stream/{prefix}fx-rates", method="DELETE", seconds=120)
    except Failed:
        say(f"   this build cannot delete data streams: {prefix}fx-rates stays")


def curl_config(bench, recorder, url, prefix, path):
    """One run of curl with all requests; the prefix of the recording has the length of the one that goes in."""
    os.makedirs(path, exist_ok=True)
    lines = []
    for i, (target, name, headers) in enumerate(recorder.bulks):
        body = os.path.join(path, os.path.basename(name))
        with open(name, "rb") as f, open(body, "wb") as g:
            g.write(f.read().replace(b"rec-", prefix.encode()))
        lines += (["next"] if i else []) + [f'url = "{url}{target.replace("rec-", prefix)}"', f'data-binary = "@{body}"', 'output = "/dev/null"', "silent", "fail", 'noproxy = "*"']
        lines += [f'header = "{k}: {v}"' for k, v in headers.items() if k.lower() in ("content-type", "content-encoding", "accept", "accept-encoding")]
        lines += ['header = "Expect:"']
    config = os.path.join(path, "config")
    with open(config, "w", encoding="utf-8") as f:
        f.write("\n".join(lines) + "\n")
    return config


def main(bench, part):
    name, key = KEYS[part]
    c = bench.cluster
    topic, empty = bench.topic(), bench.topic()
    bench.fill(topic, bench.messages(SEARCH_MESSAGES))
    rows = SEARCH_MESSAGES * PAIRS

    def consume(url, prefix, what=topic):
        return bench.consume_all(what, "elasticsearch+" + url, more=["--index-prefix", prefix])
    bulks = os.path.join(bench.folder, "bulks")
    os.makedirs(bulks)
    recorder = Recorder(c.values[key], bulks)
    consume(recorder.url, "rec-")  # warms the server as well
    recorder.stop()
    if documents(bench, key, "rec-") != rows:
        raise Failed("the recorded run left something out")
    drop(bench, key, "rec-")
    size = sum(os.path.getsize(b[1]) for b in recorder.bulks)
    consume(c.values[key], "wrm-")
    drop(bench, key, "wrm-")
    ours, bare, cpu = [], [], []
    for i in range(ROUNDS):
        prefix = f"f{i:02}-"
        consume(c.values[key], prefix, empty)  # templates and streams, as below for curl
        run = consume(c.values[key], prefix)
        ours.append(run.seconds)
        cpu.append(run.cpu)
        if documents(bench, key, prefix) != rows:
            raise Failed(f"{documents(bench, key, prefix)} documents, {rows} rows")
        drop(bench, key, prefix)
        prefix = f"c{i:02}-"
        consume(c.values[key], prefix, empty)
        path = os.path.join(bench.folder, prefix)
        config = curl_config(bench, recorder, c.values[key], prefix, path)
        bare.append(Run(["curl", "-K", config], c.environment()).wait().seconds)
        shutil.rmtree(path)
        if documents(bench, key, prefix) != rows:
            raise Failed(f"curl left {documents(bench, key, prefix)} documents, {rows} rows")
        drop(bench, key, prefix)
        say(f"   round {i + 1}: fxmon {ours[-1]:.2f} s, curl {bare[-1]:.2f} s")
    bench.row(f"Kafka to {name}, {thousands(rows)} documents, whole process", thousands(rows / median(ours)), "documents/s",
              f"curl with the same {len(recorder.bulks)} bulk bodies {thousands(rows / median(bare))}", median(bare) / median(ours), "0.8")
    bench.row("of it, own CPU per million documents", f"{median(cpu) / rows * 1e6:.2f}", "s")
    bench.note(f"{name}: seconds, fxmon {spread(ours)}, curl {spread(bare)}; {size / 1e6:.0f} MB of bodies, every document counted after each round.")
