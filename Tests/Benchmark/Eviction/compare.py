"""Are the figures of LRU, FIFO, SIEVE and S3-FIFO those of libcachesim? On one trace, at each capacity.

usage: compare.py SIMULATE-EVICTION TRACE.csv CAPACITIES

Prints both miss ratios of both, and exits 1 when one differs by more than 0.1 points.
"""

import subprocess
import sys

import libcachesim as lcs

PEERS = {"LRU": lcs.LRU, "FIFO": lcs.FIFO, "SIEVE": lcs.Sieve, "S3-FIFO": lcs.S3FIFO}
MOST = 0.001


def theirs(policy, trace, capacity):
    """Object miss ratio and byte miss ratio."""
    columns = lcs.ReaderInitParam(has_header=False, has_header_set=True, delimiter=",")
    columns.time_field, columns.obj_id_field, columns.obj_size_field = 1, 2, 3
    # A lifetime beyond every trace: nothing goes by age.
    cache = PEERS[policy](capacity, default_ttl=2**31 - 1, hashpower=20)
    return cache.process_trace(lcs.TraceReader(trace, lcs.TraceType.CSV_TRACE, columns))


def main():
    simulate, trace, capacities = sys.argv[1:]
    command = [simulate, trace, "--capacity", capacities, "--raw"]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    compared, worst = 0, 0.0
    print(f"{'':8} {'capacity':>16}  {'misses':>8} {'theirs':>8}  {'bytes':>8} {'theirs':>8}   in per cent")
    for line in lines:
        policy, capacity, wants, hits, size, hit_size = line.split("\t")
        if policy not in PEERS:
            continue
        ours = 1 - int(hits) / int(wants), 1 - int(hit_size) / int(size)
        peers = theirs(policy, trace, int(capacity))
        compared += 1
        worst = max(worst, *(abs(a - b) for a, b in zip(ours, peers)))
        shown = "  ".join(f"{100 * a:8.3f} {100 * b:8.3f}" for a, b in zip(ours, peers))
        print(f"{policy:8} {int(capacity):>16}  {shown}")
    print(f"{compared} pairs, the largest difference is {100 * worst:.4f} points")
    return 0 if compared and worst <= MOST else 1


if __name__ == "__main__":
    sys.exit(main())
