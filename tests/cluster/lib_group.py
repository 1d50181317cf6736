"""A consumer group under load: a topic that grows, members that come and go, and the judgement at the end."""
import lib_cluster as c


class Group:
    """Consumers of one topic into one PostgreSQL database, under one group name"""

    def __init__(self, kafka, postgres, name, partitions=4, split=False, rate=300, rnd=None, words=(), poison=0.0, sources=6, total=10_000_000, bin=None):
        self.kafka, self.postgres, self.name, self.words, self.rnd, self.bin = kafka, postgres, name, list(words), rnd, bin or c.BIN
        kafka.create(name, partitions)
        self.url = postgres.database(name)
        self.feed = c.Feed(kafka, name, c.messages(rnd, total, split=split, poison=poison, sources=sources, pairs=8 if split else 4), rate)
        self.members = []

    def start(self, *words, environment=None):
        p = c.Program("consume", "--from", self.kafka.url(self.name), "--sink", self.url, "--group", self.name, *c.QUICK, "--batch",
                      str(self.rnd.choice([1, 7, 50, 200])), "--batch-time", "20ms", "--checkpoint", "1s", "--retry-base", "20ms", "--retry-cap", "500ms",
                      "--breaker-cooldown", "300ms", *self.words, *words, bin=self.bin, environment=environment)
        self.members.append(p)
        return p

    def forget(self, member):
        self.members.remove(member)

    def has(self, member):
        """The partitions that a member last said it has; None: it has not spoken yet"""
        has = None
        for line in member.said().splitlines():
            if "; has " in line:
                has = [int(n) for n in line.rsplit("; has ", 1)[1].split(",") if n.isdigit()]
        return has

    def places(self):
        """{partition: (next offset, epoch, owner)}"""
        rows = self.postgres.sql("SELECT partition, next_offset, epoch, owner FROM fxmon_progress", self.url, check=False)
        return {int(p): (int(o), int(e), w) for p, o, e, w in rows or []}

    def beyond(self, before):
        """Every partition that has something to read has gone on since, which only its present owner can have done"""
        bounds, now = self.kafka.wire.bounds(self.name), self.places()
        return all(now.get(n, (0,))[0] > max(0, before.get(n, (0,))[0]) for n, (_, end) in bounds.items() if end > max(0, before.get(n, (0,))[0]))

    def reached(self):
        return sum(max(0, o) for o, _, _ in self.places().values())

    def fenced(self):
        return sum(p.said().count("took over") for p in self.everybody())

    def everybody(self):
        return [p for p in c.all_programs if "--group" in p.words and p.words[p.words.index("--group") + 1] == self.name]

    def finish(self, what=None):
        """The feed ends, everybody stops, what is left is read, and the table is judged"""
        fed = self.feed.stop()
        for p in list(self.members):
            p.stop()
        self.members = []
        self.start("--until-end").expect(seconds=60)
        records = self.kafka.records(self.name)
        want, dead = c.expected(records)
        calm = f"{c.work}/{self.name}.calm.db"
        c.fxmon("consume", "--from", self.kafka.url(self.name), "--sink", "sqlite:" + calm, "--group", self.name + ".calm", "--until-end", seconds=180)
        if len(records) < fed:
            c.fail(f"{fed} messages were fed, the topic has {len(records)}")
        c.compare(what or self.name, c.postgres_rows(self.postgres, self.url), want, c.sqlite_rows(calm))
        if c.postgres_dead(self.postgres, self.url) != c.dead_list(dead):
            c.fail(f"{self.name}: not the dead letters expected: {len(c.postgres_dead(self.postgres, self.url))}, {len(dead)}")
        return len(records)
