#!/usr/bin/env python3
"""The life of a box, from the installation of its package to the purge. Started by run, in the container's network."""

import argparse
import json
import os
import random
import re
import sys
import threading
import time

from machine import Failure, Machine, Stream, ask, check, connect, eventually
from origin import BUCKET, KEY, SECRET, Origin

V4, V6 = ("127.0.0.1", 4000), ("::1", 4000)
SIZE = 16 << 20
DRAIN = 10
# Where systemd has what the unit calls /var/lib/larder: below a folder that is root's alone.
DATA = "/var/lib/private/larder"
CONFIGURATION = f"""
[server]
header_timeout = "5s"
[storage]
reserve = "1MiB"
[origin]
endpoint = "{Origin.endpoint}"
bucket = "{BUCKET}"
[quota]
default = "1GiB"
"""


class Proof:
    def __init__(self, machine, origin):
        self.machine = machine
        self.origin = origin
        # What is asked for at each of its sockets, without a token.
        self.ways = {V4: "/readyz", V6: "/readyz", machine.root + "/run/larder/admin.sock": "/metrics"}
        self.film = random.Random(5).randbytes(SIZE)
        self.token = None
        self.id = None

    # The steps, in order.

    def installs(self):
        """apt installs it on a bare system, and it runs, hardened"""
        machine = self.machine
        said = self.apt("install", "/root/first.deb")
        check("does not run" not in said, said)
        for unit in ["larder.service", "larder.socket"]:
            check(machine.state(unit) == "active", f"{unit} is {machine.state(unit)}\n{machine.journal()}")
            check(machine.run("systemctl", "is-enabled", unit).strip() == "enabled", f"{unit} is not enabled")
        self.serves()
        eventually("the status text", lambda: re.fullmatch(r"nothing to do, [\d.]+ [kMGT]B free", self.status()))
        check(machine.run("larder", "--version").startswith("larder "), "larder --version")
        for path in ["/usr/share/man/man1/larder.1.gz", "/usr/share/man/man5/larder.toml.5.gz",
                     "/usr/share/bash-completion/completions/larder", "/usr/share/zsh/vendor-completions/_larder",
                     "/usr/share/fish/vendor_completions.d/larder.fish", "/usr/share/doc/larder/copyright",
                     "/etc/avahi/services/larder.service"]:
            check(os.path.getsize(machine.root + path) > 100, f"{path} is missing or next to empty")
        check("/etc/larder/larder.toml" in machine.run("dpkg-query", "-W", "-f", "${Conffiles}", "larder"), "no conffile")

    def is_confined(self):
        """the daemon has no rights that it does not need, and the administration socket is the administrators'"""
        machine = self.machine
        facts = dict(line.split(":\t", 1) for line in machine.read(f"/proc/{self.pid()}/status").splitlines()
                     if ":\t" in line)
        check(facts["Uid"].split()[0] != "0", "it runs as root")
        for key in ["CapEff", "CapPrm", "CapBnd", "CapAmb", "CapInh"]:
            check(int(facts[key], 16) == 0, f"{key} is {facts[key]}")
        check(facts["NoNewPrivs"] == "1" and facts["Seccomp"] == "2", "no filter of system calls")
        score = machine.run("systemd-analyze", "security", "--no-pager", "larder.service").splitlines()[-1]
        value = float(re.search(r"service: ([\d.]+)", score).group(1))
        check(value <= 1.5, score)
        print(f"    exposure {value}")
        check(machine.run("readlink", "/var/lib/larder").strip() == "private/larder", "no DynamicUser= in the way of others")
        check(machine.run("stat", "-c", "%A %U %G", "/run/larder/admin.sock").split() == ["srw-rw----", "root", "larder"],
              "the administration socket is not root's and larder's")
        machine.run("useradd", "--groups", "larder", "warden")
        machine.run("useradd", "guest")
        connecting = "use IO::Socket::UNIX; exit(IO::Socket::UNIX->new(Peer => '/run/larder/admin.sock') ? 0 : 3)"
        for user, status in [("warden", 0), ("guest", 3)]:
            done = machine.attempt("runuser", "-u", user, "--", "perl", "-e", connecting)
            check(done.returncode == status, f"{user} at the administration socket: {done.returncode} {done.stderr}")

    def has_credentials(self):
        """the origin's keys come by LoadCredential=, and a title with them"""
        machine, origin = self.machine, self.origin
        origin.ready()
        check(origin.put("film/720p.mp4", self.film), "the origin does not take the film")
        machine.write("/etc/larder/larder.toml", CONFIGURATION)
        machine.systemctl("restart", "larder")
        self.token = machine.run("larder", "token", "--user", "ann").strip()
        title = {"content_id": "film", "quality": "720p"}
        refused = self.ask("POST", "/api/downloads/start", title)
        check(refused.status == 502 and refused.json["code"] == "origin_refused", f"without keys: {refused.body}")
        keys = f"[default]\naws_access_key_id = {KEY}\naws_secret_access_key = {SECRET}\n"
        machine.write("/etc/larder/credentials/origin", keys, mode=0o600)
        machine.systemctl("restart", "larder")
        self.id = self.fetch("film")
        check(self.plays(), "the film is another one")
        eventually("a viewer in the status text", lambda: "1 viewer" in self.status())
        check(machine.attempt("larder", "verify").returncode == 0, "verify beside the daemon finds something")

    def tries_the_origin(self):
        """check --origin in a shell says where the keys are, and with them finds nothing wrong"""
        machine, tries = self.machine, ["larder", "check", "--origin", "--title", "film/720p"]
        told = machine.attempt(*tries)
        keys = re.search(r"CREDENTIALS_DIRECTORY=\S+", told.stdout)
        check(told.returncode == 1 and keys, f"without keys: {told.returncode}\n{told.stdout}{told.stderr}")
        # As sudo takes it, and as the handbook has it.
        found = machine.run("env", keys.group(), *tries)
        check("failed" not in found and f"{SIZE} bytes" in found and KEY not in found, found)

    def is_seen(self):
        """root sees the box with the daemon and without one, and what root orders has root's name"""
        machine = self.machine
        check(self.origin.put("trailer/720p.mp4", b"a trailer"), "the origin does not take the trailer")
        trailer = self.fetch("trailer")
        machine.run("larder", "evict", trailer)
        machine.run("larder", "quota", "ann", "3GiB")
        check(self.limit() == 3 << 30, "the quota that root set does not hold")
        late = machine.attempt("larder", "evict", trailer)
        check(late.returncode == 1 and "no such download" in late.stderr, f"evicted twice: {late.returncode} {late.stderr}")
        machine.run("larder", "quota", "ann", "default")
        seen = [self.sees(running=True)]
        machine.systemctl("stop", "larder.socket", "larder.service")
        seen.append(self.sees(running=False))
        check(seen[0] == seen[1], f"with the daemon {seen[0]}\nwithout it {seen[1]}")
        diary = self.document("audit")["events"]
        evicted = [event for event in diary if event["event"] == "evicted"]
        check([(event["by"], event["user"], event["download"]) for event in evicted] == [("root", "ann", trailer)],
              f"who evicted it: {evicted}")
        quotas = [event for event in diary if event["event"].startswith("quota")]
        check(len(quotas) == 2 and all(event["by"] == "root" and event["user"] == "ann" for event in quotas),
              f"who set the quota: {quotas}")
        told = machine.attempt("larder", "evict", trailer)
        check(told.returncode == 75 and "admin.sock" in told.stderr, f"nobody takes orders: {told.returncode} {told.stderr}")
        machine.systemctl("start", "larder")
        self.serves()

    def reloads(self):
        """a reload takes a good file, and keeps the settings with a bad one"""
        machine, pid = self.machine, self.pid()
        since = machine.cursor()
        machine.write("/etc/larder/larder.toml", CONFIGURATION.replace("1GiB", "2GiB"))
        machine.systemctl("reload", "larder")
        machine.said("configuration reloaded", since)
        check(self.limit() == 2 << 30, "the new quota does not hold")
        since = machine.cursor()
        machine.write("/etc/larder/larder.toml", CONFIGURATION + "defualt = 1\n")
        machine.systemctl("reload", "larder")
        line = (CONFIGURATION + "defualt").count("\n") + 1
        machine.said(f"configuration kept: /etc/larder/larder.toml:{line}:", since)
        check(self.limit() == 2 << 30 and self.pid() == pid and machine.state("larder") == "active", "it was disturbed")

    def gives_up(self):
        """a wrong configuration ends in a failed unit, even while people connect, and is mended by start"""
        machine = self.machine
        since = machine.cursor()
        check(machine.attempt("systemctl", "restart", "larder").returncode != 0, "it starts on a wrong configuration")
        check("defualt" in machine.journal(since), "the journal does not name the key")
        for _ in range(3):
            try:
                connect(V4).close()
            except ConnectionRefusedError:
                break
            time.sleep(0.2)
        # A connection that waits at the socket has it tried again at once: between two tries it looks failed, too.
        tries = lambda: machine.journal(since).count("Starting larder.service")

        def rests():
            known = tries()
            time.sleep(2)
            return tries() == known and machine.state("larder") == "failed"

        eventually("nothing is tried any more", rests)
        check(tries() <= 12, f"{tries()} tries")
        check(machine.state("larder.socket") in ["failed", "active"], "its socket is neither there nor given up")
        machine.write("/etc/larder/larder.toml", CONFIGURATION)
        eventually("it starts again", lambda: machine.attempt("systemctl", "start", "larder").returncode == 0)
        self.serves()

    def is_activated(self):
        """a connection starts it: by IPv4, by IPv6, by the administration socket"""
        machine = self.machine
        for address in self.ways:
            machine.systemctl("stop", "larder.service")
            check(machine.state("larder.service") == "inactive", "it does not stop")
            self.answers(address)
            check(machine.state("larder.service") == "active", "it is not active")

    def stands_alone(self):
        """where the socket unit is masked, it listens by itself, and the administrators reach it too"""
        machine, own = self.machine, "/run/larder/own/admin.sock"
        # To stop the sockets is to stop the service.
        machine.systemctl("stop", "larder.socket")
        check(machine.state("larder.service") == "inactive", "it outlives its sockets")
        machine.systemctl("mask", "--runtime", "larder.socket")
        machine.write("/etc/larder/larder.toml", CONFIGURATION.replace("[server]", f'[server]\nadmin_socket = "{own}"'))
        machine.systemctl("start", "larder")
        self.answers(V4)
        answer = ask(machine.root + own, "GET", "/metrics")
        check(answer.status == 200, f"/metrics at {own}: {answer.status}")
        check(machine.run("stat", "-c", "%A %G", own).split() == ["srw-rw----", "larder"], f"{own} is not larder's")
        machine.systemctl("unmask", "--runtime", "larder.socket")
        machine.write("/etc/larder/larder.toml", CONFIGURATION)
        machine.systemctl("restart", "larder")
        self.serves()

    def is_watched(self):
        """a daemon that hangs is started again by the watchdog"""
        machine, since = self.machine, self.machine.cursor()
        self.override("WatchdogSec=1")
        machine.systemctl("restart", "larder")
        pid = self.pid()
        machine.run("bash", "-c", f"kill -STOP {pid}")
        machine.said("Watchdog timeout", since)
        eventually("another process", lambda: self.pid() not in [0, pid] and machine.state("larder") == "active")
        check(self.plays(), "it does not play")
        self.override(None)

    def survives_kill(self):
        """after kill -9 it serves again, and nobody who connects meanwhile is refused"""
        machine, pid = self.machine, self.pid()
        machine.run("bash", "-c", f"kill -KILL {pid}")
        check(ask(V4, "GET", "/readyz").status == 200, "it does not serve")
        check(self.pid() != pid and self.plays(), "it does not play")

    def survives_loss_of_power(self):
        """after kill -9 and a boot root's commands read a sound ledger, and a new version starts what had failed"""
        machine, lock = self.machine, DATA + "/ledger/lock.mdb"
        link = machine.run("readlink", lock).strip()
        check(re.fullmatch(r"/dev/shm/larder-\w+/lock.mdb", link), f"the lock file is at {link}")
        self.override("Restart=no")
        machine.run("bash", "-c", f"kill -KILL {self.pid()}")
        eventually("it failed", lambda: machine.state("larder.service") == "failed")
        machine.systemctl("stop", "larder.socket")
        self.override(None)
        for words, status in [(["status"], 0), (["users"], 0), (["audit"], 0), (["verify"], 0), (["verify", "--rebuild"], 64)]:
            # Each finds what a boot leaves: the link, and nothing where it leads.
            machine.run("bash", "-c", f"rm -rf /dev/shm/larder-* && ln -sfn {link} {lock} && "
                        f"chown -h --reference={DATA}/ledger/data.mdb {lock}")
            done = machine.attempt("larder", *words)
            check(done.returncode == status, f"{' '.join(words)}: {done.returncode}\n{done.stdout}{done.stderr}")
            check("--rebuild" not in done.stdout + done.stderr, f"{' '.join(words)}: {done.stdout}{done.stderr}")
        self.sees(running=False)
        said = machine.run("dpkg", "-i", "/root/first.deb")
        check("does not run" not in said and machine.state("larder") == "active", f"it was not started:\n{said}")
        self.serves()
        check(self.plays(), "it does not play")

    def stops(self):
        """a stop lets an open stream finish"""
        machine = self.machine
        stream = Stream(V4, f"/api/downloads/{self.id}/play", self.token)
        stopping = machine.begin("systemctl", "stop", "larder.service", "larder.socket")
        eventually("it stops", lambda: machine.state("larder.service") == "deactivating")
        check("finishing" in self.status(), f"the status text is {self.status()}")
        check(stream.rest() == self.film, "the stream is another film")
        check(stopping.wait(DRAIN + 5) == 0 and machine.show("larder", "Result") == "success", "it did not end in order")
        try:
            connect(V4)
            raise Failure("somebody still listens")
        except ConnectionRefusedError:
            pass
        machine.systemctl("start", "larder")

    def upgrades(self):
        """an upgrade cuts no stream and refuses no connection"""
        machine, pid = self.machine, self.pid()
        stream = Stream(V4, f"/api/downloads/{self.id}/play", self.token)
        callers = Callers(V4)
        upgrading = machine.begin("apt-get", "-q", "-y", "install", "/root/second.deb")
        # By now the daemon finishes open responses, and new connections wait for the next one.
        eventually("it stops", lambda: machine.state("larder.service") == "deactivating", within=60)
        check(stream.rest() == self.film, "the stream is another film")
        said, _ = upgrading.communicate(timeout=60)
        check(upgrading.returncode == 0, said)
        eventually("the new one runs", lambda: self.pid() not in [0, pid] and machine.state("larder") == "active")
        answered = callers.stop()
        check(answered > 0, "nobody connected meanwhile")
        print(f"    {answered} connections meanwhile, the longest answered after {callers.longest:.1f} s")
        check("+next" in machine.run("dpkg-query", "-W", "-f", "${Version}", "larder"), "it is the old version")
        check(self.plays(), "it does not play")

    def is_removed(self):
        """remove stops it and keeps settings and videos, and what is installed again runs"""
        machine = self.machine
        self.apt("remove", "larder")
        check(machine.state("larder.service") != "active" and machine.state("larder.socket") != "active", "it still runs")
        said = self.apt("install", "/root/second.deb")
        check("does not run" not in said, said)
        for unit in ["larder.service", "larder.socket"]:
            check(machine.state(unit) == "active", f"{unit} is {machine.state(unit)}\n{machine.journal()[-2000:]}")
        self.serves()
        check(self.plays(), "the videos are not there")

    def purges(self):
        """purge keeps the videos and says where, a new installation takes them up, and when they may go all goes"""
        machine = self.machine
        said = self.apt("purge", "larder")
        check("the videos stay" in said and "/var/lib/private/larder" in said, said)
        check(machine.attempt("getent", "group", "larder").returncode != 0 or "warden" in
              machine.run("getent", "group", "larder"), "the group is left although it is empty")
        machine.run("gpasswd", "-d", "warden", "larder")
        self.apt("install", "/root/first.deb")
        check(self.plays(), "the videos are not taken up")
        machine.write("/etc/larder/purge-videos", "")
        self.apt("purge", "larder")
        left = machine.run("find", "/", "-xdev", "-not", "-path", "/proc/*", "-not", "-path", "/root/*", "-iname",
                           "*larder*", "-not", "-path", "/var/log/*", "-not", "-path", "/var/cache/apt/*")
        check(not left.strip(), f"left behind:\n{left}")
        check(machine.attempt("getent", "group", "larder").returncode != 0, "the group is left")
        check(machine.state("larder.service") == "inactive", "the service is left")

    # What the steps are made of.

    def answers(self, address):
        answer = ask(address, "GET", self.ways[address])
        check(answer.status == 200, f"{self.ways[address]} at {address}: {answer.status}")

    def serves(self):
        for address in self.ways:
            self.answers(address)

    def apt(self, *words):
        done = self.machine.attempt("apt-get", "-q", "-y", "--no-install-recommends", *words)
        check(done.returncode == 0, f"apt {' '.join(words)}: {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout + done.stderr

    def override(self, line):
        """Has the unit go by another setting until that is taken away."""
        folder = "/run/systemd/system/larder.service.d"
        if line:
            os.makedirs(self.machine.root + folder)
            self.machine.write(folder + "/override.conf", f"[Service]\n{line}\n")
        else:
            self.machine.run("rm", "-r", folder)
        self.machine.systemctl("daemon-reload")

    def document(self, command):
        """What a command prints for programs."""
        return json.loads(self.machine.run("larder", command, "--json"))

    def sees(self, running):
        """What root is shown of the box, and that it is there: ann, her film, and how both came about."""
        status, users, audit = (self.document(command) for command in ["status", "users", "audit"])
        check(status["running"] is running, f"running is {status['running']}")
        check(status["downloads"]["completed"] == 1, f"the downloads are {status['downloads']}")
        check([user["user"] for user in users["users"]] == ["ann"], f"the users are {users}")
        check(any(event["download"] == self.id for event in audit["events"]), f"the film is not in the audit: {audit}")
        for command in ["users", "audit"]:
            check("ann" in self.machine.run("larder", command), f"ann is not in {command}")
        return status["downloads"], users, audit

    def fetch(self, name):
        """Has ann start a title, and returns the download once it is complete."""
        started = self.ask("POST", "/api/downloads/start", {"content_id": name, "quality": "720p"})
        check(started.status == 201, f"{name}: {started.status} {started.body}\n{self.machine.journal()[-2000:]}")
        path = f"/api/downloads/{started.json['id']}"
        eventually(f"the {name} is completed", lambda: self.ask("GET", path).json["status"] == "completed", within=60)
        return started.json["id"]

    def ask(self, method, path, body=None):
        return ask(V4, method, path, self.token, body)

    def limit(self):
        return self.ask("GET", "/api/downloads/storage").json["limit_bytes"]

    def plays(self):
        return self.ask("GET", f"/api/downloads/{self.id}/play").body == self.film

    def pid(self):
        return int(self.machine.show("larder.service", "MainPID"))

    def status(self):
        return self.machine.show("larder.service", "StatusText")


class Callers:
    """Connects and asks, again and again, on a thread of its own; one that is refused or cut ends it."""

    def __init__(self, address):
        self.address, self.over, self.count, self.longest, self.wrong = address, False, 0, 0.0, None
        self.thread = threading.Thread(target=self.call)
        self.thread.start()

    def call(self):
        while not self.over:
            began = time.monotonic()
            try:
                answer = ask(self.address, "GET", "/healthz")
                check(answer.status == 200, f"healthz: {answer.status}")
            except (OSError, Failure) as error:
                self.wrong = f"a connection while it was upgraded: {error!r}"
                return
            self.longest = max(self.longest, time.monotonic() - began)
            self.count += 1
            time.sleep(0.02)

    def stop(self):
        """How many were answered."""
        self.over = True
        self.thread.join(60)
        check(self.wrong is None, self.wrong)
        return self.count


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--init", required=True, help="the process of the container's init")
    parser.add_argument("--weed", required=True, help="SeaweedFS's program")
    parser.add_argument("--work", required=True, help="a folder for the origin's data")
    arguments = parser.parse_args()
    machine = Machine(arguments.init)
    origin = Origin(arguments.weed, arguments.work + "/origin")
    proof = Proof(machine, origin)
    steps = [proof.installs, proof.is_confined, proof.has_credentials, proof.tries_the_origin, proof.is_seen,
             proof.reloads, proof.gives_up, proof.is_activated, proof.stands_alone, proof.is_watched, proof.survives_kill,
             proof.survives_loss_of_power, proof.stops, proof.upgrades, proof.is_removed, proof.purges]
    try:
        for step in steps:
            began = time.monotonic()
            try:
                step()
            except (Failure, OSError) as failure:
                print(f"not ok - {step.__doc__}: {failure!r}", file=sys.stderr)
                print(machine.attempt("journalctl", "-q", "--no-pager", "-n", "40").stdout, file=sys.stderr)
                sys.exit(1)
            print(f"ok - {step.__doc__} ({time.monotonic() - began:.1f} s)", flush=True)
    finally:
        origin.stop()


if __name__ == "__main__":
    main()
