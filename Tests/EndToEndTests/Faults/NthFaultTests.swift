// Every single call to the disk in a download's life fails once, fails for a while, or is the last thing the process does.
// Afterwards the box must hold what it has acknowledged, to the byte, and nothing else.
//
// The ordinary run takes a random sample. LARDER_NTH=all takes every call; other words, with commas between them, take those
// of the kinds and in the lives that they name, such as LARDER_NTH=rename,truncate or LARDER_NTH=mend,object-write.

import Dispatch
import Foundation
import Glibc
import Synchronization
import Testing

@LaneE @Suite("The nth fault") struct NthFaultTests {
  @Test("whichever call fails or is the last one, nothing acknowledged is lost and nothing else is there")
  func everyCall() throws {
    let titles = try FaultTitles.shared()
    let wanted = ProcessInfo.processInfo.environment["LARDER_NTH"].map {
      Set($0.split(separator: ",").map(String.init))
    }
    let counts = try Self.countCalls(titles)
    var cases: [NthFault] = []
    for life in Life.allCases {
      for (call, count) in counts[life] ?? [:] where count.most > 0 {
        // How commits fall together differs from run to run, so that a few more may be reached.
        let reach = count.most + (wanted == nil ? 0 : 2 + count.most / 4)
        for number in 1...reach {
          let mustBeReached = number <= (call.isOfNames ? count.least : count.least * 3 / 4)
          for harm in NthFault.Harm.allCases where harm.suits(call) {
            cases.append(NthFault(life: life, call: call, number: number, harm: harm, mustBeReached: mustBeReached))
          }
        }
      }
    }
    for call in [
      DiskCall.objectWrite, .objectSync, .objectRead, .folderSync, .link, .unlink, .mkdir, .rename, .ledgerWrite,
      .ledgerSync, .ledgerMeta, .truncate,
    ] {
      #expect(cases.contains { $0.call == call }, "no life makes a \(call.rawValue)")
    }
    // The first is of the ledger's lock, as a new box starts; each whole object's checksums get their name by another.
    for life in Life.allCases {
      #expect(try #require(counts[life]?[.rename]).least > life.wholeObjects, "\(life)")
    }
    // Each life's start puts its mark there, and a file that is too long is cut.
    #expect(try #require(counts[.mend]?[.truncate]).least > 1)
    // Others in each run.
    cases.shuffle()
    if let wanted, wanted != ["all"] {
      let (calls, lives) = (DiskCall.allCases.map(\.rawValue), Life.allCases.map(\.rawValue))
      #expect(wanted.subtracting(calls + lives).isEmpty, "LARDER_NTH knows \(calls + lives)")
      if !wanted.isDisjoint(with: calls) { cases.removeAll { !wanted.contains($0.call.rawValue) } }
      if !wanted.isDisjoint(with: lives) { cases.removeAll { !wanted.contains($0.life.rawValue) } }
    }
    if wanted == nil { cases = Array(cases.prefix(40)) }
    let began = now()
    let tried = cases.count
    let failures = inParallel(cases, threads: 4) { one in try one.prove(titles) }
    let lengths = Life.allCases.map { life in
      let kinds = DiskCall.allCases.compactMap { call in
        counts[life]?[call].map { "\(call.rawValue) \($0.least == $0.most ? "" : "\($0.least) to ")\($0.most)" }
      }
      return "\(life): \(kinds.joined(separator: ", "))"
    }
    print(
      "nth fault: \(tried) cases in \(Int(now() - began)) s, \(failures.count) failed; \(lengths.joined(separator: "; "))"
    )
    #expect(failures.isEmpty, "\(failures.joined(separator: "\n\n"))")
  }

  /// How often a sound life makes a call.
  private struct Count {
    var least, most: Int
  }

  /// Lives each life some times on a disk that is well, and counts.
  private static func countCalls(_ titles: FaultTitles) throws -> [Life: [DiskCall: Count]] {
    let counts = Mutex<[Life: [DiskCall: Count]]>([:])
    let failures = inParallel(Life.allCases + Life.allCases, threads: 4) { life in
      let sound = try FaultyBox(life.settings(titles))
      try life.live(sound, titles)
      // What is free is only asked: that changes nothing.
      let found = DiskCall.allCases.filter { $0 != .space }.map { ($0, sound.disk.count($0)) }.filter { $0.1 > 0 }
      try sound.settle()
      if !sound.endings.isEmpty { throw Wrong(description: "it ended with \(sound.endings)") }
      counts.withLock { counts in
        for (call, number) in found {
          let before = counts[life, default: [:]][call] ?? Count(least: number, most: number)
          counts[life, default: [:]][call] = Count(least: min(before.least, number), most: max(before.most, number))
        }
      }
    }
    #expect(failures.isEmpty, "\(failures.joined(separator: "\n\n"))")
    return counts.withLock { $0 }
  }
}

extension DiskCall {
  /// Whether how many there are follows from what is done: of the others, how many fall together in one round differs.
  fileprivate var isOfNames: Bool { [.link, .unlink, .mkdir, .rename, .truncate].contains(self) }
}

/// The titles of all lives: at the origin once for the test process.
struct FaultTitles: Sendable {
  let all: [Title]

  private static let made = Result {
    let titles = [300_000, 200_000, 250_000].map { Title(size: $0) }
    for title in titles { try SeaweedFS.shared().put(title) }
    return FaultTitles(all: titles)
  }

  static func shared() throws -> FaultTitles { try made.get() }

  subscript(index: Int) -> Title { all[index] }
}

/// What a box goes through in one case.
enum Life: String, CaseIterable, Sendable, CustomStringConvertible {
  /// Start, fill, play, pin, a second owner, delete.
  case download
  /// The quota is full, and the oldest title has to go.
  case eviction
  /// A whole title is damaged, and longer than it should be, and is played.
  case mend
  /// The same when the origin has another version by then.
  case renewal
  /// Some of a title is there when it is cancelled; then it is started again.
  case cancel
  /// The origin refuses a title, which is tried again.
  case retry

  var description: String { rawValue }

  /// How many objects become whole in it, at the least.
  var wholeObjects: Int {
    switch self {
    // What is mended is whole twice.
    case .download, .mend, .renewal: 2
    case .eviction: 3
    case .cancel, .retry: 1
    }
  }

  func settings(_ titles: FaultTitles) -> Settings {
    switch self {
    case .download: [:]
    // The scrub would find the damage first.
    case .mend, .renewal, .cancel, .retry:
      ["storage": ["scrub_rate": "0"], "downloads": ["chunk_size": "\"64KiB\""]]
    case .eviction:
      [
        "quota": ["default": "\(titles[0].size + titles[1].size + 1000)", "playing_grace": "\"0s\""],
        "downloads": ["chunk_size": "\"64KiB\""],
      ]
    }
  }

  func live(_ box: FaultyBox, _ titles: FaultTitles) throws {
    switch self {
    case .download:
      let hers = try box.start("ann", titles[0])
      try box.complete(hers)
      try box.pin(hers)
      let his = try box.start("bob", titles[0])
      try box.complete(his)
      try box.delete(hers)
      let other = try box.start("bob", titles[1])
      try box.complete(other)
      try box.delete(his)
    case .eviction:
      let first = try box.start("ann", titles[0])
      try box.complete(first)
      let second = try box.start("ann", titles[1])
      try box.complete(second)
      let third = try box.start("ann", titles[2])
      try box.wasEvicted(first)
      try box.complete(third)
    case .mend:
      let id = try box.start("ann", titles[0])
      try box.complete(id)
      try box.mend(id)
    case .renewal:
      // Its own: it is replaced at the origin.
      let title = Title(size: 300_000)
      try box.box.origin.put(title)
      let id = try box.start("ann", title)
      try box.complete(id)
      try box.renew(id)
    case .cancel:
      try box.cancel("ann", titles[0], after: 200_000)
      try box.complete(try box.start("ann", titles[0]))
    case .retry:
      try box.complete(try box.retry("ann", titles[0]))
    }
  }
}

/// One call of one life, and what becomes of it.
struct NthFault: Sendable, CustomStringConvertible {
  enum Harm: CaseIterable, Sendable {
    case ioError, noSpace, done, lost, killed, killedAfter
    /// Fails four times, whatever the box makes of it meanwhile.
    case ill

    /// Some harms are only for some calls.
    func suits(_ call: DiskCall) -> Bool {
      switch self {
      case .lost: call == .objectSync
      case .noSpace:
        ![
          .objectSync, .objectRead, .objectLook, .folderSync, .ledgerSync, .unlink, .otherSync, .truncate,
        ].contains(call)
      case .done:
        ![.objectWrite, .objectRead, .objectOpen, .objectLook, .ledgerWrite, .otherWrite, .ledgerRoom].contains(call)
      case .ioError, .ill, .killed, .killedAfter: true
      }
    }
  }

  var life: Life
  var call: DiskCall
  var number: Int
  var harm: Harm
  /// Whether each life comes to this call.
  var mustBeReached: Bool

  private var rule: DiskRule {
    switch harm {
    case .ioError: .only(number, call, .fail(EIO))
    case .noSpace: .only(number, call, .fail(ENOSPC))
    case .done: .only(number, call, .late(EIO))
    case .lost: .only(number, call, .lose(EIO))
    case .ill: DiskRule(call: call, first: number, last: number + 3, action: .fail(EIO))
    case .killed: .only(number, call, .kill)
    case .killedAfter: .only(number, call, .killed)
    }
  }

  var description: String { "\(life): \(rule)" }

  func prove(_ titles: FaultTitles) throws {
    // Once is enough, where a life may come to fewer than those that were counted.
    for _ in 0..<5 where try isReached(titles) || !mustBeReached { return }
    throw Wrong(description: "no life comes to this call")
  }

  /// Lives the life with this fault; whether the disk came to it.
  private func isReached(_ titles: FaultTitles) throws -> Bool {
    let box = try FaultyBox(life.settings(titles), plan: [rule])
    try life.live(box, titles)
    try box.settle()
    for ending in box.endings where !isAllowed(ending) { throw Wrong(description: "\(ending)") }
    return (box.calls?[call] ?? 0) >= number
  }

  private func isAllowed(_ run: RunEnding) -> Bool {
    if [.killed, .killedAfter].contains(harm) { return run.ending == .killed(by: SIGKILL) }
    // Whether a commit is durable whose meta page could not be written nobody knows before the ledger is opened again.
    if run.hadListened { return call == .ledgerMeta && run.ending == .exited(70) }
    // A start begins with a commit of its own, and a ledger that cannot be written (EIO) may be one to rebuild. Whatever
    // else a disk refuses it is asked again for.
    let isLedgers = [.ledgerWrite, .ledgerSync, .ledgerMeta].contains(call) && harm != .noSpace
    return run.ending == .exited(75) || isLedgers && run.ending == .exited(70)
  }
}

/// Does `body` for each, several at a time; what failed, in words.
func inParallel<Case: Sendable & CustomStringConvertible>(
  _ cases: [Case], threads: Int, _ body: @escaping @Sendable (Case) throws -> Void
) -> [String] {
  let next = Atomic<Int>(0)
  let failures = Mutex<[String]>([])
  let everybody = DispatchGroup()
  for _ in 0..<threads {
    everybody.enter()
    Thread.detachNewThread {
      defer { everybody.leave() }
      while true {
        let index = next.add(1, ordering: .relaxed).oldValue
        guard index < cases.count else { return }
        do { try body(cases[index]) } catch {
          let failure = "\(cases[index]): \(error)"
          // At once: a long run may be ended before its end.
          print(failure)
          failures.withLock { $0.append(failure) }
        }
      }
    }
  }
  everybody.wait()
  return failures.withLock { $0 }
}
