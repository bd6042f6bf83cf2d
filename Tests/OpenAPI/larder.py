"""The daemon under test: a box with a few titles, some of them whole, one paused and one failed."""

import json
import os
import subprocess

from rig.box import Box
from rig.origin import BUCKET
from rig.programs import wait_until

TITLES = ["content_abc", "content_def", "content_ghi", "content_jkl"]


class Larder(Box):
    def __init__(self, program, folder, origin):
        self.larder, self.folder = program, folder
        self.configuration = f"{folder}/larder.toml"
        os.makedirs(f"{folder}/data")
        for title in TITLES + ["large", "denied"]:
            path = f"{folder}/title"
            with open(path, "wb") as file:
                file.write(os.urandom(300_000 if title in TITLES else 30_000_000))
            origin.put(path, f"{title}/720p.mp4")
        with open(f"{folder}/catalogue", "w") as file:
            json.dump({"titles": [{
                "content_id": title, "title": title.title(), "duration_seconds": 12.5, "poster_key": None,
                "qualities": {"720p": {"key": f"{title}/720p.mp4", "size": 300_000}}} for title in TITLES]}, file)
        origin.put(f"{folder}/catalogue", "catalogue.json")
        with open(self.configuration, "w") as file:
            file.write(f"""
[server]
listen = ["127.0.0.1:0"]
admin_socket = "{folder}/admin.sock"
[storage]
path = "{folder}/data"
reserve = "1MiB"
[origin]
endpoint = "{origin.endpoint}"
bucket = "{BUCKET}"
catalog_key = "catalogue.json"
credentials_file = "{origin.credentials}"
[downloads]
max_rate = "20MB"
[log]
format = "json"
""")
        self.start()
        self.premium = self.token("ann")
        self.admin = self.token("ann", "premium", "admin")
        self.viewer = self.token("eve", "viewer")
        for title in TITLES:
            self.wait_completed(self.admin, self.start_download(self.admin, title))
        large = self.start_download(self.admin, "large")
        self.call("POST", f"/api/downloads/{large}/pause", self.admin)
        wait_until("the catalogue is read", 20, lambda: self.call("GET", "/api/catalog", self.admin)[1]["titles"])

    def token(self, user, *roles):
        arguments = [word for role in roles for word in ("--role", role)]
        return subprocess.run(
            [self.larder, "token", "--user", user, *arguments, "--config", self.configuration], check=True,
            capture_output=True, text=True).stdout.strip()

    def downloads(self):
        """The status and the id of each download."""
        listed = self.call("GET", "/api/downloads?include_deleted=true", self.admin)[1]["downloads"]
        return [(download["status"], download["id"]) for download in listed]

    def check_health(self):
        """Ends the run when something went wrong inside, whatever was answered."""
        if self.call("GET", "/readyz", self.admin)[0] != 200:
            raise SystemExit("run: the daemon is not well any more")
        for line in self.program.said().splitlines():
            event = json.loads(line)
            if event["level"] in ("error", "critical"):
                raise SystemExit(f"run: the daemon logged {line}")
        result = subprocess.run(
            [self.larder, "verify", "--config", self.configuration], capture_output=True, text=True)
        if result.returncode:
            raise SystemExit(f"run: larder verify: {result.stdout}{result.stderr}")
