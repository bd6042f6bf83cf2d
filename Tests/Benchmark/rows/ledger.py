"""What calls cost one client, by the number of downloads in the ledger: they may grow with its logarithm, no more. Beside
it what LMDB and the disk alone take for the same, in a ledger as large."""

from rig.population import start_heads
from rig.report import Measure, Row

KINDS = ["start", "list", "evict", "delete"]
# What is written, and so waits for the disk; a list does not.
WRITTEN = ["start", "evict", "delete"]


def run(bench):
    counts = [1000] if bench.smoke else [1000, 100_000, 1_000_000]
    calls = 40 if bench.smoke else 400
    endpoint = start_heads(bench)
    larder = {count: [] for count in counts}
    alone = {count: [] for count in counts}
    for turn in range(bench.rounds):
        for count in counts:
            population = bench.population(count)
            for who in ("Larder", "alone") if turn % 2 else ("alone", "Larder"):
                if who == "Larder":
                    larder[count].append(time_calls(population, endpoint, calls, turn))
                else:
                    alone[count].append(time_alone(population, calls, turn))
        bench.say(f"ledger: round {turn + 1} of {bench.rounds}")
    return [row for key, name, limit in (("p99_us", "p99", 5), ("p50_us", "median", None))
            for kind in KINDS for row in rows(kind, key, name, limit, larder, alone)]


def rows(kind, key, name, limit, larder, alone):
    def measures(samples):
        return {f"{count:,} downloads": Measure.of([said[kind][key] / 1000 for said in taken])
                for count, taken in samples.items()}

    yield Row(f"{kind}, {name}", "ms", measures(larder), limit=limit, less_is_better=True)
    if kind in WRITTEN:
        yield Row(f"{kind}, {name}, LMDB and the disk alone", "ms", measures(alone), limit=limit, less_is_better=True)


def time_calls(population, endpoint, calls, turn):
    said = {}
    population.open(endpoint)
    population.settle()
    said["list"] = population.time(population.list_calls(calls), 1, 200)
    said["start"] = population.time(population.start_calls(calls, f"1080p{turn}"), 1, 201)
    said["delete"] = population.time(population.delete_calls(calls), 1, 200)
    # From here on every user is full to the byte, so that each start has to evict one title.
    users = range(min(calls, population.users))
    quotas = "".join(f'"user{user}" = {used_bytes(population, user)}\n' for user in users)
    population.open(endpoint, f'\n[quota]\nplaying_grace = "0s"\n\n[quota.users]\n{quotas}')
    said["evict"] = population.time(population.start_calls(calls, f"480p{turn}"), 1, 201)
    for user in users:
        if used_bytes(population, user) != int(quotas.splitlines()[user].split(" = ")[1]):
            raise SystemExit(f"run: user{user} was not full before or after its evictions")
    population.close()
    return said


def time_alone(population, calls, turn):
    users = min(calls, population.users)
    return {kind: population.bare.time(kind, calls, 1, 1, users, f"{kind}{turn}") for kind in WRITTEN}


def used_bytes(population, user):
    usage = population.box.call("GET", "/api/downloads/storage", population.token(user))[1]
    return usage["used_bytes"] + usage["reserved_bytes"]
