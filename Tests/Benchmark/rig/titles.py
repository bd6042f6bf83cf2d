"""The files that are served and fetched: random bytes, so that a wrong byte shows and nothing can be squeezed."""

import random


def make(path, size):
    """The same bytes for the same size in each run."""
    source = random.Random(size)
    with open(path, "wb") as file:
        while size > 0:
            file.write(source.randbytes(min(size, 1 << 20)))
            size -= 1 << 20
    return path
