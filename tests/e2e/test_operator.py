"""What happens to a newcomer: programs started in the wrong order, mistyped, with closed descriptors, full disks, broken stores."""
import json, os, shutil, signal, sqlite3, subprocess, sys
from lib_programs import ENV, command, run, start, stop, wait_for


def check(what, condition, detail=""):
    if not condition:
        sys.exit(f"{what}: {detail}")


def rows(path="fx.db"):
    with sqlite3.connect(path) as db:
        return db.execute("SELECT count(*) FROM fx_rates").fetchone()[0]


def fresh():
    for name in os.listdir("."):
        shutil.rmtree(name) if os.path.isdir(name) else os.unlink(name)


def consumer_before_producer():
    """A lane that waited for its log to be made keeps its place under the log's name: the second run repeats nothing."""
    p = start("consume", "--from", "file:later", "--sink", "sqlite:fx.db", "--sink", "file:rows.csv", stderr=subprocess.PIPE, text=True)
    line = p.stderr.readline()
    check("message of the wait", "waiting" in line and "later" in line, line)
    run("produce", "--from", "sim:", "--to", "file:later", "--once")
    wait_for("eight lines of CSV", lambda: os.path.exists("rows.csv") and open("rows.csv").read().count("\n") == 9)
    wait_for("eight rows", lambda: os.path.exists("fx.db") and rows() == 8)
    stop(p)
    run("consume", "--from", "file:later", "--sink", "sqlite:fx.db", "--sink", "file:rows.csv", "--until-end")
    check("rows after the second run", rows() == 8, rows())
    check("lines after the second run", open("rows.csv").read().count("\n") == 9)


def missing_log():
    for words in (["consume", "--sink", "-"], ["consume", "--sink", "sqlite:fx.db"], ["alert", "--store", "sqlite:fx.db"]):
        p = run(words[0], "--from", "file:nowhere", "--until-end", *words[1:], status=4, timeout=20)
        check("text of a missing log", "there is no log nowhere" in p.stderr, p.stderr)
    os.mkdir("empty")
    run("consume", "--from", "file:empty", "--sink", "-", "--until-end", timeout=20)


def mistyped():
    p = run("consume", "--from", "file:log", "--sink", "sqlit:fx.db", status=3)
    check("nearest store", 'did you mean "sqlite"' in p.stderr, p.stderr)
    run("consume", "--from", "fil:log", "--sink", "-", status=3)
    run("produce", "--from", "simm:", "--to", "-", status=3)
    run("alert", "--from", "file:log", "--store", "bogus:x", status=3)
    run("alert", "list", "--store", "bogus:x", status=3)
    run("serve", "--from", "file:log", "--store", "bogus:x", status=3)
    p = run("produce", "--config", ".", status=3)
    check("a folder as configuration", "directory" in p.stderr, p.stderr)


def unreachable():
    """What cannot be reached ends a run of cron with status 4, soon; misuse and missing alerts keep their own status."""
    run("produce", "--from", "sim:", "--to", "file:log", "--once")
    quick = ["--retry-cap", "20ms", "--retry-base", "5ms"]
    p = run("consume", "--from", "file:log", "--sink", "sqlite:/nowhere/fx.db", "--until-end", *quick, status=4, timeout=20)
    check("text of a missing folder", "cannot open /nowhere/fx.db: No such file or directory" in p.stderr, p.stderr)
    run("consume", "--from", "file:log", "--sink", "file:/nowhere/a.csv", "--until-end", *quick, status=4, timeout=20)
    with open("/dev/full", "w") as full:
        p = subprocess.run(command("consume", "--from", "file:log", "--sink", "-", "--until-end", *quick), env=ENV, stdout=full,
                           stderr=subprocess.PIPE, text=True, timeout=20)
        check("full standard output", p.returncode == 4 and "No space left" in p.stderr, p)
    run("produce", "--from", "replay:nowhere.csv", "--to", "-", "--once", status=4)
    run("produce", "--from", "sim:", "--to", "file:/proc/nowhere", "--once", status=4)
    p = run("alert", "list", "--store", "sqlite:nowhere.db", status=4)
    check("text of a missing store", "cannot open nowhere.db: No such file or directory" in p.stderr, p.stderr)
    run("alert", "add", "--store", "sqlite:fx.db", "USD/EUR above 1")
    run("alert", "rm", "--store", "sqlite:fx.db", "77", status=1)
    run("alert", "show", "--store", "sqlite:fx.db", "77", status=1)
    for words in (["produce", "--help"], ["alert", "list", "--store", "sqlite:fx.db"]):
        with open("/dev/full", "w") as full:
            p = subprocess.run(command(*words), env=ENV, stdout=full, stderr=subprocess.PIPE, text=True, timeout=20)
            check("answer that could not be written: " + words[0], p.returncode == 4 and "No space left" in p.stderr, p)


def all_notices_at_the_end():
    """A run until the end hands every event to its command, also when that takes longer than a farewell after SIGTERM may."""
    run("alert", "add", "--store", "sqlite:fx.db", "USD/EUR above 1")
    with open("in.ndjson", "w") as f:
        for i in range(160):
            f.write(json.dumps({"timestamp": f"2026-01-05T00:{i // 60:02d}:{i % 60:02d}Z", "base": "USD", "rates": {"USD/EUR": [1.5, 0.5][i % 2]}, "source": "s"}) + "\n")
    run("produce", "--from", "replay:in.ndjson", "--once", "--to", "file:log")
    with open("tell.sh", "w") as f:
        f.write("#!/bin/sh\ncat >>told; sleep 0.03\n")
    os.chmod("tell.sh", 0o755)
    run("alert", "--from", "file:log", "--store", "sqlite:fx.db", "--notify", "exec:./tell.sh", "--until-end", timeout=60)
    told = open("told").read()
    check("notices", told.count('"event_id"') == 160, told.count('"event_id"'))  # 80 fired, 80 resolved
    with open("tell.sh", "w") as f:
        f.write("#!/bin/sh\nexit 1\n")
    run("produce", "--from", "sim:", "--once", "--to", "file:log")
    run("alert", "add", "--store", "sqlite:fx.db", "USD/JPY above 1")
    p = run("alert", "--from", "file:log", "--store", "sqlite:fx.db", "--notify", "exec:./tell.sh", "--until-end", timeout=60)
    check("said what waits", "wait in the store" in p.stderr, p.stderr)


def hanging_notifier():
    """SIGTERM ends the alert lane within 5 s although its command hangs; the event waits in the store."""
    run("produce", "--from", "sim:", "--to", "file:log", "--once")
    run("alert", "add", "--store", "sqlite:fx.db", "USD/EUR above 0.1")
    with open("hang.sh", "w") as f:
        f.write("#!/bin/sh\n: >hangs\nexec sleep 60\n")
    os.chmod("hang.sh", 0o755)
    p = start("alert", "--from", "file:log", "--store", "sqlite:fx.db", "--notify", "exec:./hang.sh", stderr=subprocess.PIPE, text=True)
    wait_for("the command", lambda: os.path.exists("hangs"))
    stop(p, 5)
    check("said what waits", "wait in the store" in p.stderr.read())


def closed_streams():
    """A closed standard stream is an error where it is used, and never another file's descriptor."""
    words = " ".join(command("consume", "--from", "-", "--sink", "-"))
    p = subprocess.run(["sh", "-c", f"exec {words} <&-"], env=ENV, capture_output=True, text=True, timeout=20)
    check("closed standard input", p.returncode not in (0, None), p)
    words = " ".join(command("produce", "--from", "sim:", "--to", "file:log", "--once", "--json"))
    subprocess.run(["sh", "-c", f"exec {words} <&- >&- 2>&-"], env=ENV, timeout=20)
    for name in os.listdir("log"):
        if name.endswith(".ndjson"):
            lines = open("log/" + name).read().splitlines()
            check("one record in the log", len(lines) == 1 and "rates" in json.loads(lines[0]), lines)


for case in (consumer_before_producer, missing_log, mistyped, unreachable, all_notices_at_the_end, hanging_notifier, closed_streams):
    fresh()
    case()
    print("ok", case.__name__)
