"""The sink over TLS to an Elasticsearch that wants to know who asks: whom it trusts, what it says of whom it does not, who may come in, and that
what was refused is not lost. No password stands in what the programs say, in their logs or on their command lines."""
import glob, json, os, shutil, subprocess, tempfile
import lib_search as search
import lib_search_cases as cases
from lib_proxy import Proxy
from lib_search import Search, fx

PASSWORD, WRONG = "s3cret-word-of-the-test", "wr0ng-word-of-the-test"
OTHER = "127.0.0.1.localhost"  # this machine, by a name that the certificate does not have
check, folder = cases.check, cases.folder
said = []  # by all programs

server = Search("elasticsearch", "--security", "admin:" + PASSWORD, "--tls")
ca = folder("ca.pem")
shutil.copy(server.ca, ca)
check("the URL that the script tells", server.url == f"elasticsearch+https://admin:{PASSWORD}@127.0.0.1:{server.port}", server.url)


def openssl(*words):
    subprocess.run(["openssl", *words], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def stranger():
    """A certificate of the same names by an authority of nobody's: (certificate, key), and it is its own authority."""
    home = tempfile.mkdtemp()
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj", "/CN=stranger",
            "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", home + "/key.pem", "-out", home + "/ca.pem")
    return home + "/ca.pem", home + "/key.pem"


def append(log, count):
    """More of the same stream of messages, as its producer would."""
    os.makedirs(log, exist_ok=True)
    with open(log + "/00000000000000000000.ndjson", "a") as f:
        f.write("".join(messages[:count]))
    del messages[:count]


def environment(url, trust=ca, key=None):
    env = {**fx.ENV, "FXMON_SINK": url, "FXMON_LOG_LEVEL": "debug"}
    env.update({"FXMON_ELASTICSEARCH_CA_FILE": trust} if trust else {}, **({"FXMON_ELASTICSEARCH_API_KEY": key} if key else {}))
    return env


def consume(log, url, status=0, trust=ca, key=None, *words):
    """To the end, with destination and secrets from the environment: a bounded time, whatever is wrong"""
    p = subprocess.run(fx.command("consume", "--from", "file:" + log, "--until-end", *words), capture_output=True, text=True, timeout=30,
                       env=environment(url, trust, key))
    said.append(p.stdout + p.stderr)
    check(f"status of a run, expected {status}", p.returncode == status, f"{p.returncode}: {p.stderr}")
    return p.stderr


def address(host="127.0.0.1", user=None, password=None):
    return "elasticsearch+https://" + (f"{user}:{password}@" if user else "") + f"{host}:{server.port}"


def distrusted(log, before):
    """Nothing is sent to a server that cannot show who it is: the error says what is wrong with its certificate, and which option has to do with it."""
    foreign, _ = stranger()
    empty = folder("empty.pem")
    open(empty, "w").close()
    for trust, url, status, words in ((None, server.url, 4, ("certificate", "127.0.0.1", "--elasticsearch-ca-file")),
                                      (foreign, server.url, 4, ("certificate", foreign)),
                                      (ca, address(OTHER, "admin", PASSWORD), 4, ("certificate", OTHER)),
                                      (empty, server.url, 3, ("--elasticsearch-ca-file", empty)),
                                      ("/nowhere/ca.pem", server.url, 3, ("--elasticsearch-ca-file", "/nowhere/ca.pem")),
                                      (ca, server.url.replace("+https", "+http"), 4, ("+https",))):
        text = consume(log, url, status, trust)
        line = [part for part in text.splitlines() if "error: " in part]
        check(f"an error that has {words}", len(line) == 1 and all(word in line[0] for word in words), text)
        check("nothing came of it", server.count("fx-rates") == before, server.count("fx-rates"))


def grows(log):
    """Half of a log, a run without the file, and the rest: what was refused is not lost, and nothing comes twice."""
    append(log, 500)
    text = consume(log, server.url)
    check("the first half", "500 messages" in text and search.compare(server, log) == 4000, text)
    append(log, 500)
    distrusted(log, 4000)
    text = consume(log, server.url)
    check("only what is new", "500 messages, 4000 rows" in text, text)
    check("documents over TLS", search.compare(server, log) == 8000)


def renewed(log):
    """The server shows a certificate that nobody trusts to a consumer that comes back to it: it waits, and goes on when the right one is back."""
    certificate, key = stranger()
    home = server.dir + "/config/"
    own = {name: open(home + name).read() for name in ("certificate.pem", "key.pem")}
    errors, db, proxy = folder("errors"), folder("fx.db"), Proxy("127.0.0.1", server.port)
    p = subprocess.Popen(fx.command("consume", "--from", "file:" + log, "--store", "sqlite:" + db, *cases.QUICK), stderr=open(errors, "w"),
                         env=environment(server.url.replace(str(server.port), str(proxy.port))))
    try:
        append(log, 100)
        fx.wait_for("the consumer's start", lambda: server.count("fx-rates") == 8800)
        line = open(f"/proc/{p.pid}/cmdline").read()
        check("the command line", PASSWORD not in line and "--from" in line, line)
        for name, text in (("certificate.pem", open(certificate).read()), ("key.pem", open(key).read())):
            open(home + name, "w").write(text)
        fx.wait_for("the stranger", lambda: not trusted(), 40)  # the server looks at its files every five seconds
        proxy.cut_all()
        append(log, 100)
        fx.wait_for("a complaint about the certificate", lambda: "certificate" in trouble(db), 20)
        for name, text in own.items():
            open(home + name, "w").write(text)
        fx.wait_for("all documents", lambda: trusted() and server.count("fx-rates") >= 9600, 40)
        fx.stop(p)
    finally:
        p.kill()
        proxy.close()
        said.append(open(errors).read() + open(db, errors="replace").read() + trouble(db))
    check("documents of after the stranger", search.compare(server, log) == 9600)
    check("the end of the trouble", "200 messages" in said[-1] and "again after" in said[-1], said[-1][:2000])


def trusted():
    """The server shows its own certificate"""
    return subprocess.run(["curl", "-s", "-o", os.devnull, "--noproxy", "*", "--cacert", ca, server.bare]).returncode == 0


def trouble(db):
    """What the lane is troubled by, as others see it"""
    lanes = json.loads(fx.run("consume", "status", "--store", "sqlite:" + db, "--json", status=None).stdout or "{}").get("lanes", [])
    return "".join(lane["detail"] for lane in lanes)


def strangers(log):
    """Whoever is not let in is told so, once and at once, and nothing is written; that is no failure of the records."""
    before = {index: server.count(index) for index in ("fx-rates", "fxmon-dead-letters", "fxmon-progress")}
    for url, key in ((address(user="admin", password=WRONG), None), (address(user="nobody", password=WRONG), None), (address(), None),
                     (address(), "an-id:" + WRONG)):
        text = consume(log, url, 3, ca, key)
        check("the text of a refusal", "401" in text and "credentials" in text and text.count("error: ") == 1, text)
    check("what is there", before == {index: server.count(index) for index in before}, before)


def keys(log):
    """API keys in both forms; one with no more rights than the manual says; one that may only read."""
    whole = server.ask("/_security/api_key", "POST", {"name": "all"})
    for prefix, key in (("plain-", whole["id"] + ":" + whole["api_key"]), ("coded-", whole["encoded"])):
        consume(log, address(), 0, ca, key, "--index-prefix", prefix)
        check("documents by a key", search.compare(server, log, prefix + "fx-rates") == 9600)
    names = ["plain-fx-*", "plain-fxmon-*"]
    small = server.ask("/_security/api_key", "POST", {"name": "small", "role_descriptors": {"writer": {"indices": [
        {"names": names, "privileges": ["index", "read", "view_index_metadata", "maintenance"]}]}}})
    append(log, 100)
    text = consume(log, address(), 0, ca, small["encoded"], "--index-prefix", "plain-")
    check("documents by a key with few rights", "100 messages" in text and search.compare(server, log, "plain-fx-rates") == 10400, text)
    reader = server.ask("/_security/api_key", "POST", {"name": "reader", "role_descriptors": {"reader": {"indices": [
        {"names": names, "privileges": ["read", "view_index_metadata"]}]}}})
    append(log, 10)
    text = consume(log, address(), 3, ca, reader["encoded"], "--index-prefix", "plain-")
    check("the text for who may only read", "403" in text and "unauthorized" in text, text)
    check("nothing by who may only read", server.count("plain-fx-rates") == 10400)
    for key in (whole, small, reader):
        secrets.extend((key["api_key"], key["encoded"]))


secrets = [PASSWORD, WRONG]
source, log = folder("source"), folder("log")
search.produce(source, 1310)
messages = [line for name in sorted(glob.glob(source + "/*.ndjson")) for line in open(name)]
grows(log)
renewed(log)
strangers(log)
keys(log)
fx.ENV["FXMON_ELASTICSEARCH_CA_FILE"] = ca
cases.alerts(server, 300)
text = "".join(said)
check("a secret in what was said", not any(secret in text for secret in secrets), "one of them is there")
check("something was said", text.count("messages") > 10)
