#!/usr/bin/env python3
"""The API of the real program over the wire: bodies, alerts, pages, headers, keep-alive, HEAD, OPTIONS, CORS, limits of bodies, health."""
import json, socket, sys
from lib_http import Serve, parse, statuses

problems = []
def check(condition, *what):
    if not condition:
        problems.append(what)
        print("FAILED:", *what)

s = Serve(environment={"FXMON_CORS_ORIGIN": "https://app.example"})
status, headers, body = s.get("/rates")
rates = json.loads(body)
check(status == 200 and headers["content-type"] == "application/json" and len(rates) == 8, status, headers)
check([r["pair"] for r in rates] == sorted(r["pair"] for r in rates) and all(set(r) >= {"pair", "rate", "volatility", "timestamp", "source", "stale"} for r in rates), rates[:1])
check(all(isinstance(r["volatility"], float) for r in rates), "five publications have a volatility")
tag = headers["etag"]
check(s.get("/rates", "If-None-Match: " + tag)[0] == 304, "304")
for name, value in {"x-content-type-options": "nosniff", "x-frame-options": "DENY", "referrer-policy": "no-referrer"}.items():
    check(headers.get(name) == value, name, headers)
check("frame-ancestors 'none'" in headers["content-security-policy"] and "server" not in headers, headers)
# live rates are what the store has
for r in rates:
    status, _, body = s.get("/rates/" + r["pair"].replace("/", "%2F") + "/history?limit=1")
    row = json.loads(body)
    check(status == 200 and row[0]["rate"] == r["rate"] and row[0]["timestamp"] == r["timestamp"] and row[0]["volatility"] == r["volatility"], r, row)
status, _, body = s.get("/rates/USD/EUR/history")
check(status == 200 and len(json.loads(body)) == 5, body)
check(s.get("/rates/USD-QQQ/history")[0] == 404 and s.get("/rates?pear=USD-EUR")[0] == 422, "404, 422")

# alerts
post = lambda text, kind="application/json": s.ask("POST", "/alerts", [f"Content-Type: {kind}"], text.encode())
status, headers, body = post('{"pair":"USD/EUR","condition":"above","threshold":0.90}')
alert = json.loads(body)
check(status == 201 and headers["location"] == f"/api/v1/alerts/{alert['id']}" and alert["active"] is True and alert["created_at"], status, body)
check(s.get(headers["location"])[0] == 200, "location")
check([a["id"] for a in json.loads(s.get("/alerts")[2])] == [alert["id"]], "list")
check(post("{")[0] == 422 and post('{"pair":"USD/EUR","condition":"above","threshold":-1}')[0] == 400 and post("{}", "text/plain")[0] == 415, "refusals")
check(s.ask("DELETE", f"/alerts/{alert['id']}")[0] == 200 and s.ask("DELETE", f"/alerts/{alert['id']}")[0] == 404, "delete")
check(json.loads(s.get("/alerts")[2]) == [] and json.loads(s.get("/alerts/history")[2]) == [], "empty")

# bodies: limit at -1, 0, +1, announced and chunked
for more in (-1, 0, 1):
    blob = b" " * (65536 + more)
    check(s.ask("POST", "/alerts", ["Content-Type: application/json"], blob)[0] == (413 if more > 0 else 422), "body", more)
    out, end = s.raw(b"POST /alerts HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n" +
                     b"%x\r\n" % len(blob) + blob + b"\r\n0\r\n\r\n")
    check(statuses(out) == [413 if more > 0 else 422], "chunked body", more, statuses(out))
out, end = s.raw(b"POST /alerts HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 99999999\r\n\r\n")
check(statuses(out) == [413] and end == "closed", "refused before it is sent", out[:60], end)
chunked = b'{"pair":"USD/JPY",|"condition":"below",|"threshold":150}'.split(b"|")
out, _ = s.raw(b"POST /alerts HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n" +
               b"".join(b"%x\r\n%s\r\n" % (len(c), c) for c in chunked) + b"0\r\n\r\n")
check(statuses(out) == [201], "chunked", out)
out, _ = s.raw(b"POST /alerts HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 55\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n" + b"".join(chunked)[:55])
check(statuses(out)[0] == 100, "100-continue", statuses(out))
# heads at their limits
for more in (-1, 0, 1):
    check(s.get("/" + "a" * (4095 + more))[0] == (414 if more > 0 else 400), "target", more)  # too long for a segment, or for a request
    fields = b"GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
    out, _ = s.raw(fields + b"X: " + b"a" * (8192 + more - 9 - 19 - 5) + b"\r\n\r\n")
    check(statuses(out) == [431 if more > 0 else 200], "header bytes", more, statuses(out))
    out, _ = s.raw(fields + b"X: a\r\n" * (62 + more) + b"\r\n")
    check(statuses(out) == [431 if more > 0 else 200], "header fields", more, statuses(out))

# methods, HEAD, OPTIONS, CORS
status, headers, body = s.ask("HEAD", "/rates")
check(status == 200 and body == b"" and int(headers["content-length"]) > 500, "HEAD", headers)
check(s.ask("PUT", "/rates")[0] == 405 and s.ask("PUT", "/rates")[1]["allow"] == "GET, HEAD, OPTIONS" and s.ask("TRACE", "/")[0] == 405, "405")
check("access-control-allow-origin" not in s.get("/rates", "Origin: https://evil.example")[1], "evil origin")
check(s.get("/rates", "Origin: https://app.example")[1]["access-control-allow-origin"] == "https://app.example", "good origin")
status, headers, _ = s.ask("OPTIONS", "/alerts", ["Origin: https://app.example", "Access-Control-Request-Method: POST"])
check(status == 204 and "POST" in headers["access-control-allow-methods"] and "access-control-allow-credentials" not in headers, headers)

# pages
for path, accept, kind in [("/", "text/html", "text/html"), ("/", "application/json", "application/json"), ("/docs", "*/*", "text/html"), ("/openapi.json", "*/*", "application/json"),
                           ("/assets/app.js", "*/*", "text/javascript"), ("/assets/app.css", "*/*", "text/css"), ("/assets/icon.svg", "*/*", "image/svg+xml")]:
    status, headers, body = s.get(path, "Accept: " + accept)
    check(status == 200 and headers["content-type"].startswith(kind) and len(body) == int(headers["content-length"]) > 0, path, status, headers)
check("script-src 'self'" in s.get("/", "Accept: text/html")[1]["content-security-policy"], "policy of the page")
described = json.loads(s.get("/openapi.json")[2])["paths"]
for path, methods in described.items():
    if "get" in methods:
        real = path.replace("{pair}", "USD-EUR").replace("{id}", "2").replace("{file}", "app.js")
        check(s.get(real)[0] == 200, "described", real, s.get(real)[0])

# health
status, _, body = s.get("/health")
health = json.loads(body)
check(status == 200 and health["status"] == "healthy" and {"database", "log", "rates"} <= set(health["components"]), health)
check(s.get("/ready")[0] == 200 and s.get("/readyz")[0] == 200 and s.get("/healthz")[0] == 200, "ready")

# keep-alive: pipelined requests are answered in order on one connection; HTTP/1.0 closes
with s.connect() as c:
    c.sendall(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n" * 3 + b"GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n" + b"GET /rates HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    out = b""
    while chunk := c.recv(65536):
        out += chunk
    check(statuses(out) == [200, 200, 200, 404, 200], "pipeline", statuses(out))
out, end = s.raw(b"GET /healthz HTTP/1.0\r\n\r\n")
check(statuses(out) == [200] and end == "closed", "HTTP/1.0", end)
# the thousandth request of a connection is its last
out, end = s.raw(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n" * 1001)
check(len(statuses(out)) == 1000, "requests of a connection", len(statuses(out)), end)
# 64 connections of one address; the next is told so
held = [s.connect() for _ in range(64)]
for c in held:
    c.sendall(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
for c in held:
    check(c.recv(65536).startswith(b"HTTP/1.1 200"), "held")
status, headers, _ = s.get("/healthz")
check(status == 503 and headers.get("retry-after") == "1", "the 65th", status, headers)
held.pop().close()
s.wait(lambda: s.get("/healthz")[0] == 200, "a place that came free")
for c in held:
    c.close()
s.wait(lambda: s.get("/healthz")[0] == 200, "places")
s.stop()

# nothing came yet
s = Serve(data=False)
check(s.get("/rates")[2] == b"[]" and s.get("/ready")[0] == 503 and s.get("/health")[0] == 200, "empty")
status, headers, body = s.get("/ready")
check(headers["content-type"] == "application/problem+json" and json.loads(body)["detail"]["components"]["rates"]["status"] == "waiting", body)
s.run("fxmon-produce", "--once", "--from", "sim:?seed=3&count=1", "--to", s.log)
s.wait(lambda: s.get("/ready")[0] == 200 and len(json.loads(s.get("/rates")[2])) == 8, "rates that came later")
check(all(r["volatility"] is None for r in json.loads(s.get("/rates")[2])), "one price has no volatility")
s.stop()
print(len(problems), "failed")
sys.exit(len(problems) > 0)
