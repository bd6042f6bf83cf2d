// The box that the figures come from, and the real ledger: they must say the same of every single thing that is wanted.

/// The figures would not be Larder's.
struct Disagreement: Error, CustomStringConvertible { var description: String }

/// Lives through each world with both, as it is and with everything unowned.
func check(_ options: Options) throws {
  for seed in options.first..<options.first + UInt64(options.seeds) {
    let trace = try options.trace(seed: seed)
    let footprint = trace.footprint()
    let small = trace.inMebibytes()
    for capacity in options.capacities {
      var rules = options.rules(capacity: capacity.bytes(of: footprint))
      rules.capacity = max(1, rules.capacity >> 20)
      rules.quota = rules.quota.map { max(1, $0 >> 20) }
      for dropsAtOnce in [false, true] {
        rules.dropsAtOnce = dropsAtOnce
        try check(small, rules)
      }
    }
  }
}

private func check(_ trace: Trace, _ rules: Rules) throws {
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
    throw Disagreement(description: "want \(place): the box says \(answers[place]), the ledger not (\(rules))")
  }
  guard findings.isEmpty else { throw Disagreement(description: "the auditor finds \(findings)") }
  let hits = answers.count { $0 }
  print(
    "\(rules.capacity) MiB\(rules.dropsAtOnce ? ", all unowned" : ""): box and ledger agree on \(answers.count) wants, \(hits) of them hits"
  )
}
