"""Real servers by the scripts of this folder, several at a time, and short questions to them: what the demonstration and the measurements share."""
import concurrent.futures, json, os, subprocess, sys, threading, time, urllib.error, urllib.parse, urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.environ.get("FXMON_TOP") or os.path.dirname(os.path.dirname(HERE))
BIN = os.environ.get("FXMON_BIN") or os.path.join(TOP, "build", "bin")
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # loopback is never behind a proxy


class Failed(Exception):
    """Something that must work did not; the text says what and why."""


def memory_available():
    """MiB that programs may still take."""
    with open("/proc/meminfo", encoding="ascii") as f:
        return next(int(line.split()[1]) // 1024 for line in f if line.startswith("MemAvailable:"))


def wait_for(what, condition, seconds=30, pause=0.05):
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise Failed(f"waited {seconds} s in vain for {what}")
        time.sleep(pause)


class Cluster:
    """Servers in subfolders of one folder. `values` has what their scripts print: DATABASE_URL and the like."""

    def __init__(self, folder):
        self.folder = folder
        self.names = []
        self.values = {}
        self.lock = threading.Lock()
        os.environ["FXMON_SERVER_OWNER"] = str(os.getpid())

    def script(self, name, word, *words, seconds=300):
        p = subprocess.run([os.path.join(HERE, name), word, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=seconds,
                           stdin=subprocess.DEVNULL)
        if p.returncode != 0:
            raise Failed(f"{name} {word}: {p.stderr[-2000:]}")
        return p.stdout

    def install(self, name):
        """With its output on the terminal: fetching takes a while the first time."""
        if subprocess.run([os.path.join(HERE, name), "install"], stdin=subprocess.DEVNULL).returncode != 0:
            raise Failed(f"{name} cannot be installed")

    def start(self, name, *words):
        with self.lock:
            self.names.append(name)
        out = self.script(name, "start", self.path(name), *words)
        with self.lock:
            self.values.update(line.split("=", 1) for line in out.splitlines() if "=" in line)

    def start_all(self, wanted):
        """wanted: [(name, options)...], all at once."""
        with concurrent.futures.ThreadPoolExecutor(len(wanted)) as pool:
            for job in [pool.submit(self.start, name, *words) for name, words in wanted]:
                job.result()

    def path(self, name):
        return os.path.join(self.folder, name)

    def kill(self, name, *node):
        self.script(name, "kill", self.path(name), *node)

    def again(self, name, *node):
        self.script(name, "again", self.path(name), *node)

    def stop_all(self):
        with self.lock:
            names, self.names = self.names, []
        jobs = [subprocess.Popen([os.path.join(HERE, name), "stop", self.path(name)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                 start_new_session=True) for name in names]
        for job in jobs:
            try:
                job.wait(60)
            except subprocess.TimeoutExpired:
                job.kill()

    # ---- where the programs find them: no password in anything that `ps` shows ----

    @property
    def kafka(self):
        return self.values["KAFKA_BOOTSTRAP_SERVERS"]

    @property
    def database(self):
        """The URL without its password, which goes by PGPASSWORD."""
        u = urllib.parse.urlsplit(self.values["DATABASE_URL"])
        return f"postgresql://{u.username}@{u.hostname}:{u.port}{u.path}"

    def search_sink(self, key):
        return "elasticsearch+" + self.values[key]

    def environment(self):
        env = {k: v for k, v in os.environ.items() if not k.startswith("FXMON_") and k not in ("DATABASE_URL", "KAFKA_TOPIC", "KAFKA_BOOTSTRAP_SERVERS")}
        env["XDG_STATE_HOME"] = os.path.join(self.folder, "state")  # names of members: no trace in the user's home
        if "DATABASE_URL" in self.values:
            env["PGPASSWORD"] = urllib.parse.urlsplit(self.values["DATABASE_URL"]).password or ""
        return env

    # ---- questions ----

    def psql(self, sql, seconds=600):
        """Rows as lists of texts."""
        p = subprocess.run(["psql", "-XqAt", "-F", "\t", "-v", "ON_ERROR_STOP=1", "-d", self.database, "-c", sql], env=self.environment(),
                           capture_output=True, text=True, timeout=seconds, stdin=subprocess.DEVNULL)
        if p.returncode != 0:
            raise Failed(f"psql: {p.stderr.strip()[-600:]}")
        return [line.split("\t") for line in p.stdout.splitlines()]

    def redis(self, *commands):
        """Answers of several commands, one a line each; each command is a list of words without blanks."""
        p = subprocess.run(["redis-cli", "-u", self.values["REDIS_URL"], "--no-auth-warning"], input="\n".join(" ".join(c) for c in commands) + "\n",
                           capture_output=True, text=True, timeout=30)
        if p.returncode != 0:
            raise Failed(f"redis-cli: {p.stderr.strip()[-600:]}")
        return p.stdout.split("\n")[:-1]

    def kcat(self, *words, seconds=120):
        p = subprocess.run(["kcat", "-b", self.kafka, *words], capture_output=True, text=True, timeout=seconds, stdin=subprocess.DEVNULL)
        if p.returncode != 0:
            raise Failed(f"kcat {' '.join(words)}: {p.stderr.strip()[-600:]}")
        return p.stdout

    def search(self, key, path, body=None, method=None, seconds=30):
        return http_json(self.values[key] + path, body, method, seconds)

    def create_topic(self, topic, partitions):
        """By a program of Kafka's own, so that a measurement begins with a topic of known shape."""
        jars = os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "fxmon", "kafka", "4.1.0", "lib", "*")
        p = subprocess.run(["java", "-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", jars, "org.apache.kafka.tools.TopicCommand",
                            "--bootstrap-server", self.kafka, "--create", "--if-not-exists", "--topic", topic, "--partitions", str(partitions)],
                           capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
        if p.returncode != 0:
            raise Failed(f"cannot make topic {topic}: {p.stdout[-500:]}{p.stderr[-500:]}")


def http_json(url, body=None, method=None, seconds=30):
    data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, method=method, headers={"Content-Type": "application/json"} if data is not None else {})
    try:
        with DIRECT.open(request, timeout=seconds) as answer:
            return json.loads(answer.read() or b"null")
    except urllib.error.HTTPError as e:
        raise Failed(f"{url}: status {e.code}: {e.read()[:600].decode(errors='replace')}") from None
    except (urllib.error.URLError, OSError, ValueError) as e:
        raise Failed(f"{url}: {e}") from None


def say(*words):
    print(*words, file=sys.stderr, flush=True)
