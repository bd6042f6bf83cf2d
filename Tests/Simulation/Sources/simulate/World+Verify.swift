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
        let lines = Lines()
        let summary = try await box.repair(InspectionReport(isJSON: false), bytesPerSecond: rate, tell: lines.take)
        guard mine == life, let summary else { return }
        verified(summary, lines.all)
      } catch { Trace.say("  verify ended: \(error)") }
    }
  }

  /// What it says.
  @EventLoop
  final class Lines {
    private(set) var all: [String] = []

    func take(_ line: String) async -> Bool {
      Trace.say("  verify: \(line)")
      all.append(line)
      return true
    }
  }

  private func meddle() {
    let mine = checkers.downloads.values.filter { $0.isLive && $0.status == .completed }.sorted { $0.id < $1.id }
    disk.meddle(
      links: mine.map { policy.link(of: $0) }, sums: mine.map { StoredPath.sums($0.object) })
    checkers.limitsChanged(charged)
  }

  /// Where nothing was done to the disk it finds nothing, whatever goes on beside it; but for the folder of a link that a
  /// cut has kept from being made.
  private func verified(_ summary: InspectionSummary, _ lines: [String]) {
    guard isCalm, !isDead else { return }
    let differences = lines.dropLast().filter { !$0.contains(Finding.folderEmpty(path: "").meaning) }
    checkers.expect(differences.isEmpty, "8", "verify finds what is not so: \(differences)")
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
        summary = try await box.repair(
          InspectionReport(isJSON: false), bytesPerSecond: nil, tell: Lines().take)
      } catch { checkers.expect(false, "1", "verify --repair ends early: \(error)") }
    }
    try rest()
    return summary
  }
}
