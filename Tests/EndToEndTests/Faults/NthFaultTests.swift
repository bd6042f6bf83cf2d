// Every single call to the disk in a download's life fails once, fails for a while, or is the last thing the process does.
// Afterwards the box must hold what it has acknowledged, to the byte, and nothing else.
//
// The ordinary run takes a random sample. LARDER_NTH=all takes every call, LARDER_NTH=ledger-meta every one of a kind.

import Dispatch
import Foundation
import Glibc
import Synchronization
import Testing

@LaneE @Suite("The nth fault") struct NthFaultTests {
  @Test("whichever call fails or is the last one, nothing acknowledged is lost and nothing else is there")
  func everyCall() throws {
    let titles = try FaultTitles.shared()
    let wanted = ProcessInfo.processInfo.environment["LARDER_NTH"]
    let all = wanted != nil
    var cases: [NthFault] = []
    var lengths: [String] = []
    for life in Life.allCases {
      let sound = try FaultyBox(life.settings(titles))
      try life.live(sound, titles)
      // What is free is only asked: that changes nothing.
      let counts = DiskCall.allCases.filter { $0 != .space }.map { ($0, sound.disk.count($0)) }
      try sound.settle()
      lengths.append(
        "\(life): \(counts.filter { $0.1 > 0 }.map { "\($0.0.rawValue) \($0.1)" }.joined(separator: ", "))")
      for (call, count) in counts where count > 0 {
        // How commits fall together differs from run to run, so that a few more may be reached.
        let reach = count + (all ? 2 + count / 4 : 0)
        for number in 1...reach {
          for harm in NthFault.Harm.allCases where harm.suits(call) {
            cases.append(NthFault(life: life, call: call, number: number, harm: harm))
          }
        }
      }
    }
    for call in [DiskCall.objectWrite, .objectSync, .folderSync, .link, .unlink, .mkdir, .ledgerWrite, .ledgerSync] {
      #expect(cases.contains { $0.call == call }, "no life makes a \(call.rawValue)")
    }
    // Others in each run.
    cases.shuffle()
    if let wanted, wanted != "all" { cases.removeAll { $0.call.rawValue != wanted } }
    if wanted == nil { cases = Array(cases.prefix(40)) }
    let began = now()
    let tried = cases.count
    let failures = inParallel(cases, threads: 4) { one in try one.prove(titles) }
    print(
      "nth fault: \(tried) cases in \(Int(now() - began)) s, \(failures.count) failed; \(lengths.joined(separator: "; "))"
    )
    #expect(failures.isEmpty, "\(failures.joined(separator: "\n\n"))")
  }
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
enum Life: CaseIterable, Sendable {
  /// Start, fill, play, pin, a second owner, delete.
  case download
  /// The quota is full, and the oldest title has to go.
  case eviction

  func settings(_ titles: FaultTitles) -> Settings {
    switch self {
    case .download: [:]
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
        ![.objectSync, .objectRead, .objectLook, .folderSync, .ledgerSync, .unlink, .otherSync].contains(call)
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
    let box = try FaultyBox(life.settings(titles), plan: [rule])
    try life.live(box, titles)
    try box.settle()
    let kills = [.killed, .killedAfter].contains(harm)
    for ending in box.endings where ending != (kills ? .killed(by: SIGKILL) : .exited(70)) {
      guard !kills, case .exited(let status) = ending, [75, 78].contains(status) else {
        throw Wrong(description: "it ended with \(ending)")
      }
    }
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
