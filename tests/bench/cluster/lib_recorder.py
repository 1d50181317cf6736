"""A recorder between fxmon and a search server: passes everything on and keeps the bodies of bulk requests, so that a bare curl can send the same ones."""
import http.client, http.server, os, threading, urllib.parse


class Recorder:
    def __init__(self, target, folder):
        self.target = urllib.parse.urlsplit(target)
        self.folder, self.bulks = folder, []  # (path and query, file, headers)
        recorder = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *words):
                pass

            def serve(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                to = http.client.HTTPConnection(recorder.target.hostname, recorder.target.port, timeout=60)
                kept = {k: v for k, v in self.headers.items() if k.lower() not in ("host", "connection", "content-length", "expect")}
                to.request(self.command, self.path, body, kept)
                answer = to.getresponse()
                data = answer.read()
                if "_bulk" in self.path and answer.status == 200:
                    recorder.keep(self.path, body, kept)
                self.send_response(answer.status)
                for k, v in answer.getheaders():
                    if k.lower() not in ("transfer-encoding", "connection", "content-length"):
                        self.send_header(k, v)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                to.close()
                try:
                    if self.command != "HEAD":
                        self.wfile.write(data)
                except BrokenPipeError:
                    pass  # a client that ends does not wait for every answer

            do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = serve

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def keep(self, path, body, headers):
        name = os.path.join(self.folder, f"bulk-{len(self.bulks):05}")
        with open(name, "wb") as f:
            f.write(body)
        self.bulks.append((path, name, headers))

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
