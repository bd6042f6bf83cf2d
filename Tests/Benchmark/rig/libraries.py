"""Which libraries a program is linked with."""

import os
import re
import subprocess


def libraries_of(program):
    """What the linker takes to link another one with the same, and to find them again where they are."""
    def said(*command):
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    # Its own, and not those that they bring along.
    own = re.findall(r"\(NEEDED\).*\[(.+)\]", said("readelf", "-d", program))
    found = dict(re.findall(r"^\s*(\S+) => (\S+) ", said("ldd", program), re.M))
    paths = [found[name] for name in own if name in found and name != "libc.so.6"]
    return [*paths, *{f"-Wl,-rpath,{os.path.dirname(path)}" for path in paths}]
