"""A client that fetches a title whole over one connection, as a player without patience would."""

import http.client
import os
import time
import urllib.parse

PIECE = 1 << 20


class Fetched:
    """When the first byte came and when the last, in seconds since the call."""

    def __init__(self, first, whole, size):
        self.first, self.whole, self.size = first, whole, size


def fetch(url, file, headers=None, begun=None, patience=600):
    """Asks until the answer is not 409 (there is nothing to play yet), reads it to its end and compares it with the file."""
    size = os.path.getsize(file)
    begun = begun or time.monotonic()
    parts = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=60)
    content = bytearray(size)
    while True:
        connection.request("GET", f"{parts.path}?{parts.query}" if parts.query else parts.path, headers=headers or {})
        answer = connection.getresponse()
        if answer.status != 409:
            break
        answer.read()
        if time.monotonic() > begun + patience:
            raise SystemExit(f"run: not ready after {patience} s: {url}")
        time.sleep(0.002)
    if answer.status != 200 or answer.length != size:
        raise SystemExit(f"run: {answer.status} with {answer.length} bytes instead of {size}: {url}")
    first, position, view = None, 0, memoryview(content)
    while position < size:
        # What is there, at the most a piece: to fill a whole one would be to wait for bytes.
        got = answer.readinto1(view[position:position + PIECE]) if first else answer.readinto(view[:1])
        first = first or time.monotonic()
        if not got:
            raise SystemExit(f"run: the answer ended at {position} of {size}: {url}")
        position += got
    whole = time.monotonic()
    connection.close()
    with open(file, "rb") as source:
        if source.read() != content:
            raise SystemExit(f"run: wrong bytes: {url}")
    return Fetched(first - begun, whole - begun, size)
