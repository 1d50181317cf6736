#!/usr/bin/env python3
"""Rate messages as MessagePack beside python3-msgpack, which knows nothing of fxmon: each reads what the other writes, to the last digit."""
import datetime, decimal, json, os, random, subprocess, sys
try:
    import msgpack
except ImportError:
    debian = "/usr/bin/python3"  # the package belongs to this one, whatever python3 is first in PATH
    if os.path.exists(debian) and os.path.realpath(sys.executable) != os.path.realpath(debian) and "FXMON_TRIED" not in os.environ:
        os.environ["FXMON_TRIED"] = "1"
        os.execv(debian, [debian, __file__])
    print("skipped: python3-msgpack is not installed")
    sys.exit(77)

program = os.path.join(os.environ["FXMON_BUILD"], "tests/unit/test_message_pack")
seed = int(os.environ.get("FXMON_SEED", random.randrange(1 << 30)))
print("FXMON_SEED =", seed)
chance = random.Random(seed)


def convert(lines):
    answer = subprocess.run([program, "convert"], input="\n".join(lines) + "\n", capture_output=True, text=True, check=True, timeout=60).stdout.split("\n")
    assert len(answer) == len(lines) + 1, (len(answer), len(lines))
    return answer[:-1]


def digits():
    whole, part = chance.randrange(10 ** chance.randrange(1, 7)), chance.randrange(0, 11)
    text = f"{whole}.{chance.randrange(10 ** part):0{part}d}" if part else str(whole + 1)
    return text if decimal.Decimal(text) > 0 else "1.50"


def message():
    names = chance.sample(["EUR", "GBP", "JPY", "CAD", "AUD", "CHF", "CNY", "INR", "BRL", "KRW", "SEK", "NOK", "MXN", "ZAR", "TRY", "PLN", "HUF"], chance.randrange(1, 18))
    m = {"timestamp": f"2026-02-{chance.randrange(1, 29):02d}T{chance.randrange(24):02d}:30:00Z", "base": "USD",
         "rates": {"USD/" + n: digits() for n in names}, "source": chance.choice(["s", "exchangerate-api.com", "ümlaut", "x" * 39])}
    if chance.random() < 0.5:
        m["ingested_at"] = "2026-02-04T10:30:01.250Z"
    if chance.random() < 0.3:
        m["bids"] = {"USD/" + names[0]: digits()}
        m["asks"] = {"USD/" + names[0]: digits()}
    return m


def as_json(m):
    """with the digits as numbers, in the spelling of fxmon"""
    parts = []
    for name, value in m.items():
        shown = "{" + ",".join(f'"{k}":{v}' for k, v in value.items()) + "}" if isinstance(value, dict) else json.dumps(value, ensure_ascii=False)
        parts.append(f'"{name}":{shown}')
    return "{" + ",".join(parts) + "}"


# what fxmon writes, msgpack reads: the very same members in the same order, rates as texts with their digits
messages = [message() for _ in range(500)]
for m, packed in zip(messages, convert([as_json(m) for m in messages])):
    read = msgpack.unpackb(bytes.fromhex(packed), raw=False, strict_map_key=True)
    assert read == m and list(read) == list(m) and list(read["rates"]) == list(m["rates"]), (m, read)

# what msgpack writes, fxmon reads
for m, line in zip(messages, convert([msgpack.packb(m).hex() for m in messages])):
    assert line == as_json(m), (as_json(m), line)

# floats, integers, times as MessagePack has them: the shortest decimal is meant
natural = []
for m in messages:
    n = json.loads(json.dumps(m))
    n["rates"] = {k: int(float(v)) if chance.random() < 0.1 and int(float(v)) else float(v) for k, v in m["rates"].items()}
    if chance.random() < 0.5:
        n["timestamp"] = datetime.datetime.fromisoformat(m["timestamp"].replace("Z", "+00:00"))
    natural.append(n)
for n, line in zip(natural, convert([msgpack.packb(n, datetime=True).hex() for n in natural])):
    read = json.loads(line, parse_float=decimal.Decimal, parse_int=decimal.Decimal)
    assert read["rates"] == {k: decimal.Decimal(repr(v)) for k, v in n["rates"].items()}, (n, line)
    wanted = n["timestamp"] if isinstance(n["timestamp"], str) else n["timestamp"].strftime("%Y-%m-%dT%H:%M:%SZ")
    assert read["timestamp"] == wanted, (n, line)

# what msgpack takes for no MessagePack fxmon takes for none either
whole = msgpack.packb(messages[0])
cuts = [whole[:i] for i in range(1, len(whole))] + [whole + b"\0"]
for cut, line in zip(cuts, convert([c.hex() for c in cuts])):
    assert line.startswith("error: syntax: "), (cut, line)
single = msgpack.packb({**messages[0], "rates": {"USD/EUR": 0.847}, "bids": None, "asks": None}, use_single_float=True)
assert convert([single.hex()])[0].startswith("error: malformed: the rate of USD/EUR is a 32-bit float"), convert([single.hex()])
print(len(messages), "messages there and back,", len(natural), "with floats and timestamps,", len(cuts), "broken ones")
