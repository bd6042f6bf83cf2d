"""What a process costs, by /proc, and what machine this is."""

import contextlib
import os
import subprocess
import time

TICKS = os.sysconf("SC_CLK_TCK")

# The servers on one core, what loads them and the origin on the other, so that neither takes time from the other.
CORES = sorted(os.sched_getaffinity(0))
SERVER_CORE, LOAD_CORE = CORES[0], CORES[-1]


def family(pid):
    """The process and all that descend from it: nginx's workers, Varnish's child."""
    pids = [pid]
    for each in pids:
        try:
            for task in os.listdir(f"/proc/{each}/task"):
                with open(f"/proc/{each}/task/{task}/children") as children:
                    pids += map(int, children.read().split())
        except OSError:
            pass  # it ended meanwhile
    return pids


def cpu_seconds(pid):
    """utime and stime of the family, in seconds."""
    ticks = 0
    for each in family(pid):
        try:
            with open(f"/proc/{each}/stat") as stat:
                ticks += sum(map(int, stat.read().rsplit(")", 1)[1].split()[11:13]))
        except OSError:
            pass
    return ticks / TICKS


def busy_share(pid, seconds):
    """How much of one core the family takes from now on, for so long."""
    before = cpu_seconds(pid)
    time.sleep(seconds)
    return (cpu_seconds(pid) - before) / seconds


def status_kib(pid, key):
    """A number from /proc/PID/status; 0 when the process has none any more."""
    with contextlib.suppress(OSError), open(f"/proc/{pid}/status") as status:
        return next((int(line.split()[1]) for line in status if line.startswith(key + ":")), 0)
    return 0


def rss_bytes(pid):
    """Resident memory of the family; pages that they share count for each, as in `ps`."""
    return sum(status_kib(each, "VmRSS") for each in family(pid)) * 1024


def anonymous_bytes(pid):
    """The part of it that no file holds: what the process made itself, and the system cannot take back."""
    return sum(status_kib(each, "RssAnon") for each in family(pid)) * 1024


def peak_rss_bytes(pid):
    return sum(status_kib(each, "VmHWM") for each in family(pid)) * 1024


def describe():
    """One line about the machine."""
    with open("/proc/cpuinfo") as info:
        model = next((line.split(":", 1)[1].strip() for line in info if line.startswith("model name")), "unknown")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30)
    kernel = os.uname().release
    load = os.getloadavg()[0]
    return f"{os.cpu_count()} cores of {model}, {memory:.0f} GiB, Linux {kernel}; load average at the start {load:.2f}"


def version(command):
    """The first line that tells the version of a program."""
    result = subprocess.run(command, capture_output=True, text=True)
    line = (result.stdout + result.stderr).strip().splitlines()[0]
    return line.strip()
