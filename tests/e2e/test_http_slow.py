#!/usr/bin/env python3
"""Slow clients are ended by an absolute deadline, whatever they drip, and hold nobody else up meanwhile. Takes about 20 s: the deadlines are real."""
import select, sys, time
from lib_http import Serve, statuses

s = Serve()
GOOD = b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"
slow = {}
def start(name, first, drip, most):
    c = s.connect(30)
    c.sendall(first)
    slow[c] = [name, drip, most, time.monotonic(), b""]
for i in range(10):
    start("silent", b"", b"", 11.5)
    start("half a request line", b"GET /hea", b"", 11.5)
    start("header dripped", b"GET / HTTP/1.1\r\nHost: a\r\nX: ", b"a", 21)
    start("idle after an answer", GOOD, b"", 16.5)
    start("second header dripped", GOOD + b"GET / HTTP/1.1\r\nX: ", b"a", 16.5)
    start("body dripped", b"POST /alerts HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n", b" ", 21.5)
failed, answered, worst = 0, 0, 0.0
end = time.monotonic() + 30
while slow and time.monotonic() < end:
    for c in list(select.select(list(slow), [], [], 0.25)[0]):
        entry = slow[c]
        try:
            data = c.recv(65536)
        except ConnectionResetError:
            data = b""
        entry[4] += data
        if not data:
            took = time.monotonic() - entry[3]
            if took > entry[2]:
                failed += 1
                print(f"{entry[0]}: open for {took:.1f} s, expected at most {entry[2]}")
            if entry[0] in ("half a request line", "header dripped") and statuses(entry[4]) != [408]:
                failed += 1
                print(f"{entry[0]}: {statuses(entry[4])}, expected 408")
            c.close()
            del slow[c]
    for c in slow:
        if slow[c][1]:
            try:
                c.send(slow[c][1])
            except OSError:
                pass
    if len(slow) < 60:  # a place of this address is free: somebody else's request
        before = time.monotonic()
        answered += s.get("/rates")[0] == 200
        worst = max(worst, time.monotonic() - before)
for c, entry in slow.items():
    failed += 1
    print(f"{entry[0]}: still open after {time.monotonic() - entry[3]:.1f} s")
if answered == 0:
    failed += 1
    print("nobody else was answered")
s.stop()
print(f"{failed} failed; {answered} requests of others meanwhile, slowest {worst * 1000:.1f} ms")
sys.exit(failed > 0)
