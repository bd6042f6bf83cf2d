"""A title that the box does not have: started and played at once, against the client fetching it from the store itself.

Both clients are the same code on one connection. Once the way to the store is free, and once each connection on it has
a limit, as stores and long ways have it.
"""

import os
import re
import sys
import time

from rig import machine, titles
from rig.box import Box
from rig.fetch import fetch
from rig.programs import Program
from rig.report import Measure, Row

HERE = os.path.dirname(os.path.abspath(__file__))


def run(bench):
    folder = bench.folder("cold")
    # A limit for each connection of 4 MB/s makes 200 MiB take 50 s directly, so that title is shorter.
    free = scenario(bench, folder, "free", 4 << 20 if bench.smoke else 200 << 20, None)
    limited = scenario(bench, folder, "limited", 1 << 20 if bench.smoke else 32 << 20, 4_000_000)
    return [*rows("cold title, whole", free, 0.98), *rows("cold title, whole, 4 MB/s a connection", limited, 2)]


def rows(name, samples, target):
    for what in ("whole", "first"):
        speeds = {who: Measure.of([getattr(each, what) for each in taken]) for who, taken in samples.items()}
        if what == "whole":
            # The ratio is one of speeds: how many times as fast as direct.
            yield Row(name, "MB/s", {who: Measure.of([len(each.content) / each.whole / 1e6 for each in taken])
                                     for who, taken in samples.items()}, {"direct": target})
        else:
            yield Row(f"{name}: to the first byte", "s", speeds, less_is_better=True)


def scenario(bench, folder, name, size, rate):
    port = bench.origin.port
    if rate:
        line = Program(
            [sys.executable, f"{HERE}/../rig/throttle.py", str(port), str(rate)], f"{folder}/{name}.log",
            machine.LOAD_CORE)
        port = int(line.wait_for("the line's port", lambda: re.search(r"^(\d+)$", line.said(), re.M)).group(1))
    box = Box(bench.larder, f"{folder}/{name}", f"http://127.0.0.1:{port}", bench.origin.credentials)
    token = box.token("viewer")
    file = titles.make(f"{folder}/{name}.mp4", size)
    with open(file, "rb") as source:
        expected = source.read()
    samples = {"Larder": [], "direct": []}
    for turn in range(bench.rounds):
        # Each round has a title of its own: what was fetched once is cold no more.
        key = f"{name}{turn}/720p.mp4"
        bench.origin.put(file, key)
        # What the store has left to be written is written before anything is measured.
        os.sync()
        for who in ("Larder", "direct") if turn % 2 else ("direct", "Larder"):
            fetched = through(box, token, f"{name}{turn}", size) if who == "Larder" \
                else fetch(bench.origin.presigned(key, port), size)
            if fetched.content != expected:
                raise SystemExit(f"run: wrong bytes: {who}, {name}")
            samples[who].append(fetched)
        bench.say(f"cold, {name}: round {turn + 1} of {bench.rounds}")
    box.program.end()
    return samples


def through(box, token, content, size):
    begun = time.monotonic()
    identifier = box.start_download(token, content)
    url = f"http://127.0.0.1:{box.port}/api/downloads/{identifier}/play"
    return fetch(url, size, {"Authorization": f"Bearer {token}"}, begun)
