"""The few requests of Kafka's protocol that tests need and no tool at hand speaks: topics made and deleted, records deleted, bounds. Plain sockets, old versions
of the requests (those that version 4 still takes); independent of librdkafka, so that what is tested does not judge itself."""
import socket, struct, time

RETRIABLE = {3, 5, 6, 7, 9, 14, 15, 16, 19, 41}  # no leader yet, not the leader, timed out, not available, not the controller ...


class Refused(Exception):
    def __init__(self, what, code):
        super().__init__(f"{what}: Kafka error {code}")
        self.code = code


def text(value):
    return struct.pack(">h", -1) if value is None else struct.pack(">h", len(value)) + value.encode()


def array(items):
    return struct.pack(">i", len(items)) + b"".join(items)


class Answer:
    def __init__(self, data):
        self.data, self.at = data, 0

    def number(self, form):
        value, = struct.unpack_from(">" + form, self.data, self.at)
        self.at += struct.calcsize(">" + form)
        return value

    def text(self):
        length = self.number("h")
        if length < 0:
            return None
        self.at += length
        return self.data[self.at - length:self.at].decode()

    def list(self, item):
        return [item() for _ in range(self.number("i"))]


def ask(address, key, version, body, seconds=10):
    host, port = address
    with socket.create_connection((host, port), timeout=seconds) as s:
        head = struct.pack(">hhi", key, version, 1) + text("fxmon-test")
        s.sendall(struct.pack(">i", len(head) + len(body)) + head + body)
        data = b""
        while len(data) < 4 or len(data) < 4 + struct.unpack(">i", data[:4])[0]:
            more = s.recv(1 << 20)
            if not more:
                raise ConnectionError("closed by the broker")
            data += more
    answer = Answer(data[4:])
    answer.number("i")
    return answer


class Cluster:
    """bootstrap: "host:port,host:port" """

    def __init__(self, bootstrap):
        self.addresses = [(h, int(p)) for h, p in (a.rsplit(":", 1) for a in bootstrap.split(","))]

    def insist(self, what, attempt, seconds=30):
        """Repeat while brokers are away or still agreeing on leaders"""
        end = time.monotonic() + seconds
        while True:
            try:
                return attempt()
            except (OSError, Refused) as e:
                if (isinstance(e, Refused) and e.code not in RETRIABLE) or time.monotonic() > end:
                    raise
                time.sleep(0.1)

    def any(self, key, version, body):
        trouble = None
        for address in self.addresses:
            try:
                return ask(address, key, version, body)
            except OSError as e:
                trouble = e
        raise trouble

    def metadata(self, topic):
        """leaders: {partition: (host, port)}; in_sync: {partition: nodes}"""
        a = self.any(3, 1, array([text(topic)]))
        nodes = {n: (h, p) for n, h, p, _ in a.list(lambda: (a.number("i"), a.text(), a.number("i"), a.text()))}
        a.number("i")
        self.leaders, self.in_sync, self.leader_nodes = {}, {}, {}

        def partition():
            error, index, leader = a.number("h"), a.number("i"), a.number("i")
            a.list(lambda: a.number("i"))
            in_sync = a.list(lambda: a.number("i"))
            if error not in (0, 9) or leader not in nodes:
                raise Refused(f"partition {index} of {topic}", error or 5)
            self.leaders[index], self.in_sync[index], self.leader_nodes[index] = nodes[leader], in_sync, leader

        def one():
            error, name = a.number("h"), a.text()
            a.number("b")
            a.list(partition)
            if error:
                raise Refused(f"topic {name}", error)
        a.list(one)
        return self

    def create(self, topic, partitions=1, replicas=1, **config):
        body = array([text(topic) + struct.pack(">ih", partitions, replicas) + array([]) +
                      array([text(k.replace("_", ".")) + text(str(v)) for k, v in config.items()])]) + struct.pack(">ib", 10000, 0)

        def attempt():
            a = self.any(19, 2, body)
            a.number("i")
            for name, error, why in a.list(lambda: (a.text(), a.number("h"), a.text())):
                if error:
                    raise Refused(f"creating {name}: {why}", error)
        self.insist(f"creating {topic}", attempt)
        self.insist(f"leaders of {topic}", lambda: self.metadata(topic))

    def delete(self, topic):
        def attempt():
            a = self.any(20, 1, array([text(topic)]) + struct.pack(">i", 10000))
            a.number("i")
            for name, error in a.list(lambda: (a.text(), a.number("h"))):
                if error:
                    raise Refused(f"deleting {name}", error)
        self.insist(f"deleting {topic}", attempt)

        def gone():
            try:
                self.metadata(topic)
            except Refused as e:
                if e.code == 3:
                    return
                raise
            raise Refused(f"{topic} is still there", 5)
        self.insist(f"the end of {topic}", gone)

    def delete_records(self, topic, partition, before):
        """The broker forgets what lies before that offset"""
        def attempt():
            self.metadata(topic)
            a = ask(self.leaders[partition], 21, 0, array([text(topic) + array([struct.pack(">iq", partition, before)])]) + struct.pack(">i", 10000))
            a.number("i")
            for _, parts in a.list(lambda: (a.text(), a.list(lambda: (a.number("i"), a.number("q"), a.number("h"))))):
                for index, low, error in parts:
                    if error or (before >= 0 and low != before):
                        raise Refused(f"deleting records of {topic}/{index} up to {before}, kept from {low}", error)
        self.insist("deleting records", attempt)

    def bounds(self, topic):
        """{partition: (first, end)}"""
        def attempt():
            self.metadata(topic)
            found = {}
            for partition, leader in self.leaders.items():
                both = []
                for when in (-2, -1):
                    a = ask(leader, 2, 1, struct.pack(">i", -1) + array([text(topic) + array([struct.pack(">iq", partition, when)])]))
                    (_, ((_, error, _, offset),)), = a.list(lambda: (a.text(), a.list(lambda: (a.number("i"), a.number("h"), a.number("q"), a.number("q")))))
                    if error:
                        raise Refused(f"bounds of {topic}/{partition}", error)
                    both.append(offset)
                found[partition] = tuple(both)
            return found
        return self.insist("bounds", attempt)
