"""Durable starts of titles that the box holds already, by many clients at the same time; what LMDB and the disk alone
would make of them; and how often the disk can make a page durable."""

import os
import time

from rig import machine
from rig.population import start_heads
from rig.programs import pin
from rig.report import Measure, Row


CLIENTS = 64
# Into how many groups the limit's clients fall: all share each commit, or one half writes while the other syncs.
GROUPS = {"LMDB and links alone": 1, "the same in two halves": 2}


def run(bench):
    population = bench.population(1000 if bench.smoke else 100_000)
    calls = 100 if bench.smoke else 5000
    alone = population.bare
    alone.take_in(min(calls, population.users))
    box = population.open(start_heads(bench))
    population.settle()
    samples, synced = {name: [] for name in ["Larder", *GROUPS]}, []
    for turn in range(bench.rounds):
        synced.append(syncs_per_second(population.folder, 0.2 if bench.smoke else 1))
        names = list(samples)
        for name in names[turn % len(names):] + names[:turn % len(names)]:
            if name == "Larder":
                before = machine.cpu_seconds(box.program.pid)
                said = population.time(population.start_calls(calls, f"q{turn}"), CLIENTS, 201)
                said["busy"] = (machine.cpu_seconds(box.program.pid) - before) / said["seconds"]
            else:
                said = alone.time(
                    "start", calls, CLIENTS, GROUPS[name], min(calls, population.users), f"q{turn}in{GROUPS[name]}")
            samples[name].append(said)
        bench.say(f"api: round {turn + 1} of {bench.rounds}")
    population.close()
    rates = measures(samples, lambda said: said["calls"] / said["seconds"])
    return [Row(f"starts of held titles, {CLIENTS} clients", "a second", rates, limit=2000),
            Row("their median", "ms", measures(samples, lambda said: said["p50_us"] / 1000), less_is_better=True),
            Row("their p99", "ms", measures(samples, lambda said: said["p99_us"] / 1000), less_is_better=True),
            Row("fdatasync of 4 KiB on this disk, one after the other", "a second", {"disk": Measure.of(synced)})]


def measures(samples, of):
    return {name: Measure.of([of(said) for said in taken],
                             f"{Measure.of([said['busy'] for said in taken]).median * 100:.0f} % of its core busy")
            for name, taken in samples.items()}


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
