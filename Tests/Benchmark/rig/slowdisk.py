"""A file system on a disk that is slow on purpose: ext4 on a loop device, over `load/slowdisk.c`."""

import atexit
import contextlib
import os
import subprocess
import sys

from rig import machine
from rig.programs import Program, wait_until


class SlowDisk:
    """Made and mounted; `path` is where. Needs root, loop devices and FUSE, as the benchmark says when they are missing."""

    def __init__(self, program, folder, size, latency_us, mb_per_second, sync_us):
        self.folder, self.device, self.path = folder, None, f"{folder}/files"
        os.makedirs(f"{folder}/disk")
        os.makedirs(self.path)
        # In memory, so that the only slowness is the one that was asked for.
        self.backing = f"/dev/shm/larder-slowdisk-{os.getpid()}-{os.path.basename(folder)}"
        with open(self.backing, "wb") as file:
            file.truncate(size)
        atexit.register(self.end)
        self.program = Program(
            [program, f"{folder}/disk", self.backing, str(latency_us), str(mb_per_second), str(sync_us)],
            f"{folder}/slowdisk.log", machine.LOAD_CORE, at_once=True)
        self.program.wait_for("the slow disk is there", lambda: os.path.exists(f"{folder}/disk/disk"))
        self.device = run("losetup", "--find", "--show", "--direct-io=on", f"{folder}/disk/disk").strip()
        run("mkfs.ext4", "-q", "-m", "0", self.device)
        run("mount", "-o", "noatime", self.device, self.path)

    def end(self):
        with contextlib.suppress(OSError):
            os.remove(self.backing)
        if self.device:
            # Whoever copied this system's mounts meanwhile has its own; ours goes at once.
            subprocess.run(["umount", "-l", self.path], stderr=subprocess.DEVNULL)
            subprocess.run(["losetup", "-d", self.device], stderr=subprocess.DEVNULL)
            self.device = None
        subprocess.run(["umount", "-l", f"{self.folder}/disk"], stderr=subprocess.DEVNULL)
        self.program.end()


def run(*command):
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode:
        sys.exit(f"run: {' '.join(command)}: {result.stderr.strip()}")
    return result.stdout
