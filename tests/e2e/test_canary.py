"""fxmon-consume canary: a quote through log, lane and store. It comes while the lane works, is lost while it does not, and is there once when the lane is back;
with --every it goes on until a signal, also over a store that is away."""
import json, os, signal, sqlite3, subprocess, tempfile

import lib_programs as fx

work = tempfile.mkdtemp(prefix="fxmon-canary.")
log, store = f"file:{work}/log", f"sqlite:{work}/fx.db"
running = []


def check(what, fine, shown=""):
    if not fine:
        raise SystemExit(f"FAILED: {what}: {shown}")


def canary(*words, status):
    p = subprocess.run([f"{fx.BIN}/fxmon-consume", "canary", "--to", log, "--store", store, *words], capture_output=True, text=True, timeout=60)
    check("exit status", p.returncode == status, (p.returncode, p.stdout, p.stderr))
    return p.stdout


def rows():
    with sqlite3.connect(f"{work}/fx.db", timeout=20) as db:
        return db.execute("SELECT timestamp, rate, source, kind FROM fx_rates WHERE pair='XTS/XXX' ORDER BY time_ns").fetchall()


def consumer():
    p = fx.start("consume", "--from", log, "--sink", store, "--batch-time", "10ms", "--log-level", "warning")
    running.append(p)
    return p


try:
    first = consumer()
    fx.wait_for("the store", lambda: os.path.exists(f"{work}/fx.db") and os.path.isdir(f"{work}/log") or subprocess.run(
        [f"{fx.BIN}/fxmon-produce", "--from", "sim:?count=1&rate=max", "--to", log, "--log-level", "error"]).returncode)
    came = json.loads(canary("--json", status=0))
    check("a quote that came", came["status"] == "stored" and came["acknowledged_ms"] > 0 and came["stored_ms"] > 0, came)
    check("its row", rows() == [(came["timestamp"], 1.0, "canary", "quote")], rows())
    text = canary(status=0)
    check("in words", " acknowledged by the log after " in text and " in the store " in text and text.endswith(" ms later\n"), text)

    # nobody reads: lost, but only for the canary
    fx.stop(first)
    lost = json.loads(canary("--json", "--within", "200ms", status=1))
    check("a quote that did not come", lost["status"] == "lost" and lost["stored_ms"] is None and lost["acknowledged_ms"] > 0, lost)
    check("nobody wrote it", len(rows()) == 2, rows())
    second = consumer()
    fx.wait_for("the lane to catch up", lambda: len(rows()) == 3)
    check("once", rows()[2][0] == lost["timestamp"], rows())

    # again and again, and the store goes away in between
    watching = subprocess.Popen([f"{fx.BIN}/fxmon-consume", "canary", "--to", log, "--store", store, "--every", "1s", "--within", "500ms", "--json"], stdout=subprocess.PIPE,
                                stderr=subprocess.DEVNULL, text=True)
    running.append(watching)
    said = [json.loads(watching.stdout.readline())]
    check("the first of many", said[0]["status"] == "stored", said)
    fx.stop(second)
    while said[-1]["status"] == "stored":
        said.append(json.loads(watching.stdout.readline()))
    consumer()
    while said[-1]["status"] == "lost":
        said.append(json.loads(watching.stdout.readline()))
    watching.send_signal(signal.SIGTERM)
    rest = watching.communicate(timeout=20)[0].splitlines()
    check("it ends when asked, and says that something was lost", watching.returncode == 1, watching.returncode)
    said += [json.loads(line) for line in rest]
    check("a line each, in order", [s["timestamp"] for s in said] == sorted({s["timestamp"] for s in said}), said)

    p = subprocess.run([f"{fx.BIN}/fxmon-consume", "canary", "--to", log], capture_output=True, text=True, timeout=20)
    check("misuse", p.returncode == 2 and "--store is missing" in p.stderr, p.stderr)
    p = subprocess.run([f"{fx.BIN}/fxmon-consume", "canary", "--to", "-", "--store", store], capture_output=True, text=True, timeout=20)
    check("a pipe", p.returncode == 2, p.stderr)
finally:
    for p in running:
        if p.poll() is None:
            p.kill()
            p.wait()
    subprocess.run(["rm", "-rf", work], check=False)
print("canary: came, lost, caught up, watched")
