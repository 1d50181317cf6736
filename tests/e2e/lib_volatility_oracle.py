"""Rolling deviations by exact fractions: `make FILE` writes series of prices, `compare PRICES VALUES` judges what fxmon made of them.

The root is taken by integers here, since that of statistics.stdev is correctly rounded only from Python 3.11 on; there, every tenth value is checked against it.
"""
import math
import os
import random
import statistics
import struct
import sys
from fractions import Fraction

SHARE = 0.999


def text(mantissa, scale):
    digits = str(mantissa).rjust(scale + 1, "0")
    return digits[:-scale] + "." + digits[-scale:] if scale else digits


def walk(r, level, step, scale, count):
    for _ in range(count):
        level = max(1, level + r.randint(-step, step))
        yield text(level, scale)


def series(r):
    yield "five decimals", 20, list(walk(r, 108512, 40, 5, 6000))
    yield "yen", 20, list(walk(r, 150123, 60, 3, 3000))
    yield "rupiah", 20, list(walk(r, 16321, 25, 0, 3000))
    yield "daily fixings, window 60", 60, list(walk(r, 847000, 5000, 6, 2000))
    yield "window 2", 2, list(walk(r, 1234, 3, 4, 3000))
    yield "window 500", 500, list(walk(r, 7456123, 900, 6, 900))
    yield "peg", 20, [text(1085000000 + r.choice([0, 0, 0, 0, 1, -1]), 9) for _ in range(3000)]
    yield "1e9 and noise", 20, ["1000000000." + str(r.randrange(10**6)).rjust(6, "0") for _ in range(3000)]
    yield "flat and noise", 20, [text(108512 + (r.randint(-9, 9) if i // 25 % 2 else 0), 5) for i in range(3000)]
    yield "NumAcc4", 20, ["10000000.%d" % (3 if i % 2 else 1) for i in range(1000)]
    yield "spikes", 20, ["100000000000000000" if r.random() < 0.02 else p for p in walk(r, 108512, 40, 5, 3000)]
    yield "fat fingers", 20, [text(int(p.replace(".", "")) * 10**6, 3) if r.random() < 0.02 else p for p in walk(r, 150123, 60, 3, 3000)]
    yield "eighteen decimals", 20, list(walk(r, 1085120000000000000, 10**13, 18, 2000))
    yield "anything", 20, [text(r.randrange(1, 2 ** r.randint(2, 63)), r.randint(0, 18)) for _ in range(3000)]
    shared = os.environ.get("FXMON_SHARED_DATA", "")
    name = os.path.join(shared, "fx", "ecb-eurofxref-hist-1999-2015.csv")
    if shared and os.path.exists(name):
        with open(name, encoding="ascii") as lines:
            rows = [line.rstrip("\n").split(",") for line in lines]
        for code in ("USD", "JPY", "GBP", "IDR", "INR"):
            column = rows[0].index(code)
            yield "ECB " + code, 20, [row[column] for row in reversed(rows[1:]) if row[column] not in ("", "N/A")]


def root(value):
    """Nearest double to the root of a positive fraction."""
    n, d = value.numerator, value.denominator
    shift = max(0, 2 * 60 + d.bit_length() - n.bit_length())
    shift += shift & 1
    whole, rest = divmod(n << shift, d)
    low = math.isqrt(whole)
    sticky = rest != 0 or low * low != whole
    return float(Fraction(2 * low + sticky, 2 << (shift // 2)))


def deviation(window):
    mean = sum(window) / len(window)
    return root(sum((x - mean) ** 2 for x in window) / (len(window) - 1)) if len(set(window)) > 1 else 0.0


def judge(prices, values):
    same = windows = 0
    window, size, shown = [], 2, 0
    for line in prices:
        line = line.strip()
        if line.startswith("window "):
            window, size = [], int(line[7:])
            continue
        got = struct.unpack(">d", bytes.fromhex(next(values).strip()))[0]
        window = (window + [Fraction(line)])[-size:]
        if len(window) < 2:
            assert math.isnan(got), "one price has no deviation"
            continue
        expected = deviation(window)
        windows += 1
        if windows % 10 == 0 and sys.version_info >= (3, 11):
            assert statistics.stdev(window) == expected, "the oracle contradicts statistics.stdev"
        same += struct.pack(">d", got) == struct.pack(">d", expected)
        if got != expected:
            ulps = abs(got - expected) / math.ulp(expected)
            if shown < 5 or ulps > 1:
                print("%s: %r instead of %r" % (line, got, expected))
                shown += 1
            assert ulps <= 1, "more than one unit of the last place"
    assert next(values, None) is None, "too many values"
    return same, windows


def main():
    if sys.argv[1] == "make":
        seed = int(os.environ.get("FXMON_TEST_SEED", random.randrange(2**32)))
        print("FXMON_TEST_SEED=%d" % seed)
        with open(sys.argv[2], "w", encoding="ascii") as out:
            for name, size, prices in series(random.Random(seed)):
                print("%-26s %6d prices" % (name, len(prices)))
                out.write("window %d\n" % size + "".join(price + "\n" for price in prices))
        return
    with open(sys.argv[2], encoding="ascii") as prices, open(sys.argv[3], encoding="ascii") as values:
        same, windows = judge(prices, values)
    print("%d of %d windows have the bits of the exact value (%.3f %%)" % (same, windows, 100 * same / windows))
    sys.exit(same < SHARE * windows)


main()
