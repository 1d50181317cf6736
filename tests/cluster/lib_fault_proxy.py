"""A proxy in front of a real server that spoils some of the bulks: before they reach it, on their way back, or item by item. What the server does is real."""
import collections, http.client, http.server, json, socket, struct, threading

KEEP = ("content-type", "retry-after", "www-authenticate")


class Proxy:
    def __init__(self, port, rnd, share=0.0, slow=0, timeout=10.5):
        """`share` of the bulks go wrong; `slow`: how many of those answers come later than anybody waits."""
        self.target, self.rnd, self.share, self.slow, self.timeout = port, rnd, share, slow, timeout
        self.lock = threading.Lock()
        self.bulks, self.seen, self.statuses = 0, collections.Counter(), collections.Counter()
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (Handler,), {"proxy": self}))
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()

    def fault(self):
        with self.lock:
            self.bulks += 1
            if self.rnd.random() >= self.share:
                return None
            kinds = ["429", "429 later", "503", "reset before", "502 after", "cut after", "half after", "half json after", "short after", "shuffled after", "items", "items"]
            if self.slow:
                self.slow -= 1
                kinds = ["slow after"]
            kind = self.rnd.choice(kinds)
            self.seen[kind] += 1
            return kind


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    proxy = None

    def log_message(self, *_):
        pass

    def forward(self, body):
        p = self.proxy
        c = http.client.HTTPConnection("127.0.0.1", p.target, timeout=60)
        headers = {k: v for k, v in self.headers.items() if k.lower() in ("content-type", "authorization", "accept", "content-encoding")}
        c.request(self.command, self.path, body or None, headers)
        r = c.getresponse()
        text = r.read()
        kept = [(k, v) for k, v in r.getheaders() if k.lower() in KEEP]
        c.close()
        return r.status, text, kept

    def answer(self, status, text, headers=(), length=None):
        self.send_response(status)
        for k, v in headers:
            self.send_header(k, v)
        self.send_header("Content-Length", str(len(text) if length is None else length))
        self.end_headers()
        self.wfile.write(text)

    def reset(self):
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def some_items(self, body):
        """Some documents never reach the server: 429 and 503 each for themselves, the others as the server says."""
        lines = body.decode().splitlines(keepends=True)
        pairs = [lines[i:i + 2] for i in range(0, len(lines), 2)]
        with self.proxy.lock:
            fate = [self.proxy.rnd.choice([429, 503]) if self.proxy.rnd.random() < 0.3 else 0 for _ in pairs]
        sent = "".join(l for p, f in zip(pairs, fate) if not f for l in p).encode()
        items = []
        if sent:
            status, text, headers = self.forward(sent)
            if status != 200:
                return self.answer(status, text, headers)
            items = json.loads(text)["items"]
        items, merged = iter(items), []
        for p, f in zip(pairs, fate):
            wrong = {"create": {"_id": json.loads(p[0])["create"]["_id"], "status": f, "error": {"type": "es_rejected_execution_exception", "reason": "no room"}}}
            merged.append(wrong if f else next(items))
        self.answer(200, json.dumps({"took": 1, "errors": True, "items": merged}).encode(), [("Content-Type", "application/json")])

    def spoil(self, kind, body):
        wait = threading.Event()
        if kind == "429":
            return self.answer(429, b'{"error":{"type":"es_rejected_execution_exception","reason":"rejected"},"status":429}')
        if kind == "429 later":
            return self.answer(429, b"", [("Retry-After", "0")])
        if kind == "503":
            return self.answer(503, b"<html>no upstream</html>", [("Content-Type", "text/html")])
        if kind == "reset before":
            return self.reset()
        if kind == "items":
            return self.some_items(body)
        status, text, headers = self.forward(body)
        if kind == "slow after":
            wait.wait(self.proxy.timeout)
            return self.reset()
        if kind == "502 after":
            return self.answer(502, b"bad gateway")
        if kind == "cut after" or status != 200:
            return self.reset()
        if kind == "half after":
            self.answer(status, text[:len(text) // 2], headers, len(text))
            return self.reset()
        if kind == "half json after":
            return self.answer(status, text[:len(text) // 2], headers)
        answer = json.loads(text)
        if kind == "short after":
            answer["items"].pop()
        else:
            answer["items"] = answer["items"][1:] + answer["items"][:1]
            if len(answer["items"]) < 2:
                return self.reset()
        return self.answer(status, json.dumps(answer).encode(), headers)

    def handle_request(self):
        try:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            kind = self.proxy.fault() if self.path.startswith("/_bulk") else None
            if kind:
                return self.spoil(kind, body)
            status, text, headers = self.forward(body)
            self.proxy.statuses[status] += 1
            self.answer(status, text, headers)
        except OSError:
            self.close_connection = True

    do_GET = do_POST = do_PUT = do_DELETE = handle_request
