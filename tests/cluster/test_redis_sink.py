"""A file log into Redis: every key equals what exact arithmetic makes of the log, after losses, kills, with another writer, and errors say what is wrong."""
import os, shutil, signal, subprocess, sys, time

sys.path.insert(0, os.path.join(os.environ["FXMON_TOP"], "tests", "cluster"))
from lib_redis import Redis, differences, expected  # noqa: E402
from lib_programs import ENV, SHARED, command, run, start, stop, wait_for  # noqa: E402

redis = Redis("server")


def produce(log, source, *words):
    run("produce", "--from", source, "--to", "file:" + log, *words)


def follow(log, *words, server=redis, **more):
    return start("consume", "--from", "file:" + log, "--sink", server.url, "--batch-time", "20ms", *words, stderr=subprocess.DEVNULL, **more)


def check(what, want, server=redis, prefix=""):
    wrong = differences(server.dump(prefix), want)
    if wrong:
        sys.exit(f"{what}: {len(wrong)} of {len(want)} keys are wrong\n" + "\n".join(wrong[:10]))
    print(f"{what}: {len(want)} keys as expected")


def settled(what, log, want_place, seconds=10, server=redis):
    wait_for(f"{what}: place {want_place}", lambda: server.place() == want_place, seconds)


def streams():
    """Different logs, at once and message by message; times to live."""
    cases = {"sim": "sim:?seed=5&count=3000&rate=max&interval=97s", "spread": "sim:?seed=6&count=300&rate=max&spread=0.002&interval=1h"}
    shared = os.path.join(SHARED, "streams")
    for name in sorted(os.listdir(shared)) if os.path.isdir(shared) else []:
        if name.endswith(".ndjson") and os.path.getsize(os.path.join(shared, name)) < 3 << 20:
            cases[name] = "replay:" + os.path.join(shared, name)
    for name, source in cases.items():
        redis.ask("FLUSHALL")
        log = "log-" + name
        produce(log, source)
        run("consume", "--from", "file:" + log, "--sink", redis.url, "--until-end", "--batch", "257")
        want = expected(log)
        check(name, want)
        for key in want:
            lives = redis.ask("TTL", key)
            if key.split(":")[0] in ("rate", "volatility", "cross_rate"):
                assert 3500 < lives <= 3600, (key, lives)
            else:
                assert lives == -1, (key, lives)
        run("consume", "--from", "file:" + log, "--sink", redis.url, "--until-end")
        check(name + ", again", want)


def losses():
    """FLUSHALL and kill -9 of Redis in the middle and when nothing comes; kill -9 of the consumer."""
    log, total = "log-losses", 0
    redis.ask("FLUSHALL")
    p = None
    for turn, loss in enumerate(["", "flush", "kill redis", "kill consumer", "flush", "kill redis"]):
        feeding = start("produce", "--from", f"sim:?seed={turn}&count=2000&rate=4000&interval=60s&start={2000 + turn}-01-01T00:00:00Z", "--to", "file:" + log)
        if p is None:
            wait_for("the log", lambda: os.path.isdir(log))
            p = follow(log)
        wait_for("half of it", lambda: redis.place() > total + 500)
        for _ in range(2):  # while it comes, and when nothing comes any more
            if loss == "flush":
                redis.ask("FLUSHALL")
            elif loss == "kill redis":
                redis.restart()
            elif loss == "kill consumer":
                p.kill()
                p.wait()
                p = follow(log)
            if feeding.wait(60) != 0:
                sys.exit("fxmon-produce failed")
        total += 2000
        settled(loss, log, total)
        check(f"after {loss or 'nothing'}", expected(log))
    stop(p)


def two_processes():
    """Two of one group on one log fence each other and do no harm; two logs with the same pairs: the newest quote stays."""
    redis.ask("FLUSHALL")
    log = "log-two"
    produce(log, "sim:?seed=1&count=500&rate=max&start=2020-01-01T00:00:00Z")
    both = [follow(log, "--retry-cap", "50ms", "--retry-base", "1ms") for _ in range(2)]
    for turn in range(10):
        produce(log, f"sim:?seed={turn}&count=200&rate=max&start={2021 + turn}-01-01T00:00:00Z")
        wait_for("both to go on", lambda: redis.place() == 500 + 200 * (turn + 1), 20)
    check("two processes on one log", expected(log))
    for p in both:
        stop(p)
    redis.ask("FLUSHALL")
    logs = ["log-old", "log-new"]
    produce(logs[0], "sim:?seed=1&count=3000&rate=max&start=2020-01-01T00:00:00Z&interval=2s")
    produce(logs[1], "sim:?seed=2&count=3000&rate=max&start=2020-01-01T01:00:00Z&interval=2s")
    both = [follow(log, "--redis-series", "100000", "--batch", "50") for log in logs]
    settled("two logs", logs, 6000)
    for p in both:
        stop(p)
    have = redis.dump()
    older, newest = (expected(log, series=100000) for log in logs)
    for key, value in have.items():
        kind, _, pair = key.partition(":")
        if kind in ("rate", "cross_rate", "volatility", "latest_cross"):
            wrong = differences({key: value}, {key: newest[key]})
            assert not wrong, wrong
        elif kind == "series":  # the union of both
            union = {m for m, _ in older[key]} | {m for m, _ in newest[key]}
            assert {m for m, _ in value} == union, (key, len(value), len(union))
    print("two logs with the same pairs: the newest stay")


def errors():
    """Status 3 and a text that says what to do."""
    log = "log-sim"
    redis.ask("FLUSHALL")
    redis.ask("SET", "history:USD/EUR", "x")
    p = run("consume", "--from", "file:" + log, "--sink", redis.url, "--until-end", status=3)
    assert "history:USD/EUR is a string, expected a list" in p.stderr, p.stderr
    assert not redis.ask("EXISTS", "rate:USD/EUR")
    redis.ask("FLUSHALL")
    redis.ask("CONFIG", "SET", "requirepass", "geh:eim")
    redis.password = "geh:eim"
    try:
        p = run("consume", "--from", "file:" + log, "--sink", redis.url, "--until-end", status=3)
        assert "NOAUTH" in p.stderr, p.stderr
        p = run("consume", "--from", "file:" + log, "--sink", redis.url.replace("//", "//:fa%3Alsch@"), "--until-end", status=3)
        assert "WRONGPASS" in p.stderr and "lsch" not in p.stderr, p.stderr
        p = subprocess.run(command("consume", "--from", "file:" + log, "--sink", redis.url, "--until-end"), env={**ENV, "FXMON_REDIS_PASSWORD": "geh:eim"},
                           capture_output=True, text=True, timeout=60)
        assert p.returncode == 0, p.stderr
        run("consume", "--from", "file:" + log, "--sink", redis.url.replace("//", "//:geh%3Aeim@"), "--until-end")
    finally:
        redis.ask("CONFIG", "SET", "requirepass", "")
        redis.password = None
    p = run("consume", "--from", "file:" + log, "--sink", redis.url, "--redis-password", "x", status=None)
    assert p.returncode != 0 and "command line" in p.stderr, p.stderr
    p = run("consume", "--from", "file:" + log, "--sink", "rediss://127.0.0.1", "--until-end", status=3)
    assert "built without TLS" in p.stderr, p.stderr
    p = run("consume", "--from", "file:" + log, "--sink", "redis://127.0.0.1:1", "--until-end", "--retry-cap", "20ms", status=4)
    assert "refused" in p.stderr, p.stderr
    print("errors say what is wrong")


def subscribers():
    """The newest quote of each pair of a batch is published, as a row of standard output; after a loss nothing is published twice."""
    redis.ask("FLUSHALL")
    log = "log-published"
    with open("heard", "wb") as heard:
        listener = subprocess.Popen(["redis-cli", "-p", str(redis.port), "--raw", "subscribe", "fx-rates"], stdout=heard)
        wait_for("the subscription", lambda: b"subscribe" in open("heard", "rb").read())
        produce(log, "sim:?seed=1&count=50&rate=max&pairs=USD/EUR,USD/JPY")
        p = follow(log, "--batch", "1")
        settled("subscribers", log, 50)
        redis.ask("FLUSHALL")
        settled("subscribers, after a loss", log, 50)
        stop(p)
        listener.terminate()
        listener.wait()
    lines = [line for line in open("heard", encoding="utf-8").read().split("\n") if line.startswith("{")]
    rows = run("consume", "--from", "file:" + log, "--sink", "-", "--until-end").stdout.split("\n")[:-1]
    assert sorted(lines) == sorted(rows), (len(lines), len(rows), lines[:3], rows[:3])
    print(f"{len(lines)} rows were published, each once")


def stuck():
    """A Redis that answers no more: SIGTERM ends the consumer in time; when it answers again, everything comes out right, once."""
    redis.ask("FLUSHALL")
    log = "log-stuck"
    produce(log, "sim:?seed=1&count=400&rate=max&start=2020-01-01T00:00:00Z")
    p = follow(log)
    settled("before it is stuck", log, 400)
    server = int(open("server/pid").read())
    os.kill(server, signal.SIGSTOP)
    try:
        produce(log, "sim:?seed=2&count=300&rate=max&start=2021-01-01T00:00:00Z")
        waiting = f"/proc/{p.pid}/net/tcp"  # the batch lies in the socket: nobody reads it
        port = f":{redis.port:04X} "
        wait_for("a batch on its way", lambda: any(port in line and line.split()[4].split(":")[0] != "00000000" or rx(line, port) for line in open(waiting)), 10)
        began = time.monotonic()
        p.send_signal(signal.SIGTERM)
        status = p.wait(10)
        took = time.monotonic() - began
    finally:
        os.kill(server, signal.SIGCONT)
    assert status == 0 and took < 5, (status, took)
    p = follow(log)
    settled("after it was stuck", log, 700)
    check("after it was stuck", expected(log))
    p.kill()
    p.wait()
    print(f"SIGTERM with a Redis that does not answer: {took:.1f} s")


def rx(line, port):
    """The server's end of a connection holds bytes that it has not read."""
    words = line.split()
    return len(words) > 4 and words[1].endswith(port.strip()) and words[4].split(":")[1] != "00000000"


def alerts():
    """Alert events in the bounded list and on their channel: those of the history, newest first."""
    redis.ask("FLUSHALL")
    log, store = "log-alerts", "sqlite:alerts.db"
    produce(log, "sim:?seed=1&count=10&rate=max&start=2020-01-01T00:00:00Z")
    run("alert", "add", "--store", store, "USD/EUR cross 0.92", "USD/JPY cross 120", "USD/GBP cross 0.68")
    words = ["--from", "file:" + log, "--store", store, "--notify", redis.url, "--notify", "file:events"]
    run("alert", *words, "--until-end")
    for turn in range(3):
        produce(log, f"sim:?seed={turn}&count=2000&rate=max&start={2021 + turn}-01-01T00:00:00Z&noise=0.02")
        run("alert", *words, "--until-end", "--redis-alerts", "50")
    events = [line for name in sorted(os.listdir("events")) if name.endswith(".ndjson") for line in open("events/" + name, encoding="utf-8").read().split("\n") if line]
    assert len(events) > 60, len(events)
    assert redis.ask("LRANGE", "alerts", 0, -1) == events[::-1][:50], (redis.ask("LRANGE", "alerts", 0, 1), events[-2:])
    print(f"{len(events)} alert events, the newest 50 in the list")


streams()
losses()
two_processes()
errors()
subscribers()
stuck()
alerts()
