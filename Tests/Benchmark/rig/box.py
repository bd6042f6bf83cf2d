"""A Larder with a data directory of its own, and a user's calls to it."""

import http.client
import json
import os
import re
import subprocess

from rig import machine
from rig.programs import Program, wait_until
from rig.servers import render


class Box:
    """A running daemon, as shipped: tokens, ledger, checksums and all."""

    def __init__(self, larder, folder, endpoint, credentials, connections=4096, keys="{content_id}/{quality}.mp4",
                 extra=""):
        self.larder, self.folder = larder, folder
        self.configuration = f"{folder}/larder.toml"
        os.makedirs(f"{folder}/data", exist_ok=True)
        render("larder.toml", self.configuration, DATA=f"{folder}/data", ORIGIN=endpoint, CREDENTIALS=credentials,
               CONNECTIONS=connections, KEYS=keys)
        with open(self.configuration, "a") as file:
            file.write(extra)
        self.start()

    def start(self):
        log = f"{self.folder}/larder.log"
        if os.path.exists(log):
            os.remove(log)
        self.program = Program([self.larder, "serve", "--config", self.configuration], log, machine.SERVER_CORE)
        said = self.program.wait_for(
            "larder listens", lambda: re.search(r'"listening".*"address":"[^"]*:(\d+)"', self.program.said()),
            pause=0.0005)
        self.port = int(said.group(1))

    def token(self, user):
        return subprocess.run(
            [self.larder, "token", "--user", user, "--config", self.configuration], check=True, capture_output=True,
            text=True).stdout.strip()

    def call(self, method, path, token, body=None):
        return call(self.port, method, path, token, body)

    def start_download(self, token, content, quality="720p"):
        status, download = self.call(
            "POST", "/api/downloads/start", token, {"content_id": content, "quality": quality})
        if status not in (200, 201):
            raise SystemExit(f"run: start of {content}: {status} {download}")
        return download["id"]

    def wait_completed(self, token, identifier, seconds=600):
        def is_completed():
            download = self.call("GET", f"/api/downloads/{identifier}", token)[1]
            if download["status"] == "failed":
                raise SystemExit(f"run: {download}")
            return download["status"] == "completed"

        wait_until(f"download {identifier} is completed", seconds, is_completed)

    def link(self, token, identifier):
        return self.call("POST", f"/api/downloads/{identifier}/play-url", token)[1]["url"]


def call(port, method, path, token, body=None):
    """The status and the JSON of an answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    headers = {"Authorization": f"Bearer {token}"}
    connection.request(method, path, json.dumps(body) if body is not None else None, headers)
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    return answer.status, json.loads(text)
