"""A Redis of tests/servers/redis, asked by its own protocol; what is in it as a dictionary; and what should be, computed from the log alone."""
import atexit, json, math, os, socket, subprocess, sys
from fractions import Fraction

sys.path.insert(0, os.path.join(os.environ["FXMON_TOP"], "tests", "e2e"))
from lib_programs import TOP  # noqa: E402

SCRIPT = os.path.join(TOP, "tests", "servers", "redis")


class Redis:
    def __init__(self, folder, *settings):
        self.folder = os.path.abspath(folder)
        p = subprocess.run([SCRIPT, "start", self.folder, *settings], capture_output=True, text=True)
        if p.returncode != 0:
            print(p.stderr.strip() or "no Redis to be had")
            sys.exit(77)
        env = dict(line.split("=", 1) for line in p.stdout.split())
        self.url, self.port, self.password = env["REDIS_URL"], int(env["REDIS_PORT"]), None
        self.socket = None
        atexit.register(self.do, "stop")

    def do(self, word):
        self.socket = None
        subprocess.run([SCRIPT, word, self.folder], check=True)

    def restart(self):
        self.do("kill")
        self.do("again")

    def ask(self, *words):
        if self.socket is None:
            self.socket = socket.create_connection(("127.0.0.1", self.port), 10)
            self.file = self.socket.makefile("rb")
            if self.password:
                self.ask("AUTH", self.password)
        out = b"*%d\r\n" % len(words)
        for w in words:
            w = w if isinstance(w, bytes) else str(w).encode()
            out += b"$%d\r\n%s\r\n" % (len(w), w)
        self.socket.sendall(out)
        answer = self.reply()
        if isinstance(answer, Exception):
            raise answer
        return answer

    def reply(self):
        line = self.file.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionError("Redis closed the connection")
        kind, rest = line[:1], line[1:-2]
        if kind == b"+":
            return rest.decode()
        if kind == b"-":
            return RuntimeError(rest.decode())
        if kind == b":":
            return int(rest)
        if int(rest) < 0:
            return None
        if kind == b"$":
            data = self.file.read(int(rest) + 2)[:-2]
            try:
                return data.decode()
            except UnicodeDecodeError:
                return data
        return [self.reply() for _ in range(int(rest))]

    def place(self):
        """Where the lane stands: the sum of next_offset over its places; -1: nowhere."""
        keys = self.ask("KEYS", "fxmon:progress:*")
        return sum(int(self.ask("HGET", k, "next_offset") or 0) for k in keys) if keys else -1

    def dump(self, prefix=""):
        """Every key with its value as Redis has it, but for the lanes' places."""
        out = {}
        for key in self.ask("KEYS", prefix + "*"):
            if key.startswith(prefix + "fxmon:"):
                continue
            kind = self.ask("TYPE", key)
            if kind == "string":
                value = self.ask("GET", key)
            elif kind == "list":
                value = self.ask("LRANGE", key, 0, -1)
            elif kind == "hash":
                flat = self.ask("HGETALL", key)
                value = dict(zip(flat[::2], flat[1::2]))
            elif kind == "zset":
                flat = self.ask("ZRANGE", key, 0, -1, "WITHSCORES")
                value = list(zip(flat[::2], flat[1::2]))
            else:
                value = None
            out[key[len(prefix):]] = value
        return out


# ---- what should be there, by exact arithmetic --------------------------------------------------------------------------------

class Number(str):
    """A JSON number as written."""


def records(log):
    """The messages of a file log with their offsets, digits as written."""
    offset = 0
    for name in sorted(f for f in os.listdir(log) if f.endswith(".ndjson")):
        with open(os.path.join(log, name), encoding="utf-8") as f:
            for line in f:
                yield offset, json.loads(line, parse_float=Number, parse_int=Number)
                offset += 1


def nanoseconds(text):
    import datetime
    head, _, fraction = text.rstrip("Z").partition(".")
    seconds = int(datetime.datetime.fromisoformat(head + "+00:00").timestamp())
    return seconds * 10**9 + int((fraction + "000000000")[:9] or 0)


def root(value):
    """The square root of a fraction, rounded to the nearest double."""
    if value == 0:
        return 0.0
    shift = 0
    while value * 4**shift < 1 << 140:
        shift += 32
    scaled = math.isqrt(int(value * 4**shift)) | 1  # the odd last bit keeps a tie from being seen as one
    return float(Fraction(scaled, 2**shift))


def deviation(prices):
    mean = Fraction(sum(prices), len(prices))
    return root(sum((p - mean) ** 2 for p in prices) / (len(prices) - 1))


def seconds(time):
    text = f"{time // 10**9}.{time % 10**9:09d}".rstrip("0").rstrip(".")
    return text


def expected(log, track="EUR,GBP,JPY,CAD,AUD,CHF,CNY,INR".split(","), window=20, history=20, series=1000, partition=0):
    """The keys that the log must make. Volatilities and crosses are floats, the rest is text."""
    keys, seen, pairs, crosses, points, moves = {}, {}, {}, {}, {}, {}
    for offset, m in records(log):
        time, source, fresh, legs = nanoseconds(m["timestamp"]), m["source"], set(), {}
        for pair, rate in m["rates"].items():
            legs[pair.split("/")[1]] = rate
            quote = (rate, m.get("bids", {}).get(pair), m.get("asks", {}).get(pair))
            last = seen.setdefault((pair, source), {"time": -1, "quote": None, "window": []})
            late = time <= last["time"]
            if time == last["time"] and all(a == b or a and b and Fraction(a) == Fraction(b) for a, b in zip(quote, last["quote"])):
                continue
            points.setdefault(pair, set()).add((time, str(rate)))
            if late:
                continue
            fresh.add(pair.split("/")[1])
            last.update(time=time, quote=quote)
            last["window"] = (last["window"] + [rate])[-window:]
            entry = pairs.setdefault(pair, {"at": (-1, 0, 0), "history": [], "reference": None, "rate": None})
            if (time, partition, offset) <= entry["at"]:
                continue
            day = 86400 * 10**9
            if entry["rate"] is None:
                entry["reference"] = rate
            elif time // day > entry["at"][0] // day:
                entry["reference"] = entry["rate"]
            entry["history"] = ([str(rate)] + entry["history"])[:history]
            entry.update(at=(time, partition, offset), rate=rate, source=source, stamp=m["timestamp"], window=last["window"], bid=quote[1], ask=quote[2])
        for i, a in enumerate(track):
            for b in track[i + 1:]:
                if a in legs and b in legs and (a in fresh or b in fresh) and (time, partition, offset) > crosses.get(f"{a}/{b}", ((-1, 0, 0),))[0]:
                    crosses[f"{a}/{b}"] = ((time, partition, offset), (legs[b], legs[a]), source, m["timestamp"])
    for pair, e in pairs.items():
        e["volatility"] = deviation([Fraction(p) for p in e["window"]]) if len(e["window"]) > 1 else None
        keys["rate:" + pair] = str(e["rate"])
        keys["history:" + pair] = e["history"]
        change = (float(Fraction(e["rate"])) - float(Fraction(e["reference"]))) / float(Fraction(e["reference"])) * 1e8
        change = int(change - 0.5 if change < 0 else change + 0.5) / 1e6
        moves[pair] = abs(change)
        keys["latest:" + pair] = {"rate": str(e["rate"]), "time": e["stamp"], "source": e["source"], "partition": str(e["at"][1]), "offset": str(e["at"][2]),
                                  "samples": str(len(e["window"])), "reference": str(e["reference"]), "change": change}
        for name in ("bid", "ask", "volatility"):
            if e[name] is not None:
                keys["latest:" + pair][name] = e[name] if name == "volatility" else str(e[name])
        if e["volatility"] is not None:
            keys["volatility:" + pair] = e["volatility"]
    for pair, (at, (over, under), source, stamp) in crosses.items():
        rate = float(Fraction(over) / Fraction(under))
        keys["cross_rate:" + pair] = rate
        keys["latest_cross:" + pair] = {"rate": rate, "time": stamp, "source": source, "partition": str(at[1]), "offset": str(at[2])}
    for pair, all_points in points.items():
        members = sorted((float(seconds(t)), f"{seconds(t)}:{rate}") for t, rate in all_points)[-series:]
        keys["series:" + pair] = [(member, score) for score, member in members]
    keys["movers"] = [(pair, move) for move, pair in sorted((move, pair) for pair, move in moves.items())]
    return keys


def near(a, b):
    return a == b or abs(a - b) <= math.ulp(b)


def same(have, want):
    if isinstance(want, float):
        return isinstance(have, str) and near(float(have), want)
    if isinstance(want, dict):
        return isinstance(have, dict) and have.keys() == want.keys() and all(same(have[k], want[k]) for k in want)
    if isinstance(want, (list, tuple)):
        return isinstance(have, (list, tuple)) and len(have) == len(want) and all(same(h, w) for h, w in zip(have, want))
    return have == want


def differences(have, want):
    out = [f"{k}: expected {str(want[k])[:300]}, is missing" for k in sorted(want.keys() - have.keys())]
    out += [f"{k}: not expected: {str(have[k])[:300]}" for k in sorted(have.keys() - want.keys())]
    return out + [f"{k}: expected {str(want[k])[:400]}, is {str(have[k])[:400]}" for k in sorted(want.keys() & have.keys()) if not same(have[k], want[k])]
