// Lives through worlds: simulate [--first SEED] [--seeds N] [--stride N] [--steps N] [--seconds S] [--trace] [--twice]

import Glibc

// The order of a dictionary must be the same in each life of a seed.
if unsafe getenv("SWIFT_DETERMINISTIC_HASHING") == nil {
  unsafe setenv("SWIFT_DETERMINISTIC_HASHING", "1", 1)
  var words = unsafe CommandLine.arguments.map { unsafe strdup($0) } + [nil]
  unsafe execv("/proc/self/exe", &words)
}

let outcome = Runner.run(Order(CommandLine.arguments.dropFirst()))
print(outcome.line)
exit(outcome.isFine ? 0 : 1)
