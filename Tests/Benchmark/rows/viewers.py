"""What viewers feel while titles come in: steady viewers, each with bytes that nobody played before, without fills, with
as many as Larder fetches at a time, and with none but a plain program that writes as many bytes to the same disk. On the
machine's own disk and on one that is slow on purpose."""

import contextlib
import json
import os
import signal
import subprocess
import threading
import time

from rig import machine, titles
from rig.box import Box
from rig.programs import Program, pin
from rig.report import Measure, Row
from rig.slowdisk import SlowDisk

# 25 Mb/s: a film in 4K; in segments of two seconds.
RATE = 25_000_000 // 8
SEGMENT = 2 * RATE
# A disk behind USB: each request takes that many microseconds, its bytes go at that many MB/s, a flush takes so long.
SLOW = {"latency_us": 150, "mb_per_second": 400, "sync_us": 5000}
FILLS = 4
# Seconds until they are steady, which count for nothing.
WARM = 4


def run(bench):
    viewers, seconds = (4, 2) if bench.smoke else (50, 20)
    folder = bench.folder("viewers")
    scene = Scene(bench, folder, viewers, seconds)
    rows = list(scene.measure("own disk", f"{folder}/own"))
    # The reserve is 1 GiB, and unfinished titles are as long as they will be.
    room = scene.film_size * scene.films + FILLS * scene.fill_size + (3 << 30)
    disk = SlowDisk(bench.program("slowdisk", "fuse3"), bench.folder("viewers/slow"), room, **SLOW)
    rows += scene.measure("slow disk", disk.path)
    disk.end()
    return rows


class Scene:
    """Films with five viewers each, and titles to be brought in."""

    def __init__(self, bench, folder, viewers, seconds):
        self.bench, self.viewers, self.seconds = bench, viewers, seconds
        self.films = -(-viewers // 5)
        # Each viewer has a fifth of a film, which a run does not exhaust.
        self.share = RATE * (seconds + WARM + 4)
        self.film_size = 5 * self.share
        self.fill_size = 64 << 20 if bench.smoke else 1 << 30
        film = titles.make(f"{folder}/film", self.film_size)
        for number in range(self.films):
            bench.origin.put(film, f"film{number}/720p.mp4")
        self.reference = film
        other = titles.make(f"{folder}/other", self.fill_size)
        for number in range(FILLS):
            bench.origin.put(other, f"other{number}/720p.mp4")
        os.remove(other)

    def measure(self, name, place):
        box = Box(self.bench.larder, place, self.bench.origin.endpoint, self.bench.origin.credentials)
        token, filler = box.token("viewer"), box.token("filler")
        films = [box.start_download(token, f"film{number}") for number in range(self.films)]
        for film in films:
            box.wait_completed(token, film)
        samples = {"alone": [], "with fills": [], "plain writer": []}
        # What is written as much as the fills brought comes after them.
        orders = [["with fills", "plain writer", "alone"], ["alone", "with fills", "plain writer"]]
        for turn in range(self.bench.rounds):
            for which in orders[turn % 2]:
                load = None
                if which == "with fills":
                    load = Fills(box, filler, self.fill_size)
                elif which == "plain writer":
                    load = Writer(self.bench, place, samples["with fills"][-1]["filled"])
                samples[which].append(self.sample(box, token, films, load))
            self.bench.say(f"viewers, {name}: round {turn + 1} of {self.bench.rounds}")
        box.program.end()
        return self.rows(name, samples)

    def sample(self, box, token, films, load):
        """One run, with what else the disk has to do."""
        # Blocks that were compared once, in this process, need not all be compared again before an answer begins.
        box.program.end()
        box.start()
        self.forget(box)
        if load:
            load.begin()
            # It is under way when the viewers come.
            time.sleep(1)
            load.mark()
        path = [f"/api/downloads/{film}/play {viewer * self.share}" for film in films for viewer in range(5)]
        before, begun = machine.cpu_seconds(box.program.pid), time.monotonic()
        result = subprocess.run(
            [self.bench.program("viewers"), str(box.port), str(WARM), str(self.seconds), str(RATE), str(SEGMENT),
             self.reference, f"Authorization: Bearer {token}"],
            input="\n".join(path[:self.viewers]), capture_output=True, text=True,
            preexec_fn=lambda: pin(machine.LOAD_CORE, at_once=True))
        if result.returncode:
            raise SystemExit(f"run: viewers: {result.stderr}")
        said = json.loads(result.stdout)
        elapsed = time.monotonic() - begun
        said["busy"] = (machine.cpu_seconds(box.program.pid) - before) / elapsed
        said["filled"] = load.end() / elapsed if load else 0
        return said

    def forget(self, box):
        """Takes what was played before out of memory."""
        os.sync()
        objects = f"{box.folder}/data/objects"
        for name in os.listdir(objects):
            with contextlib.suppress(FileNotFoundError), open(f"{objects}/{name}", "rb") as file:
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)

    def rows(self, name, samples):
        for key, what, target in (("p50_ms", "half of the segments begin within", None),
                                  ("p99_ms", "99 % of the segments begin within", 1.2),
                                  ("longest_gap_ms", "longest gap", None)):
            alone = Measure.of([each[key] for each in samples["alone"]]).median
            measures = {}
            for which, taken in samples.items():
                came = " ".join(f"{each['filled'] / 1e6:.0f}" for each in taken)
                measure = Measure.of(
                    [each[key] for each in taken],
                    f"{sum(each['late'] for each in taken)} of {sum(each['segments'] for each in taken)} segments late, "
                    f"{came} MB/s come in, server {median(taken, 'busy') * 100:.0f} % busy")
                if which == "plain writer":
                    measure = measure.noting(f"{measure.median / alone:.2f} of alone")
                measures["Larder" if which == "with fills" else which] = measure
            yield Row(f"{name}: {what}", "ms", measures, {"alone": target}, less_is_better=True)


class Fills:
    """As many titles as Larder fetches at a time, all the time: each begins anew before it is done."""

    def __init__(self, box, token, size):
        self.box, self.token, self.size, self.over = box, token, size, threading.Event()
        self.bytes, self.threads, self.before = [0] * FILLS, [], 0

    def begin(self):
        self.threads = [threading.Thread(target=self.fill, args=(number,)) for number in range(FILLS)]
        for thread in self.threads:
            thread.start()

    def mark(self):
        """What comes from here on counts."""
        self.before = sum(self.bytes)

    def fill(self, number):
        done = 0
        while not self.over.is_set():
            identifier = self.box.start_download(self.token, f"other{number}")
            # What the box has of it already did not come in for this.
            first = come = self.downloaded(identifier)
            # Given up before it is whole, it goes with its owner; what is whole would stay, and be there at once next time.
            while come < 0.7 * self.size and not self.over.is_set():
                come = self.downloaded(identifier)
                self.bytes[number] = done + come - first
                time.sleep(0.1)
            done += come - first
            self.box.call("DELETE", f"/api/downloads/{identifier}", self.token)

    def downloaded(self, identifier):
        return self.box.call("GET", f"/api/downloads/{identifier}/progress", self.token)[1]["downloaded_bytes"]

    def end(self):
        """Bytes that came in since the mark."""
        came = sum(self.bytes) - self.before
        self.over.set()
        for thread in self.threads:
            thread.join()
        return came


class Writer:
    """A plain program that writes as many bytes a second as fills brought, and flushes them as seldom as it may: what the
    disk makes of that is what Larder can reach at the best."""

    def __init__(self, bench, place, rate):
        self.folder, self.log = f"{place}/written", f"{bench.scratch}/writer.log"
        self.command = [bench.program("writer"), self.folder, f"{max(rate, 1e6):.0f}"]

    def begin(self):
        os.makedirs(self.folder, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            os.remove(self.log)
        self.program = Program(self.command, self.log, machine.SERVER_CORE)

    def mark(self):
        """What comes from here on counts."""
        self.marked = time.monotonic()

    def end(self):
        """Bytes that it wrote since the mark, as evenly as it did."""
        elapsed = time.monotonic() - self.marked
        os.kill(self.program.pid, signal.SIGTERM)
        if self.program.process.wait(60):
            raise SystemExit(f"run: writer: {self.program.said()}")
        said = json.loads(self.program.said())
        self.program.end()
        return said["bytes"] / said["seconds"] * elapsed


def median(samples, key):
    return sorted(each[key] for each in samples)[len(samples) // 2]
