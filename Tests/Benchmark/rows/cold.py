"""A title that the box does not have: started and played at once, against the client fetching it from the store itself.

All clients are the same code on one connection. Once the way to the store is free, and once each connection on it has
a limit, as stores and long ways have it. The client stands for a machine of its own: it waits neither for the store nor
for Larder, which together have more to do than two cores. Over the free line it is fetched through `tee` too, which does
nothing but what a title costs that is kept, compared and played: by one connection, and by as many as Larder has.
"""

import concurrent.futures
import hashlib
import json
import multiprocessing
import os
import re
import shutil
import sys
import time

from rig import machine, titles
from rig.box import Box, call
from rig.fetch import fetch
from rig.programs import Program, free_port, pin
from rig.report import Measure, Row

# By how many connections the limit fetches.
TEES = {"tee": 1, "tee, 4 connections": 4}
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
    with open(file, "rb") as source:
        digest = hashlib.md5(source.read()).hexdigest()
    samples = {name: [] for name in ["Larder", "direct", *([] if rate else TEES)]}
    client = concurrent.futures.ProcessPoolExecutor(
        1, multiprocessing.get_context("fork"), initializer=pin, initargs=(machine.LOAD_CORE, True))
    for turn in range(bench.rounds):
        # Each round has a title of its own: what was fetched once is cold no more.
        key = f"{name}{turn}/720p.mp4"
        bench.origin.put(file, key)
        # What the store has left to be written is written before anything is measured.
        os.sync()
        for who in list(samples)[turn % len(samples):] + list(samples)[:turn % len(samples)]:
            url = bench.origin.presigned(key, port)
            if who == "Larder":
                fetched, identifier = client.submit(through, box.port, token, f"{name}{turn}", file).result()
                box.wait_completed(token, identifier)
            elif who == "direct":
                fetched = client.submit(fetch, url, file).result()
            else:
                fetched = tee(bench, client, f"{folder}/tee", url, file, TEES[who], digest)
            samples[who].append(fetched)
            # Whoever comes next has the machine for itself.
            os.sync()
        bench.say(f"cold, {name}: round {turn + 1} of {bench.rounds}")
    client.shutdown()
    box.program.end()
    return samples


def through(port, token, content, file):
    begun = time.monotonic()
    identifier = call(port, "POST", "/api/downloads/start", token, {"content_id": content, "quality": "720p"})[1]["id"]
    url = f"http://127.0.0.1:{port}/api/downloads/{identifier}/play"
    return fetch(url, file, {"Authorization": f"Bearer {token}"}, begun), identifier


def tee(bench, client, folder, url, file, connections, digest):
    """The same title through the program that does the least."""
    os.makedirs(folder)
    port = free_port()
    program = Program(
        [bench.program("tee", "libcurl", "libcrypto"), str(port), url, str(os.path.getsize(file)), f"{folder}/file",
         str(connections)], f"{folder}/log", machine.SERVER_CORE)
    program.wait_for("tee listens", lambda: "listening" in program.said())
    fetched = client.submit(fetch, f"http://127.0.0.1:{port}/", file).result()
    # What it has kept is durable, and what it has compared is right, before the next begins.
    if program.process.wait(60) or json.loads(program.said().splitlines()[-1])["md5"] != digest:
        raise SystemExit(f"run: tee: {program.said()[-2000:]}")
    program.end()
    shutil.rmtree(folder)
    return fetched
