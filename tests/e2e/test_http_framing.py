#!/usr/bin/env python3
"""Ambiguous framing is refused with 400 (or the code of its limit) and the connection closed: as the first request, and as the second one of a connection."""
import sys
from lib_http import Serve, statuses, parse

H = b"GET /healthz HTTP/1.1\r\nHost: a\r\n"
CASES = [  # name, bytes, status; refused in the same way behind a good request
    ("no host", b"GET / HTTP/1.1\r\n\r\n", 400), ("two hosts", H + b"Host: b\r\n\r\n", 400), ("same host twice", H + b"Host: a\r\n\r\n", 400),
    ("empty host", b"GET / HTTP/1.1\r\nHost:\r\n\r\n", 400), ("bad host", b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400),
    ("host with blank", b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400), ("host list", b"GET / HTTP/1.1\r\nHost: a,b\r\n\r\n", 400),
    ("length and chunked", H + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    ("chunked and length", H + b"Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n0\r\n\r\n", 400),
    ("two lengths", H + b"Content-Length: 0\r\nContent-Length: 5\r\n\r\n", 400), ("same length twice", H + b"Content-Length: 0\r\nContent-Length: 0\r\n\r\n", 400),
    ("length list", H + b"Content-Length: 0, 0\r\n\r\n", 400), ("length signed", H + b"Content-Length: +0\r\n\r\n", 400), ("length negative", H + b"Content-Length: -1\r\n\r\n", 400),
    ("length hex", H + b"Content-Length: 0x0\r\n\r\n", 400), ("length word", H + b"Content-Length: none\r\n\r\n", 400), ("length empty", H + b"Content-Length:\r\n\r\n", 400),
    ("length fraction", H + b"Content-Length: 1.0\r\n\r\n", 400), ("length overflows", H + b"Content-Length: 184467440737095516160\r\n\r\n", 400),
    ("length with blank", H + b"Content-Length: 1 1\r\n\r\n", 400), ("gzip", H + b"Transfer-Encoding: gzip\r\n\r\n", 400), ("gzip chunked", H + b"Transfer-Encoding: gzip, chunked\r\n\r\n", 400),
    ("chunked twice", H + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", 400), ("chunked list", H + b"Transfer-Encoding: chunked, chunked\r\n\r\n", 400),
    ("chunked, identity", H + b"Transfer-Encoding: chunked, identity\r\n\r\n", 400), ("identity", H + b"Transfer-Encoding: identity\r\n\r\n", 400),
    ("xchunked", H + b"Transfer-Encoding: xchunked\r\n\r\n", 400), ("empty encoding", H + b"Transfer-Encoding:\r\n\r\n", 400),
    ("vertical tab", H + b"Transfer-Encoding: \x0bchunked\r\n\r\n", 400), ("1.0 chunked", b"GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    ("fold", H + b"X: a\r\n b\r\n\r\n", 400), ("fold by tab", H + b"X: a\r\n\tb\r\n\r\n", 400), ("folded length", H + b"Content-Length:\r\n 5\r\n\r\n", 400),
    ("blank before colon", b"GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400), ("tab before colon", b"GET / HTTP/1.1\r\nHost\t: a\r\n\r\n", 400),
    ("blank in name", H + b"X Y: a\r\n\r\n", 400), ("no colon", H + b"X\r\n\r\n", 400), ("no name", H + b": a\r\n\r\n", 400), ("control in name", H + b"X\x01: a\r\n\r\n", 400),
    ("high byte in name", H + b"X\x80: a\r\n\r\n", 400), ("bracket in name", H + b"X(: a\r\n\r\n", 400), ("blank line with blank", H + b" \r\n\r\n", 400),
    ("bare cr in value", H + b"X: a\rb\r\n\r\n", 400), ("bare cr before header", H + b"\rX: a\r\n\r\n", 400), ("bare lf", H + b"X: a\nY: b\r\n\r\n", 400),
    ("lf request line", b"GET / HTTP/1.1\nHost: a\r\n\r\n", 400), ("lf everywhere", b"GET / HTTP/1.1\nHost: a\n\n", 400), ("lf at the end", H + b"\n", 400),
    ("cr cr lf", H + b"X: a\r\r\n\r\n", 400), ("nul in value", H + b"X: a\0b\r\n\r\n", 400), ("nul in name", H + b"X\0: a\r\n\r\n", 400), ("nul line", H + b"\0\r\n\r\n", 400),
    ("control in value", H + b"X: \x02\r\n\r\n", 400), ("delete in value", H + b"X: \x7f\r\n\r\n", 400), ("other host in target", b"GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("user in target", b"GET http://a@a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400), ("target without path", b"GET http://a HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("two blanks", b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400), ("two blanks after", b"GET /  HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("blank in target", b"GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", 400), ("nul in target", b"GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n", 400), ("high byte in target", b"GET /\xff HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("unknown method", b"BREW / HTTP/1.1\r\nHost: a\r\n\r\n", 501), ("small method", b"get / HTTP/1.1\r\nHost: a\r\n\r\n", 501), ("expectation", H + b"Expect: magic\r\n\r\n", 417),
    ("long target", b"GET /" + b"a" * 4096 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414), ("long header", H + b"X: " + b"a" * 8192 + b"\r\n\r\n", 431),
    ("many headers", H + b"X: a\r\n" * 64 + b"\r\n", 431),
]
FIRST_ONLY = [  # behind a good request the library closes the connection on its own, or reads past the blank line
    ("tab as blank", b"GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n", 400), ("blank at the end", b"GET / HTTP/1.1 \r\nHost: a\r\n\r\n", 400), ("no version", b"GET /\r\n\r\n", 400),
    ("small version", b"GET / http/1.1\r\nHost: a\r\n\r\n", 400), ("HTTP/2", b"GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505), ("HTTP/0.9", b"GET / HTTP/0.9\r\nHost: a\r\n\r\n", 505),
    ("TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400), ("blank line first", b"\r\n" + H + b"\r\n", 400), ("nul lf", H + b"X: a\0\n\r\n", 400),
]
GOOD = b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"
failed = 0
server = Serve()
for name, data, status, later in [(*c, True) for c in CASES] + [(*c, False) for c in FIRST_ONLY]:
    out, end = server.raw(data)
    got, headers, body = parse(out)
    good = got == status and end == "closed" and headers.get("connection") == "close" and headers.get("content-type") == "application/problem+json" \
        and headers.get("cache-control") == "no-store" and headers.get("x-content-type-options") == "nosniff" and len(statuses(out)) == 1
    if not good:
        failed += 1
        print(f"first: {name}: {got} {end} {headers} {body[:100]}")
    out, end = server.raw(GOOD + data)
    behind = statuses(out)[1:]  # what the library refuses by itself it may say twice
    if later and (end != "closed" or not behind or not set(behind) <= {status, 413}):
        failed += 1
        print(f"second: {name}: {statuses(out)} {end}")
# a smuggled request is never answered
out, _ = server.raw(b"POST /alerts HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /rates HTTP/1.1\r\nHost: a\r\n\r\n")
if statuses(out) != [400]:
    failed += 1
    print("smuggled:", statuses(out))
server.stop()
print(len(CASES) + len(FIRST_ONLY), "cases,", failed, "failed")
sys.exit(failed > 0)
