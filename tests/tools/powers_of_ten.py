#!/usr/bin/env python3
"""Prints libfxmon/base/powers_of_ten.inc: 10^p for p in -292..324 as 128-bit mantissas, rounded up, highest bit set.

Also proves, over the whole range of binary exponents of a double, the integer approximations of logarithms that number.c uses.
"""
from fractions import Fraction
from math import log


def floor_log2(x: Fraction) -> int:
    e = x.numerator.bit_length() - x.denominator.bit_length()
    return e if Fraction(2) ** e <= x else e - 1


def floor_log10(x: Fraction) -> int:
    e = int(log(x.numerator, 10) - log(x.denominator, 10))
    while Fraction(10) ** e > x:
        e -= 1
    while Fraction(10) ** (e + 1) <= x:
        e += 1
    return e


for q in range(-1074, 972):
    assert (q * 1262611) >> 22 == floor_log10(Fraction(2) ** q), q
    assert (q * 1262611 - 524031) >> 22 == floor_log10(Fraction(2) ** q * Fraction(3, 4)), q
words = []
for p in range(-292, 325):
    x = Fraction(10) ** p
    e = floor_log2(x)
    assert (p * 1741647) >> 19 == e, p
    m = x * Fraction(2) ** (127 - e)
    g = -(-m.numerator // m.denominator)
    assert 1 << 127 <= g < 1 << 128
    words.append(f"{{0x{g >> 64:016x}, 0x{g & (1 << 64) - 1:016x}}},")
for i in range(0, len(words), 2):
    print(" ".join(words[i : i + 2]))
