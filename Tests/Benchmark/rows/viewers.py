"""What viewers feel while titles come in: steady viewers, each with bytes that nobody played before, without fills and
with as many as Larder fetches at a time. On the machine's own disk and on one that is slow on purpose."""

import contextlib
import json
import os
import subprocess
import threading
import time

from rig import machine, titles
from rig.box import Box
from rig.programs import pin
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
        samples = {"alone": [], "with fills": []}
        for turn in range(self.bench.rounds):
            for which in list(samples) if turn % 2 else list(samples)[::-1]:
                samples[which].append(self.sample(box, token, films, filler if which == "with fills" else None))
            self.bench.say(f"viewers, {name}: round {turn + 1} of {self.bench.rounds}")
        box.program.end()
        return self.rows(name, samples)

    def sample(self, box, token, films, filler):
        """One run; with a filler, titles come in all the time."""
        self.forget(box)
        over = threading.Event()
        fills = Fills(box, filler, self.fill_size, over) if filler else None
        if fills:
            fills.begin()
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
        said["filled"] = fills.end() / elapsed / 1e6 if fills else 0
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
            measures = {
                ("Larder, with fills" if which == "with fills" else "alone"): Measure.of(
                    [each[key] for each in taken],
                    f"{sum(each['late'] for each in taken)} of {sum(each['segments'] for each in taken)} segments late, "
                    f"fills {median(taken, 'filled'):.0f} MB/s, server {median(taken, 'busy') * 100:.0f} % busy")
                for which, taken in samples.items()}
            measures["Larder"] = measures.pop("Larder, with fills")
            yield Row(f"{name}: {what}", "ms", measures, {"alone": target}, less_is_better=True)


class Fills:
    """As many titles as Larder fetches at a time, all the time: each begins anew before it is done."""

    def __init__(self, box, token, size, over):
        self.box, self.token, self.size, self.over = box, token, size, over
        self.bytes, self.threads = [0] * FILLS, []

    def begin(self):
        self.threads = [threading.Thread(target=self.fill, args=(number,)) for number in range(FILLS)]
        for thread in self.threads:
            thread.start()
        # They are under way when the viewers come.
        time.sleep(1)
        self.before = sum(self.bytes)

    def fill(self, number):
        done = 0
        while not self.over.is_set():
            identifier = self.box.start_download(self.token, f"other{number}")
            come = 0
            # Given up before it is whole, it goes with its owner; what is whole would stay, and be there at once next time.
            while come < 0.7 * self.size and not self.over.is_set():
                come = self.box.call("GET", f"/api/downloads/{identifier}/progress", self.token)[1]["downloaded_bytes"]
                self.bytes[number] = done + come
                time.sleep(0.1)
            done += come
            self.box.call("DELETE", f"/api/downloads/{identifier}", self.token)

    def end(self):
        """Bytes that came in during the run."""
        came = sum(self.bytes) - self.before
        self.over.set()
        for thread in self.threads:
            thread.join()
        return came


def median(samples, key):
    return sorted(each[key] for each in samples)[len(samples) // 2]
