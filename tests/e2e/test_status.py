"""What lanes and producers tell the store of themselves: rows while they run, heartbeats that advance, how they ended, kill -9, a store that is away; read by
fxmon-consume status, by SQL and by the HTTP API. Time is not waited for where a row can be made older by hand."""
import json, os, signal, sqlite3, subprocess, sys, tempfile
import lib_programs as fx

work = tempfile.mkdtemp(prefix="fxmon-status-")
log, store = f"file:{work}/log", f"sqlite:{work}/fx.db"
running = []


def check(what, good, shown=""):
    if not good:
        for p in running:
            p.kill()
        sys.exit(f"{what}: {shown}")


def status(expected=None, where=store):
    p = fx.run("consume", "status", "--store", where, "--json", status=None)
    if expected is not None:
        check("exit status", p.returncode == expected, f"{p.returncode}, expected {expected}: {p.stdout} {p.stderr}")
    return {f"{r['component']} {r['instance'].split(':')[-1]}": r for r in json.loads(p.stdout)["lanes"]} if p.stdout else {}


def sql(text):
    with sqlite3.connect(f"{work}/fx.db", timeout=20) as db:
        return db.execute(text).fetchall()


def row(process, component):
    return status().get(f"{component} {process.pid}")


def begin(program, *words):
    p = fx.start(program, *words, "--log-level", "warning")
    running.append(p)
    return p


try:
    # a producer and a consumer with two sinks of one kind: a row each, told while they run
    producer = begin("produce", "--from", "sim:", "--to", log, "--rate", "200", "--duration", "1h", "--store", store)
    consumer = begin("consume", "--from", log, "--sink", store, "--sink", f"sqlite:{work}/second.db")
    fx.wait_for("the rows", lambda: row(producer, "produce") and row(consumer, "consume/sqlite") and row(consumer, "consume/sqlite#2"))
    first = fx.wait_for("messages", lambda: (r := row(consumer, "consume/sqlite")) and r["messages"] > 0 and r["status"] == "ok" and r)
    check("member of the row", first["group"] == "fxmon" and first["assigned_partitions"] == [0] and not first["producer"], first)
    check("nothing in the other store", sqlite3.connect(f"{work}/second.db").execute("SELECT count(*) FROM fxmon_health").fetchall() == [(0,)])
    later = fx.wait_for("a heartbeat", lambda: (r := row(consumer, "consume/sqlite")) and r["last_heartbeat"] > first["last_heartbeat"] and r)
    check("messages go on", later["messages"] > first["messages"] and later["messages_last_minute"] == later["messages"], (first, later))
    sent = status(0)[f"produce {producer.pid}"]
    check("the producer", sent["producer"] and sent["status"] == "ok" and sent["messages_last_minute"] > 0 and sent["group"] == log, sent)
    names, = sql("SELECT count(*) FROM consumer_health c JOIN producer_health p WHERE c.status='ok' AND p.status='ok' AND p.type='produce'")
    check("views", names == (2,), names)

    # the API, with the server among the rows
    server = fx.Server("--from", log, "--store", store)
    running.append(server.process)
    fx.wait_for("the server's row", lambda: any(r["component"] == "serve" for r in server.json("/api/consumer-health")))
    consumers = {r["id"]: r for r in server.json("/api/consumer-health")}
    mine = [r for r in consumers.values() if r["instance"].endswith(f":{consumer.pid}") and r["component"] == "consume/sqlite"]
    check("consumer-health", len(mine) == 1 and mine[0]["assigned_partitions"] == [0] and mine[0]["status"] == "ok" and mine[0]["messages_processed_last_minute"] > 0, consumers)
    producers = server.json("/api/producer-health")
    check("producer-health", [r["type"] for r in producers] == ["produce"] and producers[0]["messages_sent_last_minute"] > 0, producers)
    source, = server.json("/api/source-health")
    check("source-health", source["source"] == "sim:" and source["status"] == "fresh" and source["publications"] > 0 and source["publications_missed"] is None and
          source["producer_id"] == f"produce {sent['instance']}" and source["log"] == log, source)
    system = server.json("/api/system-status")
    check("sources of the system", system["sources"] == {"fresh": 1, "late": 0, "failing": 0}, system)
    check("system-status", system["status"] == "healthy" and system["consumers"]["working"] == 3 and system["producers"]["working"] == 1 and system["in_trouble"] == 0, system)
    assignment = server.json("/api/partition-assignment")
    check("partition-assignment", len(assignment["members"]) == 3 and [(p["lane"], p["partition_number"]) for p in assignment["partitions"]] == [("fxmon/sqlite", 0)] and
          assignment["partitions"][0]["owner"].endswith(f":{consumer.pid}") and assignment["partitions"][0]["next_offset"] > 0, assignment)
    check("no rebalances of a file", server.json("/api/rebalancing-events") == [])
    sql("INSERT INTO fxmon_rebalance(time,component,instance,group_name,member,kind,partitions,assigned,generation,duration,reason)VALUES"
        "(1700000000000000000,'consume/sqlite','h:1','g','m','assigned','0,2','0,1,2',3,250000000,'member joined')")
    event, = server.json("/api/rebalancing-events?limit=1")
    check("rebalancing-events", event["partitions"] == [0, 2] and event["assigned_partitions"] == [0, 1, 2] and event["duration_seconds"] == 0.25 and
          event["event_type"] == "assigned" and event["generation"] == 3 and event["timestamp"] == "2023-11-14T22:13:20Z", event)
    check("bad limit", server.get("/api/rebalancing-events?limit=0")[0] == 422)
    check("/health lists them", "consume/sqlite" in server.json("/health")["components"], server.json("/health"))

    # killed: its row stays until three intervals have passed, then it is called stopped, and status says so
    pid = consumer.pid
    consumer.kill()
    consumer.wait()
    check("not yet", status()[f"consume/sqlite {pid}"]["status"] == "ok", status())
    sql(f"UPDATE fxmon_health SET heartbeat=heartbeat-15000000001 WHERE instance LIKE '%:{pid}'")
    dead = status(1)[f"consume/sqlite {pid}"]
    check("killed", dead["status"] == "stopped" and dead["silent"] and dead["trouble"], dead)
    system = server.json("/api/system-status")
    check("system-status sees it", system["status"] == "degraded" and system["in_trouble"] == 2 and system["consumers"]["stopped"] == 2, system)
    fx.wait_for("/health, which looks once a second", lambda: server.json("/health")["components"]["consume/sqlite"]["status"] == "unhealthy")
    # replaced by another: no trouble any more
    consumer = begin("consume", "--from", log, "--sink", store, "--sink", f"sqlite:{work}/second.db")
    fx.wait_for("the successor", lambda: row(consumer, "consume/sqlite#2"))
    status(0)

    # asked to stop: the last row says so
    for p, component in ((consumer, "consume/sqlite"), (producer, "produce")):
        fx.stop(p)
        check("stopped", (r := row(p, component)) and r["status"] == "stopped" and not r["silent"], status())
    server.stop()
    status(0)
    behind = [r for k, r in status().items() if r["component"] == "serve"]
    check("the server stopped", behind and behind[0]["status"] == "stopped", behind)

    # the store of health is away: the work goes on, a complaint is made; when it is back, the rows are
    os.mkdir(f"{work}/away")
    away = f"sqlite:{work}/away/health.db"
    os.mkdir(f"{work}/away/health.db") # a folder in the place of the file
    complaints = open(f"{work}/complaints", "w+")
    steady = fx.start("produce", "--from", "sim:", "--to", f"file:{work}/log2", "--rate", "100", "--duration", "1h", "--store", away, "--retry-cap", "200ms", stderr=complaints)
    running.append(steady)
    segment = f"{work}/log2/00000000000000000000.ndjson"
    fx.wait_for("records", lambda: os.path.exists(segment) and os.path.getsize(segment) > 10000)
    fx.wait_for("a complaint", lambda: "health" in open(complaints.name).read())
    os.rmdir(f"{work}/away/health.db")
    fx.wait_for("the row", lambda: os.path.exists(f"{work}/away/health.db") and status(where=away).get(f"produce {steady.pid}"))
    fx.stop(steady)
    check("the last row", status(0, away)[f"produce {steady.pid}"]["status"] == "stopped", status(where=away))

    # a lane that fails says so
    os.makedirs(f"{work}/gap")
    p = fx.run("consume", "--from", f"file:{work}/nolog", "--sink", store, "--until-end", "--breaker-threshold", "1", status=4)
    last = [r for r in status(1).values() if r["status"] == "failed"]
    check("failed", len(last) == 1 and last[0]["detail"], status())
finally:
    for p in running:
        if p.poll() is None:
            p.kill()
subprocess.run(["rm", "-rf", work])
