"""A box with the many downloads that FillLedger makes, its users' tokens, and calls in their names.

Each user has a hundred downloads; of the objects there is one for every ten downloads, and the box holds them all.
"""

import base64
import functools
import hmac
import json
import os
import re
import subprocess
import sys
import time

from rig import machine
from rig.bare import Bare
from rig.box import Box
from rig.programs import Program, run_pinned

HERE = os.path.dirname(os.path.abspath(__file__))


def encoded(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=")


class Population:
    """The downloads on the disk, made once; daemons over them come and go."""

    def __init__(self, bench, count):
        self.bench, self.count = bench, count
        self.users, self.objects = count // 100, count // 10
        self.folder = bench.folder(f"population-{count}")
        bench.say(f"making {count:,} downloads")
        said = subprocess.run(
            [bench.filler(), f"{self.folder}/data", str(count), "--files"], check=True, capture_output=True, text=True)
        bench.say(said.stdout.strip())
        # Or the disk would be writing them while something else is measured.
        os.sync()
        self.box = None

    @functools.cached_property
    def bare(self):
        """The same without a daemon: for what LMDB and the disk alone take. It closes the daemon that is open."""
        return Bare(self.bench, self)

    def open(self, endpoint="http://127.0.0.1:1", extra=""):
        """A daemon over them; the one before goes."""
        self.close()
        self.box = Box(
            self.bench.larder, self.folder, endpoint, self.bench.no_credentials(), keys="{content_id}", extra=extra)
        with open(f"{self.folder}/data/auth.key", "rb") as file:
            self.key = file.read().removesuffix(b"\n")
        return self.box

    def settle(self):
        """Waits until the box has looked at everything once. It does so beside its work, so many bytes a second: with
        objects of 1000 bytes that is more work than ever with titles, and no part of any call."""
        end = time.monotonic() + (0 if self.bench.smoke else 300)
        while time.monotonic() < end and machine.busy_share(self.box.program.pid, 2) > 0.01:
            pass

    def close(self):
        if self.box:
            self.box.program.end()
            self.box = None

    def token(self, user):
        """As `larder token` makes it; a process for each of ten thousand would take minutes."""
        head = encoded(b'{"alg":"HS256","typ":"JWT"}')
        claims = encoded(json.dumps(
            {"sub": f"user{user}", "role": "premium", "exp": int(time.time()) + 86400}).encode())
        return (head + b"." + claims + b"." + encoded(hmac.digest(self.key, head + b"." + claims, "sha256"))).decode()

    def start_calls(self, count, quality):
        """Starts of titles that the box holds, each new to its user, the users in turn."""
        for index in range(count):
            turn, user = divmod(index, self.users)
            body = {"content_id": f"title{(turn + 7919 * user) % self.objects}", "quality": quality}
            yield "POST", "/api/downloads/start", user, json.dumps(body)

    def list_calls(self, count):
        for index in range(count):
            yield "GET", "/api/downloads?limit=50", index % self.users, ""

    def delete_calls(self, count):
        """Deletions of what users have completed, the users in turn."""
        share = -(-count // self.users)
        for user in range(min(count, self.users)):
            status, page = self.box.call(
                "GET", f"/api/downloads?status=completed&limit={share}", self.token(user))
            for download in page["downloads"]:
                yield "DELETE", f"/api/downloads/{download['id']}/delete", user, ""

    def time(self, calls, connections, status):
        """Makes the calls, and gives what the load program says of them."""
        tokens = {}
        path = f"{self.folder}/calls"
        with open(path, "w") as file:
            for method, target, user, body in calls:
                token = tokens.get(user) or tokens.setdefault(user, self.token(user))
                file.write(f"{method}\t{target}\t{token}\t{body}\n")
        command = [self.bench.program("calls"), str(self.box.port), path, str(connections), str(status)]
        return json.loads(run_pinned(command, machine.LOAD_CORE))


def start_heads(bench):
    """The store that answers HEAD at once; its endpoint."""
    program = Program([sys.executable, f"{HERE}/heads.py"], f"{bench.scratch}/heads.log", machine.LOAD_CORE)
    port = program.wait_for("the store's port", lambda: re.search(r"^(\d+)$", program.said(), re.M))
    return f"http://127.0.0.1:{port.group(1)}"
