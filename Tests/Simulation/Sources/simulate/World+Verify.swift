// `larder verify --repair` beside everything else: the program's own inspection and deeds, at any moment, and at the end.

import Cache
import Loop

extension World {
  /// Runs it, or gives it something to do.
  func verify() {
    guard isVerified, let box else { return }
    if !isCalm, dice.roll(2) == 0 { return meddle() }
    let mine = life
    let rate = dice.pick([nil, 4 << 20, 256 << 10])
    Trace.say("verify --repair begins")
    EventLoop.spawn { [self] in
      do {
        let report = InspectionReport(isJSON: true)
        _ = try await box.repair(report, bytesPerSecond: rate) { [self] in
          if mine == life { said($0) }
          return true
        }
      } catch { Trace.say("  verify ended: \(error)") }
    }
  }

  /// A line of it. Where nothing was done to the disk it finds nothing, whatever goes on beside it; but for the folder of a
  /// link that a cut has kept from being made. Each line counts: a cut may come before the last.
  private func said(_ line: String) {
    Trace.say("  verify: \(line)")
    guard isDiskSound, !isDead, !line.contains(#""type":"summary""#), !line.contains(#""kind":"folder_empty""#) else {
      return
    }
    checkers.expect(false, "8", "verify finds what is not so: \(line)")
  }

  /// Whether nothing was ever wrong with the disk, nor did anybody meddle.
  private var isDiskSound: Bool { !wasDiskTroubled && !disk.hasHarmed && disk.hands == 0 }

  private func meddle() {
    let mine = checkers.downloads.values.filter { $0.isLive && $0.status == .completed }.sorted { $0.id < $1.id }
    disk.meddle(
      links: mine.map { policy.link(of: $0) }, sums: mine.map { StoredPath.sums($0.object) })
    checkers.limitsChanged(charged)
  }

  /// At the end it mends everything that somebody did, and then finds nothing more.
  func mendAll() throws {
    let first = try verifyNow()
    guard let box, checkers.violation == nil else { return }
    // What the origin has not any more cannot come back.
    guard try box.read({ try $0.mends(limit: 1, in: $1) }).isEmpty else { return }
    checkers.expect(first?.isSound == true, "1", "verify --repair does not mend everything")
    let second = try verifyNow()
    checkers.expect(second?.tally.differences == 0, "1", "what verify --repair mended is not mended")
  }

  private func verifyNow() throws -> InspectionSummary? {
    guard let box else { return nil }
    var summary: InspectionSummary?
    EventLoop.spawn { [self] in
      do {
        summary = try await box.repair(InspectionReport(isJSON: true), bytesPerSecond: nil) {
          Trace.say("  verify: \($0)")
          return true
        }
      } catch { checkers.expect(false, "1", "verify --repair ends early: \(error)") }
    }
    try rest()
    return summary
  }
}
