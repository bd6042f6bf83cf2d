"""The container from outside: commands run in it, its units, its journal, and what listens there."""

import json
import os
import re
import socket
import subprocess
import time


class Failure(Exception):
    """Something is not as it must be."""


def check(holds, what):
    """Fails with `what` unless it holds."""
    if not holds:
        raise Failure(what)


def eventually(what, look, within=20.0):
    """What `look` returns once that is true; asked again until then."""
    deadline = time.monotonic() + within
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > deadline:
            raise Failure(f"not within {within:.0f} s: {what}")
        time.sleep(0.05)


class Machine:
    """A booted container, known by its init's process on this machine. We are in its network already."""

    def __init__(self, init):
        # Nothing of the environment here means anything there.
        self.enter = ["nsenter", "-a", "-t", str(init), "env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8",
                      "DEBIAN_FRONTEND=noninteractive"]
        self.root = f"/proc/{init}/root"

    def run(self, *command, input=None):
        """Runs a command inside and returns what it wrote; fails when it fails."""
        done = self.attempt(*command, input=input)
        check(done.returncode == 0, f"{' '.join(command)}: status {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout

    def attempt(self, *command, input=None):
        """Runs a command inside, whatever comes of it."""
        return subprocess.run(self.enter + list(command), input=input, capture_output=True, text=True, timeout=120)

    def begin(self, *command):
        """Runs a command inside and does not wait for it."""
        return subprocess.Popen(
            self.enter + list(command), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def write(self, path, text, mode=0o644):
        with open(self.root + path, "w", opener=lambda name, flags: os.open(name, flags, mode)) as file:
            file.write(text)

    def read(self, path):
        with open(self.root + path) as file:
            return file.read()

    def show(self, unit, key):
        """A property of a unit."""
        return self.run("systemctl", "show", "--value", "-p", key, unit).strip()

    def state(self, unit):
        return self.attempt("systemctl", "is-active", unit).stdout.strip()

    def systemctl(self, *words):
        self.run("systemctl", *words)

    def journal(self, since=None):
        """What the units have said, one message a line; of systemd about them too."""
        words = ["journalctl", "-q", "--no-pager", "-o", "cat", "-u", "larder.service", "-u", "larder.socket"]
        return self.run(*words, *(["--after-cursor", since] if since else []))

    def cursor(self):
        """The journal's end just now."""
        self.attempt("journalctl", "--sync")
        text = self.run("journalctl", "-q", "--no-pager", "-n", "1", "--show-cursor")
        return re.search(r"-- cursor: (\S+)", text).group(1)

    def said(self, text, since):
        """Waits until the journal has it."""
        eventually(f"'{text}' in the journal", lambda: text in self.journal(since))


class Answer:
    def __init__(self, status, fields, body):
        self.status, self.fields, self.body = status, fields, body

    @property
    def json(self):
        return json.loads(self.body)


def connect(address):
    """A connection to (host, port) or to the path of a Unix socket."""
    if isinstance(address, str):
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(30)
        connection.connect(address)
        return connection
    return socket.create_connection(address, timeout=30)


def ask(address, method, path, token=None, body=None):
    """One request on a connection of its own, and its whole answer."""
    with connect(address) as connection:
        connection.sendall(request(method, path, token, body, "Connection: close\r\n"))
        bytes_ = b""
        while part := connection.recv(1 << 16):
            bytes_ += part
    return parse(bytes_)


def request(method, path, token=None, body=None, more=""):
    text = f"{method} {path} HTTP/1.1\r\nHost: box\r\n{more}"
    if token:
        text += f"Authorization: Bearer {token}\r\n"
    content = json.dumps(body).encode() if body is not None else b""
    if body is not None:
        text += f"Content-Length: {len(content)}\r\n"
    return text.encode() + b"\r\n" + content


def parse(bytes_):
    head, found, body = bytes_.partition(b"\r\n\r\n")
    check(found, f"this is no answer: {bytes_[:200]!r}")
    first, *lines = head.decode().split("\r\n")
    fields = {name.lower(): value.strip() for name, value in (line.split(":", 1) for line in lines)}
    return Answer(int(first.split()[1]), fields, body)


class Stream:
    """A viewer: a play that is taken slowly, so that it is open for as long as we like."""

    def __init__(self, address, path, token):
        self.connection = socket.socket()
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 << 10)
        self.connection.settimeout(30)
        self.connection.connect(address)
        self.connection.sendall(request("GET", path, token))
        self.bytes = b""
        while b"\r\n\r\n" not in self.bytes:
            self.take(4096)
        answer = parse(self.bytes)
        check(answer.status == 200, f"play: {answer.status} {answer.body[:300]!r}")
        self.length = int(answer.fields["content-length"])
        self.bytes = answer.body

    def take(self, count):
        part = self.connection.recv(count)
        check(part, f"the stream ended after {len(self.bytes)} bytes")
        self.bytes += part

    def rest(self):
        """Takes all that is left and returns the whole."""
        parts = [self.bytes]
        got = len(self.bytes)
        while got < self.length:
            part = self.connection.recv(1 << 18)
            check(part, f"the stream ended after {got} of {self.length} bytes")
            parts.append(part)
            got += len(part)
        self.connection.close()
        return b"".join(parts)
