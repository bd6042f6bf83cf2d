"""What LMDB and the disk alone make of calls to a box with many downloads: `load/durable.c` on a copy of its ledger."""

import contextlib
import json
import os
import shutil

from rig import machine
from rig.programs import run_pinned


class Bare:
    """A ledger of the same content on the same disk, and links of the same files; no daemon ever opens it."""

    def __init__(self, bench, population):
        self.bench = bench
        # What is copied must not change meanwhile, and what LMDB has committed outlives a kill.
        population.close()
        self.data, self.folder, self.users = f"{population.folder}/data", f"{population.folder}/bare", 0
        os.makedirs(f"{self.folder}/ledger")
        os.makedirs(f"{self.folder}/downloads/users")
        shutil.copyfile(f"{self.data}/ledger/data.mdb", f"{self.folder}/ledger/data.mdb")
        os.symlink(f"{self.data}/objects", f"{self.folder}/objects")

    def take_in(self, users):
        """Has the folders of that many users, with what FillLedger put there."""
        for user in range(self.users, users):
            name = f"downloads/users/user{user}"
            os.makedirs(f"{self.folder}/{name}")
            for link in os.listdir(f"{self.data}/{name}"):
                with contextlib.suppress(FileNotFoundError):
                    os.link(f"{self.data}/{name}/{link}", f"{self.folder}/{name}/{link}")
        if users > self.users:
            self.users = users
            os.sync()

    def time(self, kind, calls, clients, groups, users, mark):
        """What `durable` says of so many starts, evictions or deletions of so many users in turn."""
        self.take_in(users)
        numbers = map(str, (calls, clients, groups, users))
        command = [self.bench.program("durable", "lmdb"), self.folder, kind, *numbers, mark]
        return json.loads(run_pinned(command, machine.SERVER_CORE))
