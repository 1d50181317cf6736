"""tests/e2e/lib_http.py - a running fxmon-serve for tests, and raw requests to it. No HTTP library: the tests are about bytes."""
import os, re, signal, socket, subprocess, tempfile, time

BIN = os.environ["FXMON_BIN"]


class Serve:
    """A log of five publications, a store that took them in, and fxmon-serve over both."""

    def __init__(self, *options, data=True, environment=None):
        self.folder = tempfile.mkdtemp(prefix="fxmon-http-")
        self.log = "file:" + os.path.join(self.folder, "log")
        self.store = "sqlite:" + os.path.join(self.folder, "fx.db")
        os.mkdir(os.path.join(self.folder, "log"))
        if data:
            self.run("fxmon-produce", "--from", "sim:?seed=3&count=5&rate=max", "--to", self.log)
            self.run("fxmon-consume", "--from", self.log, "--sink", self.store, "--until-end")
        self.errors = open(os.path.join(self.folder, "serve.err"), "w+")
        env = dict(os.environ, **(environment or {}))
        self.process = subprocess.Popen([os.path.join(BIN, "fxmon-serve"), "--from", self.log, "--store", self.store, "--listen", "127.0.0.1:0", *options],
                                        stdout=self.errors, stderr=self.errors, env=env)
        self.port = None
        deadline = time.monotonic() + 20
        while self.port is None:
            found = re.search(r"http://127\.0\.0\.1:(\d+)", open(self.errors.name).read())
            if found:
                self.port = int(found.group(1))
            elif self.process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit("fxmon-serve did not start: " + open(self.errors.name).read())
            else:
                time.sleep(0.02)
        self.wait(lambda: not data or b'"pair"' in self.get("/rates")[2], "rates")

    def run(self, program, *arguments):
        done = subprocess.run([os.path.join(BIN, program), *arguments], capture_output=True, text=True, timeout=60)
        if done.returncode != 0:
            raise SystemExit(f"{program}: {done.returncode} {done.stderr}")

    @staticmethod
    def wait(condition, what, seconds=15):
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                raise SystemExit("waited in vain for " + what)
            time.sleep(0.02)

    def connect(self, timeout=10):
        s = socket.create_connection(("127.0.0.1", self.port), timeout=timeout)
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return s

    def raw(self, data, then_close=False):
        """Send bytes, read to the end of the connection. then_close: our side ends after sending."""
        with self.connect() as s:
            try:
                s.sendall(data)
                if then_close:
                    s.shutdown(socket.SHUT_WR)
            except OSError:
                pass
            out = b""
            try:
                while chunk := s.recv(65536):
                    out += chunk
            except (ConnectionResetError, socket.timeout) as problem:
                return out, type(problem).__name__
            return out, "closed"

    def ask(self, method, target, headers=(), body=None):
        head = [f"{method} {target} HTTP/1.1", "Host: localhost", "Connection: close", *headers]
        if body is not None:
            head.append(f"Content-Length: {len(body)}")
        out, _ = self.raw(("\r\n".join(head) + "\r\n\r\n").encode() + (body or b""))
        return parse(out)

    def get(self, target, *headers):
        return self.ask("GET", target, headers)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        started = time.monotonic()
        status = self.process.wait(10)
        text = open(self.errors.name).read()
        assert status == 0 and time.monotonic() - started < 5, (status, text)
        assert "ERROR: " not in text and "runtime error" not in text, text


def parse(out):
    head, _, body = out.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    status = int(lines[0].split(" ")[1]) if lines[0].startswith("HTTP/1.1 ") else 0
    headers = {}
    for line in lines[1:]:
        name, _, value = line.partition(": ")
        headers.setdefault(name.lower(), []).append(value)
    return status, {n: ", ".join(v) for n, v in headers.items()}, body


def statuses(out):
    return [int(x) for x in re.findall(rb"HTTP/1\.1 (\d\d\d) ", out)]
