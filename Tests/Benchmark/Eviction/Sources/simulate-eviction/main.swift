// How good eviction is: simulate-eviction MODEL | TRACE.csv [OPTION…]; README.md beside the package says more.

import Glibc

do {
  let options = try Options(CommandLine.arguments.dropFirst())
  if let path = options.export {
    try options.trace(seed: options.first).write(csv: path)
  } else if options.isChecked {
    try check(options)
  } else {
    try simulate(options)
  }
} catch let wrong as Options.Wrong {
  print("simulate-eviction: \(wrong.description)\n\(Options.usage)")
  exit(64)
} catch {
  print("simulate-eviction: \(error)")
  exit(1)
}

/// Lives through each world with every contender at every capacity.
func simulate(_ options: Options) throws {
  var contenders = (options.hasUsers ? Contender.orders : Contender.larder) + Contender.policies
  if let only = options.only {
    contenders = [contenders[0]] + contenders.dropFirst().filter { $0.name.contains(only) }
  }
  var report = Report()
  for seed in options.first..<options.first + UInt64(options.seeds) {
    let trace = try options.trace(seed: seed)
    let footprint = trace.footprint()
    if seed == options.first {
      report.capacities = options.capacities.map { $0.bytes(of: footprint) }
      if !options.isRaw { print(trace.summary(footprint)) }
    }
    for contender in contenders {
      let scores = options.capacities.map { contender.score(trace, options.rules(capacity: $0.bytes(of: footprint))) }
      report.add(contender.name, scores)
    }
  }
  if options.isRaw { report.printRaw() } else { report.print() }
}

extension Trace {
  fileprivate func summary(_ footprint: Int) -> String {
    let wants = events.count { $0.kind == .want }
    return """
      \(wants) wants of \(userCount) users, \(events.count - wants) deletions, \(footprint >> 30) GiB in all; hit ratio / \
      byte hit ratio in per cent

      """
  }
}
