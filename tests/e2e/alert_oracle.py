#!/usr/bin/env python3
"""Alerts by the book: reads rate messages (NDJSON) and rules, prints the events. Shares nothing with the library; compares fractions, not floats.

usage: alert_oracle.py RULES MESSAGES [STREAM]
RULES: one rule a line; its number is its id. Output, one line an event in the order of the log, then (threshold, id):
offset alert kind pair rate time_ns suppressed duration_ns worst event_id
"""
import hashlib
import json
import re
import sys
from datetime import datetime, timezone
from fractions import Fraction

UNITS = {"ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9, "d": 86400 * 10**9, "": 10**9}


def nanoseconds(text):
    parts = re.findall(r"(\d+)(ms|s|m|h|d|)", text)
    assert "".join(a + b for a, b in parts) == text, text
    return sum(int(number) * UNITS[unit] for number, unit in parts if number)


def instant(text):
    whole, _, fraction = text.rstrip("Z").partition(".")
    seconds = int(datetime.strptime(whole, "%Y-%m-%dT%H:%M:%S").replace(tzinfo=timezone.utc).timestamp())
    return seconds * 10**9 + int((fraction + "0" * 9)[:9])


class Alert:
    def __init__(self, number, line):
        words = line.split()
        self.id, self.pair, self.condition = number, words[0].upper(), words[1].lower()
        self.threshold = Fraction(words[2])
        options = dict(zip(words[3::2], words[4::2]))
        clear = Fraction(options.get("clear", words[2]))
        self.top, self.bottom = max(self.threshold, clear), min(self.threshold, clear)
        self.wait = nanoseconds(options.get("for", "0s"))
        self.cooldown = nanoseconds(options.get("cooldown", "0s"))
        self.repeat = options.get("repeat", "episode")
        self.level = self.condition in ("above", "below")
        self.sides = {"above": ["high"], "cross_up": ["high"], "below": ["low"], "cross_down": ["low"], "cross": ["high", "low"]}[self.condition]
        self.side = None            # on which side the price was last, None: on neither so far
        self.samples = 0
        self.status = "idle"        # idle, waiting (for its time), blocked (by the cooldown), firing, over
        self.start = self.last_fired = None
        self.extreme = None
        self.held_back = 0

    def sample(self, price, text, now):
        """The event of this sample as (kind, suppressed, duration, worst), or None."""
        if self.status == "over":
            return None
        here = "high" if price > self.top else "low" if price < self.bottom else None
        self.samples += 1
        if here and here != self.side:
            was_firing, began, worst = self.status == "firing", self.start, self.extreme
            self.side, self.start, self.status = here, now, "idle"
            if here in self.sides and (self.level or self.samples > 1):
                self.status, self.extreme = "waiting", (price, text)
            if was_firing:
                return "resolved", 0, now - began, worst[1]
        elif self.status in ("waiting", "blocked", "firing") and self.level:
            further = price > self.extreme[0] if self.condition == "above" else price < self.extreme[0]
            if further:
                self.extreme = (price, text)
        if not here or here != self.side:
            return None
        cooling = self.last_fired is not None and now - self.last_fired < self.cooldown
        if self.status == "firing" and self.repeat == "every" and not cooling:
            return self.fire("repeated", now)
        if self.status not in ("waiting", "blocked") or now - self.start < self.wait:
            return None
        if not cooling:
            return self.fire("fired", now)
        if self.status == "waiting":
            self.held_back += 1
        self.status = "blocked" if self.level else "idle"
        return None

    def fire(self, kind, now):
        suppressed, self.held_back, self.last_fired = self.held_back, 0, now
        self.status = "over" if self.repeat == "once" else "firing" if self.level else "idle"
        return kind, suppressed, 0, None


def events(rules, messages, stream=""):
    alerts = {}
    for number, line in enumerate((l for l in rules if l.strip()), 1):
        alert = Alert(number, line)
        alerts.setdefault(alert.pair, []).append(alert)
    for group in alerts.values():
        group.sort(key=lambda a: (a.threshold, a.id))
    newest = {}
    for offset, line in enumerate(messages):
        try:
            message = json.loads(line, parse_float=str, parse_int=str)
            now, rates = instant(message["timestamp"]), message["rates"]
        except (ValueError, KeyError, TypeError):
            continue
        for pair, text in rates.items():
            if now <= newest.get(pair, -1):
                continue
            newest[pair] = now
            price = Fraction(text)
            for alert in alerts.get(pair, ()):
                event = alert.sample(price, text, now)
                if event:
                    kind, suppressed, duration, worst = event
                    identity = f"{alert.id}|1|{stream}|0|{offset}|{kind}"
                    yield (offset, alert.id, kind, pair, text, now, suppressed, duration, worst or "-",
                           hashlib.sha256(identity.encode()).hexdigest()[:32])


if __name__ == "__main__":
    with open(sys.argv[1]) as rules, open(sys.argv[2]) as messages:
        for event in events(rules.read().splitlines(), messages, sys.argv[3] if len(sys.argv) > 3 else ""):
            print(*event)
