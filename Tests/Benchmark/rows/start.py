"""From exec to the first answer, and what an idle daemon costs, by the number of downloads in its ledger."""

import socket
import time

from rig import machine
from rig.report import Measure, Row


def run(bench):
    counts = [1000] if bench.smoke else [1000, 100_000, 1_000_000]
    starts = 2 if bench.smoke else 4 * bench.rounds + 1
    first, memory, busy = {}, {}, {}
    for count in counts:
        population = bench.population(count)
        name = f"{count:,} downloads"
        # Each start but the first finds what kill -9 left of the one before.
        first[name] = Measure.of([1000 * first_answer(population) for _ in range(starts)][1:])
        population.settle()
        memory[name] = Measure.of([machine.rss_bytes(population.box.program.pid) / (1 << 20)])
        busy[name] = Measure.of([100 * machine.busy_share(population.box.program.pid, 0.5 if bench.smoke else 20)])
        population.close()
        bench.say(f"start: {name}")
    return [Row("start to first answer", "ms", first, limit=50, less_is_better=True), Row("idle, RSS", "MiB", memory),
            Row("idle, of one core", "%", busy)]


def first_answer(population):
    """Seconds from exec to a whole answer: a list of the user's fifty newest."""
    begun = time.monotonic()
    box = population.open()
    token = population.token(7)
    request = (
        f"GET /api/downloads?limit=50 HTTP/1.1\r\nHost: box\r\nAuthorization: Bearer {token}\r\n"
        "Connection: close\r\n\r\n")
    with socket.create_connection(("127.0.0.1", box.port)) as client:
        client.sendall(request.encode())
        answer = b""
        while part := client.recv(65536):
            answer += part
    if not answer.startswith(b"HTTP/1.1 200 "):
        raise SystemExit(f"run: {answer[:300]}")
    return time.monotonic() - begun
