"""Starting and stopping the programs in tests: bounded waits on conditions, no sleeps for luck."""
import json, os, re, signal, subprocess, sys, time, urllib.error, urllib.request

BIN = os.environ["FXMON_BIN"]
TOP = os.environ["FXMON_TOP"]
SHARED = os.environ.get("FXMON_SHARED_DATA") or ""
ENV = {k: v for k, v in os.environ.items() if not k.startswith("FXMON_")}


def command(program, *words):
    return [os.path.join(BIN, "fxmon-" + program), *words]


def run(program, *words, status=0, timeout=120, **more):
    p = subprocess.run(command(program, *words), capture_output=True, text=True, timeout=timeout, env=ENV, **more)
    if status is not None and p.returncode != status:
        sys.exit(f"fxmon-{program} {' '.join(words)}: status {p.returncode}, expected {status}\n{p.stdout[-2000:]}\n{p.stderr[-4000:]}")
    return p


def start(program, *words, **more):
    return subprocess.Popen(command(program, *words), env=ENV, **more)


def wait_for(what, condition, seconds=30, pause=0.02):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(pause)
    sys.exit(f"waited {seconds} s in vain for {what}")


def stop(process, seconds=5):
    process.send_signal(signal.SIGTERM)
    try:
        status = process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        sys.exit(f"{process.args[0]} did not stop within {seconds} s of SIGTERM")
    if status != 0:
        sys.exit(f"{process.args[0]}: status {status} after SIGTERM")


class Server:
    """fxmon-serve on a free port."""

    def __init__(self, *words):
        self.process = start("serve", "--listen", "127.0.0.1:0", *words, stderr=subprocess.PIPE, text=True)
        self.lines = []
        for line in self.process.stderr:
            self.lines.append(line)
            m = re.search(r"http://127\.0\.0\.1:(\d+)", line)
            if m:
                self.port = int(m.group(1))
                break
        else:
            sys.exit("fxmon-serve did not say where it listens:\n" + "".join(self.lines))
        import threading
        threading.Thread(target=lambda: [self.lines.append(l) for l in self.process.stderr], daemon=True).start()

    def get(self, path, method="GET", body=None, headers=None):
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", method=method, headers=headers or {},
                                         data=body.encode() if isinstance(body, str) else body)
        try:
            with urllib.request.urlopen(request, timeout=10) as r:
                return r.status, r.read().decode(), r.headers
        except urllib.error.HTTPError as e:
            return e.code, e.read().decode(), e.headers

    def json(self, path, status=200, **more):
        code, text, _ = self.get(path, **more)
        if code != status:
            sys.exit(f"{path}: status {code}, expected {status}: {text[:500]}")
        return json.loads(text)

    def stop(self):
        stop(self.process)
