// How good eviction is: simulate-eviction MODEL | TRACE.csv [OPTION…]; README.md beside the package says more.

import Glibc

do {
  let options = try Options(CommandLine.arguments.dropFirst())
  try simulate(options)
} catch let wrong as Options.Wrong {
  print("simulate-eviction: \(wrong.description)\n\(Options.usage)")
  exit(64)
} catch {
  print("simulate-eviction: \(error)")
  exit(1)
}

func simulate(_ options: Options) throws {
  if let path = options.export { return try options.trace(seed: options.first).write(csv: path) }
  if options.isChecked { return try check(options) }
  var contenders = (options.hasUsers ? Contender.orders : Contender.larder) + Contender.policies
  if let only = options.only {
    contenders = [contenders[0]] + contenders.dropFirst().filter { $0.name.contains(only) }
  }
  var results: [String: Result] = [:]
  var keys: [String] = []
  for seed in options.first..<options.first + UInt64(options.seeds) {
    let trace = try options.trace(seed: seed)
    let footprint = trace.footprint()
    if seed == options.first, !options.isRaw { describe(trace, footprint) }
    for contender in contenders {
      for (place, capacity) in options.capacities.enumerated() {
        let bytes = capacity.bytes(of: footprint)
        let key = "\(contender.name) \(place)"
        let score = contender.score(trace, options.rules(capacity: bytes))
        if results[key] == nil {
          keys.append(key)
          results[key] = Result(name: contender.name, capacity: bytes, scores: [])
        }
        results[key]!.scores.append(score)
      }
    }
  }
  let report = Report(results: keys.map { results[$0]! })
  if options.isRaw { report.printRaw() } else { report.print() }
}

func describe(_ trace: Trace, _ footprint: Int) {
  let wants = trace.events.count { $0.kind == .want }
  print(
    "\(wants) wants of \(trace.userCount) users, \(trace.events.count - wants) deletions, \(footprint >> 30) GiB in all; hit ratio / byte hit ratio in per cent\n"
  )
}

/// The box that the figures come from and the real ledger must say the same of every single thing that is wanted.
func check(_ options: Options) throws {
  for seed in options.first..<options.first + UInt64(options.seeds) {
    let trace = try options.trace(seed: seed).inMebibytes()
    let footprint = trace.footprint()
    for capacity in options.capacities {
      var rules = options.rules(capacity: max(1, capacity.bytes(of: footprint)))
      if case .bytes = capacity { rules.capacity >>= 20 }
      rules.quota = rules.quota.map { $0 >> 20 }
      for dropsAtOnce in [false, true] {
        rules.dropsAtOnce = dropsAtOnce
        try compare(trace, rules)
      }
    }
  }
}

func compare(_ trace: Trace, _ rules: Rules) throws {
  var box = LarderBox(rules, objects: trace.objectCount, users: trace.userCount)
  var answers: [Bool] = []
  for event in trace.events {
    if event.kind == .want { answers.append(box.want(event)) } else { box.drop(event) }
  }
  let (others, findings) = try withFolder { folder in
    let ledger = try LedgerBox(rules, folder: folder)
    defer { ledger.close() }
    return (try ledger.answers(to: trace), try ledger.findings())
  }
  if let place = answers.indices.first(where: { answers[$0] != others[$0] }) {
    throw TraceFileError(
      description:
        "want \(place) of \(answers.count) is \(answers[place] ? "held" : "not held") by the box, and not so by the ledger (\(rules))"
    )
  }
  guard findings.isEmpty else { throw TraceFileError(description: "the auditor finds \(findings)") }
  let hits = answers.count { $0 }
  print("\(rules.capacity) MiB: box and ledger agree on \(answers.count) wants, \(hits) of them hits")
}
