"""The line of progress, on a terminal and elsewhere, and the closing report of the load generator."""
import json, os, pty, re, select, subprocess, sys, tempfile
import lib_programs as fx

work = tempfile.mkdtemp(prefix="fxmon-progress-")
load = ["--from", "sim:", "--rate", "500", "--duration", "2500ms", "--to"]


def check(what, good, shown=""):
    if not good:
        sys.exit(f"{what}: {shown!r}")


def on_terminal(*words, environment=None, output=None):
    """Run with standard error on a terminal; what was written to it, and what to standard output."""
    outside, inside = pty.openpty()
    env = {k: v for k, v in fx.ENV.items() if k != "TERM"} | {"TERM": "xterm"} | (environment or {})
    p = subprocess.Popen(fx.command(*words), env=env, stderr=inside, stdout=inside if output == "terminal" else subprocess.PIPE)
    os.close(inside)
    seen = b""
    while select.select([outside], [], [], 60)[0]:
        try:
            chunk = os.read(outside, 65536)
        except OSError: # the other side was closed
            break
        if not chunk:
            break
        seen += chunk
    rest = p.stdout.read().decode() if p.stdout else ""
    check("status", p.wait(60) == 0, seen)
    os.close(outside)
    return seen.decode(), rest


LINE = re.compile(r"[\r\n]0:0\d  produce: \d+ messages, [\d.]+/s, \w+\x1b\[K")
seen, _ = on_terminal("produce", *load, f"file:{work}/a")
check("a line a second", len(LINE.findall(seen)) >= 2, seen)
check("gone before the report", re.search(r"\r\x1b\[Kfxmon-produce: produce: 1250 messages", seen), seen)
for what, words, environment in (("never", ("--progress", "never"), None), ("a quiet log", ("--log-level", "warning"), None), ("JSON", ("--log-format", "json"), None),
                                 ("a dumb terminal", (), {"TERM": "dumb"})):
    seen, _ = on_terminal("produce", *load[:4], "--duration", "1200ms", "--to", f"file:{work}/b", *words, environment=environment)
    check(f"no line: {what}", "\x1b" not in seen, seen)
seen, _ = on_terminal("produce", *load[:4], "--duration", "1200ms", "--to", "-", output="terminal")
check("records on the same terminal", "\x1b" not in seen and '"rates"' in seen, seen[-300:])
seen, _ = on_terminal("consume", "--from", f"file:{work}/a", "--sink", f"sqlite:{work}/fx.db", "--until-end")
check("a short run has no line", "\x1b" not in seen and "1250 messages" in seen, seen)

# no terminal: nothing, unless asked
p = fx.run("produce", *load[:4], "--duration", "1200ms", "--to", f"file:{work}/c")
check("no terminal", "\x1b" not in p.stderr, p.stderr)
p = fx.run("produce", *load[:4], "--duration", "1200ms", "--to", f"file:{work}/c", "--progress", "always")
check("always", LINE.search(p.stderr), p.stderr)

# the report as text and as one object
p = fx.run("produce", *load, f"file:{work}/d")
found = re.search(r"produce: ([\d.]+) s, ([\d.]+) messages a second, (\d+) bytes; acknowledged after ([\d.]+) ms \(half\), ([\d.]+) ms \(99 of 100\), ([\d.]+) ms \(the slowest\); 0 failures\n$", p.stderr)
check("report", found and not p.stdout, p.stderr)
seconds, rate, size, half, most, slowest = (float(x) for x in found.groups())
check("figures", seconds >= 2.4 and abs(rate * seconds - 1250) < 5 and 0 < half <= most <= slowest < seconds * 1000, found.groups())
with open(f"{work}/d/00000000000000000000.ndjson") as f:
    written = f.read()
check("bytes", size == len(written) - written.count("\n"), (size, len(written)))
p = fx.run("produce", *load, f"file:{work}/e", "--json")
r = json.loads(p.stdout)
check("one object", r["lane"] == "produce" and r["messages"] == 1250 and r["failures"] == 0 and r["seconds"] >= 2.4 and abs(r["messages_per_second"] * r["seconds"] - 1250) < 5
      and 0 < r["ack_p50_ms"] <= r["ack_p99_ms"] <= r["ack_max_ms"] and r["bytes"] > 0, r)
subprocess.run(["rm", "-rf", work])
