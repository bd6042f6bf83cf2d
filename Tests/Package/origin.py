"""The origin: SeaweedFS, a real S3 server that checks signatures, in the network that we are in."""

import json
import os
import signal
import subprocess

from machine import Failure, eventually

KEY, SECRET, BUCKET = "AKIAPACKAGE", "package/Secret+Key==", "titles"
PORTS = {"s3.port": 18333, "s3.port.grpc": 28333, "master.port": 18334, "master.port.grpc": 28334, "volume.port": 18335,
         "volume.port.grpc": 28335, "filer.port": 18336, "filer.port.grpc": 28336}


class Origin:
    endpoint = f"http://127.0.0.1:{PORTS['s3.port']}"

    def __init__(self, weed, folder):
        os.makedirs(f"{folder}/data")
        identity = {"name": "larder", "actions": ["Admin", "Read", "Write", "List"],
                    "credentials": [{"accessKey": KEY, "secretKey": SECRET}]}
        with open(f"{folder}/s3.json", "w") as file:
            json.dump({"identities": [identity]}, file)
        # Telemetry is on by default. The rest makes it start quickly.
        options = {
            "dir": f"{folder}/data", "ip": "127.0.0.1", "ip.bind": "127.0.0.1", "master.telemetry": "false",
            "s3.port.iceberg": 0, "s3.port.lance": 0, "s3.iam": "false", "s3.config": f"{folder}/s3.json",
            "s3.localSocket": f"{folder}/s3.sock", "filer.localSocket": f"{folder}/filer.sock",
            "master.electionTimeout": "1s", "master.heartbeatInterval": "100ms", "master.volumeSizeLimitMB": 1024,
            "volume.max": 0, **PORTS}
        self.log = f"{folder}/weed.log"
        with open(self.log, "w") as log:
            self.process = subprocess.Popen(
                [weed, "-logtostderr=true", "server", "-s3"] + [f"-{name}={value}" for name, value in options.items()],
                stdout=log, stderr=log, env={"GOMAXPROCS": "2", "HOME": folder, "PATH": os.environ["PATH"]})

    def ready(self):
        """Waits until it takes objects."""
        def answers():
            if self.process.poll() is not None:
                with open(self.log) as log:
                    raise Failure(f"SeaweedFS does not start: {log.read()[-2000:]}")
            return self.curl("-X", "PUT", f"{self.endpoint}/{BUCKET}") and self.put("probe", b"probe")
        eventually("SeaweedFS is ready", answers, within=60)

    def put(self, key, content):
        return self.curl("-T", "-", f"{self.endpoint}/{BUCKET}/{key}", input=content)

    def curl(self, *words, input=b""):
        command = ["curl", "-sf", "--max-time", "20", "--aws-sigv4", "aws:amz:us-east-1:s3", "-u", f"{KEY}:{SECRET}",
                   "-H", "x-amz-content-sha256: UNSIGNED-PAYLOAD", *words]
        return subprocess.run(command, input=input, capture_output=True).returncode == 0

    def stop(self):
        # Its own way of stopping takes ten seconds.
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
