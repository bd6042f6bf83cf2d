// Makes a ledger with many downloads, by the ledger's own code: FillLedger FOLDER DOWNLOADS [--files]
//
// Each user has a hundred downloads, alike for all: half of them completed, a quarter deleted, a tenth failed, the rest
// paused. Ten users share each whole object. With --files FOLDER is a data directory, with every object and link in it;
// without, it is the ledger's own folder. What was made is audited before it is believed.

import Cache
import Glibc
import LMDB

let arguments = CommandLine.arguments.dropFirst().filter { $0 != "--files" }
guard arguments.count == 2, let folder = arguments.first, let count = Int(arguments.last!), count >= 1000 else {
  fatalError("usage: FillLedger FOLDER DOWNLOADS [--files], with 1000 downloads at the least")
}
let shelf = CommandLine.arguments.contains("--files") ? try Shelf(folder) : nil
let ledger = try Ledger(path: shelf.map { "\($0.path)/ledger" } ?? folder, mapSize: 4 << 30)
let population = Population(downloads: count)

for start in stride(from: 0, to: count, by: 5_000) {
  let files = try ledger.environment.write { tx in
    let files = try (start..<min(count, start + 5_000)).compactMap { try population.add($0, to: ledger, in: tx) }
    // What was discarded on the way never was on the disk.
    try ledger.settle(ledger.pendingDiscards(in: tx), in: tx)
    return files
  }
  for file in files { try shelf?.put(file) }
}

let findings = try ledger.environment.read { tx in try ledger.auditFindings(in: tx) }
guard findings.isEmpty else { fatalError("\(findings.count) findings, the first: \(findings[0])") }
print("\(count) downloads of \(population.users) users, \(try ledger.environment.usedBytes() >> 10) KiB, audited")
