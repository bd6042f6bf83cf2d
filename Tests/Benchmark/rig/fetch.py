"""A client that fetches a title whole over one connection, as a player without patience would."""

import http.client
import time
import urllib.parse

PIECE = 1 << 20


class Fetched:
    """When the first byte came and when the last, in seconds since the call; and the bytes."""

    def __init__(self, first, whole, content):
        self.first, self.whole, self.content = first, whole, content


def fetch(url, size, headers=None, begun=None, patience=600):
    """Asks until the answer is not 409 (there is nothing to play yet), and reads it to its end."""
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
        got = answer.readinto(view[position:position + PIECE])
        first = first or time.monotonic()
        if not got:
            raise SystemExit(f"run: the answer ended at {position} of {size}: {url}")
        position += got
    whole = time.monotonic()
    connection.close()
    return Fetched(first - begun, whole - begun, content)
