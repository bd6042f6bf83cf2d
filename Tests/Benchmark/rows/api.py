"""Durable starts of titles that the box holds already, by many clients at the same time, and what the disk could do."""

import os
import time

from rig import machine
from rig.population import start_heads
from rig.programs import pin
from rig.report import Measure, Row


def run(bench):
    population = bench.population(1000 if bench.smoke else 100_000)
    calls = 100 if bench.smoke else 5000
    box = population.open(start_heads(bench))
    rates, p50, p99, busy, synced = [], [], [], [], []
    for turn in range(bench.rounds):
        synced.append(syncs_per_second(population.folder, 0.2 if bench.smoke else 1))
        before = machine.cpu_seconds(box.program.pid)
        said = population.time(population.start_calls(calls, f"q{turn}"), 64, 201)
        busy.append((machine.cpu_seconds(box.program.pid) - before) / said["seconds"])
        rates.append(said["calls"] / said["seconds"])
        p50.append(said["p50_us"] / 1000)
        p99.append(said["p99_us"] / 1000)
        bench.say(f"api: round {turn + 1} of {bench.rounds}")
    population.close()
    note = f"server {Measure.of(busy).median * 100:.0f} % busy"
    return [Row("starts of held titles, 64 clients", "a second", {"Larder": Measure.of(rates, note)}, limit=2000),
            Row("their median", "ms", {"Larder": Measure.of(p50)}), Row("their p99", "ms", {"Larder": Measure.of(p99)}),
            Row("fdatasync of 4 KiB on this disk, one after the other", "a second", {"disk": Measure.of(synced)})]


def syncs_per_second(folder, seconds):
    """How often one thread can make a page durable: what a commit costs at the least."""
    if (child := os.fork()) == 0:
        pin(machine.SERVER_CORE)
        descriptor = os.open(f"{folder}/synced", os.O_RDWR | os.O_CREAT, 0o600)
        os.pwrite(descriptor, bytes(1 << 20), 0)
        os.fsync(descriptor)
        count, begun = 0, time.monotonic()
        while time.monotonic() < begun + seconds:
            os.pwrite(descriptor, os.urandom(4096), count % 256 * 4096)
            os.fdatasync(descriptor)
            count += 1
        with open(f"{folder}/syncs", "w") as file:
            file.write(str(count / (time.monotonic() - begun)))
        os._exit(0)
    os.waitpid(child, 0)
    with open(f"{folder}/syncs") as file:
        return float(file.read())
