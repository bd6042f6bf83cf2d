"""Ranges and whole files of one title that every server holds, warm: Larder's first against each other server's."""

import json
import os

from rig import machine, servers, titles
from rig.box import Box
from rig.programs import run_pinned
from rig.report import Measure, Row

CONTENT, KEY = "film", "film/720p.mp4"

# What is asked for, over how many connections, what counts (requests in a second, or bytes for a second of processor),
# and the least share of nginx's and of its cache's.
KINDS = {
    "1 KiB ranges": (1 << 10, 64, "requests/s", 1.5, 1.9),
    "64 KiB ranges": (64 << 10, 64, "requests/s", 1.1, None),
    "1 MiB ranges": (1 << 20, 16, "MB/CPU s", 1.0, 1.9),
    "whole file": (0, 4, "MB/CPU s", 1.0, None),
}


def run(bench):
    size = 20 << 20 if bench.smoke else 200 << 20
    field = start_all(bench, size)
    seconds = 0.2 if bench.smoke else bench.seconds
    samples = {kind: {server.name: [] for server in field} for kind in KINDS}
    for turn in range(bench.rounds):
        for kind, (range_size, connections, unit, *_) in KINDS.items():
            # Whoever comes first in one round comes last in another.
            start = turn % len(field)
            for server in field[start:] + field[:start]:
                samples[kind][server.name].append(sample(bench, server, range_size, connections, seconds, unit))
        bench.say(f"serving: round {turn + 1} of {bench.rounds}")
    return [row(kind, unit, samples[kind], target, cached)
            for kind, (_, _, unit, target, cached) in KINDS.items()]


def start_all(bench, size):
    """Every server with the title in it, warm."""
    folder = bench.folder("serving")
    os.makedirs(f"{folder}/files/film")
    file = titles.make(f"{folder}/files/{KEY}", size)
    # What answers are compared with is nobody's own file, or its owner's memory would be the warmest.
    bench.reference = titles.make(f"{folder}/reference", size)
    bench.origin.put(file, KEY)

    box = Box(bench.larder, f"{folder}/larder", bench.origin.endpoint, bench.origin.credentials)
    token = box.token("viewer")
    download = box.start_download(token, CONTENT)
    box.wait_completed(token, download)
    larder = servers.Server(
        "Larder", box.program, box.port, f"/api/downloads/{download}/play", f"Authorization: Bearer {token}")
    link = servers.Server("Larder, link", box.program, box.port, box.link(token, download))

    files, path = f"{folder}/files", f"/{KEY}"
    field = [larder, link]
    for nopush in ("on", "off"):
        field += [servers.nginx_static(f"{folder}/nginx-{nopush}", files, path, nopush),
                  servers.nginx_static(f"{folder}/nginx-open-{nopush}", files, path, nopush, keeps_open=True)]
    upstream = field[2].port
    field += [servers.nginx_cache(f"{folder}/nginx-cache-{nopush}", upstream, path, nopush) for nopush in ("on", "off")]
    field += [servers.varnish(f"{folder}/varnish", upstream, path), servers.caddy(f"{folder}/caddy", files, path),
              servers.rclone(f"{folder}/rclone", bench.origin, path),
              servers.minimal(f"{folder}/minimal", bench.program("minimal"), file, path)]
    for server in field:
        warm(bench, server)
    return field


def warm(bench, server):
    load(bench, server, 0, 1, 1)
    load(bench, server, 1 << 20, 4, 0.2)


def load(bench, server, range_size, connections, seconds):
    command = [bench.program("ranges"), str(server.port), server.path, bench.reference, str(connections), str(seconds),
               str(range_size)]
    return json.loads(run_pinned(command + ([server.field] if server.field else []), machine.LOAD_CORE))


def sample(bench, server, range_size, connections, seconds, unit):
    before = machine.cpu_seconds(server.pid)
    said = load(bench, server, range_size, connections, seconds)
    used = max(machine.cpu_seconds(server.pid) - before, 1 / machine.TICKS)
    said["busy"] = used / said["seconds"]
    said["requests/s"] = said["requests"] / said["seconds"]
    said["MB/CPU s"] = said["bytes"] / used / 1e6
    said["requests/CPU s"] = said["requests"] / used
    return said


def row(kind, unit, samples, target, cached):
    measures = {
        name: Measure.of(
            [each[unit] for each in taken],
            f"{median(taken, 'requests/CPU s'):,.0f} requests/CPU s, p99 {median(taken, 'p99_us') / 1000:.1f} ms, "
            f"server {median(taken, 'busy') * 100:.0f} % busy, load {median(taken, 'load_cpu') * 100:.0f} %")
        for name, taken in samples.items()}
    for name in ("nginx", "nginx, open files", "nginx cache"):
        better(measures, name)
    targets = {"nginx": target, **({"nginx cache": cached} if cached else {})}
    return Row(kind, unit, measures, targets)


def median(samples, key):
    return sorted(each[key] for each in samples)[len(samples) // 2]


def better(measures, name):
    """nginx counts in the better setting of tcp_nopush, in each row anew."""
    both = {setting: measures.pop(f"{name}, tcp_nopush {setting}") for setting in ("on", "off")}
    setting = max(both, key=lambda each: both[each].median)
    other = both["off" if setting == "on" else "on"]
    measures[name] = both[setting].noting(f"tcp_nopush {setting} ({other.text()} otherwise)")
