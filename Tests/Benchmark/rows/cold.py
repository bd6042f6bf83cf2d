"""A title that the box does not have: started and played at once, against the client fetching it from the store itself.

Both clients are the same code on one connection. Once the way to the store is free, and once each connection on it has
a limit, as stores and long ways have it. The client stands for a machine of its own: it waits neither for the store nor
for Larder, which together have more to do than two cores.
"""

import concurrent.futures
import multiprocessing
import os
import re
import sys
import time

from rig import machine, titles
from rig.box import Box, call
from rig.fetch import fetch
from rig.programs import Program, pin
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
            yield Row(name, "MB/s", {who: Measure.of([each.size / each.whole / 1e6 for each in taken])
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
    samples = {"Larder": [], "direct": []}
    client = concurrent.futures.ProcessPoolExecutor(
        1, multiprocessing.get_context("fork"), initializer=pin, initargs=(machine.LOAD_CORE, True))
    for turn in range(bench.rounds):
        # Each round has a title of its own: what was fetched once is cold no more.
        key = f"{name}{turn}/720p.mp4"
        bench.origin.put(file, key)
        # What the store has left to be written is written before anything is measured.
        os.sync()
        for who in ("Larder", "direct") if turn % 2 else ("direct", "Larder"):
            call = (through, box.port, token, f"{name}{turn}", file) if who == "Larder" \
                else (fetch, bench.origin.presigned(key, port), file)
            samples[who].append(client.submit(*call).result())
        bench.say(f"cold, {name}: round {turn + 1} of {bench.rounds}")
    client.shutdown()
    box.program.end()
    return samples


def through(port, token, content, file):
    begun = time.monotonic()
    identifier = call(port, "POST", "/api/downloads/start", token, {"content_id": content, "quality": "720p"})[1]["id"]
    url = f"http://127.0.0.1:{port}/api/downloads/{identifier}/play"
    return fetch(url, file, {"Authorization": f"Bearer {token}"}, begun)
