"""The object store: a SeaweedFS on loopback that checks signatures as it would for anyone."""

import datetime
import hashlib
import hmac
import os
import subprocess
import urllib.parse

from rig import machine
from rig.programs import Program, free_port

BUCKET, REGION = "titles", "us-east-1"
ACCESS_KEY, SECRET_KEY = "AKIATEST", "test/Secret+Key=="


class Origin:
    """A running SeaweedFS with one bucket."""

    def __init__(self, weed, folder):
        self.folder = folder
        os.makedirs(folder)
        identities = (
            '{"identities":[{"name":"larder","actions":["Admin","Read","Write","List","Tagging"],'
            f'"credentials":[{{"accessKey":"{ACCESS_KEY}","secretKey":"{SECRET_KEY}"}}]}}]}}')
        with open(f"{folder}/s3.json", "w") as file:
            file.write(identities)
        self.credentials = f"{folder}/credentials"
        with open(self.credentials, "w") as file:
            file.write(f"[default]\naws_access_key_id = {ACCESS_KEY}\naws_secret_access_key = {SECRET_KEY}\n")
        ports = [free_port() for _ in range(8)]
        # Telemetry is on by default and calls out. The rest makes it start quickly.
        options = {
            "dir": folder, "ip": "127.0.0.1", "ip.bind": "127.0.0.1", "master.telemetry": "false",
            "s3.port": ports[0], "s3.port.grpc": ports[1], "master.port": ports[2], "master.port.grpc": ports[3],
            "volume.port": ports[4], "volume.port.grpc": ports[5], "filer.port": ports[6], "filer.port.grpc": ports[7],
            "s3.port.iceberg": 0, "s3.port.lance": 0, "s3.iam": "false", "s3.config": f"{folder}/s3.json",
            "s3.localSocket": f"{folder}/s3.sock", "filer.localSocket": f"{folder}/filer.sock",
            "master.electionTimeout": "1s", "master.heartbeatInterval": "100ms", "master.volumeSizeLimitMB": 1024,
            "volume.max": 0}
        self.port = ports[0]
        self.program = Program(
            [weed, "-logtostderr=true", "server", "-s3"] + [f"-{key}={value}" for key, value in options.items()],
            f"{folder}/weed.log", machine.LOAD_CORE)
        self.endpoint = f"http://127.0.0.1:{self.port}"
        bucket = f"{self.endpoint}/{BUCKET}"
        self.program.wait_for("SeaweedFS stores", lambda: self._curl("-X", "PUT", bucket).returncode == 0)
        probe = ("-T", "/dev/null", self.url("probe"))
        self.program.wait_for("SeaweedFS stores", lambda: self._curl(*probe).returncode == 0)

    def url(self, key):
        return f"{self.endpoint}/{BUCKET}/{key}"

    def _curl(self, *arguments):
        return subprocess.run(
            ["curl", "-sS", "--fail", "--user", f"{ACCESS_KEY}:{SECRET_KEY}", "--aws-sigv4",
             f"aws:amz:{REGION}:s3", *arguments], capture_output=True, text=True)

    def put(self, path, key):
        result = self._curl("-T", path, self.url(key))
        if result.returncode:
            raise SystemExit(f"run: upload of {key}: {result.stderr}")

    def presigned(self, key, port=None):
        """A URL that opens the object without a header, for a day; by another port when something stands before it."""
        host = f"127.0.0.1:{port or self.port}"
        now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
        scope = f"{now[:8]}/{REGION}/s3/aws4_request"
        query = urllib.parse.urlencode({
            "X-Amz-Algorithm": "AWS4-HMAC-SHA256", "X-Amz-Credential": f"{ACCESS_KEY}/{scope}", "X-Amz-Date": now,
            "X-Amz-Expires": "86400", "X-Amz-SignedHeaders": "host"}, quote_via=urllib.parse.quote, safe="")
        canonical = f"GET\n/{BUCKET}/{key}\n{query}\nhost:{host}\n\nhost\nUNSIGNED-PAYLOAD"
        text = f"AWS4-HMAC-SHA256\n{now}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        signing = f"AWS4{SECRET_KEY}".encode()
        for part in (now[:8], REGION, "s3", "aws4_request"):
            signing = hmac.digest(signing, part.encode(), "sha256")
        signature = hmac.digest(signing, text.encode(), "sha256").hex()
        return f"http://{host}/{BUCKET}/{key}?{query}&X-Amz-Signature={signature}"

    def rclone_environment(self, endpoint=None):
        """The bucket as rclone's remote `store:`."""
        return {
            "RCLONE_CONFIG": "/dev/null", "RCLONE_CONFIG_STORE_TYPE": "s3", "RCLONE_CONFIG_STORE_PROVIDER": "Other",
            "RCLONE_CONFIG_STORE_ACCESS_KEY_ID": ACCESS_KEY, "RCLONE_CONFIG_STORE_SECRET_ACCESS_KEY": SECRET_KEY,
            "RCLONE_CONFIG_STORE_REGION": REGION, "RCLONE_CONFIG_STORE_ENDPOINT": endpoint or self.endpoint}
