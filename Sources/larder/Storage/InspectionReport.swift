// What an inspection and a repair say: a line for each difference, and one at the end. The same lines come from the
// command and from the daemon.

import Cache
import HTTP

/// What became of a difference that was to be mended.
enum MendOutcome: Sendable, Hashable {
  /// It is no more.
  case mended(String)
  /// It is on its way, and the last lines tell the rest.
  case begun(String)
  case failed(String)

  var word: String {
    switch self {
    case .mended: "mended"
    case .begun: "begun"
    case .failed: "failed"
    }
  }

  var text: String {
    switch self {
    case .mended(let text), .begun(let text), .failed(let text): text
    }
  }
}

/// How it all ended.
struct InspectionSummary: Sendable {
  var tally: InspectionTally
  /// In milliseconds.
  var duration: Int64
  /// Nil when nothing was to be mended.
  var repair: RepairTally?

  /// Whether damage is left.
  var isSound: Bool { repair?.isComplete ?? (tally.differences == 0) }
}

/// How many differences were mended, and what is left.
struct RepairTally: Sendable, Hashable {
  var mended = 0
  /// Blocks that wait for the origin.
  var waitingBlocks = 0
  var failed = 0
  /// Strays in `lost+found`.
  var moved = 0

  var isComplete: Bool { waitingBlocks == 0 && failed == 0 }
}

/// How a repair by the daemon ended: its last line, for the command that asked for it.
enum RepairEnd: String, CaseIterable {
  case sound, damaged, failed

  var line: String { "{\"end\":\"\(rawValue)\"}" }

  init?(line: String) {
    guard let end = Self.allCases.first(where: { $0.line == line }) else { return nil }
    self = end
  }
}

/// Renders lines, without their ends.
struct InspectionReport: Sendable {
  /// One JSON object a line instead of sentences.
  var isJSON: Bool

  /// - Parameter outcome: nil when nothing is mended: then the line says what a repair would do.
  func line(_ finding: Finding, _ outcome: MendOutcome? = nil) -> String {
    guard isJSON else {
      let key = finding.object.map { " (\($0.key))" } ?? ""
      let rest = outcome.map { "\($0.word): \($0.text)" } ?? "--repair: \(finding.remedy)"
      return Self.plain("\(finding.path)\(key): \(finding.meaning); \(rest)")
    }
    return object { writer in
      writer.field("type", "difference")
      writer.field("kind", finding.word)
      writer.field("path", finding.path)
      writer.field("object", finding.object?.id.hexadecimal)
      writer.field("key", finding.object?.key)
      let link: InspectedLink? =
        switch finding {
        case .linkMissing(let link), .linkForeign(let link): link
        default: nil
        }
      writer.field("download", link?.download.description)
      writer.field("user", link?.user.text)
      writer.field(
        "blocks",
        array: { writer in
          for range in finding.blocks {
            writer.array { writer in
              writer.integer(range.lowerBound)
              writer.integer(range.upperBound - 1)
            }
          }
        })
      writer.field("message", finding.meaning)
      writer.field("remedy", finding.remedy)
      writer.field("outcome", outcome?.word)
      writer.field("result", outcome?.text)
    }
  }

  /// Something worth knowing that is no difference.
  func note(_ path: String, _ text: String) -> String {
    guard isJSON else { return Self.plain("\(path): \(text)") }
    return object { writer in
      writer.field("type", "note")
      writer.field("path", path)
      writer.field("message", text)
    }
  }

  /// What kept it from its end.
  func failure(_ why: String) -> String {
    guard isJSON else { return Self.plain("it ended early: \(why)") }
    return object { writer in
      writer.field("type", "failure")
      writer.field("message", why)
    }
  }

  func summary(_ summary: InspectionSummary) -> String {
    let tally = summary.tally
    guard isJSON else {
      var text = """
        \(Self.count(tally.objects, "object")), \(tally.bytes) bytes and \(Self.count(tally.links, "link")) checked in \
        \(Self.seconds(summary.duration)) s: \
        \(tally.differences == 0 ? "no differences" : Self.count(tally.differences, "difference"))
        """
      if let repair = summary.repair, tally.differences > 0 {
        text += ", \(repair.mended) mended"
        if repair.moved > 0 { text += ", \(repair.moved) moved to \(LostAndFound.folder)" }
        if repair.failed > 0 { text += ", \(repair.failed) not mended" }
        if repair.waitingBlocks > 0 {
          text += "; \(Self.count(repair.waitingBlocks, "block")) wait for the origin, and the daemon will fetch them"
        }
      }
      return text
    }
    return object { writer in
      writer.field("type", "summary")
      writer.field("objects", tally.objects)
      writer.field("bytes", tally.bytes)
      writer.field("links", tally.links)
      writer.key("seconds")
      writer.number(Double(summary.duration) / 1000)
      writer.field("differences", tally.differences)
      writer.field("mended", summary.repair?.mended)
      writer.field("moved", summary.repair?.moved)
      writer.field("not_mended", summary.repair?.failed)
      writer.field("waiting_blocks", summary.repair?.waitingBlocks)
      writer.field("sound", summary.isSound)
    }
  }

  private func object(_ body: (inout JSONWriter) -> Void) -> String {
    var writer = JSONWriter()
    writer.object(body)
    return String(decoding: writer.bytes, as: UTF8.self)
  }

  private static func count(_ number: Int, _ word: String) -> String { "\(number) \(word)\(number == 1 ? "" : "s")" }

  private static func seconds(_ milliseconds: Int64) -> String {
    "\(milliseconds / 1000).\(milliseconds % 1000 / 100)"
  }

  /// What came from outside cannot begin a line of its own.
  private static func plain(_ text: String) -> String {
    String(decoding: text.utf8.map { $0 < 0x20 || $0 == 0x7F ? UInt8(ascii: " ") : $0 }, as: UTF8.self)
  }
}

extension Finding {
  /// The blocks that it is about.
  var blocks: [Range<Int>] {
    switch self {
    case .blocksLost(_, let blocks, _), .blocksAwaited(_, let blocks): blocks
    default: []
    }
  }
}
