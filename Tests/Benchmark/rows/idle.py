"""Memory with many idle keep-alive connections, each of which has had one answer."""

import os
import socket
import time

from rig import machine, servers, titles
from rig.box import Box
from rig.libraries import libraries_of
from rig.report import Measure, Row

CONTENT, KEY = "short", "short/720p.mp4"


def run(bench):
    count = 100 if bench.smoke else 5000
    field = start_all(bench, count)
    measures, own, grown = {}, {}, {}
    for server in field:
        before = machine.rss_bytes(server.pid)
        connections = [ask(server) for _ in range(count)]
        # What was needed for a moment only may go back: idle is who was asked for nothing all that time.
        time.sleep(0.5 if bench.smoke else 12)
        after = machine.rss_bytes(server.pid)
        own[server.name] = Measure.of([machine.anonymous_bytes(server.pid) / (1 << 20)])
        if any(is_closed(connection) for connection in connections):
            raise SystemExit(f"run: {server.name} has closed idle connections")
        for connection in connections:
            connection.close()
        measures[server.name] = Measure.of([after / (1 << 20)], f"{before / (1 << 20):.1f} MiB before")
        grown[server.name] = Measure.of([(after - before) / count])
        bench.say(f"idle: {server.name}")
    return [Row(f"RSS with {count:,} idle connections", "MiB", measures, {"nginx": 0.8}, less_is_better=True),
            Row("of that anonymous memory", "MiB", own, less_is_better=True),
            Row("growth for each of them", "bytes", grown, less_is_better=True)]


def start_all(bench, count):
    folder = bench.folder("idle")
    os.makedirs(f"{folder}/files/short")
    file = titles.make(f"{folder}/files/{KEY}", 1 << 20)
    bench.origin.put(file, KEY)
    box = Box(
        bench.larder, f"{folder}/larder", bench.origin.endpoint, bench.origin.credentials, connections=count + 100)
    token = box.token("viewer")
    download = box.start_download(token, CONTENT)
    box.wait_completed(token, download)
    larder = servers.Server(
        "Larder", box.program, box.port, f"/api/downloads/{download}/play", f"Authorization: Bearer {token}")
    nginx = servers.nginx_static(f"{folder}/nginx", f"{folder}/files", f"/{KEY}", "on")
    nginx.name = "nginx"
    cache = servers.nginx_cache(f"{folder}/nginx-cache", nginx.port, f"/{KEY}", "on")
    cache.name = "nginx cache"
    return [larder, nginx, cache, servers.varnish(f"{folder}/varnish", nginx.port, f"/{KEY}"),
            servers.caddy(f"{folder}/caddy", f"{folder}/files", f"/{KEY}"),
            servers.rclone(f"{folder}/rclone", bench.origin, f"/{KEY}"),
            servers.minimal(f"{folder}/minimal", bench.program("minimal"), file, f"/{KEY}"),
            *(servers.laden(f"{folder}/laden-{then}", laden(bench), file, f"/{KEY}", then)
              for then in ("keep", "release"))]


def laden(bench):
    """minimal C with the very libraries that this Larder is linked with, whether it calls them or not."""
    return bench.program("laden", "libcurl", "lmdb", "libuv", link=["-Wl,--no-as-needed", *libraries_of(bench.larder)])


def ask(server):
    """A connection that has had one answer and is kept."""
    connection = socket.create_connection(("127.0.0.1", server.port), 10)
    field = f"{server.field}\r\n" if server.field else ""
    connection.sendall(
        f"GET {server.path} HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nRange: bytes=0-0\r\n{field}\r\n".encode())
    answer = b""
    while not (b"\r\n\r\n" in answer and len(answer.split(b"\r\n\r\n", 1)[1]) == 1):
        part = connection.recv(4096)
        if not part:
            raise SystemExit(f"run: {server.name} closed the connection: {answer[:200]}")
        answer += part
    if not answer.startswith(b"HTTP/1.1 206 "):
        raise SystemExit(f"run: {server.name}: {answer[:200]}")
    return connection


def is_closed(connection):
    connection.setblocking(False)
    try:
        return connection.recv(1) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True
