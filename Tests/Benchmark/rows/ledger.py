"""What calls cost one client, by the number of downloads in the ledger: they may grow with its logarithm, no more."""

from rig.population import start_heads
from rig.report import Measure, Row


def run(bench):
    counts = [1000] if bench.smoke else [1000, 100_000, 1_000_000]
    calls = 40 if bench.smoke else 400
    endpoint = start_heads(bench)
    kinds = ["start", "list", "evict", "delete"]
    p99, p50 = ({kind: {} for kind in kinds} for _ in range(2))
    for count in counts:
        said = time_calls(bench.population(count), endpoint, calls)
        for kind in kinds:
            p99[kind][f"{count:,} downloads"] = Measure.of([said[kind]["p99_us"] / 1000])
            p50[kind][f"{count:,} downloads"] = Measure.of([said[kind]["p50_us"] / 1000])
        bench.say(f"ledger: {count:,} downloads")
    return [Row(f"{kind}, p99", "ms", p99[kind], limit=5, less_is_better=True) for kind in kinds] \
        + [Row(f"{kind}, median", "ms", p50[kind]) for kind in kinds]


def time_calls(population, endpoint, calls):
    said = {}
    population.open(endpoint)
    said["list"] = population.time(population.list_calls(calls), 1, 200)
    said["start"] = population.time(population.start_calls(calls, "1080p"), 1, 201)
    said["delete"] = population.time(population.delete_calls(calls), 1, 200)
    # From here on every user is full to the byte, so that each start has to evict one title.
    users = range(min(calls, population.users))
    quotas = "".join(f'"user{user}" = {used_bytes(population, user)}\n' for user in users)
    population.open(endpoint, f'\n[quota]\nplaying_grace = "0s"\n\n[quota.users]\n{quotas}')
    said["evict"] = population.time(population.start_calls(calls, "480p"), 1, 201)
    for user in users:
        if used_bytes(population, user) != int(quotas.splitlines()[user].split(" = ")[1]):
            raise SystemExit(f"run: user{user} was not full before or after its evictions")
    population.close()
    return said


def used_bytes(population, user):
    usage = population.box.call("GET", "/api/downloads/storage", population.token(user))[1]
    return usage["used_bytes"] + usage["reserved_bytes"]
