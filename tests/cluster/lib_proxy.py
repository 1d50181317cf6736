#!/usr/bin/env python3
"""A TCP proxy that misbehaves when told: between a client of ours and a real server.

As a library:

    proxy = Proxy("127.0.0.1", 5432)          # listens on proxy.port
    proxy.cut(at=b"COMMIT", how="after")      # next time these bytes go up: hand them to the server, then cut the client off
    proxy.cut(at=b"COMMIT", how="before")     # ... the server never gets them
    proxy.cut(bytes=70000, way="down")        # after so many bytes from the server, counted from now over all connections
    proxy.cut(at=b"COMMIT", how="stall")      # half-open: nothing moves any more, nobody is told
    proxy.delay = 0.05                        # seconds before each piece, both ways
    proxy.refuse = True                       # new connections are closed at once
    proxy.cut_all()                           # all connections, now
    proxy.connections, proxy.cuts             # counted since the start
    proxy.close()

A rule works once, in the order in which rules were given. "after" hands the server all it got, waits for the answer, and keeps it from the client.

As a program: lib_proxy.py HOST PORT prints its port, then obeys lines on standard input, answering each with "ok" or, to count, with a number:
    cut at TEXT before|after|stall [up|down]     cut bytes N before|after|stall [up|down]
    delay SECONDS     refuse on|off     cut all     count cuts|connections
It ends with its standard input.
"""
import socket
import struct
import sys
import threading
import time


class Rule:
    def __init__(self, at, count, how, way):
        self.at, self.left, self.how, self.way = at, count, how, way
        self.tail = {}  # per connection: bytes that may be the beginning of the pattern

    def find(self, link, piece):
        """How many bytes of the piece belong before the cut, or None."""
        if self.at is None:
            if len(piece) < self.left:
                self.left -= len(piece)
                return None
            return self.left
        before = self.tail.get(link, b"")
        place = (before + piece).find(self.at)
        self.tail[link] = (before + piece)[-(len(self.at) - 1):] if len(self.at) > 1 else b""
        return None if place < 0 else max(place + len(self.at) - len(before), 0)


class Proxy:
    def __init__(self, host, port):
        self.target = (host, port)
        self.delay, self.refuse = 0.0, False
        self.connections = self.cuts = 0
        self.rules, self.links, self.lock = [], set(), threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.listener.getsockname()[1]
        self.closed = False
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self, at=None, bytes=0, how="before", way="up"):
        assert how in ("before", "after", "stall") and way in ("up", "down")
        with self.lock:
            self.rules.append(Rule(at, bytes, how, way))

    def cut_all(self):
        with self.lock:
            links = list(self.links)
        for link in links:
            link.end()

    def close(self):
        self.closed = True
        self.listener.close()
        self.cut_all()

    def _accept(self):
        while not self.closed:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            if self.refuse:
                reset(client)
                continue
            try:
                server = socket.create_connection(self.target, timeout=5)
                server.settimeout(None)
            except OSError:
                reset(client)
                continue
            link = Link(self, client, server)
            with self.lock:
                self.links.add(link)
            link.start()

    def judge(self, link, way, piece):
        """(bytes to hand on, what then: None, before, after, stall)"""
        with self.lock:
            for rule in self.rules:
                if rule.way == way:
                    place = rule.find(link, piece)
                    if place is not None:
                        self.rules.remove(rule)
                        self.cuts += 1
                        keep = place if rule.how == "after" or rule.at is None else max(place - len(rule.at), 0)
                        return keep, rule.how
                    return len(piece), None  # rules of one way wait for the first of them
        return len(piece), None


def reset(sock):
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.close()
    except OSError:
        pass


class Link:
    def __init__(self, proxy, client, server):
        self.proxy, self.client, self.server = proxy, client, server
        self.stalled, self.answered = False, threading.Event()
        for sock in (client, server):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def start(self):
        threading.Thread(target=self._pump, args=(self.client, self.server, "up"), daemon=True).start()
        threading.Thread(target=self._pump, args=(self.server, self.client, "down"), daemon=True).start()

    def end(self):
        for sock in (self.client, self.server):
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            reset(sock)
        with self.proxy.lock:
            self.proxy.links.discard(self)

    def _pump(self, source, sink, way):
        try:
            while True:
                piece = source.recv(65536)
                if not piece:
                    break
                if self.stalled:
                    self.answered.set()
                    continue
                if self.proxy.delay:
                    time.sleep(self.proxy.delay)
                keep, how = self.proxy.judge(self, way, piece)
                if how == "after" and way == "up":
                    self._cut_client(piece)
                    return
                sink.sendall(piece[:keep])
                if how == "stall":
                    self.stalled = True
                elif how is not None:
                    break
        except OSError:
            pass
        if not self.stalled:
            self.end()

    def _cut_client(self, piece):
        """The whole piece reaches the server, its answer is waited for, and none of it reaches the client."""
        self.stalled = True
        try:
            self.server.sendall(piece)
            self.answered.wait(10)
        except OSError:
            pass
        self.end()


def obey(proxy, words):
    if words[:2] == ["cut", "all"]:
        proxy.cut_all()
    elif words[0] == "cut":
        how, way = words[3] if len(words) > 3 else "before", words[4] if len(words) > 4 else "up"
        proxy.cut(at=words[2].encode() if words[1] == "at" else None, bytes=int(words[2]) if words[1] == "bytes" else 0, how=how, way=way)
    elif words[0] == "delay":
        proxy.delay = float(words[1])
    elif words[0] == "refuse":
        proxy.refuse = words[1] == "on"
    elif words[0] == "count":
        return str(proxy.cuts if words[1] == "cuts" else proxy.connections)
    else:
        return "unknown"
    return "ok"


if __name__ == "__main__":
    made = Proxy(sys.argv[1], int(sys.argv[2]))
    print(made.port, flush=True)
    for line in sys.stdin:
        print(obey(made, line.split()), flush=True)
