"""Bringing 1 GiB in from the store: Larder, durable and verified, against what one would fetch it with otherwise."""

import os
import shutil
import time

from rig import machine, titles
from rig.box import Box
from rig.programs import pin
from rig.report import Measure, Row

CONTENT, KEY = "long", "long/720p.mp4"


def run(bench):
    folder = bench.folder("fill")
    size = 16 << 20 if bench.smoke else 1 << 30
    file = titles.make(f"{folder}/source", size)
    bench.origin.put(file, KEY)
    os.remove(file)
    fetchers = {"Larder": larder, "rclone": rclone, "aria2c": aria2c, "curl": curl}
    samples = {name: [] for name in fetchers}
    for turn in range(bench.rounds):
        order = list(fetchers)[turn % len(fetchers):] + list(fetchers)[:turn % len(fetchers)]
        for name in order:
            place = f"{folder}/{name}"
            os.makedirs(place)
            samples[name].append(fetchers[name](bench, place, size))
            shutil.rmtree(place)
            # What the one before left to be written is written before the next begins.
            os.sync()
        bench.say(f"fill: round {turn + 1} of {bench.rounds}")

    def measures(of):
        return {name: Measure.of([of(*sample) for sample in taken]) for name, taken in samples.items()}

    return [Row("fill", "MB/s", measures(lambda seconds, cpu, peak: size / seconds / 1e6),
                {name: 0.9 for name in ("rclone", "aria2c")}),
            Row("processor time", "s for each GiB", measures(lambda seconds, cpu, peak: cpu * (1 << 30) / size),
                less_is_better=True),
            Row("peak RSS", "MiB", measures(lambda seconds, cpu, peak: peak / (1 << 20)), {"rclone": 0.333},
                less_is_better=True)]


def larder(bench, place, size):
    """From the start of the download until it is completed: every block durable, the whole compared with its digest."""
    box = Box(bench.larder, place, bench.origin.endpoint, bench.origin.credentials)
    token = box.token("viewer")
    pid = box.program.pid
    before, begun = machine.cpu_seconds(pid), time.monotonic()
    box.wait_completed(token, box.start_download(token, CONTENT))
    taken = time.monotonic() - begun
    used, peak = machine.cpu_seconds(pid) - before, machine.peak_rss_bytes(pid)
    box.program.end()
    return taken, used, peak


def rclone(bench, place, size):
    return fetched(
        ["rclone", "copyto", f"store:titles/{KEY}", f"{place}/film", "--multi-thread-streams", "4",
         "--multi-thread-cutoff", "1M"], f"{place}/film", size, bench.origin.rclone_environment())


def aria2c(bench, place, size):
    return fetched(
        ["aria2c", "-q", "-x16", "-s16", "-d", place, "-o", "film", bench.origin.presigned(KEY)], f"{place}/film", size)


def curl(bench, place, size):
    """One connection and no checks: what libcurl alone costs."""
    return fetched(["curl", "-sS", "--fail", "-o", f"{place}/film", bench.origin.presigned(KEY)], f"{place}/film", size)


def fetched(command, path, size, environment=None):
    """Seconds, processor seconds and peak memory of a program that fetches."""
    begun = time.monotonic()
    if (child := os.fork()) == 0:
        pin(machine.SERVER_CORE)
        os.execvpe(command[0], command, {"PATH": os.environ["PATH"], "HOME": "/nonexistent", **(environment or {})})
    peak, ended = 0, 0
    while not ended:
        # Not ru_maxrss: in that, a program begins with what its parent had.
        peak = max(peak, machine.peak_rss_bytes(child))
        ended, status, usage = os.wait4(child, os.WNOHANG)
        time.sleep(0.01)
    taken = time.monotonic() - begun
    if status or os.path.getsize(path) != size:
        raise SystemExit(f"run: {' '.join(command)} failed ({status})")
    return taken, usage.ru_utime + usage.ru_stime, peak
