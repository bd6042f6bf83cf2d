"""The other servers, each with its configuration from `servers/`, and what they all serve: one title at one path."""

import getpass
import os
import re

from rig import machine
from rig.programs import Program, free_port

CONFIGURATIONS = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "servers")


def render(name, path, **values):
    """Writes a configuration with its @NAMES@ filled in."""
    with open(f"{CONFIGURATIONS}/{name}") as template:
        text = re.sub(r"@([A-Z]+)@", lambda match: str(values[match.group(1)]), template.read())
    with open(path, "w") as file:
        file.write(text)
    return path


class Server:
    """A server under test: where it listens, at which path it has the title, and what the request must carry."""

    def __init__(self, name, program, port, path, field=None):
        self.name, self.program, self.port, self.path, self.field = name, program, port, path, field

    @property
    def pid(self):
        return self.program.pid


def start(name, command, folder, port, path, environment=None):
    os.makedirs(folder, exist_ok=True)
    program = Program(command, f"{folder}/log", machine.SERVER_CORE, environment, folder)
    program.wait_for_port(port)
    return Server(name, program, port, path)


def nginx(name, folder, configuration, path, **values):
    os.makedirs(folder)
    port = free_port()
    file = render(configuration, f"{folder}/nginx.conf", PORT=port, USER=getpass.getuser(), **values)
    return start(name, ["/usr/sbin/nginx", "-p", folder, "-c", file, "-e", "stderr"], folder, port, path)


def nginx_static(folder, files, path, nopush, keeps_open=False):
    name, kept = ("nginx, open files", "max=1000 inactive=10m") if keeps_open else ("nginx", "off")
    return nginx(
        f"{name}, tcp_nopush {nopush}", folder, "nginx-static.conf", path, FILES=files, NOPUSH=nopush, OPEN=kept)


def nginx_cache(folder, upstream, path, nopush):
    return nginx(
        f"nginx cache, tcp_nopush {nopush}", folder, "nginx-cache.conf", path, UPSTREAM=upstream, NOPUSH=nopush)


def minimal(folder, program, file, path):
    """Not a server that one would use: what the kernel allows."""
    os.makedirs(folder)
    port = free_port()
    return start("minimal C", [program, str(port), file], folder, port, path)


def laden(folder, program, file, path, then):
    """The same with Larder's libraries: what a process with them costs, and what it costs once it has let go of what only
    its start needed."""
    os.makedirs(f"{folder}/ledger")
    port = free_port()
    command = [program, str(port), file, f"{folder}/ledger", then]
    return start(f"minimal C, Larder's libraries, {then}", command, folder, port, path)


def varnish(folder, upstream, path):
    os.makedirs(folder)
    port = free_port()
    file = render("varnish.vcl", f"{folder}/varnish.vcl", UPSTREAM=upstream)
    # timeout_idle as the others have it; the storage holds the title whole.
    command = ["/usr/sbin/varnishd", "-F", "-j", "none", "-n", f"{folder}/work", "-f", file, "-a", f"127.0.0.1:{port}",
               "-T", "none", "-s", "malloc,2g", "-p", "timeout_idle=75"]
    return start("Varnish", command, folder, port, path)


def caddy(folder, files, path):
    os.makedirs(folder)
    port = free_port()
    file = render("Caddyfile", f"{folder}/Caddyfile", PORT=port, FILES=files)
    command = ["caddy", "run", "--config", file, "--adapter", "caddyfile"]
    homes = {"HOME": folder, "XDG_CONFIG_HOME": folder, "XDG_DATA_HOME": folder}
    return start("Caddy", command, folder, port, path, homes)


def rclone(folder, origin, path):
    """Before the same bucket as Larder, with its cache of whole files on the disk."""
    os.makedirs(folder)
    port = free_port()
    command = ["rclone", "serve", "http", "store:titles", "--addr", f"127.0.0.1:{port}", "--read-only", "--no-modtime",
               "--vfs-cache-mode", "full", "--vfs-cache-max-age", "24h", "--dir-cache-time", "24h", "--cache-dir",
               f"{folder}/cache"]
    return start("rclone serve", command, folder, port, path, origin.rclone_environment())
