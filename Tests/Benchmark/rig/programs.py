"""Programs that run beside the benchmark: pinned to a core, waited for, and ended with it."""

import atexit
import contextlib
import os
import signal
import socket
import subprocess
import time

from rig.machine import family

RUNNING = []


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def answers(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False


def wait_until(what, seconds, condition, pause=0.02):
    """What the condition gives once it gives something."""
    end = time.monotonic() + seconds
    while True:
        if result := condition():
            return result
        if time.monotonic() > end:
            raise SystemExit(f"run: waited {seconds} s in vain: {what}")
        time.sleep(pause)


def pin(core, at_once=False):
    """This process on one core, and before whatever else the machine does, where that is allowed.

    What stands for a machine of its own, a disk or a room full of players, runs `at_once`: it waits for nobody here.
    """
    os.setsid()
    os.sched_setaffinity(0, {core})
    if at_once:
        with contextlib.suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
            return
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, -10)
        # Linux weighs sessions against each other first, and what is in them by `nice` after that.
        with open("/proc/self/autogroup", "w") as group:
            group.write("-10")


def run_pinned(command, core):
    """What a program prints that must end well."""
    result = subprocess.run(command, capture_output=True, text=True, preexec_fn=lambda: pin(core))
    if result.returncode:
        raise SystemExit(f"run: {' '.join(command)}:\n{result.stderr}")
    return result.stdout


class Program:
    """A running program with its standard error and output in a file."""

    def __init__(self, command, log, core, environment=None, directory=None, at_once=False):
        self.log = log
        with open(log, "ab") as output:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=directory,
                preexec_fn=lambda: pin(core, at_once),
                env={"PATH": os.environ["PATH"], "HOME": "/nonexistent", **(environment or {})})
        self.pid = self.process.pid
        RUNNING.append(self)

    def said(self):
        with open(self.log, errors="replace") as log:
            return log.read()

    def wait_for(self, what, condition, seconds=60, pause=0.02):
        def check():
            if self.process.poll() is not None:
                raise SystemExit(f"run: ended before {what}:\n{self.said()[-2000:]}")
            return condition()

        return wait_until(f"{what}:\n{self.log}", seconds, check, pause)

    def wait_for_port(self, port):
        self.wait_for(f"port {port} answers", lambda: answers(port))

    def end(self):
        """At once, with all that it started: nothing here has anything to lose."""
        if self in RUNNING:
            RUNNING.remove(self)
            for pid in family(self.pid):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            self.process.wait()


@atexit.register
def end_all():
    for program in list(RUNNING):
        program.end()
