#!/usr/bin/env python3
"""A rate provider on this machine, for tests: answers in the shapes of the real ones, and fails on request.

    provider_server.py        prints "port N" when it listens, serves until standard input closes

The first part of a path is the scenario, the rest is what a provider would be asked:
    /ok/...           the shape that fits the rest (default: open endpoint of exchangerate-api)
    /etag/...         the same with ETag and Last-Modified; 304 when either comes back
    /next/N/...       the same, the next update N seconds after 2026-02-04T10:30:00Z; the Nth request brings other rates
    /status/CODE/..., /retry/SECONDS-or-date/..., /html, /redirect, /gzip, /bomb, /oversize, /truncated, /empty, /closed,
    /slow_body, /slow_headers, /not_http, /malformed, /wrong_base, /negative, /error/TYPE
    /_requests        the requests so far, as JSON
Without a scenario the paths of the real providers are served: /v6/latest/USD, /v4/latest/USD, /v1/latest?base=EUR, ...
"""
import gzip
import http.server
import json
import sys
import threading
import urllib.parse

UPDATED = 1770163201  # 2026-02-04T00:00:01Z
RATES = {"EUR": "0.8470", "GBP": "0.789", "JPY": "156.23", "CAD": "1.3661", "AUD": "1.4265", "CHF": "0.7772", "CNY": "6.94", "INR": "90.41",
         "SEK": "8.9512", "NZD": "1.6612"}
ECB = {"USD": "1.1807", "GBP": "0.86280", "JPY": "184.46", "CAD": "1.6129", "AUD": "1.6842", "CHF": "0.9176", "CNY": "8.1937", "INR": "106.743"}
requests = []
lock = threading.Lock()


def members(rates, swap=str):
    return ",".join('"%s":%s' % (swap(code), value) for code, value in rates.items())


def open_er(base="USD", updated=UPDATED, following=UPDATED + 86400, rates=RATES, name="rates"):
    return ('{"result":"success","time_last_update_unix":%d,"time_next_update_unix":%d,"time_eol_unix":0,"base_code":"%s","%s":{"%s":1,%s}}'
            % (updated, following, base, name, base, members(rates)))


def ecb_day(day, rates):
    return "<Cube time='%s'>%s</Cube>" % (day, "".join("<Cube currency='%s' rate='%s'/>" % pair for pair in rates.items()))


def ecb(days):
    return ("<?xml version='1.0' encoding='UTF-8'?><gesmes:Envelope xmlns:gesmes='http://www.gesmes.org/xml/2002-08-01' "
            "xmlns='http://www.ecb.int/vocabulary/2002-08-01/eurofxref'><gesmes:subject>Reference rates</gesmes:subject><Cube>%s</Cube>"
            "</gesmes:Envelope>" % "".join(ecb_day(*day) for day in days))


def shape(path, query):
    """(content type, body) of the provider whose path this is."""
    base = query.get("base", query.get("base_currency", ["USD"]))[0]
    rows = dict(RATES)
    if path.endswith("eurofxref-daily.xml"):
        return "text/xml", ecb([("2026-02-03", ECB)])
    if "eurofxref-hist" in path:
        return "text/xml", ecb([("2026-02-03", ECB), ("2026-02-02", {**ECB, "USD": "1.1799"}), ("2026-01-30", {**ECB, "USD": "1.1791"})])
    if path.startswith("/v4/"):
        return "application/json", '{"base":"USD","date":"2026-02-04","time_last_updated":%d,"rates":{"USD":1,%s}}' % (UPDATED, members(rows))
    if path == "/v1/latest" and "base" in query:
        return "application/json", '{"amount":1.0,"base":"%s","date":"2026-02-03","rates":{%s}}' % (base, members(rows))
    if path == "/v2/rates":
        return "application/json", "[%s]" % ",".join('{"date":"2026-02-03","base":"%s","quote":"%s","rate":%s}' % (base, *row) for row in rows.items())
    if path == "/api/latest.json":
        return "application/json", '{"timestamp":%d,"base":"USD","rates":{"USD":1,%s}}' % (UPDATED, members(rows))
    if path == "/api/latest":
        return "application/json", '{"success":true,"timestamp":%d,"base":"EUR","date":"2026-02-04","rates":{%s}}' % (UPDATED, members(ECB))
    if path == "/live":
        return "application/json", '{"success":true,"timestamp":%d,"source":"USD","quotes":{%s}}' % (UPDATED, members(rows, lambda code: "USD" + code))
    if path == "/v3/latest":
        return "application/json", '{"meta":{"last_updated_at":"2026-02-03T23:59:59Z"},"data":{%s}}' % ",".join(
            '"%s":{"code":"%s","value":%s}' % (code, code, value) for code, value in rows.items())
    if path.endswith("/usd.json"):
        return "application/json", '{"date":"2026-02-04","usd":{%s}}' % members(rows, str.lower)
    if path.startswith("/v6/latest/") and query.get("keyed"):
        return "application/json", open_er(path.rsplit("/", 1)[1], name="conversion_rates")
    return "application/json", open_er(path.rsplit("/", 1)[1] if path.startswith("/v6/latest/") else "USD")


class Provider(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, body, kind="application/json", headers=()):
        data = body if isinstance(body, bytes) else body.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def hang_up(self):
        self.close_connection = True

    def do_GET(self):
        parts = urllib.parse.urlsplit(self.path)
        query = urllib.parse.parse_qs(parts.query)
        if parts.path == "/_requests":
            with lock:
                return self.answer(200, json.dumps(requests))
        with lock:
            requests.append({"path": self.path, "headers": {name.lower(): value for name, value in self.headers.items()}})
            count = sum(1 for one in requests if one["path"] == self.path)
        words = parts.path.split("/")[1:]
        handler = getattr(self, "scenario_" + words[0].replace(".", "_"), None)
        if not handler:
            if "Authorization" in self.headers:
                query["keyed"] = ["yes"]
            kind, body = shape(parts.path, query)
            return self.answer(200, body, kind)
        self.rest = "/" + "/".join(words[1:])
        self.query = query
        return handler(words[1:], count)

    def scenario_ok(self, _, __):
        kind, body = shape(self.rest, self.query)
        self.answer(200, body, kind)

    def scenario_etag(self, _, __):
        tag, when = '"v1"', "Wed, 04 Feb 2026 00:00:01 GMT"
        if self.headers.get("If-None-Match") == tag or self.headers.get("If-Modified-Since") == when:
            self.send_response(304)
            self.send_header("ETag", tag)
            self.end_headers()
            return
        self.answer(200, open_er(), headers=[("ETag", tag), ("Last-Modified", when)])

    def scenario_next(self, words, count):
        rates = {**RATES, "EUR": "0.84%02d" % count}
        self.answer(200, open_er(updated=UPDATED + count, following=1770201000 + int(words[0]), rates=rates))

    def scenario_stale(self, _, count):  # the second answer is older than the first
        self.answer(200, open_er(updated=UPDATED - count, rates={**RATES, "EUR": "0.84%02d" % count}))

    def scenario_age(self, words, _):
        self.answer(200, '{"base":"USD","date":"2026-02-04","time_last_updated":%d,"rates":{%s}}' % (UPDATED, members(RATES)),
                    headers=[("Cache-Control", "public, max-age=" + words[0])])

    def scenario_status(self, words, _):
        self.answer(int(words[0]), "no", "text/plain")

    def scenario_retry(self, words, _):
        self.answer(429, "{}", headers=[("Retry-After", urllib.parse.unquote(words[0]))])

    def scenario_error(self, words, _):
        self.answer(403, '{"result":"error","error-type":"%s"}' % words[0])

    def scenario_html(self, _, __):
        self.answer(200, "<html><body>please accept our cookies</body></html>", "text/html; charset=utf-8")

    def scenario_redirect(self, _, __):
        self.answer(302, "", headers=[("Location", "/ok/")])

    def scenario_gzip(self, _, __):
        if "gzip" not in self.headers.get("Accept-Encoding", ""):
            return self.answer(500, "compression was not offered", "text/plain")
        return self.answer(200, gzip.compress(open_er().encode()), headers=[("Content-Encoding", "gzip")])

    def scenario_bomb(self, _, __):  # 4 kB that become 4 MB
        self.answer(200, gzip.compress(b" " * (4 << 20)), headers=[("Content-Encoding", "gzip")])

    def scenario_oversize(self, _, __):
        try:
            self.answer(200, b" " * (2 << 20))
        except OSError:
            self.hang_up()

    def scenario_truncated(self, _, __):
        body = open_er().encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body) + 100))
        self.end_headers()
        self.wfile.write(body)
        self.hang_up()

    def scenario_empty(self, _, __):
        self.answer(200, "")

    def scenario_closed(self, _, __):
        self.hang_up()

    def scenario_not_http(self, _, __):
        self.wfile.write(b"220 mail.example ESMTP\r\n")
        self.hang_up()

    def scenario_malformed(self, _, __):
        self.answer(200, '{"result":"success","base_code":"USD","rates":{"EUR":0.84')

    def scenario_wrong_base(self, _, __):
        self.answer(200, open_er("CHF"))

    def scenario_negative(self, _, __):
        self.answer(200, open_er(rates={"EUR": "-1", "GBP": "0", "JPY": '"many"'}))

    def scenario_slow_headers(self, _, __):
        self.linger()

    def scenario_slow_body(self, _, __):
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        self.wfile.write(b"{")
        self.wfile.flush()
        self.linger()

    def linger(self):
        """Say nothing until the client has had enough (at most a minute)."""
        self.connection.settimeout(60)
        try:
            self.connection.recv(1)
        except OSError:
            pass
        self.hang_up()


def main():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Provider)
    server.daemon_threads = True
    server.handle_error = lambda *_: None  # clients that hang up are what is tested
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print("port %d" % server.server_address[1], flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
